// move.c - children that belong elsewhere go there: because a node joined, leaves, or a hub closes
// here.
//
//   cold:  RUNNING --stop here--> MOVING --START there--> its row is seen --> forgotten here
//   hot:   RUNNING --START (prepared) there--> ready --> freeze here, handover(state) --> COMMIT
//                  --> takeover there, its row is seen --> terminate here, forgotten
//
// The row with the higher generation is the proof that the other side runs: it ends the move here,
// and nothing else does. At any failure before it the child goes on here (cold: is started again).
// At most LH_MOVES_MAX of a hub at a time.
#include "hub/internal.h"
#include "hub/quorum.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

static const uint64_t MOVE_OP = INT64_MAX;

uint64_t lh_move_op_id(void) { return MOVE_OP; }

static struct lh_bytes id_of(const struct child *child) {
  return lh_bytes(child->id, child->id_len);
}

bool lh_move_may(const struct child *child) {
  return child->phase == PHASE_RUNNING || child->phase == PHASE_WAITING;
}

static void send_start(struct lh_hubs *hubs, struct child *child, unsigned flags) {
  struct lh_buf body = LH_BUF_EMPTY;
  const struct hub *hub = child->hub;
  lh_write_uint(&body, MOVE_OP);
  lh_write_run(&body, lh_runs_at(hubs->runs, hubs->self));
  lh_write_str(&body, hub->config.id.data, hub->config.id.len);
  lh_write_uint(&body, 0);
  lh_write_uint(&body, flags);
  lh_write_uint(&body, hub->generation);
  lh_write_array(&body, ARRIVAL_FIELDS);
  lh_write_uint(&body, child->token);
  lh_write_str(&body, child->id, child->id_len);
  lh_registry_read_lock();
  const struct lh_row *row = lh_host_row(child);
  const struct lh_bytes spec = row != NULL ? lh_row_spec(row) : lh_bytes(NULL, 0);
  const struct lh_bytes metadata = row != NULL ? lh_row_metadata(row) : lh_bytes(NULL, 0);
  lh_write_bin(&body, spec.data, spec.len);
  lh_write_bin(&body, metadata.data, metadata.len);
  lh_registry_read_unlock();
  lh_write_uint(&body, child->restarts);
  lh_write_uint(&body, child->generation);
  lh_write_uint(&body, child->born);
  lh_hub_send(hubs, child->trouble->target, LH_FRAME_START, &body);
}

static unsigned flags_of(const struct child *child, bool prepared) {
  return START_MOVE | START_GIVEN | (prepared ? START_PREPARED : 0U) |
         (child->pinned || child->trouble->pin ? START_PINNED : 0U) |
         (child->trouble->ordered ? START_ORDERED : 0U);
}

// Its terminate must leave time for the start elsewhere.
static void end_here(struct lh_hubs *hubs, struct child *child) {
  const lh_ms own = lh_host_shutdown(child);
  const lh_ms limit = own < LH_MOVE_MS / 2 ? own : LH_MOVE_MS / 2;
  hubs->ops->stop(hubs->ops_self, child->token, child->pid, "move", limit, 0);
}

static void begin(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  struct trouble *trouble = child->trouble;
  trouble->queued = false;
  if (!lh_move_may(child) || lh_view_find(hubs, trouble->target) == NULL ||
      trouble->target == hubs->self)
    return;
  const bool ran = child->phase == PHASE_RUNNING;
  const bool hot = ran && !trouble->cold;
  child->phase = PHASE_MOVING;
  child->hub->moving++;
  trouble->hot = hot;
  trouble->frozen = false;
  if (hot) {
    send_start(hubs, child, flags_of(child, true));
  } else {
    lh_host_put_row(child, LH_ROW_MOVING);
    if (ran && LH_PLANTED(started_there_before_stopped_here))
      send_start(hubs, child, flags_of(child, false));
    if (ran)
      end_here(hubs, child);
    else
      send_start(hubs, child, flags_of(child, false));
  }
  lh_heap_set(&hubs->due, &trouble->timer.due, now + LH_MOVE_MS);
}

static void pump(struct hub *hub, lh_ms now) {
  while (hub->moving < LH_MOVES_MAX) {
    struct lh_list *at = lh_list_pop(&hub->move_queue);
    if (at == NULL) return;
    begin(hub->all, now, LH_ENTRY(at, struct trouble, link)->child);
  }
}

void lh_move_pump(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->hub_count; i++) pump(hubs->hubs[i], now);
}

void lh_move_queue(struct child *child, uint32_t target, bool cold) {
  struct trouble *trouble = lh_host_trouble(child);
  trouble->target = target;
  trouble->cold = cold;
  trouble->ordered = trouble->pin = false;
  if (trouble->queued) return;
  trouble->queued = true;
  lh_list_push(&child->hub->move_queue, &trouble->link);
}

// --- what belongs elsewhere ---
struct balance {
  uint32_t hub_index;
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

static void queue_all(struct hub *hub, const struct balance *balance, const uint8_t *how) {
  struct lh_bytes *ids = read_names(&balance->names, balance->count);
  for (size_t i = 0; i < balance->count; i++) {
    struct child *child = lh_host_child(hub, ids[i]);
    const uint32_t target = balance->targets[i];
    const bool goes = child != NULL && target != 0 && target != hub->all->self && how[i] != 0;
    const bool waits = goes && lh_host_trouble(child)->queued;
    if (goes) lh_move_queue(child, target, how[i] == 'c');
    if (!goes || waits) balance->targets[i] = 0;
  }
  tell_queued(hub, ids, balance->targets, balance->count);
  lh_free(ids);
}

// The custom migration's answer: for each id "cold", "hot" or false.
static void chosen(struct lh_hubs *hubs, lh_ms now, int status, struct lh_bytes result,
                   const char *error, void *data) {
  struct balance *balance = data;
  (void)now;
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
    queue_all(hub, balance, how);
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

static size_t keep_movers(struct hub *hub, struct balance *balance, const uint32_t *nodes) {
  struct lh_bytes *ids = read_names(&balance->names, balance->count);
  struct lh_buf names = LH_BUF_EMPTY;
  size_t count = 0;
  for (size_t i = 0; i < balance->count; i++) {
    if (nodes[i] == 0 || nodes[i] == hub->all->self) continue;
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
  if (status != LH_OK || hub == NULL || keep_movers(hub, balance, nodes) == 0) {
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
  queue_all(hub, balance, how);
  lh_free(how);
  balance_free(balance);
}

void lh_move_balance_hub(struct hub *hub, lh_ms now) {
  const bool all = hands_all_on(hub);
  if (hub->config.replicated) {
    hub->replicas.all = true;
    return;
  }
  if (!all && !lh_drain_is_open(hub)) return;  // it keeps what it has
  struct balance *balance = LH_NEW(struct balance);
  balance->hub_index = hub->index;
  for (size_t i = 0; i < hub->children.count; i++) {
    struct child *child = hub->children.entries[i].value;
    // One that is about to run here is looked at again later.
    if (child->phase == PHASE_STARTING || child->phase == PHASE_PREPARED)
      hub->all->move_failed = true;
    if (!lh_move_may(child) || (child->pinned && !all)) continue;
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

void lh_move_balance(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    if (lh_quorum_may(hubs->hubs[i])) lh_move_balance_hub(hubs->hubs[i], now);
  }
}

// A move that failed is tried again: soon, then after growing pauses while moves go on failing.
void lh_move_plan_again(struct lh_hubs *hubs, lh_ms now) {
  if (!hubs->move_failed || LH_PLANTED(failed_move_forgotten)) return;
  hubs->move_failed = false;
  if (hubs->balance_at != LH_NEVER) return;
  hubs->balance_at = now + hubs->balance_pause;
  if (hubs->balance_pause < LH_BALANCE_MAX_MS) hubs->balance_pause *= 2;
}

void lh_move_again(struct lh_hubs *hubs, lh_ms now) {
  if (now < hubs->balance_at) return;
  hubs->balance_at = LH_NEVER;
  if (hubs->view.agreed && hubs->view.settled) lh_move_balance(hubs, now);
}

// --- the steps of a move ---
void lh_move_stopped(struct lh_hubs *hubs, struct child *child) {
  child->pid = 0;
  if (lh_end_is_wanted(child)) {
    lh_end_tell(hubs, child);
    lh_host_forget(child, true);
  } else if (lh_view_find(hubs, child->trouble->target) == NULL) {
    lh_move_failed(hubs, child, "the node died");
  } else {
    send_start(hubs, child, flags_of(child, false));
  }
}

void lh_move_ask_start(struct lh_hubs *hubs, struct child *child) {
  send_start(hubs, child, flags_of(child, false));
}

static void abort_there(struct lh_hubs *hubs, struct child *child) {
  struct lh_buf body = LH_BUF_EMPTY;
  if (lh_view_find(hubs, child->trouble->target) == NULL) return;
  lh_write_str(&body, child->hub->config.id.data, child->hub->config.id.len);
  lh_write_str(&body, child->id, child->id_len);
  lh_hub_send(hubs, child->trouble->target, LH_FRAME_ABORT, &body);
}

bool lh_move_cancel(struct lh_hubs *hubs, struct child *child) {
  if (child->phase != PHASE_MOVING || !child->trouble->hot || child->trouble->frozen) return false;
  abort_there(hubs, child);
  return true;
}

// It was stopped for the move: it starts again, unless somebody waits for its end. The new claim
// goes out at once: the other end may run it after all, and learns by that row that it is surplus.
static void stays_cold(struct lh_hubs *hubs, struct child *child) {
  child->phase = PHASE_WAITING;
  if (lh_end_is_wanted(child)) {
    lh_end_tell(hubs, child);
    lh_host_forget(child, true);
    return;
  }
  child->generation = lh_host_generation(child->hub);
  lh_host_put_row(child, LH_ROW_STARTING);
  lh_host_order(hubs, child, false);
}

static void stays_hot(struct lh_hubs *hubs, struct child *child) {
  abort_there(hubs, child);
  if (child->pid == 0) {  // it ended while it was frozen
    stays_cold(hubs, child);
    return;
  }
  child->phase = PHASE_RUNNING;
  if (child->trouble->frozen) {
    child->generation = lh_host_generation(child->hub);
    if (!LH_PLANTED(failed_move_leaves_it_frozen))
      hubs->ops->thaw(hubs->ops_self, child->pid, child->generation);
    lh_host_put_row(child, LH_ROW_RUNNING);
  }
  if (lh_end_is_wanted(child))
    lh_host_stop(hubs, 0, child, "stop", 0);
  else
    lh_host_calm(child);
}

// The child may be gone afterwards: somebody may have waited for its end.
void lh_move_failed(struct lh_hubs *hubs, struct child *child, const char *why) {
  struct trouble *trouble = child->trouble;
  const struct lh_bytes id = id_of(child);
  // One line speaks for all that fail in a turn.
  if (!hubs->move_failed) {
    lh_log(LH_LOG_WARN, "hub", "child '%.*s' stays here for now, its move to %s failed: %s",
           (int)id.len, (const char *)id.data, lh_runs_name(hubs->runs, trouble->target), why);
  }
  child->hub->moving--;
  hubs->move_failed = true;
  lh_heap_cancel(&hubs->due, &trouble->timer.due);
  if (trouble->hot)
    stays_hot(hubs, child);
  else
    stays_cold(hubs, child);
}

void lh_move_result(struct lh_hubs *hubs, struct child *child, int code, struct lh_bytes text) {
  struct trouble *trouble = child->trouble;
  if (child->phase != PHASE_MOVING || trouble == NULL) return;
  if (code == LH_OK && trouble->hot && !trouble->frozen) {
    hubs->ops->freeze(hubs->ops_self, child->token, child->pid);
  } else if (code != LH_OK && (code != LH_EEXISTS || trouble->hot)) {  // a row tells that it exists
    char why[256];
    const size_t len = text.len < sizeof why - 1 ? text.len : sizeof why - 1;
    for (size_t i = 0; i < len; i++) why[i] = (char)text.data[i];
    why[len] = '\0';
    lh_move_failed(hubs, child, why);
  }
}

static void send_commit(struct lh_hubs *hubs, struct child *child, struct lh_bytes state) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_uint(&body, child->token);
  lh_write_str(&body, child->hub->config.id.data, child->hub->config.id.len);
  lh_write_str(&body, child->id, child->id_len);
  lh_write_uint(&body, child->generation);
  lh_write_bin(&body, state.data, LH_PLANTED(state_left_behind) ? 0 : state.len);
  lh_hub_send(hubs, child->trouble->target, LH_FRAME_COMMIT, &body);
}

void lh_hubs_frozen(struct lh_hubs *hubs, lh_ms now, uint64_t token, int status,
                    struct lh_bytes state, const char *error) {
  (void)now;
  struct child *child = lh_host_by_token(hubs, token);
  if (child == NULL || child->phase != PHASE_MOVING || !child->trouble->hot) return;
  if (status == LH_OK) {
    child->trouble->frozen = true;
    send_commit(hubs, child, state);
    return;
  }
  abort_there(hubs, child);
  if (status == LH_EINVAL &&
      !lh_end_is_wanted(child)) {  // it has no handover function: it moves without its state
    struct hub *hub = child->hub;
    const uint32_t target = child->trouble->target;
    const bool ordered = child->trouble->ordered;
    const bool pin = child->trouble->pin;
    hub->moving--;
    child->phase = PHASE_RUNNING;
    lh_host_calm(child);
    lh_move_queue(child, target, true);
    child->trouble->ordered = ordered;
    child->trouble->pin = pin;
    return;
  }
  child->trouble->frozen = true;
  lh_move_failed(hubs, child, error != NULL ? error : lh_err_name(status));
}

// A live row of higher rank: the child runs there.
void lh_move_seen_elsewhere(struct lh_hubs *hubs, lh_ms now, struct child *child,
                            const struct lh_row *row) {
  hubs->counters.moved_out++;
  lh_drain_moved(child->hub);
  lh_event_moved(child, row->node, child->trouble->hot);
  lh_end_elsewhere(hubs, child, row->node);
  if (LH_PLANTED(source_goes_on) && child->trouble->hot) {
    child->hub->moving--;
    child->phase = PHASE_RUNNING;
    hubs->ops->thaw(hubs->ops_self, child->pid, child->generation);
    lh_host_calm(child);
  } else if (child->trouble->hot && child->pid != 0) {
    lh_host_stop(hubs, now, child, "move", row->pid);
  } else {
    lh_host_forget(child, true);
  }
  lh_hub_check_empty(hubs);
}

void lh_move_node_gone(struct lh_hubs *hubs, lh_ms now, uint32_t node) {
  for (size_t h = 0; h < hubs->hub_count; h++) {
    struct lh_map *children = &hubs->hubs[h]->children;
    for (size_t i = children->count; i > 0; i--) {
      struct child *child = children->entries[i - 1].value;
      if (child->phase == PHASE_MOVING && child->trouble->target == node &&
          (child->pid == 0 || child->trouble->hot)) {
        lh_unsure_failed(hubs, now, child, "the node died");
      }
    }
  }
}

// Whoever asked for a start that is under way asks it of another by now.
static bool is_void(const struct child *child) {
  return (child->phase == PHASE_PREPARED && !child->trouble->activating) ||
         (child->phase == PHASE_STARTING && child->trouble->asker != 0);
}

void lh_move_all_failed(struct lh_hubs *hubs, lh_ms now) {
  for (size_t h = 0; h < hubs->hub_count; h++) {
    struct lh_map *children = &hubs->hubs[h]->children;
    for (size_t i = children->count; i > 0; i--) {
      struct child *child = children->entries[i - 1].value;
      if (child->phase == PHASE_MOVING && (child->pid == 0 || child->trouble->hot))
        lh_unsure_failed(hubs, now, child, "this node was taken for dead");
      else if (is_void(child))
        lh_host_discard(child);
    }
  }
}

// What was said over the link before may be lost, either way. Rows tell what came of it; a move
// that has not gone far begins anew.
void lh_move_link_up(struct lh_hubs *hubs, lh_ms now, uint32_t node) {
  for (size_t h = 0; h < hubs->hub_count; h++) {
    struct lh_map *children = &hubs->hubs[h]->children;
    for (size_t i = children->count; hubs->hubs[h]->moving > 0 && i > 0; i--) {
      struct child *child = children->entries[i - 1].value;
      if (child->phase != PHASE_MOVING || child->trouble->target != node) continue;
      if (child->trouble->hot && !child->trouble->frozen)
        lh_move_failed(hubs, child, "the link broke");
      else if (child->trouble->hot)
        lh_heap_set(&hubs->due, &child->trouble->timer.due, now + LH_MOVE_LINK_MS);
      else if (child->pid == 0)
        send_start(hubs, child, flags_of(child, false));
    }
  }
}

// --- the receiving side of a hot move ---
int lh_move_commit_frame(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  struct lh_reader in;
  (void)now;
  lh_reader_init_user(&in, body);
  const uint64_t token = lh_read_uint(&in, INT64_MAX);
  struct hub *hub = lh_hub_find(hubs, lh_read_str(&in, LH_HUB_ID_MAX));
  const struct lh_bytes id = lh_read_str(&in, LH_CHILD_ID_MAX);
  const uint64_t above = lh_read_uint(&in, LH_GENERATION_MAX);
  const struct lh_bytes state = lh_read_bin(&in, LH_WIRE_MESSAGE_MAX);
  const int err = lh_read_end(&in);
  if (err != LH_OK) return err;
  struct child *child = hub != NULL ? lh_host_child(hub, id) : NULL;
  if (child == NULL || child->phase != PHASE_PREPARED || child->pid == 0) {
    lh_host_answer(hubs, from, MOVE_OP, LH_FRAME_COMMITTED, token, LH_ENOTFOUND, 0,
                   "it is not prepared here");
    return LH_OK;
  }
  if (above > hub->generation) hub->generation = above;
  if (child->generation <= above) child->generation = lh_host_generation(hub);
  struct trouble *trouble = lh_host_trouble(child);
  trouble->asker = from;
  trouble->asker_op = MOVE_OP;
  trouble->asker_index = token;
  trouble->activating = true;
  hubs->ops->activate(hubs->ops_self, child->token, child->pid, state, child->generation);
  return LH_OK;
}

void lh_hubs_activated(struct lh_hubs *hubs, lh_ms now, uint64_t token, int status,
                       const char *error) {
  struct child *child = lh_host_by_token(hubs, token);
  if (child == NULL || child->phase != PHASE_PREPARED) return;
  struct trouble *trouble = child->trouble;
  lh_host_answer(hubs, trouble->asker, MOVE_OP, LH_FRAME_COMMITTED, trouble->asker_index, status,
                 child->pid, error);
  if (status != LH_OK) {
    lh_host_stop(hubs, now, child, "move_failed", 0);
    return;
  }
  child->phase = PHASE_RUNNING;
  hubs->counters.moved_in++;
  lh_host_put_row(child, LH_ROW_RUNNING);
  lh_host_calm(child);
  lh_event_started(child);
  if (lh_order_covers(child->hub, id_of(child), child->born)) lh_end_ordered(hubs, now, child);
}

int lh_move_committed_frame(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  return lh_start_results(hubs, now, from, body);
}

int lh_move_abort_frame(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  struct lh_reader in;
  lh_reader_init(&in, body);
  const struct lh_bytes hub_id = lh_read_str(&in, LH_HUB_ID_MAX);
  const struct lh_bytes id = lh_read_str(&in, LH_CHILD_ID_MAX);
  const int err = lh_read_end(&in);
  if (err == LH_OK) lh_host_call_off(hubs, from, hub_id, id);
  struct hub *hub = lh_hub_find(hubs, hub_id);
  struct child *child = err == LH_OK && hub != NULL ? lh_host_child(hub, id) : NULL;
  if (child != NULL && child->phase == PHASE_PREPARED) {
    if (child->pid != 0)
      lh_host_stop(hubs, now, child, "move_failed", 0);
    else
      lh_host_forget(child, true);
  }
  return err;
}
