// tolerance.c - the partition strategy is asked first whether this side may act at all.
//
// Once for each agreed view and hub with a strategy of the user's; until it answered, nothing is
// recovered, moved or started. A side that may not act keeps what runs and does nothing new. A
// strategy that fails is asked again.
#include "base/log.h"
#include "hub/internal.h"
#include "hub/quorum.h"

enum { ASK_AGAIN_MS = 1000 };

static void answered(struct lh_hubs *hubs, lh_ms now, int status, struct lh_bytes result,
                     const char *error, void *data) {
  struct hub *hub = lh_hub_at(hubs, (uint32_t)(uintptr_t)data);
  struct lh_reader in;
  if (hub == NULL) return;
  lh_reader_init_user(&in, result);
  const bool may = status == LH_OK && lh_read_bool(&in);
  hub->asking_may = false;
  if (status != LH_OK || in.err != LH_OK) {
    lh_log(LH_LOG_WARN, "hub", "the partition strategy failed and nothing is done: %s",
           error != NULL ? error : "it must answer true or false");
    hubs->recover_again = now + ASK_AGAIN_MS;
    return;
  }
  const bool changed = hub->partitioned == may;
  if (changed) {
    lh_log(LH_LOG_WARN, "hub",
           may ? "this side may act again"
               : "this side of a split may not act, says the partition strategy");
  }
  hub->partitioned = !may;
  if (changed) lh_event_quorum(hub);
  hub->may_hash = hub->asked_hash;
  hubs->check_view = hubs->check_settle = true;
}

static void ask(struct hub *hub, lh_ms now) {
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_str(&args, hub->config.id.data, hub->config.id.len);
  lh_hubs_nodes(hub->all, hub->config.id, true, &args);
  lh_write_bool(&args, hub->all->view.agreed);
  lh_write_cstr(&args, hub->all->name);
  hub->asking_may = true;
  hub->asked_hash = hub->all->view.hash;
  lh_policy_ask(hub->all, now, "may_act", &args, 4, answered, (void *)(uintptr_t)hub->index);
  lh_buf_free(&args);
}

static bool is_open(const struct hub *hub) {
  return hub->config.custom_partition && hub->may_hash != hub->all->view.hash;
}

bool lh_tolerance_waits(const struct lh_hubs *hubs) {
  bool waits = false;
  for (size_t i = 0; i < hubs->hub_count; i++) waits = waits || is_open(hubs->hubs[i]);
  return waits;
}

bool lh_tolerance_known(struct lh_hubs *hubs, lh_ms now) {
  bool known = true;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct hub *hub = hubs->hubs[i];
    if (lh_quorum_is_set(hub)) {
      lh_quorum_decide(hub, now);
      lh_propose_look(hub, now);
    }
    if (!is_open(hub)) continue;
    known = false;
    if (!hub->asking_may) ask(hub, now);
  }
  return known;
}
