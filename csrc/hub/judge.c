// judge.c - a child that runs twice after a split, in a hub with an `on_conflict` hook: the side
// whose instance would stay, where the hook is asked.
//
// An offer brings the other instance (conflict.c). Ours hands its state over, too, and the hook
// sees both: { child_id, keep = 1, sides = { ours, theirs } }, a side being { node, generation,
// started, restarts, metadata, state }. It answers the same with `keep` set to the one to go on, or
// with `state`, which ours takes over.
//
//   FREEZING -> ASKED --keep = 1, or any failure------------------> as before; the other one ends
//                 +-----state---> MERGING ------------------------> a new generation; the other
//                 ends
//                 +-----keep = 2> YIELDING --the other one's row--> surplus
//
// Each step has a deadline; past it ours goes on as it was.
#include "hub/internal.h"

#include "base/log.h"
#include "base/mem.h"

enum {
  JUDGE_MS = 12000,  // a state is handed over in 5 s, a hook has 5 s
  MERGE_MS = 6000,
  YIELD_MS = 5000,
  FIELDS_MAX = 64,
};

static void tell(struct lh_hubs *hubs, uint32_t peer, uint64_t token, enum verdict verdict,
                 uint64_t above) {
  struct lh_buf body = LH_BUF_EMPTY;
  if (lh_view_find(hubs, peer) == NULL) return;
  lh_write_uint(&body, token);
  lh_write_uint(&body, verdict);
  lh_write_uint(&body, above);
  lh_hub_send(hubs, peer, LH_FRAME_VERDICT, &body);
}

static void conclude(struct lh_hubs *hubs, struct conflict *conflict, enum verdict verdict) {
  tell(hubs, conflict->peer, conflict->peer_token, verdict, 0);
  lh_conflict_end(hubs, conflict);
}

static void fail(struct lh_hubs *hubs, struct conflict *conflict, const char *why) {
  const struct child *child = lh_host_by_token(hubs, conflict->token);
  hubs->counters.conflicts_by_default++;
  if (child != NULL) {
    lh_log(LH_LOG_WARN, "hub",
           "child '%.*s' ran twice, and the instance with the higher generation stays: %s",
           (int)child->id_len, (const char *)child->id, why);
  }
  conclude(hubs, conflict, VERDICT_ENDS);
}

void lh_judge_late(struct lh_hubs *hubs, struct conflict *conflict) {
  if (conflict->stage == CONFLICT_YIELDING)
    lh_conflict_end(hubs, conflict);
  else
    fail(hubs, conflict, "there was no answer in time");
}

void lh_judge_gone(struct lh_hubs *hubs, const struct conflict *conflict) {
  tell(hubs, conflict->peer, conflict->peer_token, VERDICT_AGAIN, 0);
}

bool lh_judge_yields(const struct conflict *conflict, const struct lh_row *row) {
  return conflict->stage == CONFLICT_YIELDING && row->node == conflict->peer;
}

// --- what the hook sees ---
// What handover made is the state and the version of its module.
static struct lh_bytes state_of(struct lh_bytes handed) {
  struct lh_reader in;
  lh_reader_init_user(&in, handed);
  return handed.len > 0 ? lh_read_skip(&in) : handed;
}

void lh_judge_write_side(struct lh_buf *out, const char *node, const struct child *child,
                         uint64_t generation, struct lh_bytes metadata, struct lh_bytes handed) {
  const struct lh_bytes state = state_of(handed);
  lh_write_map(out, state.len > 0 ? 6 : 5);
  lh_write_cstr(out, "generation");
  lh_write_uint(out, generation);
  lh_write_cstr(out, "metadata");
  if (metadata.len > 0)
    lh_buf_append(out, metadata.data, metadata.len);
  else
    lh_write_map(out, 0);
  lh_write_cstr(out, "node");
  lh_write_cstr(out, node);
  lh_write_cstr(out, "restarts");
  lh_write_uint(out, child->restarts);
  lh_write_cstr(out, "started");
  lh_write_uint(out, child->born);
  if (state.len == 0) return;
  lh_write_cstr(out, "state");
  lh_buf_append(out, state.data, state.len);
}

static void write_mine(struct lh_hubs *hubs, const struct conflict *conflict, struct child *child,
                       struct lh_buf *out) {
  lh_registry_read_lock();
  const struct lh_row *row = lh_host_row(child);
  const struct lh_bytes metadata = row != NULL ? lh_row_metadata(row) : lh_bytes(NULL, 0);
  lh_judge_write_side(out, hubs->name, child, child->generation, metadata,
                      lh_bytes_of(&conflict->mine));
  lh_registry_read_unlock();
}

void lh_judge_ask(struct lh_hubs *hubs, lh_ms now, struct conflict *conflict, struct child *child) {
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_str(&args, child->hub->config.id.data, child->hub->config.id.len);
  lh_write_map(&args, 3);
  lh_write_cstr(&args, "child_id");
  lh_write_str(&args, child->id, child->id_len);
  lh_write_cstr(&args, "keep");
  lh_write_uint(&args, 1);
  lh_write_cstr(&args, "sides");
  lh_write_array(&args, 2);
  write_mine(hubs, conflict, child, &args);
  lh_buf_append(&args, conflict->theirs.data, conflict->theirs.len);
  conflict->question = ++hubs->next_question;
  lh_conflict_stage(hubs, conflict, CONFLICT_ASKED, now + JUDGE_MS);
  hubs->ops->ask(hubs->ops_self, conflict->question, "conflict", lh_bytes_of(&args), 2);
  lh_buf_free(&args);
}

// --- offers ---
struct offer {
  struct hub *hub;
  struct lh_bytes id, side;
  uint64_t seen, token, generation;
};

static int read_offer(struct lh_hubs *hubs, struct lh_bytes body, struct offer *offer) {
  struct lh_reader in;
  lh_reader_init_user(&in, body);
  offer->hub = lh_hub_find(hubs, lh_read_str(&in, LH_HUB_ID_MAX));
  offer->id = lh_read_str(&in, LH_CHILD_ID_MAX);
  offer->seen = lh_read_uint(&in, LH_GENERATION_MAX);
  offer->token = lh_read_uint(&in, INT64_MAX);
  offer->generation = lh_read_uint(&in, LH_GENERATION_MAX);
  offer->side = lh_read_skip(&in);
  return lh_read_end(&in);
}

int lh_judge_offer(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  struct offer offer;
  const int err = read_offer(hubs, body, &offer);
  if (err != LH_OK || lh_view_find(hubs, from) == NULL) return err;
  struct child *child = offer.hub != NULL ? lh_host_child(offer.hub, offer.id) : NULL;
  const bool same = child != NULL && child->phase == PHASE_RUNNING && !child->contested &&
                    child->generation == offer.seen;
  struct conflict *conflict =
      same && lh_conflict_is_asked(offer.hub) ? lh_conflict_new(hubs, child) : NULL;
  if (conflict == NULL) {
    hubs->counters.conflicts_by_default += same;
    tell(hubs, from, offer.token, same ? VERDICT_ENDS : VERDICT_AGAIN, 0);
    return LH_OK;
  }
  conflict->judges = true;
  conflict->peer = from;
  conflict->peer_token = offer.token;
  conflict->peer_generation = offer.generation;
  lh_buf_append(&conflict->theirs, offer.side.data, offer.side.len);
  lh_conflict_stage(hubs, conflict, CONFLICT_FREEZING, now + JUDGE_MS);
  hubs->ops->freeze(hubs->ops_self, child->token, child->pid);
  return LH_OK;
}

// --- the answer ---
struct answer_read {
  uint64_t keep;
  struct lh_bytes state;
};

static int read_answer(struct lh_bytes result, struct answer_read *answer) {
  struct lh_reader in;
  lh_reader_init_user(&in, result);
  const uint32_t fields = lh_read_map(&in, FIELDS_MAX);
  for (uint32_t i = 0; i < fields && in.err == LH_OK; i++) {
    const struct lh_bytes key = lh_read_str(&in, 64);
    if (lh_bytes_equal(key, lh_bytes_str("keep")))
      answer->keep = lh_read_uint(&in, 2);
    else if (lh_bytes_equal(key, lh_bytes_str("state")))
      answer->state = lh_read_skip(&in);
    else
      (void)lh_read_skip(&in);
  }
  const int err = lh_read_end(&in);
  const bool says_nothing = answer->keep == 0 && answer->state.len == 0;
  return err == LH_OK && says_nothing ? LH_EFORMAT : err;
}

// Our own module made the version behind our state, so it takes that over.
static void merge(struct lh_hubs *hubs, lh_ms now, struct conflict *conflict, struct child *child,
                  struct lh_bytes state) {
  struct lh_buf handed = LH_BUF_EMPTY;
  const size_t own = state_of(lh_bytes_of(&conflict->mine)).len;
  lh_buf_append(&handed, state.data, state.len);
  lh_buf_append(&handed, conflict->mine.data + own, conflict->mine.len - own);
  lh_conflict_stage(hubs, conflict, CONFLICT_MERGING, now + MERGE_MS);
  hubs->ops->activate(hubs->ops_self, child->token, child->pid, lh_bytes_of(&handed),
                      child->generation);
  lh_buf_free(&handed);
}

static void carry_out(struct lh_hubs *hubs, lh_ms now, struct conflict *conflict,
                      struct child *child, const struct answer_read *answer) {
  if (answer->state.len > 0 && conflict->mine.len == 0) {
    fail(hubs, conflict, "its module has no handover, so it takes no merged state over");
    return;
  }
  hubs->counters.conflicts++;
  if (answer->state.len > 0) {
    merge(hubs, now, conflict, child, answer->state);
  } else if (answer->keep == 2) {
    lh_conflict_stage(hubs, conflict, CONFLICT_YIELDING, now + YIELD_MS);
    tell(hubs, conflict->peer, conflict->peer_token, VERDICT_STAYS, child->generation);
  } else {
    conclude(hubs, conflict, VERDICT_ENDS);
  }
}

static struct conflict *asked_by(struct lh_hubs *hubs, uint64_t question) {
  const struct lh_map *all = &hubs->conflicts.all;
  for (size_t i = 0; i < all->count; i++) {
    struct conflict *conflict = all->entries[i].value;
    if (conflict->stage == CONFLICT_ASKED && conflict->question == question) return conflict;
  }
  return NULL;
}

bool lh_judge_answered(struct lh_hubs *hubs, lh_ms now, uint64_t question, int status,
                       struct lh_bytes result, const char *error) {
  struct answer_read answer = {0};
  struct conflict *conflict = asked_by(hubs, question);
  struct child *child = conflict != NULL ? lh_conflict_child(hubs, conflict) : NULL;
  if (conflict == NULL) return false;
  if (child == NULL)
    hubs->conflicts.look = true;  // its instance is gone
  else if (status != LH_OK)
    fail(hubs, conflict, error != NULL ? error : "the on_conflict hook failed");
  else if (read_answer(result, &answer) != LH_OK)
    fail(hubs, conflict, "an on_conflict hook must answer what it was given, with keep = 1 or 2");
  else
    carry_out(hubs, now, conflict, child, &answer);
  return true;
}

void lh_judge_activated(struct lh_hubs *hubs, lh_ms now, struct child *child, int status,
                        const char *error) {
  struct conflict *conflict = lh_conflict_of(hubs, child);
  (void)now;
  if (conflict == NULL || conflict->stage != CONFLICT_MERGING ||
      lh_conflict_child(hubs, conflict) == NULL)
    return;
  if (status != LH_OK) {
    fail(hubs, conflict, error != NULL ? error : "it did not take the merged state over");
    return;
  }
  lh_host_raise(child);
  conclude(hubs, conflict, VERDICT_ENDS);
}
