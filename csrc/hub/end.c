// end.c - how the end of a child here is asked for and told: STOP frames at its host, and all who
// wait for it.
//
// Whoever asks is told once the instance is gone. A child on its way takes the wish along: when it
// runs elsewhere, the STOP goes after it, under the name of who asked. A start under way ends
// first. Frames are data from a peer: nothing is done before a frame was read to its end.
#include "hub/move.h"

#include "base/mem.h"

enum {
  // limit: stops that wait for the end of one child | nothing: the others ask again until it is
  // gone | spec/hub/faults_spec.lua: answer everybody who stops a child, however many at once
  STOPPERS_MAX = 64,
};

struct head {
  uint64_t op;
  uint32_t asker;
  struct lh_bytes hub_id;
  struct hub *hub;
  uint32_t hops;
};

static struct lh_bytes id_of(const struct child *child) {
  return lh_bytes(child->id, child->id_len);
}

// --- who waits ---
static bool wait_for(struct child *child, const struct head *head, uint64_t index) {
  struct trouble *trouble = lh_host_trouble(child);
  if (trouble->stopper_count >= STOPPERS_MAX) return false;
  trouble->stoppers =
      lh_realloc(trouble->stoppers, (trouble->stopper_count + 1) * sizeof(struct stopper));
  trouble->stoppers[trouble->stopper_count++] =
      (struct stopper){head->asker, head->op, index, (uint8_t)head->hops};
  return true;
}

bool lh_end_is_wanted(const struct child *child) {
  return child->trouble != NULL && child->trouble->stopper_count > 0;
}

// An end that is wanted without anybody to tell: peer 0 waits.
void lh_end_want(struct child *child) {
  static const struct head nobody;
  if (!lh_end_is_wanted(child)) (void)wait_for(child, &nobody, 0);
}

void lh_end_tell(struct lh_hubs *hubs, struct child *child) {
  struct trouble *trouble = child->trouble;
  if (lh_end_is_wanted(child)) lh_order_stopped(child);
  for (size_t i = 0; trouble != NULL && i < trouble->stopper_count; i++) {
    const struct stopper *stopper = &trouble->stoppers[i];
    lh_host_answer(hubs, stopper->peer, stopper->op, LH_FRAME_STOPPED, stopper->index, LH_OK, 0,
                   NULL);
  }
  if (trouble != NULL) trouble->stopper_count = 0;
}

static void pass_on(struct lh_hubs *hubs, const struct head *head, uint64_t index,
                    struct lh_bytes id, uint32_t to) {
  struct lh_buf body = LH_BUF_EMPTY;
  hubs->counters.forwarded++;
  lh_event_stop_forwarded(head->hub, id, to);
  lh_write_uint(&body, head->op);
  lh_write_run(&body, lh_runs_at(hubs->runs, head->asker));
  lh_write_str(&body, head->hub_id.data, head->hub_id.len);
  lh_write_uint(&body, head->hops + 1);
  lh_write_array(&body, 2);
  lh_write_uint(&body, index);
  lh_write_str(&body, id.data, id.len);
  lh_hub_send(hubs, to, LH_FRAME_STOP, &body);
}

static void answer_busy(struct lh_hubs *hubs, const struct head *head, uint64_t index) {
  lh_host_answer(hubs, head->asker, head->op, LH_FRAME_STOPPED, index, LH_EEXISTS, 0,
                 "it is on its way; try again");
}

static void send_after(struct lh_hubs *hubs, const struct head *head, uint64_t index,
                       struct lh_bytes id, uint32_t to) {
  if (head->hops < LH_HOPS_MAX)
    pass_on(hubs, head, index, id, to);
  else
    answer_busy(hubs, head, index);
}

void lh_end_elsewhere(struct lh_hubs *hubs, struct child *child, uint32_t node) {
  struct trouble *trouble = lh_host_trouble(child);
  trouble->elsewhere = node;
  for (size_t i = 0; i < trouble->stopper_count; i++) {
    const struct stopper *stopper = &trouble->stoppers[i];
    if (stopper->peer == 0) continue;
    const struct head head = {.op = stopper->op,
                              .asker = stopper->peer,
                              .hub_id = child->hub->config.id,
                              .hub = child->hub,
                              .hops = stopper->hops};
    send_after(hubs, &head, stopper->index, id_of(child), node);
  }
  trouble->stopper_count = 0;
}

// --- STOP ---
static void read_head(struct lh_hubs *hubs, struct lh_reader *in, struct head *head) {
  struct lh_run run;
  *head = (struct head){0};
  head->op = lh_read_uint(in, UINT64_MAX);
  lh_read_run(in, &run);
  head->hub_id = lh_read_str(in, LH_HUB_ID_MAX);
  head->hops = (uint32_t)lh_read_uint(in, LH_HOPS_MAX);
  if (in->err == LH_OK) head->asker = lh_runs_index(hubs->runs, &run);
  if (in->err == LH_OK) head->hub = lh_hub_find(hubs, head->hub_id);
}

static uint32_t host_elsewhere(struct lh_hubs *hubs, const struct hub *hub, struct lh_bytes id) {
  const struct lh_row *row = NULL;
  lh_registry_read_lock();
  const bool found =
      lh_registry_find(hubs->registry, hub->index, id, &row, 1) > 0 && row->node != hubs->self;
  const uint32_t node = found ? row->node : 0;
  lh_registry_read_unlock();
  return node;
}

// Whoever waits for the start is told that the child was stopped.
static void stop_starting(struct lh_hubs *hubs, struct child *child) {
  struct trouble *trouble = child->trouble;
  if (trouble->asker != 0) {
    lh_host_answer(hubs, trouble->asker, trouble->asker_op, LH_FRAME_STARTED, trouble->asker_index,
                   LH_EFAILED, 0, "stopped while it started");
  }
  trouble->asker = 0;
}

void lh_end_in_place(struct lh_hubs *hubs, struct child *child) {
  lh_event_child(child->hub, "child_unregistered", id_of(child), hubs->self, 0);
  lh_end_tell(hubs, child);
  lh_host_forget(child, true);
}

static void stop_here(struct lh_hubs *hubs, lh_ms now, const struct head *head, uint64_t index,
                      struct child *child) {
  const uint32_t elsewhere = child->phase == PHASE_PREPARED
                                 ? host_elsewhere(hubs, child->hub, id_of(child))
                             : child->phase == PHASE_STOPPING ? child->trouble->elsewhere
                                                              : 0;
  if (elsewhere != 0) {
    send_after(hubs, head, index, id_of(child), elsewhere);
    return;
  }
  if (child->phase == PHASE_PREPARED || !wait_for(child, head, index)) {
    answer_busy(hubs, head, index);
  } else if (child->phase == PHASE_STARTING) {
    stop_starting(hubs, child);
  } else if (child->phase == PHASE_WAITING) {
    lh_end_in_place(hubs, child);
  } else if (child->phase == PHASE_RUNNING || lh_move_cancel(hubs, child)) {
    if (LH_PLANTED(stop_answered_at_once)) lh_end_tell(hubs, child);
    lh_host_stop(hubs, now, child, "stop", 0);
  }
}

// Whoever moves it here hears of it, or is gone; one whose state has come ends once it runs.
static void end_prepared(struct lh_hubs *hubs, struct child *child) {
  if (child->trouble->activating) return;
  hubs->counters.ended_by_order++;
  lh_host_answer_asker(hubs, child, LH_EFAILED, 0, "it was stopped");
  lh_host_discard(child);
}

// A stop order is about this instance: it ends as if it had been asked for, in whatever state it
// is. The order is for the other end of a move, too: that may have begun and ended it before its
// row came here, so nobody waits for that row.
void lh_end_ordered(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  const struct trouble *trouble = lh_host_trouble(child);
  if (child->phase == PHASE_PREPARED) {
    end_prepared(hubs, child);
    return;
  }
  if (child->phase == PHASE_STOPPING) return;
  const bool wanted = lh_end_is_wanted(child);
  if (!wanted) hubs->counters.ended_by_order++;
  lh_end_want(child);
  if (lh_move_ends(hubs, now, child) || wanted) return;
  if (child->phase == PHASE_STARTING) {
    if (!child->claimed)
      lh_host_put_row(child, LH_ROW_STARTING);  // whoever asks sees that it is here
    stop_starting(hubs, child);
  } else if (child->phase == PHASE_WAITING ||
             (child->phase == PHASE_MOVING && !trouble->hot && child->pid == 0)) {
    lh_end_in_place(hubs, child);
  } else if (child->phase == PHASE_RUNNING || lh_move_cancel(hubs, child)) {
    lh_host_stop(hubs, now, child, "stop", 0);
  }
}

static void stop_one(struct lh_hubs *hubs, lh_ms now, const struct head *head, uint64_t index,
                     struct lh_bytes id) {
  struct child *child = head->hub != NULL ? lh_host_child(head->hub, id) : NULL;
  const uint32_t elsewhere =
      child == NULL && head->hub != NULL ? host_elsewhere(hubs, head->hub, id) : 0;
  if (child != NULL && child->hub->config.replicated) lh_replica_ended(child);
  if (child != NULL)
    stop_here(hubs, now, head, index, child);
  else if (elsewhere != 0)
    send_after(hubs, head, index, id, elsewhere);
  else
    lh_host_answer(hubs, head->asker, head->op, LH_FRAME_STOPPED, index, LH_ENOTFOUND, 0,
                   "no such child here");
}

static uint32_t read_list(struct lh_reader *in) {
  const uint32_t count = lh_read_array(in, 2 * LH_BATCH_MAX);
  if (count % 2 != 0) lh_read_fail(in, LH_EFORMAT);
  return in->err == LH_OK ? count / 2 : 0;
}

static bool read_one(struct lh_reader *in, uint64_t *index, struct lh_bytes *id) {
  *index = lh_read_uint(in, INT64_MAX);
  *id = lh_read_str(in, LH_CHILD_ID_MAX);
  return in->err == LH_OK;
}

int lh_host_stop_frame(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  struct lh_reader in;
  struct head head;
  uint64_t index;
  struct lh_bytes id;
  (void)from;
  lh_reader_init_user(&in, body);
  read_head(hubs, &in, &head);
  struct lh_reader check = in;
  for (uint32_t left = read_list(&check); left > 0 && read_one(&check, &index, &id);) left--;
  const int err = lh_read_end(&check);
  if (err != LH_OK) return err;
  for (uint32_t left = read_list(&in); left > 0 && read_one(&in, &index, &id); left--)
    stop_one(hubs, now, &head, index, id);
  return LH_OK;
}
