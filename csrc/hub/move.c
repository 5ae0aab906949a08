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
//
// The generation there is drawn here, with START and, if ours has passed it since, with COMMIT: so
// whatever the other side does with it, unheard, ours is higher when the child goes on here.
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

static struct lh_bytes id_of(const struct child *child) {
  return lh_bytes(child->id, child->id_len);
}

bool lh_move_may(const struct child *child) {
  return (child->phase == PHASE_RUNNING && !child->contested) || child->phase == PHASE_WAITING;
}

static void send_start(struct lh_hubs *hubs, struct child *child, unsigned flags) {
  struct lh_buf body = LH_BUF_EMPTY;
  struct hub *hub = child->hub;
  child->trouble->drawn = lh_host_generation(hub);
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
  lh_write_uint(&body, child->trouble->drawn);
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

// It does not run here any more.
static void begin_there(struct lh_hubs *hubs, struct child *child) {
  if (lh_loose_goes(child))
    lh_loose_put(child);
  else
    send_start(hubs, child, flags_of(child, false));
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
  if (lh_loose_goes(child)) trouble->target = 0;  // whoever finds that it is theirs
  trouble->hot = hot;
  trouble->frozen = false;
  if (hot) {
    LH_FAILPOINT(source_prepare);
    send_start(hubs, child, flags_of(child, true));
    if (LH_PLANTED(committed_before_ready))
      hubs->ops->freeze(hubs->ops_self, child->token, child->pid);
  } else {
    lh_host_put_row(child, LH_ROW_MOVING);
    if (ran && LH_PLANTED(started_there_before_stopped_here))
      send_start(hubs, child, flags_of(child, false));
    if (ran)
      end_here(hubs, child);
    else
      begin_there(hubs, child);
  }
  lh_heap_set(&hubs->due, &trouble->timer.due, now + LH_MOVE_MS);
}

static void pump(struct hub *hub, lh_ms now) {
  while (hub->moving < lh_pace_most(hub) && !lh_list_empty(&hub->move_queue)) {
    if (!lh_pace_takes(hub, now)) return;
    struct lh_list *at = lh_list_pop(&hub->move_queue);
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

// --- the steps of a move ---
void lh_move_stopped(struct lh_hubs *hubs, struct child *child) {
  child->pid = 0;
  if (lh_end_is_wanted(child)) {
    lh_end_tell(hubs, child);
    lh_host_forget(child, true);
  } else if (!lh_loose_goes(child) && lh_view_find(hubs, child->trouble->target) == NULL) {
    lh_move_failed(hubs, child, "the node died");
  } else {
    begin_there(hubs, child);
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

bool lh_move_ends(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  if (child->phase != PHASE_MOVING || !child->trouble->hot || !child->trouble->frozen) return false;
  const uint32_t target = child->trouble->target;
  abort_there(hubs, child);
  if (lh_view_find(hubs, target) != NULL) lh_end_elsewhere(hubs, child, target);
  if (child->pid != 0)
    lh_host_stop(hubs, now, child, "stop", 0);
  else
    lh_end_in_place(hubs, child);
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

void lh_move_back(struct child *child) {
  struct lh_hubs *hubs = child->hub->all;
  child->hub->moving--;
  child->trouble->loose = false;
  lh_heap_cancel(&hubs->due, &child->trouble->timer.due);
  stays_cold(hubs, child);
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
    LH_FAILPOINT(source_freeze);
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
  struct trouble *trouble = child->trouble;
  if (trouble->drawn <= child->generation) trouble->drawn = lh_host_generation(child->hub);
  lh_write_uint(&body, child->token);
  lh_write_str(&body, child->hub->config.id.data, child->hub->config.id.len);
  lh_write_str(&body, child->id, child->id_len);
  lh_write_uint(&body, trouble->drawn);
  lh_write_bin(&body, state.data, LH_PLANTED(state_left_behind) ? 0 : state.len);
  lh_hub_send(hubs, trouble->target, LH_FRAME_COMMIT, &body);
}

// It was busy for longer than the move was waited for: nobody takes its state any more.
static void goes_on(struct lh_hubs *hubs, const struct child *child) {
  if (child->phase == PHASE_RUNNING && !child->contested)
    hubs->ops->thaw(hubs->ops_self, child->pid, child->generation);
}

void lh_hubs_frozen(struct lh_hubs *hubs, lh_ms now, uint64_t token, int status,
                    struct lh_bytes state, const char *error) {
  struct child *child = lh_host_by_token(hubs, token);
  if (child != NULL && child->contested) lh_conflict_frozen(hubs, now, child, status, state);
  if (child == NULL) return;
  if (child->phase != PHASE_MOVING || !child->trouble->hot) {
    goes_on(hubs, child);
    return;
  }
  if (status == LH_OK) {
    child->trouble->frozen = true;
    lh_pace_sent(child->hub, state.len);
    LH_FAILPOINT(source_transfer);
    send_commit(hubs, child, state);
    LH_FAILPOINT(source_install);
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

// A live row of higher rank: the child runs there. Where that is not where it was to go, what is
// prepared for it there is in the way of those who would begin it anew.
void lh_move_seen_elsewhere(struct lh_hubs *hubs, lh_ms now, struct child *child,
                            const struct lh_row *row) {
  LH_FAILPOINT(source_commit);
  hubs->counters.moved_out++;
  lh_drain_moved(child->hub);
  lh_event_moved(child, row->node, child->trouble->hot);
  lh_end_elsewhere(hubs, child, row->node);
  if (child->trouble->hot && row->node != child->trouble->target) abort_there(hubs, child);
  if (LH_PLANTED(source_goes_on) && child->trouble->hot) {
    child->hub->moving--;
    child->phase = PHASE_RUNNING;
    hubs->ops->thaw(hubs->ops_self, child->pid, child->generation);
    lh_host_calm(child);
  } else if (child->trouble->hot && child->pid != 0) {
    lh_host_stop(hubs, now, child, "move", LH_PLANTED(forward_dropped) ? 0 : row->pid);
    LH_FAILPOINT(source_release);
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
      if (child->phase == PHASE_MOVING && lh_loose_goes(child))
        continue;  // it was taken over, or is begun by whom it belongs to
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
