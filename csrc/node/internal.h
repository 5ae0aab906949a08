// internal.h - what the files of this room share. See node.h.
//
// node.c (start, end, turns) · identity.c (key and epoch on disk) · kept.c (member sets on disk) ·
// peers.c (links and members) · seeds.c (dialling) · allow.c (the list of ids) · orders.c (hubs and
// actors) · service.c, script_service.c (requests from Lua) · hooks.c, hook_runs.c (handlers) ·
// events.c, gossip.c · storage.c · watcher.c · remote.c (messages between actors of different
// nodes) · report.c (info, members) · control.c (the control socket) · leave.c (ready, leaving, the
// end).
#ifndef LH_NODE_INTERNAL_H
#define LH_NODE_INTERNAL_H

#include "actor/actor.h"
#include "base/list.h"
#include "base/map.h"
#include "base/plant.h"
#include "env/env.h"
#include "hub/hub.h"
#include "member/member.h"
#include "node/node.h"
#include "wire/wire.h"

#include <pthread.h>
#include <stdatomic.h>

// Frame types of the link's that belong to the node itself; the rooms have theirs.
enum { FRAME_MEMBER = 0x10, FRAME_MESSAGE = 0x40, FRAME_EVENT = 0x41, FRAME_GOSSIP = 0x42 };

enum {
  // limit: watches of one node | code limit, node.requests_failed |
  // spec/processhub/watch_spec.lua: of one node
  LH_WATCHES_MAX = 256,
  // limit: messages of a watch that are not read yet; beyond it changes are lost, and it is told so
  // |
  // node.watch_lost | spec/processhub/watch_spec.lua: that does not read
  LH_WATCH_AHEAD_MAX = 1000,
};

enum { HOOK_SLOTS = 1024 };  // handlers that are given more than one event at a time

enum phase { NODE_STARTING, NODE_READY, NODE_LEAVING, NODE_ENDED };

struct caller {  // somebody waits for the answer to a request
  lh_pid from;
  uint64_t ref;
};

struct node_counters {
  uint64_t requests, requests_failed;
  uint64_t refused_frames, no_memory;  // of peers
  uint64_t events_refused, events_dropped, questions_failed;
  uint64_t watch_lost;  // changes that watches were not told
  uint64_t hooks_run, hooks_failed, hooks_dropped;
  uint64_t storage_refused, storage_expired;
  uint64_t control_refused, control_cut;  // clients of the control socket
  uint64_t seeds_refused;
  uint64_t not_allowed;  // links and datagrams of nodes that are not on the list
};

enum { LH_DENIALS_MAX = 32 };
struct denial {  // who listens there does not want this node, or does not hold the secret
  struct lh_addr address;
  bool strange;  // since then each dial found somebody without the secret
  lh_ms since;
  lh_ms until;
};

struct lh_node {
  char name[LH_NAME_MAX + 1];         // as others know it
  char socket_name[LH_NAME_MAX + 1];  // as it was given: commands on this machine use it
  uint32_t renamed;                   // how often another name had to be taken
  bool outnamed;                      // it has to be
  uint32_t weight;                    // its share of what is shared out, in thousandths
  char labels[LH_MEMBER_LABELS_MAX + 1];
  struct lh_env *env;
  struct lh_runs *runs;
  struct lh_identity identity;
  uint64_t epoch;
  char *data_dir, *runtime_dir, *path, *cpath;
  char *allow_file;       // or NULL: whoever holds the secret may come
  struct lh_buf allowed;  // 16 bytes an id, sorted
  struct lh_map kept;     // hub id -> what it keeps, see kept.c
  uint64_t kept_number;   // of the last write
  bool has_secret;
  struct lh_secret secret;
  struct lh_addr listen;
  char address[LH_MEMBER_ADDRESS_MAX];    // what others are told
  char listening[LH_MEMBER_ADDRESS_MAX];  // what the ready line says
  char *advertise;
  char *joins[LH_JOINS_MAX];
  size_t join_count;
  _Atomic uint32_t self;
  struct lh_links *links;      // NULL: local only
  struct lh_members *members;  // NULL: local only
  struct lh_registry *registry;
  struct lh_hubs *hubs;
  struct lh_actors *actors;
  struct lh_timer *tick;
  pthread_t thread;
  bool running;
  bool threaded;     // lh_node_start
  lh_ms actors_due;  // without a thread: when the actors want to be stepped
  enum phase phase;
  bool hubs_to_come;  // sessions wait
  lh_ms started_at, end_at;
  lh_ms calm_at;  // when pages that are not in use are let go; LH_NEVER: they were
  uint64_t record_version;
  uint64_t later_epoch;  // the highest epoch of this identity that others knew of
  uint64_t taken_seq;    // up to which sequence of our ledger the others took our children over; 0
                         // not told
  bool keep_failed;      // the next epoch could not be written; it is tried again
  lh_ms run_over_by;     // how long to wait for that word
  struct lh_map told;    // run index -> the state last logged, plus one
  int run_over;          // why this epoch ended: LH_EDENIED fenced, LH_EEXISTS another run of this
                         // identity goes before it, LH_ELIMIT
  int signals;
  uint32_t heard;  // the peer whose frames are being taken; 0 none

  struct lh_map callers;  // id -> struct caller
  uint64_t next_caller;
  struct lh_list waiting_ready, waiting_end, waiting_closed;  // struct waiter
  const char
      *refusal_code;  // why this node may not be: "name_taken", "duplicate_identity"; or NULL
  char refusal[LH_ERROR_TEXT_MAX];

  struct lh_list seeds;     // struct seed
  struct lh_list evidence;  // struct evidence
  size_t seed_count;
  struct denial denials[LH_DENIALS_MAX];  // the last ones; a zero address is none
  size_t next_denial;
  lh_ms next_seed_round;
  bool joined;

  struct lh_list asked;  // struct asked
  uint64_t next_asked;
  struct lh_map handlers;   // "hub\0key" -> struct handlers
  struct lh_map hook_runs;  // token -> the struct handler that runs
  uint64_t next_hook_run;
  size_t hook_bytes;  // of payloads that wait for handlers
  bool hook_slots[HOOK_SLOTS];
  struct {  // how far a run is; any thread
    atomic_uint done, failed;
    _Atomic(char *) text;  // of its first that failed
  } hook_progress[HOOK_SLOTS];
  struct lh_map gossip;   // ref of an event -> the trees in which it has come, a bit each
  uint64_t *gossip_refs;  // in a ring, the oldest first; NULL: none so far
  size_t gossip_next;
  struct lh_map storage;  // "hub\0key" -> struct entry
  struct lh_heap storage_ends;
  size_t storage_bytes;
  uint64_t storage_version;
  struct lh_list queued_events;
  size_t queued_event_count;

  struct watch *watches[LH_WATCHES_MAX];
  size_t watch_count;
  lh_ms watch_at;                                   // when watches that lose are looked at
  atomic_uint_fast64_t watch_read[LH_WATCHES_MAX];  // how many messages were read; any thread

  struct lh_listener *control;
  struct lh_list connections;
  uint64_t next_connection;
  size_t connection_count;

  struct node_counters counters;
  atomic_uint_fast64_t unsent;  // messages to other nodes' actors; any thread
};

struct waiter {
  struct lh_list link;
  struct caller caller;
  struct lh_buf hub;  // whose end is waited for
};

// node.c
void lh_node_touch(struct lh_node *node);  // a turn's end is due
// Runs fn(node, data) on the protocol thread; when the loop has ended, frees `data` with lh_free
// instead. [any thread]
struct node_note;
void lh_node_post(struct lh_node *node, void (*fn)(struct lh_node *node, void *data), void *data,
                  void (*drop)(void *data));

// identity.c
int lh_node_identity(struct lh_node *node, struct lh_error *error);
int lh_node_keep_epoch(struct lh_node *node);  // LH_OK, or it is not on disk

// kept.c
int lh_kept_read(struct lh_node *node, struct lh_error *error);  // at the start
// LH_OK, or it is not on disk; LH_EDENIED: the node has no data_dir.
int lh_kept_write(struct lh_node *node, struct lh_bytes hub, struct lh_bytes state);
struct lh_bytes lh_kept_of(const struct lh_node *node, struct lh_bytes hub);
void lh_kept_free(struct lh_node *node);

// allow.c
bool lh_allow_holds(const struct lh_node *node, const struct lh_node_id *id);  // may be linked with
// `ids` in hex, without anything between. LH_EINVAL and `error`: the list stays as it was.
int lh_allow_set(struct lh_node *node, struct lh_bytes ids, struct lh_error *error);
void lh_allow_enforce(struct lh_node *node);  // ends the links of those that are not on the list

// peers.c
int lh_peers_open(struct lh_node *node, struct lh_error *error);
void lh_peers_reopen(struct lh_node *node);  // the members anew, for a new epoch
void lh_peers_record_changed(struct lh_node *node);
void lh_peers_rename(struct lh_node *node);  // another node has the name
void lh_peers_lose(struct lh_node *node);    // nobody is a member for us any more
uint32_t lh_peers_by_name(struct lh_node *node, struct lh_bytes name);  // of a live member; 0 none
extern const struct lh_registry_ops lh_node_registry_ops;

// seeds.c
void lh_seeds_add(struct lh_node *node, const char *address);
void lh_seeds_begin(struct lh_node *node);
// Who listens there does not want this node: it is not dialled for 30 s.
void lh_seeds_denied(struct lh_node *node, const struct lh_addr *address);
// Who listens there does not hold the secret: the same, once that has lasted for 10 s.
void lh_seeds_strange(struct lh_node *node, const struct lh_addr *address);
void lh_seeds_round(struct lh_node *node, lh_ms now);
lh_ms lh_seeds_due(const struct lh_node *node);
void lh_seeds_dial(struct lh_node *node, const struct lh_member_record *record);
void lh_seeds_evidence(struct lh_node *node, const struct lh_member_record *record);
// How a dial ended: nobody listens there; somebody answered; it broke off; nobody said anything in
// time.
enum seed_outcome { SEED_REFUSED, SEED_ANSWERED, SEED_BROKE_OFF, SEED_SILENT };
void lh_seeds_outcome(struct lh_node *node, const struct lh_addr *address, const struct lh_run *run,
                      enum seed_outcome outcome);
void lh_seeds_free(struct lh_node *node);

// orders.c
extern const struct lh_hubs_ops lh_node_hubs_ops;
extern const struct lh_actors_ops lh_node_actors_ops;

// service.c
// On the protocol thread; takes it. `own`: an actor of this node says it, no link brought it.
void lh_service_message(struct lh_node *node, struct lh_msg *msg, bool own);
uint64_t lh_service_caller(struct lh_node *node, const struct lh_msg *msg);
void lh_service_answer(struct lh_node *node, const struct caller *caller, struct lh_bytes value);
void lh_service_fail(struct lh_node *node, const struct caller *caller, const char *code,
                     const char *text);
void lh_service_reply(struct lh_node *node, uint64_t caller, int status, struct lh_bytes value,
                      const struct lh_error *error);
void lh_service_id(const struct lh_node_id *id, char out[33]);  // in hex
int lh_service_facts(struct lh_node *node, struct lh_bytes weight, struct lh_bytes labels);
void lh_service_members(struct lh_node *node, struct lh_buf *out);
void lh_service_info(struct lh_node *node, struct lh_buf *out);

// counters.c
void lh_service_counters(const struct lh_node *node, struct lh_buf *out);

// hooks.c
bool lh_hooks_wanted(struct lh_node *node, struct lh_bytes hub, const char *key);
void lh_hooks_run(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                  struct lh_bytes payload);
int lh_hooks_register(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                      struct lh_bytes list, struct lh_error *error);
void lh_hooks_cancel(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                     struct lh_bytes ids);
// Its handlers are none any more; they still take what waits for them.
void lh_hooks_hub_closed(struct lh_node *node, struct lh_bytes hub);
void lh_hooks_list(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                   struct lh_buf *out);
void lh_hooks_keys(struct lh_node *node, struct lh_bytes hub, struct lh_buf *out);
void lh_hooks_free(struct lh_node *node);
// hook_runs.c: a run of handlers is over. False when the token names none.
bool lh_hooks_ran(struct lh_node *node, uint64_t token, int status, struct lh_bytes result,
                  const char *error);

// events.c: an event for the handlers of `id` on `members`. Answers the word for the caller.
const char *lh_events_dispatch(struct lh_node *node, struct lh_bytes hub, struct lh_bytes id,
                               struct lh_bytes data, struct lh_bytes members, bool discard);
void lh_events_propagate(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                         struct lh_bytes data, struct lh_bytes members);
int lh_events_frame(struct lh_node *node, uint32_t from, struct lh_bytes body);
void lh_events_unlock(
    struct lh_node *node);  // runs what waited while the hub was busy moving children
bool lh_events_speak_of_rows(struct lh_bytes name);
void lh_events_free(struct lh_node *node);

// gossip.c: `members` is a list of names.
void lh_gossip_begin(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                     struct lh_bytes data, struct lh_bytes members, uint32_t recipients);
int lh_gossip_frame(struct lh_node *node, struct lh_bytes body);
void lh_gossip_free(struct lh_node *node);
// storage.c: values of scripts, by hub. A get answers { value, version, ttl }, an empty map when
// there is none; a list { { key, value, ttl }, ... } in no defined order.
struct lh_storage_put {
  struct lh_bytes hub, key, value;
  bool compare;  // LH_EAGAIN unless the entry has this version; 0: unless there is none
  uint64_t version;
  lh_ms ttl;      // how long it is kept; negative: without end, or
  bool keep_end;  // as long as the value before
};
void lh_storage_get(struct lh_node *node, lh_ms now, struct lh_bytes hub, struct lh_bytes key,
                    struct lh_buf *out);
int lh_storage_put(struct lh_node *node, lh_ms now, const struct lh_storage_put *put);
int lh_storage_remove(struct lh_node *node, lh_ms now, const struct lh_storage_put *put);
size_t lh_storage_clear(struct lh_node *node, lh_ms now, struct lh_bytes hub);  // how many
void lh_storage_list(struct lh_node *node, lh_ms now, struct lh_bytes hub, struct lh_buf *out);
lh_ms lh_storage_due(const struct lh_node *node);
void lh_storage_tick(struct lh_node *node, lh_ms now);
void lh_storage_free(struct lh_node *node);

// The handlers of a key, best first; slices live until the next registration.
struct lh_hook {
  struct lh_bytes id, module, function, args;
  uint32_t arg_count;
  bool immediate;
};
size_t lh_hooks_count(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key);
struct lh_hook lh_hooks_at(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                           size_t index);

// watcher.c
void lh_node_watched(struct lh_node *node, uint64_t ref);  // a message was read [any thread]
// Requests: tells the caller of the changes of one child (id), of those with a tag, or of all, from
// now on, and answers a ref; ends the caller's watch of that ref.
struct request;
void lh_watcher_ask(struct request *request);
void lh_watcher_cancel(struct request *request);
// Ends one of this actor's watches; pid 0: whoever's, who is gone. False: there is none.
bool lh_watcher_end(struct lh_node *node, lh_pid pid, uint64_t ref);
void lh_watcher_row(struct lh_node *node, const struct lh_row *before, const struct lh_row *after);
void lh_watcher_turned(struct lh_node *node, uint32_t ledger, bool is_live);
void lh_watcher_ordered(struct lh_node *node, uint32_t hub, struct lh_bytes id, uint64_t born);
void lh_watcher_lose_all(struct lh_node *node);  // what comes next is not told row by row
void lh_watcher_tick(struct lh_node *node, lh_ms now);
lh_ms lh_watcher_due(const struct lh_node *node);
void lh_watcher_free(struct lh_node *node);

// ask.c: the node's own questions to the main program, and runs whose result it wants. `fn` is
// called exactly once.
enum { ASK_TOKEN_BIT = 62 };
typedef void lh_ask_fn(struct lh_node *node, int status, struct lh_bytes result, const char *error,
                       void *data);
void lh_ask_main(struct lh_node *node, const char *kind, const struct lh_buf *args, uint32_t count,
                 lh_ask_fn *fn, void *data);
void lh_ask_heap(struct lh_node *node, const char *module, const char *function,
                 const struct lh_buf *args, uint32_t count, lh_ask_fn *fn, void *data);
bool lh_ask_answered(struct lh_node *node, uint64_t token, int status, struct lh_bytes result,
                     const char *error);
void lh_ask_tick(struct lh_node *node, lh_ms now);
lh_ms lh_ask_due(const struct lh_node *node);
void lh_ask_free(struct lh_node *node);

// alter.c: folds data through the alter handlers of a key: that of children about to start, or of
// one that runs twice (the end is lh_hubs_answered), or one value for a caller.
void lh_alter_children(struct lh_node *node, uint64_t question, struct lh_bytes args);
void lh_alter_conflict(struct lh_node *node, uint64_t question, struct lh_bytes args);
void lh_alter_value(struct lh_node *node, uint64_t caller, struct lh_bytes hub, struct lh_bytes key,
                    struct lh_bytes data);

// remote.c
void lh_remote_send(struct lh_node *node,
                    struct lh_msg *msg);  // to another node's pid; takes it. [any thread]
int lh_remote_frame(struct lh_node *node, uint32_t peer, struct lh_bytes body);
void lh_remote_deliver(struct lh_node *node,
                       struct lh_msg *msg);  // to whichever node it is for; takes it

// control.c
int lh_control_open(struct lh_node *node, struct lh_error *error);
void lh_control_close(struct lh_node *node);
void lh_control_ready(struct lh_node *node);
lh_ms lh_control_due(const struct lh_node *node);
void lh_control_tick(struct lh_node *node, lh_ms now);
int lh_control_send(struct lh_node *node, uint64_t connection, struct lh_bytes message);
void lh_control_session_ended(struct lh_node *node, uint64_t connection, struct lh_bytes reason);
void lh_control_stopped(struct lh_node *node);

// leave.c
void lh_leave_ready(struct lh_node *node);
// At that time the start, or what a new link asked for, is over: what only that needed is let go.
void lh_leave_calm(struct lh_node *node, lh_ms at);
void lh_leave_begin(struct lh_node *node);
// Another process goes before this one: it ends, with this code and text for whoever waits.
void lh_leave_give_way(struct lh_node *node, const char *code, const char *text);
void lh_leave_drained(struct lh_node *node);
void lh_leave_tick(struct lh_node *node, lh_ms now);
lh_ms lh_leave_due(const struct lh_node *node);
void lh_leave_wait_ready(struct lh_node *node, const struct caller *caller);
void lh_leave_wait_end(struct lh_node *node, const struct caller *caller);
void lh_leave_signal(void *self, int signal_number);
void lh_leave_wait_closed(struct lh_node *node, struct lh_bytes hub, const struct caller *caller);
void lh_leave_closed(struct lh_node *node, struct lh_bytes hub);
void lh_leave_free(struct lh_node *node);

#endif
