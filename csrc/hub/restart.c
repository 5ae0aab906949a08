// restart.c - a child that ended by itself runs again: at once a few times, then after growing
// delays.
//
// LH_RESTARTS_MAX restarts within LH_RESTART_WINDOW_MS are free; from then on each waits, twice as
// long as the one before up to LH_RESTART_DELAY_MAX_MS. The count travels in the row, so a crashing
// child does not begin anew on another node. A child that lived longer than the window since its
// last crash is forgiven. It never takes others down with it.
#include "hub/internal.h"

#include "base/log.h"
#include "base/mem.h"

static lh_ms delay_for(uint8_t restarts) {
  lh_ms delay = LH_RESTART_DELAY_MS;
  for (int i = LH_RESTARTS_MAX + 1; i < restarts && delay < LH_RESTART_DELAY_MAX_MS; i++)
    delay *= 2;
  return delay < LH_RESTART_DELAY_MAX_MS ? delay : LH_RESTART_DELAY_MAX_MS;
}

static bool is_forgiven(const struct trouble *trouble, lh_ms now, lh_ms last_delay) {
  const lh_ms last = trouble->crashed[LH_RESTARTS_MAX - 1];
  return last > 0 && now - last > LH_RESTART_WINDOW_MS + last_delay;
}

static void note_crash(struct child *child, lh_ms now) {
  struct trouble *trouble = lh_host_trouble(child);
  if (is_forgiven(trouble, now, child->restarts > LH_RESTARTS_MAX ? delay_for(child->restarts) : 0))
    child->restarts = 0;
  for (int i = 1; i < LH_RESTARTS_MAX; i++) trouble->crashed[i - 1] = trouble->crashed[i];
  trouble->crashed[LH_RESTARTS_MAX - 1] = now;
  if (child->restarts < UINT8_MAX) child->restarts++;
}

static void run_again(struct lh_hubs *hubs, struct child *child) {
  if (!LH_PLANTED(generation_kept_at_restart)) child->generation = lh_host_generation(child->hub);
  hubs->counters.restarted++;
  lh_host_order(hubs, child, false);
}

void lh_restart_child(struct lh_hubs *hubs, lh_ms now, struct child *child, const char *reason) {
  const struct lh_bytes id = lh_bytes(child->id, child->id_len);
  note_crash(child, now);
  child->role.told = child->role.telling = ROLE_NONE;
  child->pid = 0;
  if (child->restarts <= LH_RESTARTS_MAX) {
    lh_log(LH_LOG_WARN, "hub", "child '%.*s' ended (%s) and is started again", (int)id.len,
           (const char *)id.data, reason);
    lh_host_put_row(child, LH_ROW_RESTARTING);
    run_again(hubs, child);
    return;
  }
  const lh_ms delay = delay_for(child->restarts);
  lh_log(
      LH_LOG_WARN, "hub",
      "child '%.*s' ended (%s) for the %d. time in a short while and is started again in %lld ms",
      (int)id.len, (const char *)id.data, reason, child->restarts, (long long)delay);
  child->phase = PHASE_WAITING;
  lh_host_put_row(child, LH_ROW_RESTARTING);
  lh_heap_set(&hubs->due, &lh_host_trouble(child)->timer.due, now + delay);
}

void lh_restart_due(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  (void)now;
  run_again(hubs, child);
}
