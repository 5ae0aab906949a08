// takeover.c - the receiving side of a hot move.
//
//   START (prepared) --> PREPARED --> ready --COMMIT(state)--> takeover --> RUNNING, its row is
//   written
//                                          \--ABORT, or LH_MOVE_MS--> ended, forgotten
#include "hub/move.h"

#include "base/failpoint.h"

int lh_takeover_commit_frame(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  struct lh_reader in;
  (void)now;
  lh_reader_init_user(&in, body);
  const uint64_t token = lh_read_uint(&in, INT64_MAX);
  struct hub *hub = lh_hub_find(hubs, lh_read_str(&in, LH_HUB_ID_MAX));
  const struct lh_bytes id = lh_read_str(&in, LH_CHILD_ID_MAX);
  const uint64_t generation = lh_read_uint(&in, LH_GENERATION_MAX);
  const struct lh_bytes state = lh_read_bin(&in, LH_WIRE_MESSAGE_MAX);
  const int err = lh_read_end(&in);
  if (err != LH_OK) return err;
  struct child *child = hub != NULL ? lh_host_child(hub, id) : NULL;
  if (child == NULL || child->phase != PHASE_PREPARED || child->pid == 0) {
    lh_host_answer(hubs, from, MOVE_OP, LH_FRAME_COMMITTED, token, LH_ENOTFOUND, 0,
                   "it is not prepared here");
    return LH_OK;
  }
  if (generation > hub->generation) hub->generation = generation;
  if (generation > child->generation) child->generation = generation;
  struct trouble *trouble = lh_host_trouble(child);
  trouble->asker = from;
  trouble->asker_op = MOVE_OP;
  trouble->asker_index = token;
  trouble->activating = true;
  LH_FAILPOINT(target_transfer);
  hubs->ops->activate(hubs->ops_self, child->token, child->pid, state, child->generation);
  return LH_OK;
}

void lh_hubs_activated(struct lh_hubs *hubs, lh_ms now, uint64_t token, int status,
                       const char *error) {
  struct child *child = lh_host_by_token(hubs, token);
  if (child != NULL && child->contested) lh_judge_activated(hubs, now, child, status, error);
  if (child == NULL || child->phase != PHASE_PREPARED) return;
  struct trouble *trouble = child->trouble;
  LH_FAILPOINT(target_install);
  lh_host_answer(hubs, trouble->asker, MOVE_OP, LH_FRAME_COMMITTED, trouble->asker_index, status,
                 child->pid, error);
  if (status != LH_OK) {
    lh_host_stop(hubs, now, child, "move_failed", 0);
    return;
  }
  child->phase = PHASE_RUNNING;
  hubs->counters.moved_in++;
  lh_host_put_row(child, LH_ROW_RUNNING);
  // A row of a higher generation may have come while it was prepared, when it meant nothing yet.
  lh_change_note(hubs, child->hub->index, lh_bytes(child->id, child->id_len));
  LH_FAILPOINT(target_commit);
  lh_host_calm(child);
  lh_event_started(child);
  if (lh_order_covers(child->hub, lh_bytes(child->id, child->id_len), child->born))
    lh_end_ordered(hubs, now, child);
}

int lh_takeover_abort_frame(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
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
