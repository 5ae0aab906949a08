// move.h - children that go to another node: when (balance.c, migrate.c, drain.c), and how (move.c,
// takeover.c). Of this room alone.
#ifndef LH_HUB_MOVE_H
#define LH_HUB_MOVE_H

#include "hub/internal.h"

#define MOVE_OP ((uint64_t)INT64_MAX)  // the operation of a move's START and COMMIT frames

// move.c
bool lh_move_may(const struct child *child);  // it runs here, or is to, and is on no move
void lh_move_queue(struct child *child, uint32_t target, bool cold);  // begun at the turn's end
void lh_move_pump(struct lh_hubs *hubs, lh_ms now);  // begins what is queued, at each turn's end
void lh_move_stopped(struct lh_hubs *hubs, struct child *child);
void lh_move_ask_start(struct lh_hubs *hubs, struct child *child);  // of a cold one
void lh_move_result(struct lh_hubs *hubs, struct child *child, int code, struct lh_bytes text);
void lh_move_failed(struct lh_hubs *hubs, struct child *child, const char *why);
void lh_move_back(struct child *child);  // one that does not run: it goes on here
void lh_move_seen_elsewhere(struct lh_hubs *hubs, lh_ms now, struct child *child,
                            const struct lh_row *row);
bool lh_move_cancel(struct lh_hubs *hubs, struct child *child);  // false: it is too far on its way
// Its state is on its way: it ends whatever comes of that, and who waits for its end is told by the
// other end. False: it is not that far.
bool lh_move_ends(struct lh_hubs *hubs, lh_ms now, struct child *child);
void lh_move_node_gone(struct lh_hubs *hubs, lh_ms now, uint32_t node);
void lh_move_all_failed(struct lh_hubs *hubs, lh_ms now);  // this node begins a new epoch
void lh_move_link_up(struct lh_hubs *hubs, lh_ms now, uint32_t node);

// takeover.c
int lh_takeover_commit_frame(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body);
int lh_takeover_abort_frame(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body);

// balance.c
void lh_balance(struct lh_hubs *hubs, lh_ms now);  // under an agreed view: what is not ours goes
void lh_balance_hub(struct hub *hub, lh_ms now);
void lh_balance_later(struct lh_hubs *hubs, lh_ms now);  // a move failed: it is planned anew
void lh_balance_tick(struct lh_hubs *hubs, lh_ms now);
void lh_balance_queue(struct child *child, uint32_t target,
                      bool cold);  // it belongs there, and may go

// drain.c
bool lh_drain_is_open(const struct hub *hub);   // this node takes children
bool lh_drain_hands_on(const struct hub *hub);  // and keeps none
bool lh_drain_forces(const struct hub *hub);    // and asks no strategy how they move
void lh_drain_moved(struct hub *hub);           // a child went
void lh_drain_tick(struct lh_hubs *hubs, lh_ms now);
lh_ms lh_drain_due(const struct lh_hubs *hubs);

#endif
