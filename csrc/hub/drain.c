// drain.c - a node that takes no children of a hub any more: cordoned it keeps those that it has,
// drained it hands them on, and goes on living either way.
//
//   OPEN --cordon--> CORDONED --open--> OPEN
//   OPEN, CORDONED --drain--> DRAINING --no child is left--> DRAINED
//                             DRAINING --deadline--> FORCING --no child is left, or LH_MOVE_MS-->
//                             DRAINED
//   DRAINING, FORCING, DRAINED --open--> OPEN
//
// The member record says that the node takes none (`placeable`); all plan without it from the next
// agreed view on, and the balance of moves does the rest. FORCING asks no migration strategy: what
// can move goes cold. A child counts as moved when its new row is seen here. Who asked for a drain
// is answered at its end, and need not live so long. A node that starts anew is open.
#include "hub/move.h"

#include "base/log.h"

static bool is_busy(const struct hub *hub) {
  return hub->drain.state == LH_HUB_DRAINING || hub->drain.state == LH_HUB_FORCING;
}

bool lh_drain_is_open(const struct hub *hub) { return hub->drain.state == LH_HUB_OPEN; }

bool lh_drain_hands_on(const struct hub *hub) { return hub->drain.state > LH_HUB_CORDONED; }

bool lh_drain_forces(const struct hub *hub) { return hub->drain.state == LH_HUB_FORCING; }

void lh_drain_moved(struct hub *hub) {
  if (!is_busy(hub)) return;
  if (hub->drain.state == LH_HUB_FORCING)
    hub->drain.forced++;
  else
    hub->drain.moved++;
}

static void pair_uint(struct lh_buf *out, const char *key, uint64_t value) {
  lh_write_cstr(out, key);
  lh_write_uint(out, value);
}

static void answer(struct hub *hub, const char *why) {
  struct lh_hubs *hubs = hub->all;
  struct lh_buf out = LH_BUF_EMPTY;
  lh_write_map(&out, 3);
  lh_write_cstr(&out, "failed");
  lh_write_array(&out, (uint32_t)hub->children.count);
  for (size_t i = 0; i < hub->children.count; i++) {
    const struct child *child = hub->children.entries[i].value;
    lh_write_map(&out, 2);
    lh_write_cstr(&out, "id");
    lh_write_str(&out, child->id, child->id_len);
    lh_write_cstr(&out, "message");
    lh_write_cstr(&out, why);
  }
  pair_uint(&out, "forced", hub->drain.forced);
  pair_uint(&out, "moved", hub->drain.moved);
  if (hub->drain.caller != 0)
    hubs->ops->reply(hubs->ops_self, hub->drain.caller, LH_OK, lh_bytes_of(&out), NULL);
  hub->drain.caller = 0;
  lh_event_drained(hub, hub->drain.moved, hub->drain.forced);
  lh_buf_free(&out);
}

static void set(struct hub *hub, enum lh_hub_openness state) {
  struct lh_hubs *hubs = hub->all;
  const bool same = lh_drain_is_open(hub) == (state == LH_HUB_OPEN);
  hub->drain.state = state;
  hub->drain.look_at = LH_NEVER;
  if (!same) hubs->ops->record_changed(hubs->ops_self);
  hubs->check_settle = hubs->check_view = true;
}

static void end(struct hub *hub, const char *why) {
  answer(hub, why);
  set(hub, LH_HUB_DRAINED);
}

static bool others_take(const struct hub *hub) {
  for (size_t i = 0; i < hub->candidate_count; i++)
    if (hub->candidates[i].node != hub->all->self) return true;
  return false;
}

void lh_hubs_drain(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes id,
                   lh_ms deadline) {
  struct hub *hub = lh_hub_find(hubs, id);
  if (hub == NULL || hub->closing || hubs->leaving) {
    lh_op_refuse(hubs, caller, LH_ECLOSED, "not_alive", "hub '%.*s' does not run on this node",
                 (int)id.len, (const char *)id.data);
  } else if (is_busy(hub)) {
    lh_op_refuse(hubs, caller, LH_EEXISTS, "draining", "this node is being drained already");
  } else if (hub->partitioned) {
    lh_op_refuse(hubs, caller, LH_EAGAIN, "partitioned",
                 "the partition strategy of hub '%.*s' forbids moves", (int)id.len,
                 (const char *)id.data);
  } else if (!others_take(hub)) {
    lh_op_refuse(hubs, caller, LH_ENOTFOUND, "no_nodes",
                 "no other node takes children of hub '%.*s'", (int)id.len, (const char *)id.data);
  } else {
    set(hub, LH_HUB_DRAINING);
    hub->drain.caller = caller;
    hub->drain.moved = hub->drain.forced = 0;
    hub->drain.until = now + deadline;
    hub->drain.look_at = now + LH_LEAVE_LOOK_MS;
  }
}

int lh_hubs_cordon(struct lh_hubs *hubs, struct lh_bytes id) {
  struct hub *hub = lh_hub_find(hubs, id);
  if (hub == NULL) return LH_ENOTFOUND;
  if (is_busy(hub)) return LH_EAGAIN;
  set(hub, LH_HUB_CORDONED);
  return LH_OK;
}

int lh_hubs_uncordon(struct lh_hubs *hubs, struct lh_bytes id) {
  struct hub *hub = lh_hub_find(hubs, id);
  if (hub == NULL) return LH_ENOTFOUND;
  if (is_busy(hub)) answer(hub, "the drain was taken back");
  set(hub, LH_HUB_OPEN);
  return LH_OK;
}

int lh_hubs_openness(struct lh_hubs *hubs, struct lh_bytes id, struct lh_hub_drain *out) {
  const struct hub *hub = lh_hub_find(hubs, id);
  if (hub == NULL) return LH_ENOTFOUND;
  *out = (struct lh_hub_drain){.state = hub->drain.state,
                               .left = hub->children.count,
                               .moved = hub->drain.moved,
                               .forced = hub->drain.forced};
  return LH_OK;
}

static void force(struct hub *hub, lh_ms now) {
  lh_log(LH_LOG_WARN, "hub",
         "hub %.*s: %zu children are left at the deadline of the drain and are moved cold",
         (int)hub->config.id.len, (const char *)hub->config.id.data, hub->children.count);
  hub->drain.state = LH_HUB_FORCING;
  hub->drain.until = now + LH_MOVE_MS;
  hub->drain.look_at = now;
}

static void look(struct hub *hub, lh_ms now) {
  struct lh_hubs *hubs = hub->all;
  if (is_busy(hub) && hub->children.count == 0 && hubs->view.agreed) {
    end(hub, "");
  } else if (is_busy(hub) && now >= hub->drain.until) {
    if (hub->drain.state == LH_HUB_DRAINING)
      force(hub, now);
    else
      end(hub, others_take(hub) ? "it could not be moved in time" : "no other node takes it");
  }
  if (now < hub->drain.look_at) return;
  hub->drain.look_at = is_busy(hub) ? now + LH_LEAVE_LOOK_MS : LH_NEVER;
  if (hubs->view.agreed && hubs->view.settled) lh_balance_hub(hub, now);
}

void lh_drain_tick(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->hub_count; i++)
    if (lh_drain_hands_on(hubs->hubs[i])) look(hubs->hubs[i], now);
}

lh_ms lh_drain_due(const struct lh_hubs *hubs) {
  lh_ms due = LH_NEVER;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const struct hub *hub = hubs->hubs[i];
    if (!is_busy(hub)) continue;
    if (hub->drain.until < due) due = hub->drain.until;
    if (hub->drain.look_at < due) due = hub->drain.look_at;
  }
  return due;
}
