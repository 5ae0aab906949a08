// actor.h - Lua processes: schedulers, heaps, mailboxes, timers, links, monitors, servers.
//
// A *heap* is one lua_State and the actors in it; a *scheduler* is a thread that runs heaps, one
// heap on one thread at a time. An idle server is a struct and a state value, no coroutine: its
// callbacks run on pooled coroutines, kept only while it waits inside a callback. Messages are
// encoded once by the sender and decoded in the receiver's heap.
//
//   scheduler threads:  run heaps; ops->route/service/child_* are called on them (they post to the
//   loop) main heap:          the user's own program (stock lua5.4's state); its waiting functions
//   block that thread
//                       and answer policy questions meanwhile
//   any thread:         every function of this header, unless it says otherwise
//
// Pids: heap 0 is the node's own service (messages to it go to ops->service), heap 1 the main heap.
#ifndef LH_ACTOR_ACTOR_H
#define LH_ACTOR_ACTOR_H

#include <lua.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/id.h"
#include "env/env.h"
#include "wire/runs.h"

enum {
  // limit: messages waiting for one actor; a call to a full mailbox is answered `mailbox_full` |
  // actor.mailbox_full | spec/actor/message_spec.lua: limits a mailbox
  LH_MAILBOX_MAX = 100000,
  // limit: bytes of one message when it is encoded | actor.unsendable | spec/actor/limit_spec.lua:
  // refuse a message that is too large
  LH_MESSAGE_MAX = 16 * 1024 * 1024,
  // limit: bytes of a state that is handed over, when it is encoded; a larger one calls the move
  // off | nothing: it goes on where it is, and the log says why | spec/cluster/unsendable_spec.lua:
  // one larger than 16 MiB
  LH_STATE_MAX = LH_MESSAGE_MAX - 1024,  // what names the child goes with it in one message
  LH_HEAP_ACTORS_SOFT = 2048,            // children a shared heap gets before the next heap is made
  // limit: bytes that one heap may hold (`node.heap_memory`) | actor.memory_refused |
  // spec/input/children_spec.lua: ends and starts again one that
  LH_HEAP_MEMORY = 1 << 30,
  // limit: bytes of messages in all mailboxes of one heap, and on their way into it |
  // actor.mailbox_full, actor.inbox_full | spec/actor/limit_spec.lua: limit the bytes that wait in
  // a heap
  LH_HEAP_MAIL_MAX = 256 * 1024 * 1024,
  LH_HEAPS_MAX = 1 << LH_PID_HEAP_BITS,
  // limit: how long `init` may take | actor.overdue, actor.start_failures |
  // spec/actor/busy_spec.lua: is given up, with its module or without
  LH_INIT_MS = 5000,
  // limit: how long a call waits for its answer | actor.timeouts | spec/actor/message_spec.lua:
  // tells a timeout, and takes no late answer for another
  LH_CALL_MS = 5000,
  // limit: how long `terminate` may take | actor.overdue | spec/actor/child_spec.lua: ends a child
  // whose terminate takes too long
  LH_SHUTDOWN_MS = 5000,
  // limit: how long an actor runs before it gives way to the others of its heap | actor.preemptions
  // | spec/actor/busy_spec.lua: give way to others of their heap
  LH_SLICE_MS = 10,
  // limit: how long a callback may be stuck in C before the log names it | actor.blocked |
  // spec/actor/limit_spec.lua: names a callback that is stuck in C
  LH_BLOCKED_WARN_MS = 1000,
  // limit: messages of one heap that wait for their time (`send_after`) | actor.timers_full |
  // spec/actor/limit_spec.lua: limit the messages that wait for their time
  LH_TIMERS_MAX = 1000000,
};

enum lh_msg_kind {
  LH_MSG_SEND = 1,  // luahub.send
  LH_MSG_CAST,
  LH_MSG_CALL,  // wants REPLY or FAIL to `from` with the same `ref`
  LH_MSG_REPLY,
  LH_MSG_FAIL,     // body: array of code and message
  LH_MSG_MONITOR,  // `ref` names the monitor
  LH_MSG_DEMONITOR,
  LH_MSG_DOWN,  // body: the reason
  LH_MSG_LINK,
  LH_MSG_UNLINK,
  LH_MSG_EXIT,   // body: the reason
  LH_MSG_WATCH,  // of the node's own: `ref` names the watch, whose owner hears when it is read
};

// A message. Made by lh_msg_new, owned by whoever holds it; handing it to a function that takes it
// ends that.
struct lh_msg {
  struct lh_msg *next;  // for whoever holds it
  lh_pid to;
  lh_pid from;  // 0: nobody to answer
  uint64_t ref;
  uint8_t kind;  // enum lh_msg_kind
  uint32_t len;
  uint8_t body[];  // one value, encoded
};
struct lh_msg *lh_msg_new(enum lh_msg_kind kind, lh_pid to, lh_pid from, uint64_t ref,
                          struct lh_bytes body);
// NULL when memory is refused: for what a peer sent, whose size was checked.
struct lh_msg *lh_msg_try_new(enum lh_msg_kind kind, lh_pid to, lh_pid from, uint64_t ref,
                              struct lh_bytes body);
void lh_msg_free(struct lh_msg *msg);

struct lh_actors;

// What a child is started with. Slices are copied before lh_actors_start returns.
struct lh_child_start {
  uint64_t token;       // the asker's name for it, handed back
  struct lh_bytes hub;  // hub id
  struct lh_bytes id;
  struct lh_bytes spec;  // the child spec, encoded as a map: start = { "module", args... },
                         // shutdown, dedicated, ...
  struct lh_bytes metadata;
  uint64_t generation;
  bool prepared;  // hot move: run init, then wait for lh_actors_activate
};
struct lh_child_started {
  uint64_t token;
  int status;  // 0, LH_EFAILED (init raised or refused, module not found), LH_ETIMEOUT, LH_ELIMIT
  lh_pid pid;
  const char *error;  // one line, with what failed where; valid during the call
};
enum lh_ended { LH_ENDED_NORMAL, LH_ENDED_ABNORMAL };
struct lh_child_ended {
  uint64_t token;
  lh_pid pid;
  enum lh_ended how;  // a process that returned, luahub.exit("normal"|"shutdown"): normal
  const char *reason;
};

struct lh_actors_ops {
  // A message for another node's pid. Takes it. The body is opaque encoded bytes.
  void (*route)(void *self, struct lh_msg *msg);
  // A message for the node's service pid (heap 0). Takes it.
  void (*service)(void *self, struct lh_msg *msg);
  void (*child_started)(void *self, const struct lh_child_started *results, size_t count);
  void (*child_ended)(void *self,
                      const struct lh_child_ended *ended);  // by itself: not after a stop order
  // A stop order was carried out. `killed`: terminate did not end in its time.
  void (*child_stopped)(void *self, uint64_t token, lh_pid pid, bool killed);
  // The answers to freeze and activate. status 0, LH_EFAILED, LH_ENOTFOUND, LH_EINVAL (no handover
  // function).
  void (*child_frozen)(void *self, uint64_t token, lh_pid pid, int status, struct lh_bytes state,
                       const char *error);
  void (*child_activated)(void *self, uint64_t token, lh_pid pid, int status, const char *error);
  // It has been told its role: redundancy(state, role) has returned, or it has none. LH_ENOTFOUND:
  // it is gone, or about to go.
  void (*child_told)(void *self, uint64_t token, lh_pid pid, int status);
  // A LH_MSG_WATCH is seen by its receiver. [any thread]
  void (*watched)(void *self, uint64_t ref);
  // It was asked whether it may be moved: LH_OK, LH_EAGAIN (not now), LH_EINVAL (it has no say),
  // LH_ENOTFOUND. While a callback of it runs it does not answer.
  void (*child_consented)(void *self, uint64_t token, lh_pid pid, int status);
  // The end of lh_actors_run: 0 and the results, encoded one after another (one nil for none), or
  // LH_EFAILED and the error.
  void (*ran)(void *self, uint64_t token, int status, struct lh_bytes result, const char *error);
  // The main program answered a policy question: 0 and the results as for `ran`, or LH_EFAILED and
  // the error.
  void (*answered)(void *self, uint64_t token, int status, struct lh_bytes result,
                   const char *error);
};

struct lh_actors_config {
  struct lh_env *env;  // clock and randomness only
  struct lh_runs *runs;
  uint32_t self_node;  // run index that our pids carry
  int schedulers;      // 0: no threads; lh_actors_step runs everything on the caller's thread
  size_t heap_memory;  // bytes that one heap may hold; 0: LH_HEAP_MEMORY
  const char *path, *cpath;
  lua_CFunction open_core;  // luaopen_luahub_core, for every heap
  // A simulated node: no program is attached; the main heap has a state of its own, in which
  // lh_actors_spawn_main starts actors and policy questions are answered as they arrive.
  bool own_main;
  // Called in protected mode with each state a heap is given, before anything runs in it; NULL: not
  // called.
  void (*heap_opened)(void *data, lua_State *L);
  void *heap_data;
};

struct lh_actors *lh_actors_new(const struct lh_actors_config *config,
                                const struct lh_actors_ops *ops, void *self);
// False when the machine had no thread for one of its schedulers: nothing else to do then but to
// free it.
bool lh_actors_have_threads(const struct lh_actors *actors);
// Stops every scheduler (code that does not give way within `grace` ms is made to raise), closes
// all heaps.
void lh_actors_free(struct lh_actors *actors, lh_ms grace);
// schedulers = 0: runs what is runnable, at most `turns` actor turns; answers the next deadline. An
// actor that had to be made to give way ends the step, and its slice counts as LH_SLICE_MS: so long
// nothing else is due.
lh_ms lh_actors_step(struct lh_actors *actors, int turns);
void *lh_actors_owner(const struct lh_actors *actors);  // the `self` that lh_actors_new was given
void lh_actors_set_self(
    struct lh_actors *actors,
    uint32_t self_node);  // after a new epoch; local pids keep working under both

// --- children --- each answers by its op, always, with the same token.
void lh_actors_start(struct lh_actors *actors, const struct lh_child_start *children, size_t count);
// Runs terminate(state, reason) in the child's context, at most `shutdown_ms`, then ends it. While
// it runs or if the pid is unknown: child_stopped all the same. Messages still queued: calls are
// answered FAIL "not_here", casts and sends go on to `forward` when it is not 0 (as will later
// ones, for 30 s).
void lh_actors_stop(struct lh_actors *actors, uint64_t token, lh_pid pid, const char *reason,
                    lh_ms shutdown_ms, lh_pid forward);
void lh_actors_freeze(struct lh_actors *actors, uint64_t token,
                      lh_pid pid);  // no callback runs after this but handover(state)
// The child has this generation from now on; if it was frozen, it goes on.
void lh_actors_thaw(struct lh_actors *actors, lh_pid pid, uint64_t generation);
// A child's metadata is another from now on: what its context says, and, when no other callback
// runs, what metadata(state, metadata) of a server is told. Several changes may be told as one.
void lh_actors_describe(struct lh_actors *actors, lh_pid pid, struct lh_bytes metadata);
void lh_actors_activate(struct lh_actors *actors, uint64_t token, lh_pid pid, struct lh_bytes state,
                        uint64_t generation);  // takeover(state, handed)
// What it is among the instances of its child: "active" or "passive". A server hears it when no
// other callback runs, before its next message; a process gets the message { type = "redundancy",
// role }. The next order comes after the answer to this one.
void lh_actors_tell_role(struct lh_actors *actors, uint64_t token, lh_pid pid, bool active);
// Asks it whether it may be moved: consent(state) of a server answers "ready" or "defer". Anything
// else, and an error, is "defer".
void lh_actors_ask_consent(struct lh_actors *actors, uint64_t token, lh_pid pid);

// Children of this hub run Lua until then and no longer, but for the terminate of those that are
// told to stop; LH_NEVER: without end. A hub that none was said of needs none. One thread only.
void lh_actors_lease(struct lh_actors *actors, struct lh_bytes hub, lh_ms until);

// --- other work ---
// Runs require(module)[function](args..., data) as a process of its own; `args` is a sequence of
// encoded values.
void lh_actors_run(struct lh_actors *actors, uint64_t token, struct lh_bytes module,
                   struct lh_bytes function, struct lh_bytes args, uint32_t arg_count,
                   lh_ms timeout);
// A process in a heap of its own (REPL sessions): require(module)(args...). Its pid, or 0.
lh_pid lh_actors_spawn_isolated(struct lh_actors *actors, struct lh_bytes module,
                                struct lh_bytes args, uint32_t arg_count);
// The same for a process that another node asked for: as its pid is known at once, it too has a
// heap of its own.
lh_pid lh_actors_spawn_process(struct lh_actors *actors, struct lh_bytes module,
                               struct lh_bytes args, uint32_t arg_count);
void lh_actors_kill(struct lh_actors *actors, lh_pid pid, const char *reason);  // no terminate
void lh_actors_interrupt(struct lh_actors *actors,
                         lh_pid pid);  // Ctrl-C: its running Lua raises "interrupted!"

// --- messages ---
// Delivers to a local pid (takes `msg`), from the network or from the node. Unknown pids: calls and
// monitors are answered, the rest is dropped and counted.
void lh_actors_deliver(struct lh_actors *actors, struct lh_msg *msg);
// The same for messages that come many at a time: what is gathered for a heap reaches it, in its
// order, with one wake-up at lh_actors_flush. One thread only, which always flushes in the end.
void lh_actors_gather(struct lh_actors *actors, struct lh_msg *msg);
void lh_actors_flush(struct lh_actors *actors);
// A node is gone: its pids are down for monitors and links (reason "node_down"), calls to it fail
// ("unknown_outcome").
void lh_actors_node_down(struct lh_actors *actors, uint32_t node);

// --- the main program ---
// Makes `L` (stock lua5.4's state) the main heap. On the main thread.
void lh_actors_attach_main(struct lh_actors *actors, lua_State *L);
void lh_actors_detach_main(struct lh_actors *actors);
// With `own_main`: runs require(module)(args...) as a process of the main heap. Its pid is known to
// itself only.
void lh_actors_spawn_main(struct lh_actors *actors, struct lh_bytes module, struct lh_bytes args,
                          uint32_t arg_count);
// Asks the main program; the answer is ops->answered. `args` is a sequence of `arg_count` encoded
// values; the Lua function called is the one set by core.set_policy(fn): fn(kind, args...).
void lh_actors_ask(struct lh_actors *actors, uint64_t token, const char *kind, struct lh_bytes args,
                   uint32_t arg_count);

// --- Lua ---
// Adds to the table on the stack top the functions that work in every actor and in the main
// program: spawn, send, call, cast, receive, monitor, demonitor, link, unlink, trap_exit,
// send_after, cancel, sleep, self, exit, reply, later, context, request (a call to the node's
// service with { kind, value }: request(kind, value, ms) -> value or nil, err), request_async(kind,
// value) -> ref, await(ref, ms) -> value or nil, err; log(level, ...), set_policy. spawn elsewhere
// is request("spawn", { start = { module, args... }, node = name }), answered by a pid.
void lh_actor_open(lua_State *L);
// The actors of the running Lua code (heap or main), or NULL outside of any.
struct lh_actors *lh_actors_of(lua_State *L);
// The environment of the running Lua code, whose clock it goes by, or NULL outside of any node.
struct lh_env *lh_actor_env(lua_State *L);

// --- looking from outside ---
struct lh_child_seen {
  const char *hub, *id;
  uint64_t generation;
  lh_pid pid;
  bool works;     // false while it is prepared, frozen or stopping
  bool starts;    // its init is not over
  bool prepared;  // for a move that has not come so far
};
// A simulated main program answers each question after so long.
void lh_actors_slow_main(struct lh_actors *actors, lh_ms ms);
// Every child that has a body here, whatever the registry says; in order of heap and slot.
// schedulers = 0 only.
void lh_actors_each_child(const struct lh_actors *actors,
                          void (*fn)(void *self, const struct lh_child_seen *child), void *self);

struct lh_actors_counters {
  uint64_t actors, heaps, messages, starts, stops, crashes, preemptions;
  uint64_t dropped, mailbox_full, inbox_full, unsendable;  // messages that reached nobody
  uint64_t timeouts;                                       // calls without an answer in time
  uint64_t start_failures, overdue;  // starts that failed; callbacks ended by their time limit
  uint64_t memory_refused, futures_full, timers_full, blocked;
};
void lh_actors_counters(const struct lh_actors *actors, struct lh_actors_counters *out);
// Heaps that have work and no shared thread, in thousandths of these threads: 1000 means one for
// each. Takes each one's lock for a moment.
uint32_t lh_actors_pressure(struct lh_actors *actors);

#endif
