// host_row.c - the row of a child that runs on this node: its generation, and what it says.
//
//   generation   drawn above all that this node has heard of in the hub; what the child does
//   outside
//                is fenced by it, so the child knows it: from its start, or by a word (raise)
//   state        as its phase is; of one that is parked, that it is
#include "hub/internal.h"
#include "hub/quorum.h"

uint64_t lh_host_generation(struct hub *hub) {
  const uint64_t seen = lh_registry_generation(hub->all->registry, hub->index);
  if (seen > hub->generation) hub->generation = seen;
  if (hub->generation < LH_GENERATION_MAX) hub->generation++;
  return hub->generation;
}

const struct lh_row *lh_host_row(struct child *child) {
  return lh_registry_own(child->hub->all->registry, child->hub->index,
                         lh_bytes(child->id, child->id_len));
}

bool lh_host_put_row(struct child *child, enum lh_row_state state) {
  struct lh_hubs *hubs = child->hub->all;
  struct trouble *trouble = child->trouble;
  struct lh_row_in row = {
      .hub = child->hub->index,
      .id = lh_bytes(child->id, child->id_len),
      .generation = child->generation,
      .born = child->born,
      .pid_local = state == LH_ROW_RUNNING ? lh_pid_local(child->pid) : 0,
      .state = (uint8_t)state,
      .restarts = child->restarts,
      .pinned = child->pinned,
      .active = child->role.active,
  };
  lh_registry_read_lock();
  const struct lh_row *old = child->claimed ? lh_host_row(child) : NULL;
  if (trouble != NULL && trouble->spec.len > 0) {
    row.spec = lh_bytes_of(&trouble->spec);
    row.metadata = lh_bytes_of(&trouble->metadata);
  } else if (old != NULL) {
    row.spec = lh_row_spec(old);
    row.metadata = lh_row_metadata(old);
  }
  const bool put = lh_registry_put(hubs->registry, &row) != 0;
  lh_registry_read_unlock();
  child->claimed = child->claimed || put;
  return put;
}

// As its phase is. Of what starts or waits the row knows whether it ran before.
static enum lh_row_state state_of(struct child *child) {
  if (child->phase == PHASE_RUNNING) return LH_ROW_RUNNING;
  if (lh_park_is_parked(child)) return LH_ROW_PARKED;
  const struct lh_row *row = child->claimed ? lh_host_row(child) : NULL;
  if (row == NULL) return LH_ROW_STARTING;
  return row->state == LH_ROW_RUNNING ? LH_ROW_RESTARTING : (enum lh_row_state)row->state;
}

bool lh_host_write_row(struct child *child) {
  lh_registry_read_lock();
  const enum lh_row_state state = state_of(child);
  lh_registry_read_unlock();
  return lh_host_put_row(child, state);
}

void lh_host_raise(struct child *child) {
  struct lh_hubs *hubs = child->hub->all;
  child->generation = lh_host_generation(child->hub);
  if (child->phase == PHASE_RUNNING)
    hubs->ops->thaw(hubs->ops_self, child->pid, child->generation);
  else if (child->phase == PHASE_STARTING)
    lh_host_trouble(child)->raised = true;
  (void)lh_host_write_row(child);
}

void lh_host_tell_raised(struct child *child) {
  struct lh_hubs *hubs = child->hub->all;
  if (child->trouble == NULL || !child->trouble->raised) return;
  child->trouble->raised = false;
  hubs->ops->thaw(hubs->ops_self, child->pid, child->generation);
}
