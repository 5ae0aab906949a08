// flap.c - nodes that come and go again and again get children back after a quiet time only.
//
// By name, since one that crashes in a loop may have another id each time. Only who was taken for
// dead counts, not who left. After LH_FLAP_DEATHS deaths, each soon after it came, the moves of a
// hub to that node are held from its return on: for the hub's quiet time, twice as long after each
// further death, up to LH_QUIET_MAX_MS. One that lived LH_FLAP_CALM_MS longer than that is
// forgiven.
//
//   calm --dies--> counted --returns, dies--> held at its next return --quiet time--> takes
//   children
//
// Each member holds the children that it has itself, by what it saw: nothing has to be agreed on.
// What has to be started (children of the dead, new ones) goes where it belongs all the same, and
// whoever leaves hands its children on.
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { FLAPS_MAX = 256 };  // names; for one more the oldest is forgotten, and forgiven

struct flap {
  char name[LH_NAME_MAX + 1];
  unsigned deaths;
  lh_ms came;
};

static struct flap *find(const struct flaps *flaps, const char *name) {
  for (size_t i = 0; i < flaps->count; i++) {
    if (strcmp(flaps->all[i].name, name) == 0) return &flaps->all[i];
  }
  return NULL;
}

static struct flap *add(struct flaps *flaps, const char *name) {
  if (flaps->count == FLAPS_MAX)
    memmove(&flaps->all[0], &flaps->all[1], --flaps->count * sizeof(struct flap));
  flaps->all = lh_realloc(flaps->all, (flaps->count + 1) * sizeof(struct flap));
  struct flap *flap = &flaps->all[flaps->count++];
  *flap = (struct flap){.came = LH_NEVER};
  (void)snprintf(flap->name, sizeof flap->name, "%s", name);
  return flap;
}

static lh_ms quiet_time(const struct hub *hub, const struct flap *flap) {
  lh_ms quiet = hub->config.quiet_ms;
  if (flap->deaths < LH_FLAP_DEATHS) return 0;
  for (unsigned i = LH_FLAP_DEATHS; i < flap->deaths && quiet < LH_QUIET_MAX_MS; i++) quiet *= 2;
  return quiet < LH_QUIET_MAX_MS ? quiet : LH_QUIET_MAX_MS;
}

static bool is_forgiven(const struct lh_hubs *hubs, const struct flap *flap, lh_ms now) {
  lh_ms longest = 0;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const lh_ms quiet = quiet_time(hubs->hubs[i], flap);
    if (quiet > longest) longest = quiet;
  }
  return flap->came != LH_NEVER && now - flap->came > longest + LH_FLAP_CALM_MS;
}

void lh_flap_died(struct lh_hubs *hubs, lh_ms now, const char *name) {
  struct flap *flap = find(&hubs->flaps, name);
  if (flap == NULL) flap = add(&hubs->flaps, name);
  if (is_forgiven(hubs, flap, now)) flap->deaths = 0;
  if (flap->deaths < UINT16_MAX) flap->deaths++;
}

void lh_flap_came(struct lh_hubs *hubs, lh_ms now, const char *name) {
  struct flap *flap = find(&hubs->flaps, name);
  if (flap == NULL) return;
  flap->came = now;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const lh_ms quiet = quiet_time(hubs->hubs[i], flap);
    if (quiet == 0) continue;
    lh_log(LH_LOG_WARN, "hub",
           "node %s came and went %u times: no child of hub '%.*s' moves there for %lld s", name,
           flap->deaths, (int)hubs->hubs[i]->config.id.len,
           (const char *)hubs->hubs[i]->config.id.data, (long long)(quiet / 1000));
  }
}

static lh_ms held_until(const struct hub *hub, const char *name) {
  const struct flap *flap = find(&hub->all->flaps, name);
  return flap == NULL || flap->came == LH_NEVER ? 0 : flap->came + quiet_time(hub, flap);
}

bool lh_flap_holds(struct hub *hub, lh_ms now, uint32_t node) {
  struct flaps *flaps = &hub->all->flaps;
  const lh_ms until = held_until(hub, lh_runs_name(hub->all->runs, node));
  if (until <= now) return false;
  if (until < flaps->look_at) flaps->look_at = until;
  return true;
}

size_t lh_flap_count(const struct hub *hub, lh_ms now) {
  const struct view *view = &hub->all->view;
  size_t count = 0;
  for (size_t i = 0; i < view->count; i++)
    count +=
        lh_view_runs(view->peers[i], hub->index) && held_until(hub, view->peers[i]->name) > now;
  return count;
}

void lh_flap_tick(struct lh_hubs *hubs, lh_ms now) {
  if (now < hubs->flaps.look_at) return;
  hubs->flaps.look_at = LH_NEVER;
  if (hubs->view.agreed && hubs->view.settled) lh_balance(hubs, now);
}

void lh_flap_free(struct lh_hubs *hubs) { lh_free(hubs->flaps.all); }
