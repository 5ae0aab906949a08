// conflict.c - a child that runs twice after a split, in a hub with an `on_conflict` hook: the side
// whose instance would end.
//
// Without the hook it ends at once. With it, its state is taken (frozen: what is sent to it waits)
// and offered to the node whose instance would stay. That one asks the hook (judge.c), so it is
// asked once for the two, and sends a verdict:
//
//   KEPT --a better row--> QUEUED -> FREEZING -> OFFERED --ends--> stopped as surplus
//                             ^                     +----stays--> goes on, above the other's
//                             generation
//                             +------ PAUSED <-again+
//
// What is late, or cannot be told, is decided as without the hook: by the rows. Nothing is lost by
// that: an instance ends only while a better row is here. A node that was taken for dead keeps its
// instances (KEPT) until it sees those of the others. Owns the conflicts; children are looked up,
// they may be gone.
#include "hub/internal.h"
#include "hub/quorum.h"

#include "base/mem.h"

enum {
  // limit: conflicts under way on one node; of one more the default decides |
  // hub.conflicts_by_default | spec/hub/conflict_spec.lua: decides by default what is too much
  CONFLICTS_MAX = 4096,
  OFFERS_MAX = 64,   // of these at a time: each may hold a state
  KEEP_MS = 15000,   // the others' instances are waited for
  OFFER_MS = 20000,  // from the freezing to the verdict
  PAUSE_MS = 500,
  TRIES_MAX = 20,
};

struct conflict *lh_conflict_of(struct lh_hubs *hubs, const struct child *child) {
  if (!child->contested) return NULL;
  return lh_map_get(&hubs->conflicts.all, &child->token, sizeof child->token);
}

struct conflict *lh_conflict_new(struct lh_hubs *hubs, struct child *child) {
  if (hubs->conflicts.all.count >= CONFLICTS_MAX) return NULL;
  struct conflict *conflict = LH_NEW(struct conflict);
  if (hubs->conflicts.all.count == 0) hubs->conflicts.due = LH_NEVER;
  conflict->token = child->token;
  conflict->generation = child->generation;
  child->contested = true;
  (void)lh_map_put(&hubs->conflicts.all, &conflict->token, sizeof conflict->token, conflict);
  return conflict;
}

void lh_conflict_stage(struct lh_hubs *hubs, struct conflict *conflict, enum conflict_stage stage,
                       lh_ms by) {
  conflict->stage = stage;
  conflict->by = by;
  if (by < hubs->conflicts.due) hubs->conflicts.due = by;
  hubs->conflicts.look = true;
}

struct child *lh_conflict_child(struct lh_hubs *hubs, const struct conflict *conflict) {
  struct child *child = lh_host_by_token(hubs, conflict->token);
  const bool same =
      child != NULL && child->phase == PHASE_RUNNING && child->generation == conflict->generation;
  return same ? child : NULL;
}

static void forget(struct lh_hubs *hubs, struct conflict *conflict) {
  struct child *child = lh_host_by_token(hubs, conflict->token);
  if (child != NULL) child->contested = false;
  (void)lh_map_remove(&hubs->conflicts.all, &conflict->token, sizeof conflict->token);
  hubs->conflicts.look = true;  // another one's turn
  lh_buf_free(&conflict->mine);
  lh_buf_free(&conflict->theirs);
  lh_free(conflict);
}

static bool may_be_frozen(const struct conflict *conflict) {
  return conflict->stage != CONFLICT_KEPT && conflict->stage != CONFLICT_QUEUED &&
         conflict->stage != CONFLICT_PAUSED;
}

static void thaw(struct lh_hubs *hubs, struct conflict *conflict) {
  const struct child *child = lh_conflict_child(hubs, conflict);
  if (child != NULL && may_be_frozen(conflict))
    hubs->ops->thaw(hubs->ops_self, child->pid, child->generation);
  lh_buf_free(&conflict->mine);
}

void lh_conflict_end(struct lh_hubs *hubs, struct conflict *conflict) {
  const struct child *child = lh_host_by_token(hubs, conflict->token);
  thaw(hubs, conflict);
  forget(hubs, conflict);
  hubs->move_failed = true;  // it may belong elsewhere
  if (child != NULL) lh_change_note(hubs, child->hub->index, lh_bytes(child->id, child->id_len));
}

bool lh_conflict_is_asked(struct hub *hub) {
  return !hub->config.replicated && !lh_quorum_is_set(hub) &&
         hub->all->ops->wants(hub->all->ops_self, hub->config.id, "on_conflict");
}

// --- opening one ---
static void queue(struct lh_hubs *hubs, struct conflict *conflict, const struct lh_row *row) {
  conflict->peer = row->node;
  conflict->peer_generation = row->generation;
  lh_conflict_stage(hubs, conflict, CONFLICT_QUEUED, LH_NEVER);
}

// It runs, with a member.
static bool is_known(struct lh_hubs *hubs, const struct lh_row *row) {
  return row->pid != 0 && lh_view_find(hubs, row->node) != NULL;
}

static bool go_on(struct lh_hubs *hubs, struct conflict *conflict, const struct lh_row *row) {
  if (conflict->judges && lh_judge_yields(conflict, row)) {
    forget(hubs, conflict);
    return false;
  }
  const bool waits = conflict->stage == CONFLICT_KEPT || conflict->stage == CONFLICT_QUEUED;
  if (waits && is_known(hubs, row)) queue(hubs, conflict, row);
  return true;
}

bool lh_conflict_open(struct lh_hubs *hubs, lh_ms now, struct child *child,
                      const struct lh_row *row) {
  struct conflict *conflict = lh_conflict_of(hubs, child);
  (void)now;
  if (conflict != NULL) return go_on(hubs, conflict, row);
  if (child->phase != PHASE_RUNNING || !is_known(hubs, row) || !lh_conflict_is_asked(child->hub))
    return false;
  conflict = lh_conflict_new(hubs, child);
  if (conflict == NULL) {
    hubs->counters.conflicts_by_default++;
    return false;
  }
  queue(hubs, conflict, row);
  return true;
}

bool lh_conflict_keep(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  if (child->phase != PHASE_RUNNING || !lh_conflict_is_asked(child->hub)) return false;
  struct conflict *conflict = lh_conflict_of(hubs, child);
  if (conflict != NULL)
    thaw(hubs, conflict);
  else
    conflict = lh_conflict_new(hubs, child);
  if (conflict == NULL) {
    hubs->counters.conflicts_by_default++;
    return false;
  }
  conflict->judges = false;
  lh_conflict_stage(hubs, conflict, CONFLICT_KEPT, now + KEEP_MS);
  return true;
}

// --- the steps ---
static void decide_by_rows(struct lh_hubs *hubs, lh_ms now, struct conflict *conflict,
                           struct child *child) {
  lh_registry_read_lock();
  const struct lh_row *row = lh_change_better(hubs, child);
  if (row != NULL) {
    forget(hubs, conflict);
    lh_change_surplus(hubs, now, child, row);
  } else {
    lh_conflict_end(hubs, conflict);
  }
  lh_registry_read_unlock();
}

// Nobody was seen to run what others had taken over: it ends, as it would have at once.
static void end_kept(struct lh_hubs *hubs, lh_ms now, struct conflict *conflict,
                     struct child *child) {
  forget(hubs, conflict);
  hubs->counters.surplus++;
  lh_host_stop(hubs, now, child, "surplus", 0);
}

static void look_again(struct lh_hubs *hubs, struct conflict *conflict, const struct child *child) {
  lh_registry_read_lock();
  const struct lh_row *row = lh_change_better(hubs, child);
  if (row != NULL && is_known(hubs, row))
    queue(hubs, conflict, row);
  else if (conflict->stage != CONFLICT_KEPT)
    lh_conflict_end(hubs, conflict);
  lh_registry_read_unlock();
}

static void overdue(struct lh_hubs *hubs, lh_ms now, struct conflict *conflict,
                    struct child *child) {
  if (conflict->judges) {
    lh_judge_late(hubs, conflict);
  } else if (conflict->stage == CONFLICT_KEPT) {
    end_kept(hubs, now, conflict, child);
  } else if (conflict->stage == CONFLICT_PAUSED && conflict->tries < TRIES_MAX) {
    look_again(hubs, conflict, child);
  } else {
    hubs->counters.conflicts_by_default++;
    decide_by_rows(hubs, now, conflict, child);
  }
}

static void freeze(struct lh_hubs *hubs, lh_ms now, struct conflict *conflict,
                   const struct child *child) {
  lh_conflict_stage(hubs, conflict, CONFLICT_FREEZING, now + OFFER_MS);
  hubs->ops->freeze(hubs->ops_self, child->token, child->pid);
}

static bool is_over(struct lh_hubs *hubs, const struct conflict *conflict) {
  const bool waits = !conflict->judges && conflict->stage != CONFLICT_KEPT;
  return lh_conflict_child(hubs, conflict) == NULL ||
         (waits && lh_view_find(hubs, conflict->peer) == NULL);
}

static size_t offers(const struct lh_map *all) {
  size_t count = 0;
  for (size_t i = 0; i < all->count; i++) {
    const struct conflict *conflict = all->entries[i].value;
    count += !conflict->judges && may_be_frozen(conflict);
  }
  return count;
}

void lh_conflict_run(struct lh_hubs *hubs, lh_ms now) {
  struct conflicts *conflicts = &hubs->conflicts;
  if (conflicts->all.count == 0 || (!conflicts->look && now < conflicts->due)) return;
  conflicts->look = false;
  conflicts->due = LH_NEVER;
  for (size_t i = conflicts->all.count; i > 0; i--) {
    struct conflict *conflict = conflicts->all.entries[i - 1].value;
    if (is_over(hubs, conflict)) {
      if (conflict->judges) lh_judge_gone(hubs, conflict);
      lh_conflict_end(hubs, conflict);
    } else if (now >= conflict->by) {
      overdue(hubs, now, conflict, lh_conflict_child(hubs, conflict));
    } else if (conflict->stage == CONFLICT_KEPT) {
      look_again(hubs, conflict, lh_conflict_child(hubs, conflict));
    }
  }
  size_t under_way = offers(&conflicts->all);
  for (size_t i = 0; i < conflicts->all.count; i++) {
    struct conflict *conflict = conflicts->all.entries[i].value;
    if (conflict->stage == CONFLICT_QUEUED && under_way < OFFERS_MAX) {
      under_way++;
      freeze(hubs, now, conflict, lh_conflict_child(hubs, conflict));
    }
    if (conflict->by < conflicts->due) conflicts->due = conflict->by;
  }
}

lh_ms lh_conflict_due(const struct lh_hubs *hubs) {
  return hubs->conflicts.all.count > 0 ? hubs->conflicts.due : LH_NEVER;
}

static void offer(struct lh_hubs *hubs, const struct conflict *conflict, struct child *child) {
  struct lh_buf body = LH_BUF_EMPTY;
  struct lh_bytes state = lh_bytes_of(&conflict->mine);
  lh_write_str(&body, child->hub->config.id.data, child->hub->config.id.len);
  lh_write_str(&body, child->id, child->id_len);
  lh_write_uint(&body, conflict->peer_generation);
  lh_write_uint(&body, child->token);
  lh_write_uint(&body, child->generation);
  lh_registry_read_lock();
  const struct lh_row *row = lh_host_row(child);
  const struct lh_bytes metadata = row != NULL ? lh_row_metadata(row) : lh_bytes(NULL, 0);
  lh_judge_write_side(&body, hubs->name, child, child->generation, metadata, state);
  lh_registry_read_unlock();
  lh_hub_send(hubs, conflict->peer, LH_FRAME_CONFLICT, &body);
}

// What has no state to hand over is offered without one.
void lh_conflict_frozen(struct lh_hubs *hubs, lh_ms now, struct child *child, int status,
                        struct lh_bytes state) {
  struct conflict *conflict = lh_conflict_of(hubs, child);
  if (conflict == NULL || conflict->stage != CONFLICT_FREEZING ||
      lh_conflict_child(hubs, conflict) == NULL)
    return;
  if (status == LH_OK) lh_buf_append(&conflict->mine, state.data, state.len);
  if (conflict->judges) {
    lh_judge_ask(hubs, now, conflict, child);
  } else {
    lh_conflict_stage(hubs, conflict, CONFLICT_OFFERED, conflict->by);
    offer(hubs, conflict, child);
  }
}

// --- the verdict ---
static void pause_it(struct lh_hubs *hubs, lh_ms now, struct conflict *conflict) {
  thaw(hubs, conflict);
  conflict->tries++;
  lh_conflict_stage(hubs, conflict, CONFLICT_PAUSED, now + PAUSE_MS);
}

static void stay(struct lh_hubs *hubs, struct conflict *conflict, struct child *child,
                 uint64_t above) {
  if (above > child->hub->generation) child->hub->generation = above;
  forget(hubs, conflict);
  hubs->move_failed = true;
  lh_host_raise(child);
}

int lh_conflict_verdict(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  struct lh_reader in;
  lh_reader_init(&in, body);
  const uint64_t token = lh_read_uint(&in, INT64_MAX);
  const uint64_t verdict = lh_read_uint(&in, VERDICT_AGAIN);
  const uint64_t above = lh_read_uint(&in, LH_GENERATION_MAX);
  const int err = lh_read_end(&in);
  struct conflict *conflict =
      err == LH_OK ? lh_map_get(&hubs->conflicts.all, &token, sizeof token) : NULL;
  struct child *child = conflict != NULL ? lh_conflict_child(hubs, conflict) : NULL;
  if (child == NULL || conflict->stage != CONFLICT_OFFERED || conflict->peer != from) return err;
  if (verdict == VERDICT_AGAIN)
    pause_it(hubs, now, conflict);
  else if (verdict == VERDICT_STAYS)
    stay(hubs, conflict, child, above);
  else
    decide_by_rows(hubs, now, conflict, child);
  return LH_OK;
}

// --- the node ---
void lh_conflict_new_epoch(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = hubs->conflicts.all.count; i > 0; i--) {
    struct conflict *conflict = hubs->conflicts.all.entries[i - 1].value;
    if (conflict->stage == CONFLICT_KEPT)
      lh_conflict_stage(hubs, conflict, CONFLICT_KEPT, now + KEEP_MS);
    else
      lh_conflict_end(hubs, conflict);
  }
}

void lh_conflict_free(struct lh_hubs *hubs) {
  while (hubs->conflicts.all.count > 0)
    forget(hubs, hubs->conflicts.all.entries[hubs->conflicts.all.count - 1].value);
  lh_map_free(&hubs->conflicts.all);
}
