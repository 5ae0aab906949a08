// internal.h - what the files of this room share. See hub.h for what the room is.
//
// Files: hubs.c (hubs, events, turns) · change.c (rows that concern a child here) · conflict.c,
// judge.c (children that run twice) · view.c (members, votes, agreement) · away.c (the dead that
// may return) · held.c (who holds which rows) · place.c (who gets which child) · affinity.c,
// guided.c (where a child is to be) · crowd.c (who has how many) · distribution.c (what a hub was
// told of it) · spec.c (child specs) · op.c (operations somebody waits for) · undo.c (rollback) ·
// start.c, stop.c (the asking side) · metadata.c · arrive.c, host.c, restart.c (children that run
// here) · balance.c, consent.c, pace.c, flap.c, migrate.c, drain.c (who goes elsewhere, and when) ·
// move.c, takeover.c, loose.c (how) · leave.c (the end of a hub here) · recover.c · reconcile.c
// (what FILE wants and does not run) · replica.c, role.c (replication) · end.c (who waits for a
// child's end) · order.c (stop orders) · lately.c (stops that not all heard of) · asked.c (stops
// elsewhere) · notes.c (how both are kept) · policy.c (questions) · tolerance.c, quorum.c (may this
// side act?) · agreed.c, ballot.c, propose.c, word.c (of which members?) · lease.c, park.c (for how
// long) · unsure.c (what came of a move?) · event.c.
#ifndef LH_HUB_INTERNAL_H
#define LH_HUB_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "base/plant.h"
#include "hub/conflict.h"
#include "hub/consent.h"
#include "hub/hub.h"
#include "hub/lease.h"
#include "hub/loose.h"
#include "hub/pace.h"
#include "hub/place.h"
#include "hub/reconcile.h"
#include "hub/replica.h"
#include "hub/stops.h"
#include "wire/wire.h"

// --- child specs (spec.c) ---
enum restart_rule { RESTART_PERMANENT, RESTART_TRANSIENT, RESTART_TEMPORARY };
struct spec {
  struct lh_bytes id, metadata, placement;
  struct lh_bytes module;
  enum restart_rule restart;
  bool supervisor;
  lh_ms shutdown_ms;
};
// Reads a child spec as the user gave it and writes its stored form (without id and metadata) to
// `body`.
// The guide says where it is to run; NULL: the spec alone does.
int lh_hub_spec_read(struct spec *spec, struct lh_bytes input, const struct guide *guide,
                     struct lh_buf *body, struct lh_error *error);
// What a row takes for metadata: nothing, or one map of a bounded size.
int lh_hub_metadata_check(struct lh_bytes metadata, struct lh_bytes id, struct lh_error *error);
// Reads the stored form. It was checked before: on damage the defaults stand.
void lh_hub_spec_parse(struct spec *spec, struct lh_bytes body);

// --- the view (view.c) ---
struct frozen_vote {
  uint32_t node;
  uint64_t seq;
  bool has_rows;  // else it may still be more than others hold
};
struct peer_hub {
  uint32_t hub;
  bool placeable;
};
struct away_word {  // how far a member's word on the dead that may return reaches, see away.c
  uint32_t hub;
  uint64_t knows;
};
struct held {  // of a peer and a member's ledger, see held.c
  uint32_t ledger;
  uint64_t holds, asked;  // how far it holds it; how far it was asked over this link
  uint64_t asks;          // whether we hold it up to there; 0: that is answered
};
struct peer {  // one run that lives, ourselves included
  uint32_t node;
  struct lh_run run;
  char name[LH_NAME_MAX + 1];
  uint64_t address;  // the first it is reached at, hashed
  uint32_t weight;
  char *labels;
  bool leaving;
  bool suspect;
  bool voted;
  uint64_t vote, vote_seq;
  struct peer_hub *hubs;
  size_t hub_count;
  struct frozen_vote *frozen;
  size_t frozen_count;
  struct away_word *away;
  size_t away_count;
  struct held *held;
  size_t held_count;
  struct word word;
  struct load load;
};
struct view {
  struct peer **peers;  // in order of node id
  size_t count;
  uint64_t hash;
  bool agreed;
  bool capped;     // agreed by LH_VIEW_CAP_MS alone
  bool settled;    // recovery under this agreement was begun
  bool rejoining;  // a new epoch, and nobody met yet: what is known of the others is old
  bool among;      // in this epoch it has agreed with another member
  bool forlorn;    // whom it met first went before that: others may live whom it has yet to meet
  lh_ms changed_at, agreed_at;
  lh_ms drop_at;  // when ledgers of runs that did not show up again are forgotten, or LH_NEVER
};

// --- hubs and children ---
struct timer {  // in the one heap of deadlines: an operation's, or a child's
  struct lh_due due;
  bool of_op;
};
struct away {  // a dead run that may return
  struct lh_run run;
  uint64_t address;  // where it was reached, hashed
  uint64_t knows;    // it can know no child that was started with a higher generation
  lh_ms until;
};
struct hub {
  struct lh_hubs *all;
  uint32_t index;  // the registry's
  struct lh_hub_config config;
  bool closing, partitioned, asking_may;
  bool barred;  // nothing may be begun just now, see quorum.c
  size_t most;  // so many members were seen together
  struct lease lease;
  struct agreed agreed;
  bool has_parked;  // children wait for a quorum
  bool was_locked;
  const char *redistribution;  // why children are placed anew: "node_join", "node_leave", or NULL
  uint64_t may_hash, asked_hash;  // the views for which the partition strategy answered, was asked
  uint64_t generation;
  struct away *away;
  size_t away_count;
  struct lh_map children;        // id -> struct child
  struct candidate *candidates;  // placeable nodes, sorted by name
  size_t candidate_count;
  struct seats seats;   // of them
  struct lh_map given;  // children of the dead that were given away under one view -> their nodes
  uint64_t given_view;
  size_t moving;
  struct replica_notes replicas;
  struct missing missing;
  struct {  // drain.c
    enum lh_hub_openness state;
    uint64_t caller;
    size_t moved, forced;
    lh_ms until, look_at;
  } drain;
  struct lh_list move_queue;  // struct child, by `link`
  struct consents consents;
  struct pace pace;
  struct loose loose;
  struct lh_buf results;  // of starts here, not told yet: encoded maps
  uint32_t result_count;
};

enum phase {
  PHASE_STARTING = 1,
  PHASE_RUNNING,
  PHASE_WAITING,
  PHASE_STOPPING,
  PHASE_MOVING,
  PHASE_PREPARED
};
static inline bool phase_is_up(enum phase phase) { return phase == PHASE_RUNNING; }

struct stopper {
  uint32_t peer;
  uint64_t op, index;
  uint8_t hops;
};
// What a child here needs only while something happens to it.
struct trouble {
  struct child *child;
  lh_ms crashed[LH_RESTARTS_MAX];
  struct timer timer;  // the restart, or the end of a move's patience
  uint32_t asker;      // who is to be told that it started (a run index), 0 nobody
  uint64_t asker_op, asker_index;
  struct stopper *stoppers;  // who is to be told when it is gone; a start under way ends first
  size_t stopper_count;
  uint64_t stop_caller;          // lh_hubs_terminate
  uint32_t elsewhere;            // it is stopped here because it runs there
  struct lh_buf spec, metadata;  // until the row holds them
  uint32_t target;               // of a move,
  uint64_t drawn;                // and the generation that it has there
  bool hot, cold, frozen, queued;
  bool loose;           // it ended here, and its row says so
  bool ordered;         // the move is somebody's wish
  bool pin;             // and where it goes it is to stay
  bool activating;      // prepared here, and the state has come
  bool parks;           // it ends here for want of a quorum
  bool raised;          // its generation rose after its init had begun
  uint64_t parked_seq;  // its row's sequence before that; 0: it was not parked
  struct lh_list link;  // in hub.move_queue
};
struct child {
  struct hub *hub;
  struct trouble *trouble;  // NULL when nothing happens
  lh_pid pid;
  uint64_t generation;
  uint64_t born;  // the generation that it was started with
  uint64_t token;
  uint8_t phase;
  uint8_t restarts;
  bool pinned;
  bool choosy;     // its spec has a placement
  bool claimed;    // a row of ours stands for it
  bool contested;  // see conflict.c
  struct child_role role;
  uint8_t id_len;
  uint8_t id[];
};

enum { LIST_BYTES_MAX = 4 * 1024 * 1024 };  // of a list in a frame: it goes on in another one

// --- operations (op.c) ---
enum op_kind { OP_START, OP_STOP };
// How many members besides the host must hold a row before its start is answered.
enum acknowledgement { ACK_NONE, ACK_ONE, ACK_MAJORITY, ACK_ALL };
enum item_state { ITEM_NEW, ITEM_SENT, ITEM_ORDERED, ITEM_DONE, ITEM_FAILED };
struct item {
  struct lh_bytes id, spec, metadata;  // slices of the operation's memory
  uint32_t node;                       // where it was sent, then where it is
  lh_pid pid;
  uint8_t state;
  bool met;         // asked before: its host died, or it was on its way there
  bool looked_for;  // of a stop: no row names it, and the node it belongs to was asked
  bool ordered;     // of a stop: an order stands for it, its host was not reached
  uint64_t born;    // how far that order, or the stop, reaches; of a start: its name
  int code;
  const char *error;  // of the operation's memory, or NULL
};
struct op {
  struct lh_hubs *all;
  enum op_kind kind;
  uint64_t id;
  uint64_t caller;
  struct hub *hub;
  struct timer timer;
  struct lh_buf memory;  // the request as it came
  struct lh_buf bodies;  // stored specs
  struct item *items;
  size_t count;
  size_t open;         // items neither done nor failed
  size_t unsent;       // items in ITEM_NEW
  size_t ordered;      // of a stop: items in ITEM_ORDERED
  size_t seen;         // of a start: so many items run on all their nodes, see replica.c
  uint64_t order_seq;  // the last of their orders
  bool check_existing, rollback, rolled_back, asking, quiet;
  bool wanted;                        // by FILE: what it cannot begin is, further on
  bool again;                         // of what is wanted further on (reconcile.c)
  bool given;                         // the caller's node takes them, whatever the placement says
  enum acknowledgement acknowledged;  // of a start, by so many
  bool vetted;                        // the distribution's init let it pass
  struct lh_bytes specs, options;     // as they were asked for
  uint32_t wanted_node;               // the caller chose the node
  struct {
    uint32_t node;
    uint64_t seq;
  } * waits;  // rows that must be here before the answer
  size_t wait_count;
  uint64_t undoing;    // of a stop: the start it takes back
  uint64_t undone_by;  // of a start: the stop that takes it back
  char **texts;        // error texts to free
  size_t text_count;
  struct lh_list link;  // in hubs.ops
};

struct frame {
  struct lh_list link;
  uint32_t peer;
  uint8_t type;
  struct lh_buf body;
};
struct answer {  // results for one asker's operation, gathered over a turn
  struct lh_list link;
  uint32_t peer;
  uint64_t op;
  uint8_t type;
  uint32_t count;
  struct lh_buf results;
};
struct change {  // a row of another node that concerns a child here
  struct lh_list link;
  uint32_t hub;
  size_t id_len;
  uint8_t id[];
};

struct slot {  // a token is a slot's index and, above it, how often the slot was used
  struct child *child;
  uint32_t serial;
  uint32_t next_free;  // NO_SLOT ends the list; freed slots are used again first in, first out
};
#define NO_SLOT UINT32_MAX

struct lh_hubs {
  struct lh_runs *runs;
  uint32_t self;
  char name[LH_NAME_MAX + 1];
  struct lh_registry *registry;
  const struct lh_hubs_ops *ops;
  void *ops_self;
  struct hub **hubs;
  size_t hub_count;
  struct view view;
  bool leaving, drained;
  lh_ms leave_by, leave_look_at;
  struct slot *slots;  // by the low half of a token
  uint32_t slot_count, slot_cap, free_first, free_last;
  struct lh_list ops_list;  // struct op
  struct lh_map ops_by_id;
  uint64_t next_op;
  struct lh_heap due;
  struct lh_list local;    // struct frame to ourselves
  struct lh_list answers;  // struct answer
  struct lh_list waiting;  // struct frame: requests until the members agree
  size_t waiting_count;
  struct lh_order *orders;
  size_t order_count, order_cap;
  struct child **ordered;  // the children of the orders
  bool undecided;          // the main program did not answer a question in time
  struct lh_list questions;
  uint64_t next_question;
  struct lh_list changes;  // struct change: rows that changed, looked at when the turn ends
  struct conflicts conflicts;
  bool check_view, check_ops, check_settle;
  bool vote_again;      // what we hold of the dead grew
  bool told_frozen;     // our last vote said that we hold rows of the dead
  struct lh_map told;   // dead runs of which our last vote to all said how far we hold them
  struct lh_map asked;  // dead runs whose tail was asked for (by run index), of whom
  size_t fetching;
  size_t unanswered;  // dead runs of which not all members said how far they hold them
  lh_ms answers_by;   // they are waited for until then; LH_NEVER: all said it
  lh_ms fetch_by, recover_again, recover_pause;
  bool recover_anew;  // rows of the dead have waited for a while
  bool move_failed;
  lh_ms balance_at, balance_pause;  // moves that failed are tried again
  lh_ms retry_at;                   // stops that met a child on its way
  bool answer_holds;                // somebody asked, or rows came
  bool check_lease;                 // an answer came, or a member went
  lh_ms lease_ask_at;
  lh_ms lost_at, began_at;  // a member died; this run began to give its word
  struct lately lately;
  struct notes asked_stops;  // of other hosts, see asked.c
  lh_ms orders_at, away_at, word_at;
  uint64_t orders_seq, orders_next;  // up to these orders may go now; at the next look
  struct loads load;
  struct flaps flaps;
  struct lh_member_hub *record_hubs;
  struct lh_hubs_counters counters;
};

// hubs.c
struct hub *lh_hub_find(struct lh_hubs *hubs, struct lh_bytes id);
struct hub *lh_hub_at(struct lh_hubs *hubs, uint32_t index);
void lh_hub_send(struct lh_hubs *hubs, uint32_t peer, uint8_t type,
                 struct lh_buf *body);  // takes the body
void lh_hub_free(struct hub *hub);

// leave.c: stops in place what nobody else takes; tells when nothing is left
void lh_hub_stop_untaken(struct lh_hubs *hubs, lh_ms now);
void lh_hub_check_empty(struct lh_hubs *hubs);

// view.c
struct peer *lh_view_find(struct lh_hubs *hubs, uint32_t node);
struct peer *lh_view_of_run(struct lh_hubs *hubs, const struct lh_run *run);
bool lh_view_runs(const struct peer *peer, uint32_t hub);
void lh_view_member(struct lh_hubs *hubs, lh_ms now, const struct lh_member_record *record,
                    bool lives);
void lh_view_refresh(struct lh_hubs *hubs,
                     lh_ms now);  // recomputes the hash; if it changed, claims and votes
void lh_view_check(struct lh_hubs *hubs, lh_ms now);  // agreement, then what follows from it
int lh_view_receive(struct lh_hubs *hubs, uint32_t from, struct lh_bytes body);
void lh_view_send(struct lh_hubs *hubs, uint32_t to);
// The runs that a node which returned knew and has not met again, of which it holds rows.
size_t lh_view_strangers(struct lh_hubs *hubs, uint32_t *nodes, size_t max);
// Whether all members that agree said how far they hold this dead ledger.
bool lh_view_answered(struct lh_hubs *hubs, uint32_t ledger);
void lh_view_reset(struct lh_hubs *hubs, lh_ms now);  // of a new epoch: alone, until others are met
void lh_view_drop_strangers(struct lh_hubs *hubs,
                            lh_ms now);  // the ledgers of those that did not come back
void lh_view_free(struct lh_hubs *hubs);
bool lh_view_reaches(struct lh_hubs *hubs, uint32_t node);  // ourselves, or a member with a link

// away.c
void lh_away_died(struct lh_hubs *hubs, lh_ms now, const struct peer *peer);
void lh_away_joined(struct lh_hubs *hubs, const struct peer *peer);   // met, or met again
bool lh_away_is(const struct hub *hub, const struct lh_node_id *id);  // a run of this node
void lh_away_agreed(struct lh_hubs *hubs, lh_ms now);
void lh_away_tick(struct lh_hubs *hubs, lh_ms now);
uint64_t lh_away_ours(const struct hub *hub);   // how far our own word reaches; 0: nobody is away
uint64_t lh_away_knows(const struct hub *hub);  // by ours and all members' words

// held.c
uint64_t lh_held_up_to(const struct peer *peer, uint32_t ledger);  // by what it said
// Whether all members that can be reached hold our ledger; asks those that did not say so.
bool lh_held_by_all(struct lh_hubs *hubs, uint64_t seq);
// Whether all members that run the hub hold our ledger; asks those that did not say so.
bool lh_held_by_hub(const struct hub *hub, uint64_t seq);
uint64_t lh_held_by_each(const struct lh_hubs *hubs);  // every member holds ours up to there
// Whether as many members hold the host's ledger as the level wants; asks some that did not say so.
bool lh_held_enough(struct lh_hubs *hubs, const struct hub *hub, uint32_t host, uint64_t seq,
                    enum acknowledgement level);
void lh_held_ask(struct lh_hubs *hubs, struct peer *peer, uint32_t ledger, uint64_t seq);
void lh_held_ask_again(struct lh_hubs *hubs, struct peer *peer);  // what was asked may be lost
int lh_held_question(struct lh_hubs *hubs, uint32_t from, struct lh_bytes body);
int lh_held_answer(struct lh_hubs *hubs, uint32_t from, struct lh_bytes body);
void lh_held_flush(struct lh_hubs *hubs);  // after the registry's: answers what can be answered
void lh_held_free(struct peer *peer);

// policy.c
typedef void lh_answer_fn(struct lh_hubs *hubs, lh_ms now, int status, struct lh_bytes result,
                          const char *error, void *data);
void lh_policy_ask(struct lh_hubs *hubs, lh_ms now, const char *kind, const struct lh_buf *args,
                   uint32_t count, lh_answer_fn *fn, void *data);
void lh_policy_answered(struct lh_hubs *hubs, lh_ms now, uint64_t question, int status,
                        struct lh_bytes result, const char *error);
void lh_policy_tick(struct lh_hubs *hubs, lh_ms now);
lh_ms lh_policy_due(const struct lh_hubs *hubs);
void lh_policy_free(struct lh_hubs *hubs);
// Places children by whatever distribution the hub has: new ones, or (`again`) those that run, or
// did. `fn`
// gets the run index of each one's owner (0: nobody), or an error; LH_EAGAIN: the members are
// others by now. At once for the built-in ones. Nothing of the guests is kept; `data` is handed
// back.
typedef void lh_placed_fn(struct lh_hubs *hubs, lh_ms now, struct hub *hub, int status,
                          const uint32_t *nodes, size_t count, const char *error, void *data);
void lh_place(struct hub *hub, lh_ms now, bool again, const struct guest *guests, size_t count,
              lh_placed_fn *fn, void *data);
// All nodes of each, one after another: as many as the hub's factor and its candidates allow. Of
// hubs whose strategy is asked for them (choice.c), with candidates.
void lh_place_every(struct hub *hub, lh_ms now, const struct guest *guests, size_t count,
                    lh_placed_fn *fn, void *data);

// op.c
struct op *lh_op_new(struct lh_hubs *hubs, lh_ms now, enum op_kind kind, struct hub *hub,
                     uint64_t caller, lh_ms timeout);
// The hub that an operation is for; NULL, and the caller is told, when none can be begun.
struct hub *lh_op_open_hub(struct lh_hubs *hubs, uint64_t caller, struct lh_bytes id);
struct op *lh_op_find(struct lh_hubs *hubs, uint64_t id);
void lh_op_fail_item(struct op *op, size_t index, int code, struct lh_bytes text);
void lh_op_done_item(struct op *op, size_t index, uint32_t node, lh_pid pid);
void lh_op_wait(struct op *op, uint32_t node, uint64_t seq);
uint64_t lh_op_waits_for(const struct op *op, uint32_t node);  // the sequence of its ledger
void lh_op_check(struct lh_hubs *hubs, lh_ms now);             // answers those that are complete
void lh_op_free(struct op *op);
void lh_op_node_gone(struct lh_hubs *hubs, uint32_t node);
void lh_op_unreached(struct lh_hubs *hubs, uint32_t node);
void lh_op_all_again(struct lh_hubs *hubs);
void lh_op_link_up(struct lh_hubs *hubs, lh_ms now, uint32_t node);
void lh_op_retry(struct lh_hubs *hubs, lh_ms now, lh_ms pause);  // what is not sent, then
void lh_op_expire(struct op *op, lh_ms now);
void lh_op_refuse(struct lh_hubs *hubs, uint64_t caller, int code, const char *name,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

// undo.c
bool lh_undo_begin(struct op *op, lh_ms now);    // true: its answer waits until that is done
void lh_undo_expired(struct op *op, lh_ms now);  // before what is open fails
void lh_undo_end(struct op *stop);               // takes the stop

// start.c, stop.c
void lh_start_go(struct lh_hubs *hubs,
                 lh_ms now);  // places and sends what waits for an agreed view
int lh_start_results(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body);
int lh_stop_results(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body);
void lh_stop_go(struct lh_hubs *hubs);
void lh_stop_check(struct op *op);   // whether what was ordered is done
void lh_stop_expire(struct op *op);  // leaves orders for what was not answered

// arrive.c and host.c
enum {
  START_CHECK = 1,
  START_MOVE = 2,
  START_PREPARED = 4,
  START_PINNED = 8,
  START_GIVEN = 16,
  START_ALTERED = 32,
  START_ORDERED = 64,  // a move to where somebody wants it, not where it belongs
  START_NEW = 128,     // somebody wants it started; without: it goes on here
};
struct arrival {  // a child that is to run here
  struct hub *hub;
  struct lh_bytes id, spec, metadata;
  uint32_t asker;
  uint64_t asker_op;
  uint64_t asker_index;
  unsigned flags;
  uint8_t restarts;
  uint64_t above;  // its generation must be higher
  uint64_t born;   // of a new start: as whoever asks calls it
  uint64_t ended;  // of a new start: whoever asks knows of a stop order that reaches up to here
};
enum { ARRIVAL_FIELDS = 7 };
int lh_host_start_frame(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body);
int lh_host_stop_frame(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body);
struct altered {  // what the alter hooks made of one child
  struct lh_bytes spec, metadata;
};
struct alter_result {
  int status;
  const struct altered *children;
  const char *error;
};
// A START frame; `altered` is NULL, or what the alter hooks answered for its children.
int lh_host_carry_out(struct lh_hubs *hubs, lh_ms now, struct lh_bytes body,
                      const struct alter_result *altered);
// A move with its state that waits for agreement is not to be prepared any more.
void lh_host_call_off(struct lh_hubs *hubs, uint32_t from, struct lh_bytes hub_id,
                      struct lh_bytes id);
void lh_host_resume(struct lh_hubs *hubs, lh_ms now);  // the requests that waited for agreement
void lh_host_begin(struct lh_hubs *hubs, lh_ms now,
                   const struct arrival *arrival);  // orders its start
struct child *lh_host_child(struct hub *hub, struct lh_bytes id);
struct child *lh_host_by_token(struct lh_hubs *hubs, uint64_t token);
struct trouble *lh_host_trouble(struct child *child);
bool lh_host_is_restarting(struct child *child);  // it ran, ended by itself, and is to run again
lh_ms lh_host_shutdown(struct child *child);      // its spec's
void lh_host_calm(struct child *child);           // nothing happens to it any more
void lh_host_forget(struct child *child, bool remove_row);
void lh_host_discard(struct child *child);  // one that was prepared: nobody waits for it any more
bool lh_host_put_row(struct child *child, enum lh_row_state state);  // false: it is refused
const struct lh_row *lh_host_row(struct child *child);               // in a read section
bool lh_host_write_row(struct child *child);                         // what it is now
// An instance outranks from now on all that this node has heard of; it is told, since what it does
// outside is fenced by its generation: one that starts once its init is over.
void lh_host_raise(struct child *child);
void lh_host_tell_raised(struct child *child);
void lh_host_order(struct lh_hubs *hubs, struct child *child, bool prepared);
void lh_host_stop(struct lh_hubs *hubs, lh_ms now, struct child *child, const char *reason,
                  lh_pid forward);
void lh_host_claim_all(struct lh_hubs *hubs);  // STARTING rows for all that is under way
void lh_host_answer(struct lh_hubs *hubs, uint32_t peer, uint64_t op, uint8_t type, uint64_t index,
                    int code, lh_pid pid, const char *text);
// Whoever waits for its start is told.
void lh_host_answer_asker(struct lh_hubs *hubs, struct child *child, int code, lh_pid pid,
                          const char *text);
void lh_host_flush_orders(struct lh_hubs *hubs);
void lh_host_flush_answers(struct lh_hubs *hubs);
uint64_t lh_host_generation(struct hub *hub);

// end.c
bool lh_end_is_wanted(const struct child *child);
void lh_end_tell(struct lh_hubs *hubs, struct child *child);      // it is gone
void lh_end_in_place(struct lh_hubs *hubs, struct child *child);  // one that does not run just now
void lh_end_want(struct child *child);  // it ends, and nobody is to be told
void lh_end_ordered(struct lh_hubs *hubs, lh_ms now, struct child *child);
// It runs on `node`: whoever waits for its end has to wait for that one's.
void lh_end_elsewhere(struct lh_hubs *hubs, struct child *child, uint32_t node);

// restart.c
void lh_restart_child(struct lh_hubs *hubs, lh_ms now, struct child *child, const char *reason);
void lh_restart_due(struct lh_hubs *hubs, lh_ms now, struct child *child);

// recover.c
void lh_recover(struct lh_hubs *hubs, lh_ms now);  // under an agreed view: the children of the dead
bool lh_recover_pending(struct lh_hubs *hubs);
void lh_recover_refuted(struct lh_hubs *hubs, uint32_t node);
void lh_recover_forgot(struct lh_hubs *hubs);  // nodes whose rows covered those of the dead
void lh_recover_link_up(struct lh_hubs *hubs, uint32_t node);
// The ids of the hub's children that wait in dead ledgers, as keys.
void lh_recover_ids(struct hub *hub, struct lh_map *out);
bool lh_recover_is_first(const struct hub *hub);  // of those that run the hub
bool lh_recover_keeps(struct lh_hubs *hubs);      // rows of the dead that another node could take

// event.c
void lh_event_child(struct hub *hub, const char *key, struct lh_bytes id, uint32_t node,
                    lh_pid pid);
void lh_event_started(struct child *child);  // here: registered, or its pid is another
void lh_event_failed(struct child *child, const char *error);     // its start here
void lh_event_moved(struct child *child, uint32_t to, bool hot);  // from here
void lh_event_arrivals(struct hub *hub, const struct arrival *arrivals, size_t count);
void lh_event_start_forwarded(struct hub *hub, const struct arrival *arrivals,
                              const uint32_t *owners, size_t count, uint32_t to);
void lh_event_stop_forwarded(struct hub *hub, struct lh_bytes id, uint32_t to);
// Children that are about to come here from `node` ("node_leave"), or to leave here: for `node`
// ("node_join"), or because `node`, ourselves, leaves.
void lh_event_children(struct hub *hub, const char *what, const char *node,
                       const struct lh_bytes *ids, size_t count);
void lh_event_shutdown(struct hub *hub, const char *reason);
void lh_event_put_off(struct hub *hub, struct lh_bytes ids, uint32_t count);  // encoded
void lh_event_drained(struct hub *hub, size_t moved, size_t forced);
// What a member's word changes for each hub here: told before the view changes, and after.
enum hub_change { HUB_SAME, HUB_JOINED, HUB_RETURNED, HUB_LEFT };
struct hub_changes {
  enum hub_change of[LH_MEMBER_HUBS_MAX];
};
void lh_event_member_changes(struct lh_hubs *hubs, uint32_t node,
                             const struct lh_member_record *record, bool lives,
                             struct hub_changes *changes);
void lh_event_member_changed(struct lh_hubs *hubs, const struct lh_member_record *record, bool died,
                             const struct hub_changes *changes);
void lh_event_quorum(struct hub *hub);  // whether this side may act has changed
void lh_event_reconciled(struct hub *hub, const struct reconcile_figures *figures);
// The turn's results of starts; hubs that became busy with moves, or have ended them.
void lh_event_turn(struct lh_hubs *hubs);

#endif
