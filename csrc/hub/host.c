// host.c - the children that run on this node: beginning them, ending them. Their rows: host_row.c.
//
// A child is small while it just runs; a `struct trouble` hangs on it while something happens to it
// (a start, a stop, a restart, a move). Its spec and metadata live in its row; before there is a
// row, in the trouble. Tokens name children towards the actors: index of a slot, reused only after
// the actors' last word on it.
#include "hub/dropped.h"
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

struct child *lh_host_child(struct hub *hub, struct lh_bytes id) {
  return lh_map_get(&hub->children, id.data, id.len);
}

struct child *lh_host_by_token(struct lh_hubs *hubs, uint64_t token) {
  const uint32_t index = (uint32_t)token;
  if (index >= hubs->slot_count || hubs->slots[index].serial != token >> 32) return NULL;
  return hubs->slots[index].child;
}

struct trouble *lh_host_trouble(struct child *child) {
  if (child->trouble == NULL) {
    child->trouble = LH_NEW(struct trouble);
    child->trouble->child = child;
    for (int i = 0; i < LH_RESTARTS_MAX; i++) child->trouble->crashed[i] = -LH_NEVER;
    lh_list_init(&child->trouble->link);
  }
  return child->trouble;
}

void lh_host_calm(struct child *child) {
  struct trouble *trouble = child->trouble;
  if (trouble == NULL) return;
  lh_heap_cancel(&child->hub->all->due, &trouble->timer.due);
  lh_list_remove(&trouble->link);
  lh_buf_free(&trouble->spec);
  lh_buf_free(&trouble->metadata);
  lh_free(trouble->stoppers);
  lh_free(trouble);
  child->trouble = NULL;
}

static uint32_t slot_new(struct lh_hubs *hubs) {
  if (hubs->slot_count == hubs->slot_cap) {
    hubs->slot_cap = hubs->slot_cap > 0 ? hubs->slot_cap * 2 : 64;
    hubs->slots = lh_realloc(hubs->slots, hubs->slot_cap * sizeof(struct slot));
  }
  hubs->slots[hubs->slot_count] = (struct slot){.next_free = NO_SLOT};
  return hubs->slot_count++;
}

static uint64_t slot_take(struct lh_hubs *hubs, struct child *child) {
  uint32_t index = hubs->free_first;
  if (index == NO_SLOT)
    index = slot_new(hubs);
  else
    hubs->free_first = hubs->slots[index].next_free;
  if (hubs->free_first == NO_SLOT) hubs->free_last = NO_SLOT;
  struct slot *slot = &hubs->slots[index];
  slot->child = child;
  slot->serial = (slot->serial + 1) & INT32_MAX;
  return ((uint64_t)slot->serial << 32) | index;
}

static void slot_give(struct lh_hubs *hubs, uint64_t token) {
  const uint32_t index = (uint32_t)token;
  hubs->slots[index].child = NULL;
  hubs->slots[index].next_free = NO_SLOT;
  if (hubs->free_last == NO_SLOT)
    hubs->free_first = index;
  else
    hubs->slots[hubs->free_last].next_free = index;
  hubs->free_last = index;
}

static struct child *child_new(struct hub *hub, struct lh_bytes id) {
  struct child *child = lh_zalloc(sizeof(struct child) + id.len);
  child->hub = hub;
  child->id_len = (uint8_t)id.len;
  memcpy(child->id, id.data, id.len);
  child->token = slot_take(hub->all, child);
  (void)lh_map_put(&hub->children, id.data, id.len, child);
  return child;
}

static void forget_order(struct lh_hubs *hubs, const struct child *child) {
  for (size_t i = 0; i < hubs->order_count; i++) {
    if (hubs->ordered[i] == child) hubs->ordered[i] = NULL;
  }
}

void lh_host_forget(struct child *child, bool remove_row) {
  struct hub *hub = child->hub;
  const struct lh_bytes id = lh_bytes(child->id, child->id_len);
  if (child->phase == PHASE_MOVING) hub->moving--;
  if (remove_row && child->claimed) (void)lh_registry_remove(hub->all->registry, hub->index, id);
  lh_host_calm(child);
  forget_order(hub->all, child);
  slot_give(hub->all, child->token);
  (void)lh_map_remove(&hub->children, id.data, id.len);
  lh_free(child);
}

// --- beginning ---
void lh_host_order(struct lh_hubs *hubs, struct child *child, bool prepared) {
  if ((child->hub->partitioned || child->hub->lease.lapsed) && lh_quorum_is_set(child->hub)) {
    lh_park_child(child);
    return;
  }
  if (hubs->order_count == hubs->order_cap) {
    hubs->order_cap = hubs->order_cap > 0 ? hubs->order_cap * 2 : 64;
    hubs->ordered = lh_realloc(hubs->ordered, hubs->order_cap * sizeof(struct child *));
  }
  child->phase = prepared ? PHASE_PREPARED : PHASE_STARTING;
  hubs->ordered[hubs->order_count++] = child;
}

static void fill_order(struct lh_order *order, struct child *child, const struct lh_row *row) {
  const struct trouble *trouble = child->trouble;
  const bool held = trouble != NULL && trouble->spec.len > 0;
  *order = (struct lh_order){
      .token = child->token,
      .hub = child->hub->config.id,
      .id = lh_bytes(child->id, child->id_len),
      .spec = held          ? lh_bytes_of(&trouble->spec)
              : row != NULL ? lh_row_spec(row)
                            : lh_bytes(NULL, 0),
      .metadata = held          ? lh_bytes_of(&trouble->metadata)
                  : row != NULL ? lh_row_metadata(row)
                                : lh_bytes(NULL, 0),
      .generation = child->generation,
      .prepared = child->phase == PHASE_PREPARED,
  };
}

void lh_host_flush_orders(struct lh_hubs *hubs) {
  if (hubs->order_count == 0) return;
  struct lh_order *orders = lh_alloc(hubs->order_count * sizeof(struct lh_order));
  size_t count = 0;
  lh_registry_read_lock();
  for (size_t i = 0; i < hubs->order_count; i++) {
    struct child *child = hubs->ordered[i];
    if (child != NULL)
      fill_order(&orders[count++], child, child->claimed ? lh_host_row(child) : NULL);
  }
  hubs->order_count = 0;
  hubs->ops->start(hubs->ops_self, orders, count);
  lh_registry_read_unlock();
  lh_free(orders);
}

static lh_pid running_elsewhere(struct lh_hubs *hubs, const struct arrival *arrival, bool *found) {
  const struct lh_row *row = NULL;
  lh_registry_read_lock();
  *found = lh_registry_find(hubs->registry, arrival->hub->index, arrival->id, &row, 1) > 0 &&
           row->node != hubs->self && row->born > arrival->ended;
  const lh_pid pid = *found ? row->pid : 0;
  lh_registry_read_unlock();
  return pid;
}

// A child that has ended there, is on its way here and runs here already has arrived: its row has
// to say so. One that is to be prepared runs there; which of the two stays their rows say.
static void outrank_mover(struct child *child, const struct arrival *arrival) {
  if ((arrival->flags & (START_MOVE | START_PREPARED)) != START_MOVE ||
      child->phase != PHASE_RUNNING || child->contested || child->generation > arrival->above)
    return;
  if (arrival->above > child->hub->generation) child->hub->generation = arrival->above;
  lh_host_raise(child);
}

// Whoever asks for a new start calls it otherwise once it has heard of the order, too.
static bool refuse_stopped(struct lh_hubs *hubs, const struct arrival *arrival) {
  const bool is_new = (arrival->flags & START_NEW) != 0;
  if (!lh_order_covers(arrival->hub, arrival->id, arrival->born)) return false;
  lh_host_answer(hubs, arrival->asker, arrival->asker_op, LH_FRAME_STARTED, arrival->asker_index,
                 is_new ? LH_EAGAIN : LH_EFAILED, 0, "it was stopped");
  return true;
}

// A child here that is about to go: the one that is to start now is another.
static bool is_ending(struct child *child, const struct arrival *arrival) {
  if ((arrival->flags & START_MOVE) != 0) return child->phase == PHASE_STOPPING;
  if (child->phase == PHASE_STOPPING) return child->trouble->elsewhere == 0;
  return lh_end_is_wanted(child);
}

// Whoever asks may know of a stop order that has not come here yet.
static struct child *existing(struct lh_hubs *hubs, lh_ms now, const struct arrival *arrival) {
  struct child *child = lh_host_child(arrival->hub, arrival->id);
  if (child == NULL || arrival->ended < child->born) return child;
  lh_end_ordered(hubs, now, child);
  return lh_host_child(arrival->hub, arrival->id);
}

// Where a quorum decides, one that was ordered to stop is to be gone before another begins.
static bool ends_elsewhere(struct lh_hubs *hubs, const struct arrival *arrival) {
  const struct lh_row *row = NULL;
  if (!lh_quorum_is_set(arrival->hub) || arrival->hub->config.replicated) return false;
  lh_registry_read_lock();
  const bool found =
      lh_registry_find(hubs->registry, arrival->hub->index, arrival->id, &row, 1) > 0 &&
      row->node != hubs->self && row->pid != 0;
  lh_registry_read_unlock();
  return found;
}

static bool refuse_existing(struct lh_hubs *hubs, lh_ms now, const struct arrival *arrival) {
  struct child *child = existing(hubs, now, arrival);
  bool found = child != NULL;
  if (found) outrank_mover(child, arrival);
  lh_pid pid = found ? child->pid : 0;
  const bool looks = (arrival->flags & (START_MOVE | START_REPLICA)) == 0 &&
                     !LH_PLANTED(starts_what_runs_elsewhere);
  if (!found && looks) pid = running_elsewhere(hubs, arrival, &found);
  const bool ends = !found && looks && ends_elsewhere(hubs, arrival);
  if (found || ends) {
    // "It runs already" would mean that it has arrived, or needs no start.
    const bool later = ends || (child != NULL && (child->contested || is_ending(child, arrival)));
    lh_host_answer(hubs, arrival->asker, arrival->asker_op, LH_FRAME_STARTED, arrival->asker_index,
                   later ? LH_EAGAIN : LH_EEXISTS, pid,
                   later ? "an earlier instance is ending there" : "it runs already");
  }
  return found || ends;
}

// Whoever sent it here has gone on with it since, or somebody else has: the row with the higher
// generation is here before the child would be, so nothing would tell that one of them is surplus.
static bool refuse_overtaken(struct lh_hubs *hubs, const struct arrival *arrival) {
  const struct lh_row *row = NULL;
  if (arrival->asker_op != MOVE_OP) return false;
  lh_registry_read_lock();
  const bool overtaken =
      lh_registry_find(hubs->registry, arrival->hub->index, arrival->id, &row, 1) > 0 &&
      row->generation >= arrival->above;
  lh_registry_read_unlock();
  if (overtaken) {
    lh_host_answer(hubs, arrival->asker, arrival->asker_op, LH_FRAME_STARTED, arrival->asker_index,
                   LH_EAGAIN, 0, "it has begun elsewhere meanwhile");
  }
  return overtaken;
}

// A move that took long may bring a child to where it does not belong by now: it goes on from here.
static bool is_passing(const struct arrival *arrival) {
  struct hub *hub = arrival->hub;
  const struct guest guest = {arrival->id, lh_affinity_stored(arrival->spec)};
  uint32_t place = 0;
  if ((arrival->flags & START_MOVE) == 0) return false;
  if ((arrival->flags & (START_PINNED | START_ORDERED)) != 0) return false;
  if ((lh_distribution_flags(&hub->config) & START_GIVEN) != 0) return false;
  lh_place_guests(hub, &guest, 1, &place);
  return place != NOWHERE && lh_place_node(hub, place) != hub->all->self;
}

// A child that is started while its dead node's row waits goes on as that one.
static uint64_t name_of(const struct arrival *arrival) {
  const bool is_new = (arrival->flags & START_NEW) != 0;
  const uint64_t oldest = is_new ? lh_order_oldest(arrival->hub, arrival->id, arrival->ended) : 0;
  return oldest > 0 ? oldest : arrival->born;
}

// Where a quorum decides and each starter decides on the node, too, the others see by its row that
// it is about to run.
static bool is_claimed_at_once(const struct arrival *arrival) {
  const struct hub *hub = arrival->hub;
  return (arrival->flags & START_NEW) != 0 && lh_quorum_is_set(hub) &&
         (lh_distribution_flags(&hub->config) & START_GIVEN) != 0;
}

void lh_host_begin(struct lh_hubs *hubs, lh_ms now, const struct arrival *arrival) {
  if (refuse_stopped(hubs, arrival) || refuse_existing(hubs, now, arrival) ||
      refuse_overtaken(hubs, arrival))
    return;
  struct hub *hub = arrival->hub;
  hubs->move_failed = hubs->move_failed || is_passing(arrival);
  struct child *child = child_new(hub, arrival->id);
  struct trouble *trouble = lh_host_trouble(child);
  lh_buf_append(&trouble->spec, arrival->spec.data, arrival->spec.len);
  lh_buf_append(&trouble->metadata, arrival->metadata.data, arrival->metadata.len);
  trouble->asker = arrival->asker;
  trouble->asker_op = arrival->asker_op;
  trouble->asker_index = arrival->asker_index;
  child->restarts = arrival->restarts;
  child->pinned = (arrival->flags & START_PINNED) != 0;
  child->choosy = lh_affinity_stored(arrival->spec).data != NULL;
  if (arrival->above > hub->generation) hub->generation = arrival->above;
  const bool drawn = arrival->asker_op == MOVE_OP;  // by the node that it comes from
  child->generation = drawn ? arrival->above : lh_host_generation(hub);
  child->born = name_of(arrival);
  if (LH_PLANTED(recovered_is_another)) child->born = child->generation;
  if ((arrival->flags & START_PREPARED) != 0) LH_FAILPOINT(target_prepare);
  lh_host_order(hubs, child,
                (arrival->flags & START_PREPARED) != 0 && !LH_PLANTED(target_runs_before_freeze));
  if (child->phase == PHASE_STARTING && is_claimed_at_once(arrival))
    (void)lh_host_put_row(child, LH_ROW_STARTING);
}

void lh_host_claim_all(struct lh_hubs *hubs) {
  for (size_t h = 0; h < hubs->hub_count; h++) {
    struct lh_map *children = &hubs->hubs[h]->children;
    for (size_t i = 0; i < children->count; i++) {
      struct child *child = children->entries[i].value;
      if (child->phase == PHASE_STARTING && !child->claimed)
        lh_host_put_row(child, LH_ROW_STARTING);
    }
  }
}

// --- what the actors say ---
void lh_host_answer_asker(struct lh_hubs *hubs, struct child *child, int code, lh_pid pid,
                          const char *text) {
  struct trouble *trouble = child->trouble;
  if (trouble == NULL || trouble->asker == 0) return;
  lh_host_answer(hubs, trouble->asker, trouble->asker_op, LH_FRAME_STARTED, trouble->asker_index,
                 code, pid, text);
  trouble->asker = 0;
}

// Where it comes from went by our row, or may have: if not, it claims it anew above this one.
static bool was_released(const struct child *child) {
  return child->claimed && child->trouble->asker_op == MOVE_OP;
}

static void start_failed(struct lh_hubs *hubs, lh_ms now, struct child *child, const char *error) {
  if (lh_park_is_asked(child) && !lh_end_is_wanted(child)) {
    lh_host_answer_asker(hubs, child, LH_EDENIED, 0, "its node has no quorum");
    lh_park_child(child);
    return;
  }
  hubs->counters.failed++;
  lh_event_failed(child, error);
  if (lh_end_is_wanted(child)) {
    lh_end_tell(hubs, child);
    lh_host_forget(child, true);
    return;
  }
  const bool asked = child->trouble != NULL && child->trouble->asker != 0;
  lh_host_answer_asker(hubs, child, LH_EFAILED, child->pid, error);
  if (asked && !was_released(child))
    lh_host_forget(child, true);
  else
    lh_restart_child(hubs, now, child, error);
}

// The row holds them now. What is known of its crashes stays until it has lived for a while.
static void drop_copies(struct trouble *trouble) {
  lh_buf_free(&trouble->spec);
  lh_buf_free(&trouble->metadata);
}

static void start_worked(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  hubs->counters.started++;
  if (child->phase == PHASE_PREPARED) {
    LH_FAILPOINT(target_freeze);
    lh_host_answer_asker(hubs, child, LH_OK, child->pid, NULL);
    lh_heap_set(&hubs->due, &child->trouble->timer.due, now + LH_MOVE_MS);
    return;
  }
  child->phase = PHASE_RUNNING;
  lh_host_tell_raised(child);
  if (!lh_host_put_row(child, LH_ROW_RUNNING)) {
    lh_host_answer_asker(hubs, child, LH_ELIMIT, 0, "the registry takes no more rows");
    lh_host_stop(hubs, now, child, "limit", 0);
    return;
  }
  lh_host_answer_asker(hubs, child, LH_OK, child->pid, NULL);
  lh_event_started(child);
  if (lh_end_is_wanted(child))
    lh_host_stop(hubs, now, child, "stop", 0);
  else if (lh_park_is_asked(child))
    lh_host_stop(hubs, now, child, "partition", 0);
  else if (child->restarts == 0)
    lh_host_calm(child);
  else
    drop_copies(child->trouble);
}

// Its spec is forgotten with it, so it has the time that a spec gives by default.
static void end_forgotten(struct lh_hubs *hubs, lh_pid pid) {
  struct spec spec;
  lh_hub_spec_parse(&spec, lh_bytes(NULL, 0));
  hubs->ops->stop(hubs->ops_self, UINT64_MAX, pid, "surplus", spec.shutdown_ms, 0);
}

void lh_hubs_started(struct lh_hubs *hubs, lh_ms now, uint64_t token, int status, lh_pid pid,
                     const char *error) {
  struct child *child = lh_host_by_token(hubs, token);
  if (child != NULL && lh_dropped_is(child)) {
    lh_dropped_started(hubs, child, status, pid);
    return;
  }
  if (child == NULL || (child->phase != PHASE_STARTING && child->phase != PHASE_PREPARED)) {
    if (status == LH_OK) end_forgotten(hubs, pid);
    return;
  }
  child->pid = status == LH_OK ? lh_pid_make(hubs->self, lh_pid_local(pid)) : 0;
  if (status == LH_OK)
    start_worked(hubs, now, child);
  else
    start_failed(hubs, now, child, error);
}

void lh_hubs_ended(struct lh_hubs *hubs, lh_ms now, uint64_t token, bool abnormal,
                   const char *reason) {
  struct child *child = lh_host_by_token(hubs, token);
  if (child == NULL || child->phase == PHASE_STOPPING) return;
  if (child->phase == PHASE_MOVING && !(child->trouble != NULL && child->trouble->hot)) return;
  if (child->phase == PHASE_PREPARED) {
    lh_host_answer_asker(hubs, child, LH_EFAILED, child->pid, reason);
    lh_host_forget(child, true);
    return;
  }
  if (child->phase == PHASE_MOVING && child->trouble->frozen && !LH_PLANTED(frozen_is_restarted)) {
    child->pid = 0;  // its state is on its way: the other side says what came of it
    return;
  }
  struct spec spec;
  lh_registry_read_lock();
  const struct lh_row *row = lh_host_row(child);
  lh_hub_spec_parse(&spec, row != NULL ? lh_row_spec(row) : lh_bytes(NULL, 0));
  lh_registry_read_unlock();
  child->pid = 0;
  if (child->phase == PHASE_MOVING) {
    (void)lh_move_cancel(hubs, child);
    child->hub->moving--;
    hubs->move_failed = true;  // once it runs again
  }
  child->phase = PHASE_WAITING;
  if (spec.restart == RESTART_PERMANENT || (spec.restart == RESTART_TRANSIENT && abnormal)) {
    lh_restart_child(hubs, now, child, reason);
    return;
  }
  if (child->hub->config.replicated) lh_replica_ended(child);
  lh_event_child(child->hub, "child_unregistered", lh_bytes(child->id, child->id_len), hubs->self,
                 0);
  lh_host_forget(child, true);
}

// --- stopping ---
bool lh_host_is_restarting(struct child *child) {
  if (child->phase != PHASE_STARTING) return child->phase == PHASE_WAITING;
  lh_registry_read_lock();
  const struct lh_row *row = child->claimed ? lh_host_row(child) : NULL;
  const bool again = row != NULL && row->state == LH_ROW_RESTARTING;
  lh_registry_read_unlock();
  return again;
}

lh_ms lh_host_shutdown(struct child *child) {
  const struct trouble *trouble = child->trouble;
  struct spec spec;
  lh_registry_read_lock();
  const struct lh_row *row = lh_host_row(child);
  if (trouble != NULL && trouble->spec.len > 0)
    lh_hub_spec_parse(&spec, lh_bytes_of(&trouble->spec));
  else
    lh_hub_spec_parse(&spec, row != NULL ? lh_row_spec(row) : lh_bytes(NULL, 0));
  lh_registry_read_unlock();
  return spec.shutdown_ms;
}

void lh_host_stop(struct lh_hubs *hubs, lh_ms now, struct child *child, const char *reason,
                  lh_pid forward) {
  (void)now;
  (void)lh_host_trouble(child);
  if (child->phase == PHASE_MOVING) child->hub->moving--;
  child->phase = PHASE_STOPPING;
  lh_heap_cancel(&hubs->due, &child->trouble->timer.due);
  lh_list_remove(&child->trouble->link);
  hubs->ops->stop(hubs->ops_self, child->token, child->pid, reason, lh_park_time(child), forward);
}

void lh_host_discard(struct child *child) {
  const struct lh_hubs *hubs = child->hub->all;
  if (child->pid != 0)
    hubs->ops->stop(hubs->ops_self, UINT64_MAX, child->pid, "move_failed", lh_host_shutdown(child),
                    0);
  lh_drop(child, true);
}

void lh_hubs_stopped(struct lh_hubs *hubs, lh_ms now, uint64_t token) {
  struct child *child = lh_host_by_token(hubs, token);
  (void)now;
  if (child == NULL) return;
  if (child->phase == PHASE_MOVING) {
    lh_move_stopped(hubs, child);
    return;
  }
  if (child->phase != PHASE_STOPPING) return;
  if (lh_dropped_is(child)) {
    lh_dropped_gone(hubs, child);
    return;
  }
  if (lh_park_is_asked(child) && !lh_end_is_wanted(child)) {
    lh_park_ended(child);
    return;
  }
  const uint64_t caller = child->trouble->stop_caller;
  hubs->counters.stopped++;
  lh_event_child(child->hub, "child_unregistered", lh_bytes(child->id, child->id_len), hubs->self,
                 0);
  lh_end_tell(hubs, child);
  lh_host_forget(child, true);
  if (caller != 0) {
    struct lh_buf yes = LH_BUF_EMPTY;
    lh_write_bool(&yes, true);
    hubs->ops->reply(hubs->ops_self, caller, LH_OK, lh_bytes_of(&yes), NULL);
    lh_buf_free(&yes);
  }
  lh_hub_check_empty(hubs);
}

int lh_hubs_terminate(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes hub_id,
                      struct lh_bytes id) {
  struct hub *hub = lh_hub_find(hubs, hub_id);
  struct child *child = hub != NULL ? lh_host_child(hub, id) : NULL;
  if (child == NULL) return LH_ENOTFOUND;
  if (lh_host_is_restarting(child)) return LH_EAGAIN;
  if (child->phase != PHASE_RUNNING) return LH_EEXISTS;
  lh_host_trouble(child)->stop_caller = caller;
  if (hub->config.replicated) lh_replica_ended(child);
  lh_end_want(child);
  lh_host_stop(hubs, now, child, "stop", 0);
  return LH_OK;
}

// --- answers, gathered over a turn --- an operation may get several
enum { ANSWERS_LOOKED_AT = 16 };

void lh_host_answer(struct lh_hubs *hubs, uint32_t peer, uint64_t op, uint8_t type, uint64_t index,
                    int code, lh_pid pid, const char *text) {
  struct answer *answer = NULL;
  if (peer == 0 || op == 0) return;
  int looks = ANSWERS_LOOKED_AT;
  for (struct lh_list *at = hubs->answers.prev; at != &hubs->answers && answer == NULL && looks > 0;
       at = at->prev, looks--) {
    struct answer *candidate = LH_ENTRY(at, struct answer, link);
    if (candidate->peer == peer && candidate->op == op && candidate->type == type &&
        candidate->results.len <= LIST_BYTES_MAX)
      answer = candidate;
  }
  if (answer == NULL) {
    answer = LH_NEW(struct answer);
    answer->peer = peer;
    answer->op = op;
    answer->type = type;
    lh_list_push(&hubs->answers, &answer->link);
  }
  answer->count++;
  lh_write_uint(&answer->results, index);
  lh_write_int(&answer->results, code);
  if (pid == 0)
    lh_write_nil(&answer->results);
  else
    lh_write_pid(&answer->results, lh_runs_at(hubs->runs, lh_pid_node(pid)), lh_pid_local(pid));
  if (text == NULL)
    lh_write_nil(&answer->results);
  else
    lh_write_str(&answer->results, text, strnlen(text, 4096));
}

void lh_host_flush_answers(struct lh_hubs *hubs) {
  const uint64_t seq = lh_registry_seq(hubs->registry, hubs->self);
  struct lh_list *at;
  while ((at = lh_list_pop(&hubs->answers)) != NULL) {
    struct answer *answer = LH_ENTRY(at, struct answer, link);
    struct lh_buf body = LH_BUF_EMPTY;
    lh_write_uint(&body, answer->op);
    lh_write_uint(&body, seq);
    lh_write_array(&body, answer->count * 4);
    lh_buf_append(&body, answer->results.data, answer->results.len);
    lh_hub_send(hubs, answer->peer, answer->type, &body);
    lh_buf_free(&answer->results);
    lh_free(answer);
  }
}
