// balance.c - which children belong elsewhere: the plan that moves (move.c) carry out.
//
// Made under an agreed view, of those that the placement gives to another node; a hub that leaves
// or is drained hands all on. The migration strategy says of each how it goes, or that it stays. A
// plan that failed is made again: soon, then after growing pauses.
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/log.h"
#include "base/mem.h"

struct balance {
  uint32_t hub_index;
  uint64_t pass;         // of consent.c
  struct lh_buf names;   // the ids, encoded; the children may be gone when the answer comes
  struct lh_buf wishes;  // for each its placement, or nil
  uint32_t *targets;
  size_t count;
};

static struct lh_bytes *read_names(const struct lh_buf *names, size_t count) {
  struct lh_bytes *ids = lh_alloc((count + 1) * sizeof(struct lh_bytes));
  struct lh_reader in;
  lh_reader_init_user(&in, lh_bytes_of(names));
  for (size_t i = 0; i < count; i++) ids[i] = lh_read_str(&in, LH_CHILD_ID_MAX);
  return ids;
}

static struct guest *read_guests(const struct balance *balance) {
  struct lh_bytes *ids = read_names(&balance->names, balance->count);
  struct guest *guests = lh_alloc((balance->count + 1) * sizeof(struct guest));
  struct lh_reader in;
  lh_reader_init_user(&in, lh_bytes_of(&balance->wishes));
  for (size_t i = 0; i < balance->count; i++) {
    guests[i] = (struct guest){.id = ids[i]};
    if (!lh_read_nil(&in)) guests[i].placement = lh_read_skip(&in);
  }
  lh_free(ids);
  return guests;
}

static void balance_free(struct balance *balance) {
  lh_buf_free(&balance->names);
  lh_buf_free(&balance->wishes);
  lh_free(balance->targets);
  lh_free(balance);
}

static bool hands_all_on(const struct hub *hub) {
  return hub->closing || hub->all->leaving || lh_drain_hands_on(hub);
}

// Tells of those that were queued anew: by the node that they go to, or all, when we leave.
// `targets` holds 0 for the others, and is used up.
static void tell_queued(struct hub *hub, const struct lh_bytes *ids, uint32_t *targets,
                        size_t count) {
  const bool leaves = hands_all_on(hub);
  struct lh_bytes *some = lh_alloc((count + 1) * sizeof(struct lh_bytes));
  for (size_t i = 0; i < count; i++) {
    const uint32_t target = targets[i];
    size_t found = 0;
    for (size_t k = i; k < count && target != 0; k++) {
      if (targets[k] == 0 || (targets[k] != target && !leaves)) continue;
      some[found++] = ids[k];
      targets[k] = 0;
    }
    const char *node = leaves ? hub->all->name : lh_runs_name(hub->all->runs, target);
    lh_event_children(hub, leaves ? "node_leave" : "node_join", node, some, found);
  }
  lh_free(some);
}

void lh_balance_queue(struct child *child, uint32_t target, bool cold) {
  const struct lh_bytes id = lh_bytes(child->id, child->id_len);
  uint32_t to = target;
  const bool waits = lh_host_trouble(child)->queued;
  lh_move_queue(child, target, cold);
  if (!waits) tell_queued(child->hub, &id, &to, 1);
}

// At the deadline of a drain all go cold, but for those that put their move off: such a child runs
// and answers, so its state can go along.
static bool goes_cold(const struct child *child, uint8_t how) {
  const struct hub *hub = child->hub;
  const bool hot = hub->config.migration != LH_MIGRATION_COLD && hub->config.handover;
  if (lh_drain_forces(hub) && hot && lh_consent_is_put_off(child)) return false;
  return how == 'c';
}

static void queue_all(struct hub *hub, lh_ms now, const struct balance *balance,
                      const uint8_t *how) {
  struct lh_bytes *ids = read_names(&balance->names, balance->count);
  for (size_t i = 0; i < balance->count; i++) {
    struct child *child = lh_host_child(hub, ids[i]);
    const uint32_t target = balance->targets[i];
    const bool belongs = child != NULL && target != 0 && target != hub->all->self && how[i] != 0;
    const bool cold = belongs && goes_cold(child, how[i]);
    const bool goes = belongs && lh_consent_may(child, now, target, cold);
    const bool waits = goes && lh_host_trouble(child)->queued;
    if (goes) lh_move_queue(child, target, cold);
    if (!goes || waits) balance->targets[i] = 0;
  }
  tell_queued(hub, ids, balance->targets, balance->count);
  lh_consent_end(hub, balance->pass);
  lh_free(ids);
}

// The custom migration's answer: for each id "cold", "hot" or false.
static void chosen(struct lh_hubs *hubs, lh_ms now, int status, struct lh_bytes result,
                   const char *error, void *data) {
  struct balance *balance = data;
  struct hub *hub = lh_hub_at(hubs, balance->hub_index);
  uint8_t *how = lh_zalloc(balance->count + 1);
  struct lh_reader in;
  lh_reader_init_user(&in, result);
  const uint32_t count = status == LH_OK ? lh_read_array(&in, LH_BATCH_MAX) : 0;
  for (uint32_t i = 0; i < count && i < balance->count && in.err == LH_OK; i++) {
    const struct lh_wire_value one = lh_read_value(&in);
    if (one.type == LH_WIRE_STR && one.as.bytes.len > 0) how[i] = one.as.bytes.data[0];
  }
  if (status != LH_OK || count != balance->count) {
    hubs->move_failed = true;  // asked again later
    lh_log(LH_LOG_WARN, "hub", "the migration strategy failed and nothing is moved: %s",
           error != NULL ? error : "move() must answer \"cold\", \"hot\" or false for each id");
  } else if (hub != NULL) {
    queue_all(hub, now, balance, how);
  }
  lh_free(how);
  balance_free(balance);
}

static void ask_how(struct hub *hub, lh_ms now, struct balance *balance) {
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_str(&args, hub->config.id.data, hub->config.id.len);
  lh_write_array(&args, (uint32_t)balance->count);
  lh_buf_append(&args, balance->names.data, balance->names.len);
  lh_write_cstr(&args, hub->all->name);
  lh_write_array(&args, (uint32_t)balance->count);
  for (size_t i = 0; i < balance->count; i++)
    lh_write_cstr(&args, lh_runs_name(hub->all->runs, balance->targets[i]));
  lh_policy_ask(hub->all, now, "move", &args, 4, chosen, balance);
  lh_buf_free(&args);
}

static size_t keep_movers(struct hub *hub, lh_ms now, struct balance *balance,
                          const uint32_t *nodes) {
  struct lh_bytes *ids = read_names(&balance->names, balance->count);
  struct lh_buf names = LH_BUF_EMPTY;
  size_t count = 0;
  for (size_t i = 0; i < balance->count; i++) {
    if (nodes[i] == 0 || nodes[i] == hub->all->self) continue;
    if (!hands_all_on(hub) && lh_flap_holds(hub, now, nodes[i])) continue;
    lh_write_str(&names, ids[i].data, ids[i].len);
    balance->targets[count++] = nodes[i];
  }
  lh_free(ids);
  lh_buf_free(&balance->names);
  balance->names = names;
  balance->count = count;
  return count;
}

static void placed(struct lh_hubs *hubs, lh_ms now, struct hub *hub, int status,
                   const uint32_t *nodes, size_t count, const char *error, void *data) {
  struct balance *balance = data;
  (void)error;
  if (status != LH_OK) hubs->move_failed = true;  // asked again later
  balance->targets = lh_zalloc((count + 1) * sizeof(uint32_t));
  const size_t movers = status == LH_OK && hub != NULL ? keep_movers(hub, now, balance, nodes) : 0;
  if (movers == 0) {
    if (status == LH_OK && hub != NULL) lh_consent_end(hub, balance->pass);
    balance_free(balance);
    return;
  }
  if (hub->config.migration == LH_MIGRATION_CUSTOM && !lh_drain_forces(hub)) {
    ask_how(hub, now, balance);
    return;
  }
  const bool hot =
      !lh_drain_forces(hub) && hub->config.migration == LH_MIGRATION_HOT && hub->config.handover;
  uint8_t *how = lh_alloc(balance->count + 1);
  for (size_t i = 0; i < balance->count; i++) how[i] = hot ? 'h' : 'c';
  queue_all(hub, now, balance, how);
  lh_free(how);
  balance_free(balance);
}

// All nodes may have been told to leave at once. It looks again soon (leave.c).
static bool hears_who_leaves(const struct lh_hubs *hubs, lh_ms now) {
  return hubs->leaving && now < hubs->view.agreed_at + LH_LEAVE_HEAR_MS;
}

void lh_balance_hub(struct hub *hub, lh_ms now) {
  const bool all = hands_all_on(hub);
  if (hub->config.replicated) {
    hub->replicas.all = true;
    return;
  }
  if (hears_who_leaves(hub->all, now)) return;
  if (!all && (!lh_drain_is_open(hub) || lh_pace_holds(hub))) return;  // it keeps what it has
  struct balance *balance = LH_NEW(struct balance);
  balance->hub_index = hub->index;
  balance->pass = lh_consent_begin(hub);
  for (size_t i = 0; i < hub->children.count; i++) {
    struct child *child = hub->children.entries[i].value;
    // One that is about to run here is looked at again later.
    if (child->phase == PHASE_STARTING || child->phase == PHASE_PREPARED || child->contested)
      hub->all->move_failed = true;
    const bool stays = child->pinned && !all && !LH_PLANTED(pinned_is_moved);
    if (!lh_move_may(child) || stays) continue;
    lh_write_str(&balance->names, child->id, child->id_len);
    lh_affinity_write(child, &balance->wishes);
    balance->count++;
  }
  struct guest *guests = read_guests(balance);
  const size_t count = balance->count;
  if (count == 0 || hub->candidate_count == 0)
    balance_free(balance);
  else
    lh_place(hub, now, true, guests, count, placed, balance);
  lh_free(guests);
}

void lh_balance(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    if (lh_quorum_may(hubs->hubs[i])) lh_balance_hub(hubs->hubs[i], now);
  }
}

// A move that failed is tried again: soon, then after growing pauses while moves go on failing.
void lh_balance_later(struct lh_hubs *hubs, lh_ms now) {
  if (!hubs->move_failed || LH_PLANTED(failed_move_forgotten)) return;
  hubs->move_failed = false;
  if (hubs->balance_at != LH_NEVER) return;
  hubs->balance_at = now + hubs->balance_pause;
  if (hubs->balance_pause < LH_BALANCE_MAX_MS) hubs->balance_pause *= 2;
}

void lh_balance_tick(struct lh_hubs *hubs, lh_ms now) {
  if (now < hubs->balance_at) return;
  hubs->balance_at = LH_NEVER;
  if (hubs->view.agreed && hubs->view.settled) lh_balance(hubs, now);
}
