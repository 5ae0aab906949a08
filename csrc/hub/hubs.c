// hubs.c - the hubs of this node, the events that reach them, and the order of a turn.
//
// A turn: events come in, take effect on children and operations, and leave notes (rows that
// changed, frames to ourselves, orders, answers). lh_hubs_flush then works them off in one order:
// frames to ourselves, changed rows, orders to the actors, the registry's deltas, answers (so that
// rows precede what speaks of them), the view, and the operations that are complete.
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct lh_hubs *lh_hubs_new(struct lh_runs *runs, uint32_t self_node, const char *name,
                            struct lh_registry *registry, const struct lh_hubs_ops *ops,
                            void *ops_self) {
  struct lh_hubs *hubs = LH_NEW(struct lh_hubs);
  hubs->runs = runs;
  hubs->self = self_node;
  (void)snprintf(hubs->name, sizeof hubs->name, "%s", name);
  hubs->registry = registry;
  hubs->ops = ops;
  hubs->ops_self = ops_self;
  hubs->recover_again = hubs->retry_at = hubs->view.drop_at = LH_NEVER;
  hubs->balance_at = hubs->leave_look_at = hubs->flaps.look_at = LH_NEVER;
  hubs->lately.ask_at = hubs->orders_at = hubs->away_at = hubs->word_at = LH_NEVER;
  hubs->answers_by = hubs->lease_ask_at = hubs->load.at = LH_NEVER;
  hubs->lost_at = -LH_NEVER / 2;
  hubs->free_first = hubs->free_last = NO_SLOT;
  hubs->balance_pause = LH_BALANCE_MS;
  hubs->recover_pause = LH_RECOVER_MS;
  lh_list_init(&hubs->ops_list);
  lh_list_init(&hubs->local);
  lh_list_init(&hubs->answers);
  lh_list_init(&hubs->waiting);
  lh_list_init(&hubs->questions);
  lh_list_init(&hubs->changes);
  return hubs;
}

void lh_hub_free(struct hub *hub) {
  while (hub->children.count > 0) {
    struct child *child = hub->children.entries[hub->children.count - 1].value;
    child->claimed = false;
    lh_host_forget(child, false);
  }
  lh_map_free(&hub->children);
  lh_buf_free(&hub->results);
  lh_place_free(hub);
  lh_choice_forget(hub);
  lh_crowd_free(hub);
  lh_map_free(&hub->given);
  lh_consent_free(&hub->consents);
  lh_loose_free(&hub->loose);
  lh_map_free(&hub->replicas.changed);
  lh_map_free(&hub->replicas.waits);
  lh_reconcile_free(hub);
  lh_agreed_free(hub);
  lh_free(hub->away);
  lh_free((void *)hub->config.id.data);
  lh_free((void *)hub->config.weights.data);
  lh_free((void *)hub->config.placement.data);
  lh_free(hub);
}

static void free_frames(struct lh_list *list) {
  struct lh_list *at;
  while ((at = lh_list_pop(list)) != NULL) {
    struct frame *frame = LH_ENTRY(at, struct frame, link);
    lh_buf_free(&frame->body);
    lh_free(frame);
  }
}

void lh_hubs_free(struct lh_hubs *hubs) {
  lh_policy_free(hubs);
  lh_conflict_free(hubs);
  while (!lh_list_empty(&hubs->ops_list))
    lh_op_free(LH_ENTRY(hubs->ops_list.next, struct op, link));
  for (size_t i = 0; i < hubs->hub_count; i++) lh_hub_free(hubs->hubs[i]);
  free_frames(&hubs->local);
  free_frames(&hubs->waiting);
  lh_host_flush_answers(hubs);
  free_frames(&hubs->local);
  struct lh_list *at;
  while ((at = lh_list_pop(&hubs->changes)) != NULL) lh_free(LH_ENTRY(at, struct change, link));
  lh_buf_free(&hubs->lately.notes.bytes);
  lh_buf_free(&hubs->asked_stops.bytes);
  lh_view_free(hubs);
  lh_map_free(&hubs->ops_by_id);
  lh_map_free(&hubs->asked);
  lh_map_free(&hubs->told);
  lh_flap_free(hubs);
  lh_heap_free(&hubs->due);
  lh_free(hubs->hubs);
  lh_free(hubs->slots);
  lh_free(hubs->ordered);
  lh_free(hubs->record_hubs);
  lh_free(hubs);
}

// The others began anew without us: what they asked of us and we of them is void.
void lh_hubs_new_epoch(struct lh_hubs *hubs, uint32_t self_node, lh_ms now) {
  hubs->self = self_node;
  for (size_t h = 0; h < hubs->hub_count; h++) {
    struct lh_map *children = &hubs->hubs[h]->children;
    for (size_t i = 0; i < children->count; i++) {
      struct child *child = children->entries[i].value;
      if (child->pid != 0) child->pid = lh_pid_make(self_node, lh_pid_local(child->pid));
    }
  }
  lh_conflict_new_epoch(hubs, now);
  lh_view_reset(hubs, now);
  lh_order_new_epoch(hubs);
  free_frames(&hubs->waiting);
  hubs->waiting_count = 0;
  lh_op_all_again(hubs);
  lh_move_all_failed(hubs, now);
}

// --- hubs ---
struct hub *lh_hub_find(struct lh_hubs *hubs, struct lh_bytes id) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    if (lh_bytes_equal(hubs->hubs[i]->config.id, id)) return hubs->hubs[i];
  }
  return NULL;
}

struct hub *lh_hub_at(struct lh_hubs *hubs, uint32_t index) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    if (hubs->hubs[i]->index == index) return hubs->hubs[i];
  }
  return NULL;
}

static struct lh_bytes copy(struct lh_bytes bytes) {
  if (bytes.data == NULL) return bytes;
  return lh_bytes(lh_memdup(bytes.data, bytes.len), bytes.len);
}

int lh_hubs_open(struct lh_hubs *hubs, lh_ms now, const struct lh_hub_config *config,
                 struct lh_error *error) {
  if (config->id.len == 0 || config->id.len > LH_HUB_ID_MAX) {
    return lh_fail(error, LH_EINVAL, "a hub's id must be a string of 1 to %d bytes", LH_HUB_ID_MAX);
  }
  if (lh_hub_find(hubs, config->id) != NULL) {
    return lh_fail(error, LH_EEXISTS, "hub '%.*s' runs on this node already", (int)config->id.len,
                   (const char *)config->id.data);
  }
  if (hubs->hub_count >= LH_MEMBER_HUBS_MAX)
    return lh_fail(error, LH_ELIMIT, "a node runs at most %d hubs", LH_MEMBER_HUBS_MAX);
  const uint32_t index = lh_registry_hub(hubs->registry, config->id);
  if (index == 0) return lh_fail(error, LH_ELIMIT, "a node knows at most %d hubs", LH_HUBS_MAX);
  struct hub *hub = LH_NEW(struct hub);
  hub->all = hubs;
  hub->config = *config;
  hub->config.id = copy(config->id);
  hub->config.weights = copy(config->weights);
  hub->config.placement = copy(config->placement);
  hub->index = index;
  lh_list_init(&hub->move_queue);
  hub->loose.look_at = LH_NEVER;
  if (lh_quorum_open(hub, now, error) != LH_OK) {
    lh_hub_free(hub);
    return LH_EFORMAT;
  }
  if (hubs->began_at == 0) lh_lease_begin(hubs, now);
  hubs->hubs = lh_realloc(hubs->hubs, (hubs->hub_count + 1) * sizeof(struct hub *));
  hubs->hubs[hubs->hub_count++] = hub;
  hubs->ops->record_changed(hubs->ops_self);
  return LH_OK;
}

size_t lh_hubs_count(const struct lh_hubs *hubs) { return hubs->hub_count; }
struct lh_bytes lh_hubs_id(const struct lh_hubs *hubs, size_t index) {
  return hubs->hubs[index]->config.id;
}

static bool asks_main(const struct hub *hub) {
  return hub->config.distribution == LH_DISTRIBUTION_CUSTOM || hub->config.custom_partition;
}

void lh_hubs_record(struct lh_hubs *hubs, struct lh_member_record *record) {
  hubs->record_hubs = lh_realloc(hubs->record_hubs, hubs->hub_count * sizeof(struct lh_member_hub));
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const struct hub *hub = hubs->hubs[i];
    struct lh_member_hub *entry = &hubs->record_hubs[i];
    memset(entry, 0, sizeof *entry);
    memcpy(entry->id, hub->config.id.data, hub->config.id.len);
    memcpy(entry->digest, hub->config.digest, sizeof entry->digest);
    entry->placeable = !hub->closing && !hubs->leaving && lh_drain_is_open(hub) &&
                       !(hubs->undecided && asks_main(hub));
  }
  record->leaving = hubs->leaving;
  record->hub_count = (uint32_t)hubs->hub_count;
  record->hubs = hubs->record_hubs;
}

void lh_hubs_nodes(struct lh_hubs *hubs, struct lh_bytes id, bool include_local,
                   struct lh_buf *out) {
  const char *names[LH_MEMBERS_MAX];
  uint32_t count = 0;
  const struct hub *hub = lh_hub_find(hubs, id);
  for (size_t i = 0; hub != NULL && i < hubs->view.count && count < LH_MEMBERS_MAX; i++) {
    const struct peer *peer = hubs->view.peers[i];
    if (!lh_view_runs(peer, hub->index) || (peer->node == hubs->self && !include_local)) continue;
    uint32_t at = count++;
    for (; at > 0 && strcmp(names[at - 1], peer->name) > 0; at--) names[at] = names[at - 1];
    names[at] = peer->name;
  }
  lh_write_array(out, count);
  for (uint32_t i = 0; i < count; i++) lh_write_cstr(out, names[i]);
}

static bool any_moving(const struct hub *hub) {
  return hub->moving > 0 || !lh_list_empty(&hub->move_queue);
}

bool lh_hubs_asks_synchronization(struct lh_hubs *hubs, struct lh_bytes id) {
  const struct hub *hub = lh_hub_find(hubs, id);
  return hub != NULL && hub->config.custom_synchronization;
}

uint32_t lh_hubs_gossips(struct lh_hubs *hubs, struct lh_bytes id) {
  const struct hub *hub = lh_hub_find(hubs, id);
  return hub != NULL ? hub->config.gossip_recipients : 0;
}

struct lh_hub_state lh_hubs_state(struct lh_hubs *hubs, struct lh_bytes id) {
  const struct hub *hub = lh_hub_find(hubs, id);
  if (hub == NULL) return (struct lh_hub_state){0};
  return (struct lh_hub_state){
      .alive = true,
      .locked = !hubs->view.agreed || hub->barred || lh_recover_pending(hubs) || any_moving(hub),
      .partitioned = hub->partitioned,
      .has_quorum = !lh_quorum_is_set(hub) || lh_quorum_is_here(hub),
  };
}

static void write_running(struct child *child, struct lh_hubs *hubs, struct lh_buf *out) {
  if (lh_host_is_restarting(child))
    lh_write_cstr(out, "restarting");
  else if (child->pid == 0)
    lh_write_cstr(out, "undefined");
  else
    lh_write_pid(out, lh_runs_at(hubs->runs, lh_pid_node(child->pid)), lh_pid_local(child->pid));
}

void lh_hubs_which(struct lh_hubs *hubs, struct lh_bytes id, struct lh_buf *out) {
  struct hub *hub = lh_hub_find(hubs, id);
  const size_t count = hub != NULL ? hub->children.count : 0;
  lh_write_array(out, (uint32_t)count);
  lh_registry_read_lock();
  for (size_t i = 0; i < count; i++) {
    struct child *child = hub->children.entries[i].value;
    struct spec spec;
    const struct lh_row *row = lh_host_row(child);
    lh_hub_spec_parse(&spec, row != NULL ? lh_row_spec(row) : lh_bytes(NULL, 0));
    lh_write_array(out, 4);
    lh_write_str(out, child->id, child->id_len);
    write_running(child, hubs, out);
    lh_write_cstr(out, spec.supervisor ? "supervisor" : "worker");
    lh_write_array(out, 1);
    lh_write_str(out, spec.module.data, spec.module.len);
  }
  lh_registry_read_unlock();
}

void lh_hubs_counters(const struct lh_hubs *hubs, struct lh_hubs_counters *out) {
  *out = hubs->counters;
}

// --- events ---
void lh_hub_send(struct lh_hubs *hubs, uint32_t peer, uint8_t type, struct lh_buf *body) {
  if (peer == hubs->self) {
    struct frame *frame = LH_NEW(struct frame);
    *frame = (struct frame){.peer = peer, .type = type, .body = *body};
    lh_list_push(&hubs->local, &frame->link);
    *body = LH_BUF_EMPTY;
    return;
  }
  hubs->ops->send(hubs->ops_self, peer, type, lh_bytes_of(body));
  lh_buf_free(body);
}

static void suspect(struct lh_hubs *hubs, uint32_t node, bool is_suspect) {
  struct peer *peer = lh_view_find(hubs, node);
  const bool was = peer->suspect;
  peer->suspect = is_suspect;
  if (is_suspect && !was) lh_op_unreached(hubs, node);
  hubs->check_ops = hubs->check_ops || was != is_suspect;
}

void lh_hubs_member(struct lh_hubs *hubs, lh_ms now, const struct lh_member_record *record,
                    enum lh_member_state state) {
  const uint32_t node = lh_runs_index(hubs->runs, &record->run);
  const bool lives = state != LH_MEMBER_DEAD && state != LH_MEMBER_LEFT;
  const bool lived = lh_view_find(hubs, node) != NULL;
  struct hub_changes changes;
  if (node == 0) return;
  lh_event_member_changes(hubs, node, record, lives, &changes);
  if (lived && !lives) {
    if (state == LH_MEMBER_DEAD) lh_lease_lost(hubs, now);
    lh_lately_died(hubs, lh_view_find(hubs, node));
    if (state == LH_MEMBER_DEAD) lh_flap_died(hubs, now, record->name);
    if (state == LH_MEMBER_DEAD) lh_away_died(hubs, now, lh_view_find(hubs, node));
    lh_asked_died(hubs, lh_view_find(hubs, node), state == LH_MEMBER_DEAD);
    if (LH_PLANTED(dead_ledger_dropped)) lh_registry_drop(hubs->registry, node);
    lh_registry_freeze(hubs->registry, node);
    lh_op_node_gone(hubs, node);
  } else if (lives && lh_registry_is_frozen(hubs->registry, node)) {
    lh_registry_thaw(hubs->registry, node);
    lh_change_thawed(hubs, node);
    lh_recover_refuted(hubs, node);
  }
  if (!lived && lives) lh_flap_came(hubs, now, record->name);
  lh_view_member(hubs, now, record, lives);
  if (lives) suspect(hubs, node, state == LH_MEMBER_SUSPECT);
  if (lived && !lives) lh_move_node_gone(hubs, now, node);
  lh_event_member_changed(hubs, record, state == LH_MEMBER_DEAD, &changes);
}

void lh_hubs_peer_up(struct lh_hubs *hubs, lh_ms now, uint32_t node) {
  lh_view_send(hubs, node);
  lh_lease_ask(hubs, now);
  lh_held_ask_again(hubs, lh_view_find(hubs, node));
  lh_recover_link_up(hubs, node);
  lh_op_link_up(hubs, now, node);
  lh_move_link_up(hubs, now, node);
  lh_load_link_up(hubs);
}

void lh_hubs_peer_down(struct lh_hubs *hubs, uint32_t node) { lh_op_unreached(hubs, node); }

static int dispatch(struct lh_hubs *hubs, lh_ms now, uint32_t from, uint8_t type,
                    struct lh_bytes body) {
  switch (type) {
  case LH_FRAME_VIEW:
    return lh_view_receive(hubs, from, body);
  case LH_FRAME_START:
    return lh_host_start_frame(hubs, now, from, body);
  case LH_FRAME_STARTED:
  case LH_FRAME_COMMITTED:
    return lh_start_results(hubs, now, from, body);
  case LH_FRAME_STOP:
    return lh_host_stop_frame(hubs, now, from, body);
  case LH_FRAME_STOPPED:
    return lh_stop_results(hubs, now, from, body);
  case LH_FRAME_COMMIT:
    return lh_takeover_commit_frame(hubs, now, from, body);
  case LH_FRAME_ABORT:
    return lh_takeover_abort_frame(hubs, now, from, body);
  case LH_FRAME_HOLD:
    return lh_held_question(hubs, from, body);
  case LH_FRAME_HELD:
    return lh_held_answer(hubs, from, body);
  case LH_FRAME_LEASE:
  case LH_FRAME_LEASED:
  case LH_FRAME_SET:
    return lh_lease_receive(hubs, now, from, type, body);
  case LH_FRAME_LOAD:
    return lh_load_receive(hubs, body);
  case LH_FRAME_CONFLICT:
    return lh_judge_offer(hubs, now, from, body);
  case LH_FRAME_VERDICT:
    return lh_conflict_verdict(hubs, now, from, body);
  default:
    return LH_EFORMAT;
  }
}

int lh_hubs_receive(struct lh_hubs *hubs, lh_ms now, uint32_t from, uint8_t type,
                    struct lh_bytes body) {
  return dispatch(hubs, now, from, type, body);
}

void lh_hubs_advanced(struct lh_hubs *hubs, uint32_t node, uint64_t seq) {
  (void)seq;
  hubs->check_ops = true;
  hubs->answer_holds = true;
  hubs->check_view = hubs->check_view || !hubs->view.agreed || hubs->view.capped;
  if (lh_registry_is_frozen(hubs->registry, node)) {
    hubs->check_settle = hubs->check_view = hubs->vote_again = true;
    hubs->recover_pause = LH_RECOVER_MS;  // what has come now has waited for nothing yet
  }
}

void lh_hubs_answered(struct lh_hubs *hubs, lh_ms now, uint64_t question, int status,
                      struct lh_bytes result, const char *error) {
  if (!lh_judge_answered(hubs, now, question, status, result, error))
    lh_policy_answered(hubs, now, question, status, result, error);
}

// --- time and turns ---
static lh_ms earlier(lh_ms a, lh_ms b) { return a < b ? a : b; }

lh_ms lh_hubs_due(const struct lh_hubs *hubs) {
  lh_ms due = earlier(lh_heap_next(&hubs->due), lh_policy_due(hubs));
  due = earlier(due, lh_choice_due(hubs));
  if (!hubs->view.agreed && hubs->view.count > 0)
    due = earlier(due, hubs->view.changed_at + LH_VIEW_CAP_MS);
  due = earlier(due, earlier(hubs->view.drop_at, hubs->balance_at));
  due = earlier(due, hubs->flaps.look_at);
  due = earlier(due, earlier(hubs->leave_look_at, lh_drain_due(hubs)));
  due = earlier(due, earlier(lh_asked_due(hubs), hubs->load.at));
  due = earlier(due, earlier(hubs->lately.ask_at,
                             earlier(hubs->word_at, earlier(hubs->orders_at, hubs->away_at))));
  // Until the view is agreed, and may be acted on, the tails wait for that, not for their time.
  const bool acts = hubs->view.agreed && !lh_tolerance_waits(hubs);
  if (acts && hubs->fetching > 0) due = earlier(due, hubs->fetch_by);
  if (acts && hubs->unanswered > 0) due = earlier(due, hubs->answers_by);
  if (hubs->leaving && !hubs->drained) due = earlier(due, hubs->leave_by);
  due = earlier(due, earlier(lh_conflict_due(hubs), lh_lease_due(hubs)));
  due = earlier(due, earlier(lh_consent_due(hubs), lh_pace_due(hubs)));
  due = earlier(due, lh_reconcile_due(hubs));
  due = earlier(due, lh_loose_due(hubs));
  return earlier(due, earlier(hubs->recover_again, hubs->retry_at));
}

// This node stood still: what came of the move meanwhile waits to be read.
static bool is_late(const struct child *child, lh_ms now) {
  return now - child->trouble->timer.due.at > LH_MOVE_LATE_MS;
}

static void child_due(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  if (child->phase == PHASE_WAITING) {
    lh_restart_due(hubs, now, child);
  } else if (child->role.telling != ROLE_NONE) {
    lh_role_overdue(hubs, now, child);
  } else if (child->phase == PHASE_MOVING && lh_loose_goes(child)) {
    lh_loose_late(hubs, now, child);
  } else if (child->phase == PHASE_MOVING && is_late(child, now)) {
    lh_heap_set(&hubs->due, &child->trouble->timer.due, now + LH_MOVE_LINK_MS);
  } else if (child->phase == PHASE_MOVING) {
    lh_unsure_failed(hubs, now, child, "no answer in time");
  } else if (child->phase == PHASE_PREPARED && child->pid != 0) {
    lh_host_stop(hubs, now, child, "move_failed", 0);
  }
}

void lh_hubs_tick(struct lh_hubs *hubs, lh_ms now) {
  struct lh_due *due;
  lh_lease_tick(hubs, now);  // before anything else: nothing runs on a lease that is over
  while ((due = lh_heap_pop(&hubs->due, now)) != NULL) {
    struct timer *timer = LH_ENTRY(due, struct timer, due);
    if (timer->of_op)
      lh_op_expire(LH_ENTRY(timer, struct op, timer), now);
    else
      child_due(hubs, now, LH_ENTRY(timer, struct trouble, timer)->child);
  }
  lh_policy_tick(hubs, now);
  if (now >= hubs->retry_at) {
    hubs->retry_at = LH_NEVER;
    lh_start_go(hubs, now);
    lh_stop_go(hubs);
  }
  if (now >= hubs->recover_again || lh_recover_pending(hubs)) {
    hubs->recover_anew = hubs->recover_anew || now >= hubs->recover_again;
    hubs->recover_again = LH_NEVER;
    hubs->check_view = hubs->check_settle = true;
  }
  if (hubs->leaving && !hubs->drained && now >= hubs->leave_by) {
    lh_log(LH_LOG_WARN, "hub",
           "not all children could be handed on in %d ms; the others recover the rest",
           LH_DRAIN_MS);
    hubs->drained = true;
    hubs->ops->drained(hubs->ops_self);
  }
  hubs->check_view = hubs->check_view || !hubs->view.agreed;
  lh_view_drop_strangers(hubs, now);
  lh_away_tick(hubs, now);
  lh_lately_tick(hubs, now);
  lh_asked_tick(hubs, now);
  lh_order_tick(hubs, now);
  lh_balance_tick(hubs, now);
  lh_flap_tick(hubs, now);
  lh_drain_tick(hubs, now);
  lh_consent_tick(hubs, now);
  lh_load_tick(hubs, now);
  if (now >= hubs->leave_look_at) {
    hubs->leave_look_at = LH_NEVER;
    if (hubs->view.agreed && hubs->view.settled) lh_balance(hubs, now);
    lh_hub_stop_untaken(hubs, now);
    lh_hub_check_empty(hubs);
  }
}

static void run_local(struct lh_hubs *hubs, lh_ms now) {
  struct lh_list *at;
  while ((at = lh_list_pop(&hubs->local)) != NULL) {
    struct frame *frame = LH_ENTRY(at, struct frame, link);
    (void)dispatch(hubs, now, hubs->self, frame->type, lh_bytes_of(&frame->body));
    lh_buf_free(&frame->body);
    lh_free(frame);
  }
}

// They also learn, a while later, that nothing of the dead is left here, and how far those away
// reach.
static void give_word(struct lh_hubs *hubs, lh_ms now) {
  uint32_t dead;
  if (now >= hubs->word_at) {
    hubs->word_at = LH_NEVER;
    lh_view_send(hubs, 0);
  }
  if (hubs->told_frozen && hubs->word_at == LH_NEVER &&
      lh_registry_ledgers(hubs->registry, &dead, 1, true) == 0)
    hubs->word_at = now + LH_WORD_MS;
}

// The members learn what else of the dead is here: whoever lacks it may have to place it.
static void vote_again(struct lh_hubs *hubs) {
  if (!hubs->vote_again) return;
  hubs->vote_again = false;
  lh_view_send(hubs, 0);
}

void lh_hubs_flush(struct lh_hubs *hubs, lh_ms now) {
  lh_balance_later(hubs, now);
  do {
    run_local(hubs, now);
    lh_change_run(hubs, now);
    lh_conflict_run(hubs, now);
    lh_move_pump(hubs, now);
    vote_again(hubs);
    if (hubs->check_lease) lh_lease_check(hubs, now);
    if (hubs->check_view) {
      hubs->check_view = false;
      lh_view_check(hubs, now);
      lh_host_resume(hubs, now);
    }
    lh_reconcile_run(hubs, now);
    lh_loose_run(hubs, now);
    lh_replica_run(hubs, now);
    lh_registry_flush(hubs->registry);
    lh_held_flush(hubs);
    lh_host_flush_orders(hubs);
    lh_host_flush_answers(hubs);
    if (hubs->check_ops) {
      hubs->check_ops = false;
      lh_op_check(hubs, now);
    }
  } while (!lh_list_empty(&hubs->local) || !lh_list_empty(&hubs->changes) ||
           hubs->order_count > 0 || hubs->check_view || hubs->check_lease);
  lh_choice_ask(hubs, now);
  lh_lately_flush(hubs, now);
  lh_load_look(hubs, now);
  give_word(hubs, now);
  lh_consent_turn(hubs);
  lh_event_turn(hubs);
}
