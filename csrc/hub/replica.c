// replica.c - hubs whose children run on several nodes at a time: what is missing starts, what is
// one too many ends.
//
// A start, and a recovery of a child of which no instance is left, go to the first of its nodes
// alone, as in any hub. Every other node starts its own instance when it sees a row of one that
// runs: nobody orders it to, so no two nodes can start the same instance. It takes the spec from
// that row and its name, `born`, so that all instances of one start end by one stop order. Nothing
// moves: a node that is not the child's any more ends its instance once all that are have one.
//
//   row of a running instance --one of its nodes has none--> started there
//                             --ours, and all its nodes have one--> ended here
//                             --of a later start than ours--> ours ends (change.c), and starts anew
//
// Rows that change are noted, and looked at at the end of the turn under an agreed and settled
// view; a new view looks at all. Not here: which nodes those are (place.c, choice.c), the stop of a
// child (stop.c: always an order here), which of the instances is the active one (role.c).
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/mem.h"

void lh_replica_note(struct hub *hub, struct lh_bytes id) {
  if (!hub->replicas.all) (void)lh_map_put(&hub->replicas.changed, id.data, id.len, hub);
}

// An order ends the other instances, and keeps them from being started anew.
void lh_replica_ended(struct child *child) {
  (void)lh_order_write(child->hub, lh_bytes(child->id, child->id_len), child->born);
}

// --- the rows of a child ---
struct replicas {
  const struct lh_row *rows[LH_MEMBERS_MAX];
  size_t count;
};

// In a read section.
static void find(const struct hub *hub, struct lh_bytes id, struct replicas *replicas) {
  const size_t count =
      lh_registry_find(hub->all->registry, hub->index, id, replicas->rows, LH_MEMBERS_MAX);
  replicas->count = count < LH_MEMBERS_MAX ? count : LH_MEMBERS_MAX;
}

static bool has_run(const struct lh_row *row) { return row->state != LH_ROW_STARTING; }

// The instance that others are started after: one of the latest start.
static const struct lh_row *model_of(const struct replicas *replicas) {
  const struct lh_row *model = NULL;
  for (size_t i = 0; i < replicas->count; i++) {
    const struct lh_row *row = replicas->rows[i];
    if (has_run(row) && (model == NULL || row->born > model->born)) model = row;
  }
  return model;
}

static const struct lh_row *row_on(const struct replicas *replicas, uint32_t node) {
  for (size_t i = 0; i < replicas->count; i++)
    if (replicas->rows[i]->node == node) return replicas->rows[i];
  return NULL;
}

const struct lh_row *lh_replica_later(const struct child *child) {
  struct replicas replicas;
  find(child->hub, lh_bytes(child->id, child->id_len), &replicas);
  const struct lh_row *model = model_of(&replicas);
  return model != NULL && model->born > child->born ? model : NULL;
}

// --- what is to be done here ---
struct round {
  struct hub *hub;
  struct affinity *affinity;
  uint32_t *nodes;  // that are to run the child at hand, best first
  size_t count;
};

static void round_open(struct round *round, struct hub *hub) {
  *round = (struct round){.hub = hub,
                          .affinity = lh_affinity_new(hub),
                          .nodes = lh_alloc((hub->candidate_count + 1) * sizeof(uint32_t))};
}

static void round_close(struct round *round) {
  lh_affinity_free(round->affinity);
  lh_free(round->nodes);
}

// False: nobody has said yet which they are.
static bool place(struct round *round, const struct lh_row *model) {
  struct hub *hub = round->hub;
  const struct guest guest = {lh_row_id(model), lh_affinity_stored(lh_row_spec(model))};
  if (lh_choice_is_asked(hub)) return lh_choice_find(hub, guest.id, round->nodes, &round->count);
  round->count = lh_place_replicas(hub, round->affinity, &guest, round->nodes);
  for (size_t i = 0; i < round->count; i++) round->nodes[i] = lh_place_node(hub, round->nodes[i]);
  return true;
}

static bool is_ours(const struct round *round) {
  for (size_t i = 0; i < round->count; i++)
    if (round->nodes[i] == round->hub->all->self) return true;
  return false;
}

static bool runs_on_all(const struct round *round, const struct replicas *replicas,
                        enum lh_row_state least) {
  for (size_t i = 0; i < round->count; i++) {
    const struct lh_row *row = row_on(replicas, round->nodes[i]);
    const bool good = row != NULL && (least == LH_ROW_RUNNING ? row->state == least : has_run(row));
    if (!good) return false;
  }
  return round->count > 0;
}

static bool runs_elsewhere(const struct hub *hub, const struct replicas *replicas) {
  for (size_t i = 0; i < replicas->count; i++) {
    const struct lh_row *row = replicas->rows[i];
    if (row->node != hub->all->self && row->state == LH_ROW_RUNNING) return true;
  }
  return false;
}

static void begin(struct hub *hub, lh_ms now, const struct lh_row *model) {
  const struct arrival arrival = {.hub = hub,
                                  .id = lh_row_id(model),
                                  .spec = lh_row_spec(model),
                                  .metadata = lh_row_metadata(model),
                                  .flags = START_REPLICA,
                                  .above = model->generation,
                                  .born = model->born};
  lh_host_begin(hub->all, now, &arrival);
}

static void end(struct hub *hub, lh_ms now, struct child *child) {
  hub->all->counters.moved_out++;
  lh_drain_moved(hub);
  if (child->phase == PHASE_RUNNING)
    lh_host_stop(hub->all, now, child, "move", 0);
  else
    lh_end_in_place(hub->all, child);
}

// A cordoned node takes no instance, and keeps what it has.
static bool keeps_all(const struct hub *hub) {
  return !lh_drain_is_open(hub) && !lh_drain_hands_on(hub) && !hub->closing && !hub->all->leaving;
}

// At the deadline of a drain one other instance is enough.
static bool may_end(const struct round *round, const struct replicas *replicas,
                    const struct child *child) {
  if (!lh_move_may(child) || keeps_all(round->hub)) return false;
  return runs_on_all(round, replicas, LH_ROW_RUNNING) ||
         (lh_drain_forces(round->hub) && runs_elsewhere(round->hub, replicas));
}

// One that is active and does not run just now is about to, or gives that up itself.
static bool stands(const struct lh_row *row) {
  return row != NULL && (row->state == LH_ROW_RUNNING || row->active);
}

static bool goes_before(const struct hub *hub, const struct lh_row *row,
                        const struct lh_row *other) {
  const struct lh_runs *runs = hub->all->runs;
  return other == NULL || lh_node_id_compare(&lh_runs_at(runs, row->node)->id,
                                             &lh_runs_at(runs, other->node)->id) < 0;
}

// The instance that is to be the active one: on the first of the child's nodes; where none of those
// has one, of the others that of the lowest node id.
static const struct lh_row *leader_of(const struct round *round, const struct replicas *replicas) {
  const struct lh_row *leader = NULL;
  for (size_t i = 0; i < round->count; i++) {
    const struct lh_row *row = row_on(replicas, round->nodes[i]);
    if (stands(row)) return row;
  }
  for (size_t i = 0; i < replicas->count; i++) {
    const struct lh_row *row = replicas->rows[i];
    if (stands(row) && goes_before(round->hub, row, leader)) leader = row;
  }
  return leader;
}

static void look_at_role(const struct round *round, const struct replicas *replicas, lh_ms now,
                         struct child *child) {
  const struct hub *hub = round->hub;
  const uint32_t self = hub->all->self;
  const struct lh_row *leader = leader_of(round, replicas);
  struct role_view view = {
      .first = round->count > 0 && round->nodes[0] == self,
      .leads = leader != NULL && leader->node == self,
      .other_leads = leader != NULL && leader->node != self && leader->state == LH_ROW_RUNNING,
  };
  for (size_t i = 0; i < replicas->count; i++) {
    const struct lh_row *row = replicas->rows[i];
    view.other_active = view.other_active || (row->active && row->node != self);
  }
  lh_role_look(hub->all, now, child, &view);
}

static void look_at_own(const struct round *round, const struct replicas *replicas, lh_ms now,
                        struct child *child) {
  const struct lh_row *first = replicas->rows[0];
  if (first->node != round->hub->all->self && has_run(first)) lh_metadata_follow(child, first);
  look_at_role(round, replicas, now, child);
}

static void look_at(struct round *round, lh_ms now, struct lh_bytes id) {
  struct hub *hub = round->hub;
  struct child *child = lh_host_child(hub, id);
  struct replicas replicas;
  lh_registry_read_lock();
  find(hub, id, &replicas);
  const struct lh_row *model = model_of(&replicas);
  if (model == NULL) {
    lh_choice_drop(hub, id);
  } else if (place(round, model)) {
    const bool ours = is_ours(round);
    if (ours && child == NULL)
      begin(hub, now, model);
    else if (!ours && child != NULL && may_end(round, &replicas, child))
      end(hub, now, child);
    else if (child != NULL)
      look_at_own(round, &replicas, now, child);
  }
  lh_registry_read_unlock();
}

static bool note_row(void *self, const struct lh_row *row) {
  lh_replica_note(self, lh_row_id(row));
  return true;
}

bool lh_replica_is_known(const struct child *child, uint64_t seq) {
  struct hub *hub = child->hub;
  if (lh_held_by_hub(hub, seq)) return true;
  (void)lh_map_put(&hub->replicas.waits, child->id, child->id_len, hub);
  if (seq > hub->replicas.waits_seq) hub->replicas.waits_seq = seq;
  return false;
}

// Those whose claims are known by now.
static void note_known(struct hub *hub) {
  struct lh_map *waits = &hub->replicas.waits;
  if (waits->count == 0 || !lh_held_by_hub(hub, hub->replicas.waits_seq)) return;
  for (size_t i = 0; i < waits->count; i++)
    lh_replica_note(hub, lh_bytes(waits->entries[i].key, waits->entries[i].key_len));
  lh_map_free(waits);
}

static void note_all(struct hub *hub) {
  hub->replicas.all = false;
  hub->replicas.waits_seq = 0;
  lh_map_free(&hub->replicas.waits);
  lh_registry_scan(hub->all->registry, hub->index, note_row, hub);
}

static void look(struct hub *hub, lh_ms now) {
  struct round round;
  if (hub->replicas.all)
    note_all(hub);
  else
    note_known(hub);
  if (hub->replicas.changed.count == 0) return;
  struct lh_map changed = hub->replicas.changed;
  hub->replicas.changed = LH_MAP_EMPTY;
  round_open(&round, hub);
  for (size_t i = 0; i < changed.count; i++)
    look_at(&round, now, lh_bytes(changed.entries[i].key, changed.entries[i].key_len));
  round_close(&round);
  lh_map_free(&changed);
}

static bool may_look(const struct lh_hubs *hubs) {
  return hubs->view.agreed && hubs->view.settled && hubs->fetching == 0 && hubs->unanswered == 0;
}

void lh_replica_run(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->hub_count && may_look(hubs); i++) {
    struct hub *hub = hubs->hubs[i];
    if (hub->config.replicated && lh_quorum_may(hub)) look(hub, now);
  }
}

// --- starts that somebody waits for ---
static bool is_started(struct round *round, struct lh_bytes id) {
  struct replicas replicas;
  lh_registry_read_lock();
  find(round->hub, id, &replicas);
  const struct lh_row *model = model_of(&replicas);
  bool started = model == NULL;  // it is gone again
  if (!started) {
    started = place(round, model) && runs_on_all(round, &replicas, LH_ROW_STARTING) &&
              (!round->hub->config.one_active || replicas.rows[0]->active);
  }
  lh_registry_read_unlock();
  return started;
}

// A node where it does not start tries on: that is not waited for.
bool lh_replica_started(struct op *op) {
  struct round round;
  if (op->hub == NULL || !op->hub->config.replicated || op->caller == 0) return true;
  if (!may_look(op->all) || op->hub->candidate_count == 0) return false;
  round_open(&round, op->hub);
  while (op->seen < op->count &&
         (op->items[op->seen].state != ITEM_DONE || is_started(&round, op->items[op->seen].id)))
    op->seen++;
  round_close(&round);
  return op->seen == op->count;
}
