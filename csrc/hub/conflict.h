// conflict.h - a child that a healed network shows twice, where a hook of the user's decides which
// instance stays. See conflict.c (whoever would end) and judge.c (whoever would stay). Thread: the
// protocol's.
#ifndef LH_HUB_CONFLICT_H
#define LH_HUB_CONFLICT_H

#include "base/map.h"
#include "hub/hub.h"

struct child;
struct hub;

enum conflict_stage {
  CONFLICT_KEPT,      // would end: others took it over, whose instance is not known here yet
  CONFLICT_QUEUED,    // would end: waits for its turn
  CONFLICT_FREEZING,  // either: its state is asked for
  CONFLICT_OFFERED,   // would end: the other side decides
  CONFLICT_PAUSED,    // would end: the other side could not decide just now
  CONFLICT_ASKED,     // would stay: the hook thinks
  CONFLICT_MERGING,   // would stay: it takes a merged state over
  CONFLICT_YIELDING,  // would stay, but the other one is kept: until that one's row shows it
};

struct conflict {
  uint64_t token;       // of the child here
  uint64_t generation;  // of its instance
  enum conflict_stage stage;
  bool judges;  // ours would stay: the hook is asked here
  uint32_t peer;
  uint64_t peer_token, peer_generation;
  uint64_t question;
  uint32_t tries;
  lh_ms by;
  struct lh_buf mine;    // our instance's state and its module's version; empty: it has none
  struct lh_buf theirs;  // of the one that judges: the other instance, as the hook sees it
};

struct conflicts {
  struct lh_map all;  // token -> struct conflict
  bool look;          // one may go on
  lh_ms due;          // no deadline is earlier; only meant where there are some
};

// conflict.c
struct conflict *lh_conflict_of(struct lh_hubs *hubs, const struct child *child);
// NULL: too many are under way.
struct conflict *lh_conflict_new(struct lh_hubs *hubs, struct child *child);
void lh_conflict_stage(struct lh_hubs *hubs, struct conflict *conflict, enum conflict_stage stage,
                       lh_ms by);
// The child whose instance it was about, if that runs still.
struct child *lh_conflict_child(struct lh_hubs *hubs, const struct conflict *conflict);
// Over: its instance goes on as it was, and is looked at again.
void lh_conflict_end(struct lh_hubs *hubs, struct conflict *conflict);
bool lh_conflict_is_asked(struct hub *hub);  // a hook of this node's decides
// The child's instance would end because of that row: true when that is left open for now.
bool lh_conflict_open(struct lh_hubs *hubs, lh_ms now, struct child *child,
                      const struct lh_row *row);
// Others took it over: true when it goes on until their instance is known here.
bool lh_conflict_keep(struct lh_hubs *hubs, lh_ms now, struct child *child);
void lh_conflict_new_epoch(struct lh_hubs *hubs, lh_ms now);
void lh_conflict_run(struct lh_hubs *hubs, lh_ms now);
lh_ms lh_conflict_due(const struct lh_hubs *hubs);
void lh_conflict_frozen(struct lh_hubs *hubs, lh_ms now, struct child *child, int status,
                        struct lh_bytes state);
int lh_conflict_verdict(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body);
void lh_conflict_free(struct lh_hubs *hubs);

// judge.c
int lh_judge_offer(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body);
void lh_judge_ask(struct lh_hubs *hubs, lh_ms now, struct conflict *conflict, struct child *child);
bool lh_judge_answered(struct lh_hubs *hubs, lh_ms now, uint64_t question, int status,
                       struct lh_bytes result, const char *error);
void lh_judge_activated(struct lh_hubs *hubs, lh_ms now, struct child *child, int status,
                        const char *error);
void lh_judge_late(struct lh_hubs *hubs, struct conflict *conflict);        // its time is over
void lh_judge_gone(struct lh_hubs *hubs, const struct conflict *conflict);  // so is its instance
// Whether our instance has yielded to that row's.
bool lh_judge_yields(const struct conflict *conflict, const struct lh_row *row);

enum verdict { VERDICT_ENDS, VERDICT_STAYS, VERDICT_AGAIN };  // about the instance of who is told
void lh_judge_write_side(struct lh_buf *out, const char *node, const struct child *child,
                         uint64_t generation, struct lh_bytes metadata, struct lh_bytes state);

// change.c
void lh_change_run(struct lh_hubs *hubs, lh_ms now);
void lh_change_note(struct lh_hubs *hubs, uint32_t hub, struct lh_bytes id);
void lh_change_thawed(struct lh_hubs *hubs, uint32_t node);  // its death was refuted
// The row of an instance elsewhere that ours would end for, or NULL; in a read section.
const struct lh_row *lh_change_better(struct lh_hubs *hubs, const struct child *child);
void lh_change_surplus(struct lh_hubs *hubs, lh_ms now, struct child *child,
                       const struct lh_row *row);

#endif
