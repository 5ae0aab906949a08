// internal.h - what the files of this room share: schedulers, heaps, actors, tasks, waits, orders.
//
// Not a face: nobody outside csrc/actor includes it. Names shared inside the room begin with lha_.
//
// Who touches what:
//   struct lh_actors   immutable after new, atomics, or under `lock`
//   struct sched       the queue and the timers under `lock`; `turn` is written by its thread, read
//   by the watchdog struct heap        `inbox`, `state` and `due` from anywhere; all the rest only
//   by the thread that runs the heap struct actor       only by the thread that runs its heap
//
// The state of a heap, one atomic word:
//
//        post            take             post
//   IDLE ----> QUEUED ---------> RUNNING ------> AGAIN
//     ^           ^                |               |
//     |           +--- work left --+---------------+
//     +------------- nothing left -+
//
// The life of an actor (a process goes from STARTING to RUNNING with its first instruction):
//
//   STARTING --init--> RUNNING --handover--> FROZEN --thaw--> RUNNING
//      |                  |                     |
//      +--prepared--> HELD --takeover--> ...    |
//                         +------ STOPPING <----+   (terminate runs), then the slot is free again
#ifndef LH_ACTOR_INTERNAL_H
#define LH_ACTOR_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <stdatomic.h>

#include <lauxlib.h>
#include <lua.h>

#include "actor/actor.h"
#include "actor/lease.h"
#include "actor/limit.h"
#include "actor/order.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "script/script.h"
#include "wire/wire.h"

// The thread sanitizer delivers signals late; there instructions are counted instead.
#ifdef __SANITIZE_THREAD__
enum { PREEMPT_BY_COUNT = 1 };
#else
enum { PREEMPT_BY_COUNT = 0 };
#endif

enum { HEAP_SERVICE = 0, HEAP_MAIN = 1, HEAP_FIRST = 2 };

enum heap_kind { KIND_SHARED, KIND_ISOLATED, KIND_DEDICATED, KIND_MAIN };
enum heap_state { HEAP_IDLE, HEAP_QUEUED, HEAP_RUNNING, HEAP_AGAIN };

// --- waits and tasks ---

struct heap;

// Something a heap does later. `fire` may free the timer.
struct timer {
  struct lh_due due;
  void (*fire)(struct heap *heap, struct timer *timer);
};

enum wait_kind { WAIT_NONE, WAIT_ANSWER, WAIT_MESSAGE, WAIT_SLEEP };

// What an actor (or the main program, several deep) waits for.
struct wait {
  struct timer timer;  // the deadline
  struct actor *actor;
  struct wait *outer;  // the main program's wait around this one
  enum wait_kind kind;
  bool over;  // answered, timed out or interrupted
  bool interrupted;
  uint64_t ref;        // WAIT_ANSWER
  lh_pid pid;          // whom we wait for, to notice that its node died
  struct lh_msg *got;  // the answer or the message; NULL after the deadline
};

enum phase {
  PHASE_INIT,
  PHASE_BODY,  // a plain process
  PHASE_CALL,
  PHASE_CAST,
  PHASE_INFO,
  PHASE_HANDOVER,
  PHASE_TAKEOVER,
  PHASE_TERMINATE,
  PHASE_METADATA,
  PHASE_ROLE,
  PHASE_CONSENT,
};

// A callback in progress: a pooled coroutine and what it is for.
struct task {
  lua_State *co;
  int ref;        // keeps `co` alive
  int nargs;      // values on `co` for the next resume, below them the function at the first
  bool runnable;  // resume it at the next turn
  bool late;      // its limit passed
  enum phase phase;
  struct task *next;   // in the pool
  struct lh_msg *msg;  // CALL, CAST, INFO: what is being handled
  struct birth *birth;
  lh_ms limit_at;  // LH_NEVER, or when the phase must have ended
  struct timer limit;
  struct actor *actor;
  struct wait wait;
  int status;  // how HANDOVER, TAKEOVER and CONSENT ended
};

// --- actors ---

enum actor_kind { ACTOR_PROCESS, ACTOR_SERVER, ACTOR_MAIN };
enum actor_state { ACTOR_STARTING, ACTOR_HELD, ACTOR_RUNNING, ACTOR_FROZEN, ACTOR_STOPPING };
enum actor_flag {
  FLAG_READY = 1,        // in the heap's queue
  FLAG_TRAP = 2,         // trap_exit(true)
  FLAG_ENDING = 4,       // ends at its next turn, for cold->reason
  FLAG_FREEZE = 8,       // freeze when no callback runs
  FLAG_ACTIVATE = 16,    // takeover when no callback runs
  FLAG_STOP = 32,        // terminate when no callback runs
  FLAG_INTERRUPT = 64,   // raise at the next instruction
  FLAG_DESCRIBED = 128,  // its metadata is another: it is told when no callback runs
  FLAG_ROLE = 256,       // it is told its role when no callback runs
  FLAG_HELD = 512,       // its turn came and its lease was over
  FLAG_GIVEN_UP = 1024,  // it was told to stop when its lease was over: only terminate runs
  FLAG_CONSENT = 2048,   // it is asked whether it may be moved when no callback runs
  FLAGS_ORDERED =
      FLAG_FREEZE | FLAG_ACTIVATE | FLAG_STOP | FLAG_DESCRIBED | FLAG_ROLE | FLAG_CONSENT,
};

struct tie {  // one monitor or link
  struct tie *next;
  lh_pid pid;    // the other end
  uint64_t ref;  // monitors
};

struct future {
  struct future *next;
  uint64_t ref;
  lh_pid pid;
  struct lh_msg *answer;
};

// What few actors have. Made on first need.
struct cold {
  struct tie *watchers;  // who monitors us
  struct tie *watched;   // whom we monitor
  struct tie *links;
  struct future *futures;
  unsigned future_count;
  struct lh_buf reason;  // encoded, with FLAG_ENDING
  uint64_t stop_token, freeze_token, activate_token, run_token, role_token, consent_token;
  bool runs;            // lh_actors_run asked for it; its end is told by `ran`
  bool stops;           // a stop order waits for its end
  bool killed, active;  // active: what it is told, with FLAG_ROLE
  lh_ms stop_ms;
  lh_pid forward;
  struct timer stop_timer;
  struct actor *actor;
  char *stop_reason;
  struct lh_buf handed;  // the state to take over
  uint64_t generation;   // from activate or thaw
};

// A child's identity. One allocation with the id; the hub's name is shared by the heap.
struct child {
  uint64_t token;
  uint64_t generation;
  const char *hub;
  uint8_t lease;             // its hub's lease and one; 0: it needs none
  unsigned lease_number;     // of its init
  struct lh_bytes metadata;  // encoded; owned
  char id[];
};

struct actor {
  lh_pid pid;
  struct lh_msg *head;  // the mailbox
  struct lh_msg *tail;
  uint32_t queued;
  uint8_t kind;
  uint8_t state;
  uint16_t flags;
  int state_ref;
  int module;         // index into the heap's modules, -1 for none
  struct task *task;  // a callback in progress
  struct wait *wait;  // innermost
  struct cold *cold;
  struct child *child;
  struct actor *next;  // ready queue
};

// --- births: what actors are begun with ---

enum birth_kind { BIRTH_CHILD, BIRTH_SPAWN, BIRTH_RUN, BIRTH_SESSION, BIRTH_PROCESS };

struct birth {
  struct batch *batch;
  enum birth_kind kind;
  uint64_t token;
  lh_pid asker;  // BIRTH_SPAWN: who waits for the pid,
  uint64_t ref;  // under this ref
  struct lh_bytes hub, id, metadata, module, function, args, error;
  uint32_t arg_count;
  uint64_t generation;
  bool prepared;
  lh_ms limit_ms;  // BIRTH_RUN: of the whole run
};

// The births of one heap from one order. Freed when the last is over.
struct batch {
  struct batch *next;
  unsigned open;  // births not over yet
  size_t count;
  size_t begun;
  uint8_t *memory;  // holds what the births point to
  struct birth births[];
};

// --- heaps ---

struct module {
  char *name;
  int ref;  // the table or function
  bool server;
  bool wants_from;   // call takes a third argument
  bool consents;     // it has a function `consent`
  uint64_t version;  // of the states that it makes; 0 when it says none
};

struct slot {
  struct actor *actor;
  uint32_t serial;
  uint32_t next_free;
};

struct heap {
  struct lh_actors *actors;
  _Atomic(struct sched *) home;
  uint32_t index;
  atomic_int kind;                 // enum heap_kind
  atomic_uint_fast64_t messages;   // delivered here; written by the running thread
  _Atomic(struct lh_msg *) inbox;  // newest first
  atomic_uint inbox_count;
  atomic_size_t inbox_bytes;
  atomic_int state;
  atomic_uint assigned;     // actors placed here or on their way
  struct heap *queue_next;  // in the scheduler's queue
  struct lh_due due;        // in the scheduler's timers
  _Atomic lh_ms due_at;
  // Only the thread that gathers: messages for the inbox, newest first.
  struct lh_msg *gathered, *gathered_oldest;
  struct heap *gathered_next;
  // The running thread only, from here on.
  struct sched *on;  // who runs it now
  lua_State *L;
  lh_ms now;  // the clock, read once a turn
  struct slot *slots;
  uint32_t slot_count, slot_cap, free_first, free_last, serial_start, serial_top;
  uint32_t live;
  size_t mail_bytes;  // in the mailboxes
  struct actor *ready_first, *ready_last;
  struct actor *current;  // whose Lua runs
  struct lh_heap timers;
  uint64_t next_ref;
  struct task *pool;
  unsigned pool_count;
  struct module *modules;
  int module_count;
  struct lh_map module_index;  // name -> index + 1
  struct lh_map hubs;          // hub ids, each stored once
  struct lh_map forwards;      // old pid -> struct forward
  struct lh_map sends;         // ref -> struct delayed
  struct lh_buf scratch;       // encoding
  struct lh_buf text;          // why a callback refused
  struct lh_msg *held;         // a message being decoded, freed even if that raises
  struct batch *births_first, *births_last;
  struct lh_child_started *started;
  size_t started_count;
  struct order *asks_first;  // main heap: policy questions
  lh_ms answer_ms;           // a simulated one: how long each takes
  struct actor *main_actor;
  int ask_depth;
  unsigned lease_numbers[LH_LEASED_HUBS];  // 0: no child of that hub was born here
  struct timer lease_timer;
};

// --- schedulers ---

enum sched_kind { SCHED_SHARED, SCHED_SPARE, SCHED_DEDICATED, SCHED_MAIN };

// What a thread runs now. The number is odd while Lua runs.
struct turn {
  atomic_uint_fast64_t number;
  _Atomic lh_ms since;
  _Atomic lh_ms raise_at;
  _Atomic lh_pid pid;
  _Atomic(struct heap *) heap;
  _Atomic(const struct child *) child;
  atomic_bool claimed;  // the watchdog looks at this turn; its end waits for `watch_lock`
  bool raised;          // under watch_lock
};

struct sched {
  struct lh_actors *actors;
  enum sched_kind kind;
  pthread_t thread;
  bool has_thread;
  atomic_bool done;  // a dedicated thread that may be joined
  bool humble;       // it gives way to all other threads; what it starts itself does so, too
  pthread_mutex_t lock;
  sem_t bell;  // what it sleeps on: a condition variable costs a system call more each time
  struct heap *first, *last;
  unsigned queued;
  struct lh_heap timers;  // of heaps
  atomic_bool asleep;
  bool nudged;
  struct turn turn;
  pthread_mutex_t watch_lock;
  uint64_t seen_number;  // the watchdog's notes
  lh_ms seen_since;
  bool warned;
};

// A stop, kill or interrupt that is on its way to a heap; the watchdog carries it out where the
// heap cannot.
struct urgent {
  struct urgent *next;
  lh_pid pid;
  lh_ms at;
  bool interrupt;
};

struct lh_actors {
  struct lh_actors_config config;
  struct lh_actors_ops ops;
  void *self;
  atomic_uint self_node;
  _Atomic(uint32_t) former[FORMER_MAX];  // run indexes we had before
  int shared_count;                      // shared schedulers
  bool threaded;
  lh_ms busy_until;  // without threads: when the slice of an actor that did not give way is over
  atomic_bool stopping;
  _Atomic lh_ms stop_at;
  _Atomic(struct heap *) heaps[LH_HEAPS_MAX];
  pthread_mutex_t lock;  // scheds' growth, heap indexes, placing
  struct sched *scheds[SCHEDS_MAX];
  atomic_int sched_count;
  struct sched *main_sched;
  uint32_t next_heap;
  uint32_t *free_heaps;
  uint32_t free_heap_count;
  struct heap **shared;  // heaps that take children
  uint32_t shared_heaps;
  struct heap *runs;  // for lh_actors_run; NULL: none so far
  uint32_t next_home;
  struct heap *gathered;  // the heaps that messages were gathered for, the last first
  atomic_int idle;        // shared schedulers asleep
  struct lha_leases leases;
  pthread_t watchdog;
  bool watched;  // it runs
  pthread_mutex_t watch_lock;
  pthread_cond_t watch_cond;
  atomic_bool watch_asleep;
  atomic_bool watch_end;
  pthread_mutex_t urgent_lock;
  struct urgent *urgents[URGENT_BUCKETS];
  atomic_uint_fast64_t actors, heaps_open, dropped, mailbox_full, inbox_full, memory_refused,
      preemptions, crashes, starts, stops, start_failures, overdue, timeouts, unsendable,
      futures_full, timers_full, blocked;
};

// heap.c
struct heap *lha_heap_new(struct lh_actors *actors, uint32_t index, enum heap_kind kind,
                          struct sched *home);
void lha_heap_free(struct heap *heap);
int lha_heap_open(struct heap *heap, struct lh_error *error);
void lha_heap_close(struct heap *heap);
void lha_heap_post(struct heap *heap, struct lh_msg *msg);
void lha_heap_gather(struct heap *heap, struct lh_msg *msg);   // posted by lh_actors_flush
bool lha_heap_slice(struct heap *heap, int turns, int *used);  // true: work is left
void lha_heap_wake(struct heap *heap);
struct heap *lha_heap_of(lua_State *L);     // NULL outside
struct heap *lha_heap_check(lua_State *L);  // raises outside
uint64_t lha_heap_ref(struct heap *heap);
void lha_timer_set(struct heap *heap, struct timer *timer, lh_ms at);
void lha_timer_cancel(struct heap *heap, struct timer *timer);

// slot.c
struct actor *
lha_slot_take(struct heap *heap);  // a new actor with its pid; NULL when all slots are in use
void lha_slot_give(struct heap *heap, struct actor *actor);
struct actor *lha_slot_find(const struct heap *heap, lh_pid pid);

// scheduler.c
struct sched *lha_sched_new(struct lh_actors *actors, enum sched_kind kind);
void lha_sched_start(struct sched *sched);
void lha_sched_put(struct sched *sched, struct heap *heap);
struct heap *lha_sched_pop(struct sched *sched);  // without waiting
void lha_sched_due(struct heap *heap, lh_ms at);
void lha_sched_fire(struct sched *sched, lh_ms now);
void lha_sched_run_heap(struct sched *sched, struct heap *heap, int turns, int *used);
void lha_sched_wait(struct sched *sched, lh_ms until);
void lha_sched_wake(struct sched *sched);
void lha_sched_help(struct lh_actors *actors);  // wakes an idle scheduler so that it steals
void lha_sched_free(struct sched *sched);

// watchdog.c
void lha_watchdog_start(struct lh_actors *actors);
void lha_watchdog_stop(struct lh_actors *actors);
void lha_watchdog_wake(struct lh_actors *actors);
void lha_turn_begin(struct heap *heap, struct actor *actor, lh_ms raise_at);
bool lha_turn_end(struct heap *heap);  // true when the watchdog made it raise
void lha_urgent_add(struct lh_actors *actors, lh_pid pid, lh_ms at, bool interrupt);
void lha_urgent_remove(struct lh_actors *actors, lh_pid pid, bool interrupt);
void lha_urgent_free_all(struct lh_actors *actors);

// place.c
struct heap *lha_place_shared(struct lh_actors *actors);
struct heap *lha_place_run(struct lh_actors *actors);                       // NULL at a limit
struct heap *lha_place_own(struct lh_actors *actors, enum heap_kind kind);  // NULL at a limit
void lha_place_return(struct heap *heap);  // an own heap is closed: its index is free

// message.c
bool lha_is_self(const struct lh_actors *actors, lh_pid pid);
bool lha_same_actor(const struct lh_actors *actors, lh_pid a, lh_pid b);
lh_pid lha_service_pid(const struct lh_actors *actors);
// Sends to wherever `to` lives. `from` is the running heap, or NULL on other threads. Takes the
// message.
void lha_send(struct lh_actors *actors, struct heap *from, struct lh_msg *msg);
void lha_answer_fail(struct lh_actors *actors, struct heap *heap, const struct lh_msg *call,
                     const char *code, const char *text);
void lha_undeliverable(struct lh_actors *actors, struct heap *heap, struct lh_msg *msg,
                       const char *code, const char *text);
void lha_dropped(struct lh_actors *actors, struct lh_msg *msg);
// Messages that a full queue may refuse for their bytes: answers and ends are as many as are waited
// for.
static inline bool lha_is_bulk(const struct lh_msg *msg) {
  return msg->kind == LH_MSG_SEND || msg->kind == LH_MSG_CAST || msg->kind == LH_MSG_CALL;
}

// mailbox.c
void lha_deliver(struct heap *heap, struct lh_msg *msg);  // a message of this heap, on its thread
void lha_mailbox_put(struct heap *heap, struct actor *actor, struct lh_msg *msg);
struct lh_msg *lha_mailbox_take(struct heap *heap, struct actor *actor);
struct lh_msg *lha_mailbox_take_info(struct heap *heap, struct actor *actor);
void lha_mailbox_drop_down(struct heap *heap, struct actor *actor, uint64_t ref);
void lha_mailbox_empty(struct heap *heap, struct actor *actor, const char *code, const char *text,
                       lh_pid forward);
void lha_forward_keep(struct heap *heap, lh_pid pid, lh_pid to);
void lha_forward_free_all(struct heap *heap);

// actor.c
struct cold *lha_cold(struct actor *actor);
void lha_ready(struct heap *heap, struct actor *actor);
void lha_actor_turn(struct heap *heap, struct actor *actor);
// Begins a callback on a task that was taken for it, or goes on with it.
void lha_actor_run(struct heap *heap, struct actor *actor);
// Ends an actor whose Lua does not run. `reason` is encoded; `text` is for people.
void lha_actor_end(struct heap *heap, struct actor *actor, enum lh_ended how,
                   struct lh_bytes reason, const char *text);
// Ends it now, or at its next turn when its Lua runs.
void lha_actor_kill(struct heap *heap, struct actor *actor, struct lh_bytes reason);
void lha_actor_label(const struct actor *actor, char *out);  // LABEL_MAX bytes
void lha_actor_free(struct heap *heap, struct actor *actor);
void lha_child_free(struct child *child);
void lha_reason_text(struct lh_bytes reason, char *out, size_t size);

// task.c
struct task *lha_task_take(struct heap *heap, struct actor *actor, enum phase phase);
void lha_task_give(struct heap *heap, struct task *task);
void lha_task_drop(struct heap *heap,
                   struct task *task);  // a suspended one: its coroutine is closed
// In a heap that is being closed: its coroutine goes with the state.
void lha_task_abandon(struct heap *heap, struct task *task);
void lha_task_pool_free(struct heap *heap);
void lha_task_limit(struct heap *heap, struct task *task, lh_ms at);
enum lh_script_end lha_task_resume(struct heap *heap, struct actor *actor, struct lh_error *error);

// server.c: the functions that run at the bottom of a task
lua_CFunction lha_server_entry(enum phase phase);
int lha_process_entry(lua_State *L);  // runs the function that is its argument
void lha_push_message(lua_State *L, struct heap *heap, const struct lh_msg *msg);
void lha_push_body(lua_State *L, struct heap *heap, struct lh_bytes body);
struct lh_bytes lha_encode(lua_State *L, struct heap *heap, int index,
                           struct lh_error *error);  // in the scratch buffer
int lha_later(lua_State *L);                         // luahub.later, compared by address

// batch.c: births on their way to a heap
void lha_birth_children(struct lh_actors *actors, const struct lh_child_start *children,
                        size_t count);
struct batch *lha_batch_new(size_t count, size_t bytes);
void lha_batch_post(struct heap *heap, struct batch *batch);
void lha_batch_free(struct batch *batch);
void lha_birth_next(struct heap *heap);
void lha_birth_over(struct heap *heap, struct birth *birth, lh_pid pid, int status,
                    const char *error);
void lha_birth_flush(struct heap *heap);
int lha_birth_entry(lua_State *L);
// One birth in a batch of its own, whose slices are copied.
struct batch *lha_batch_one(const struct birth *birth);

// order.c
struct order *lha_order_new(enum order_kind kind, lh_pid pid);
void lha_order_post(struct heap *heap, struct order *order);
void lha_order_free(struct order *order);
void lha_order_do(struct heap *heap, struct order *order);

// child.c: stop, freeze, activate
void lha_child_order(struct heap *heap, struct order *order);
bool lha_child_step(struct heap *heap,
                    struct actor *actor);  // true: a callback was begun or the actor ended
void lha_child_done(struct heap *heap, struct actor *actor, enum phase phase, int status,
                    struct lh_bytes state, const char *error);
void lha_child_told(struct heap *heap, struct actor *actor, int status);
void lha_child_consented(struct heap *heap, const struct actor *actor, int status);
// Answers lh_actors_run, once.
void lha_child_ran(struct heap *heap, struct actor *actor, int status, struct lh_bytes result,
                   const char *error);
void lha_child_ended(struct heap *heap, struct actor *actor, lh_pid pid, enum lh_ended how,
                     const char *text);

// link.c
void lha_link_deliver(struct heap *heap, struct actor *actor, struct lh_msg *msg);
void lha_link_unknown(struct lh_actors *actors, struct heap *heap, struct lh_msg *msg);
void lha_link_end(struct heap *heap, struct actor *actor, struct lh_bytes reason);
void lha_link_free(struct cold *cold);
void lha_link_node_down(struct heap *heap, uint32_t node);

// wait.c
// Begins the wait of the running actor (in its task) or of the main program (in `local`, which the
// caller keeps on its stack). Raises where waiting is impossible.
struct wait *lha_wait_begin(lua_State *L, struct heap *heap, struct wait *local,
                            enum wait_kind kind, lh_ms until);
// Waits; `k` gets the wait as its context and calls lha_wait_end.
int lha_wait_finish(lua_State *L, struct heap *heap, struct wait *wait, lua_KFunction k);
// The answer or message, or NULL after the deadline; the heap frees it at the next wait at the
// latest. Raises when interrupted.
struct lh_msg *lha_wait_end(lua_State *L, struct heap *heap, struct wait *wait);
void lha_hold(struct heap *heap, struct lh_msg *msg);
bool lha_wait_answer(struct heap *heap, struct actor *actor, struct lh_msg *msg);  // true: taken
bool lha_wait_message(struct heap *heap, struct actor *actor, struct lh_msg *msg);
void lha_wait_over(struct heap *heap, struct wait *wait, struct lh_msg *got);
void lha_wait_cancel(struct heap *heap, struct wait *wait);
struct future *lha_future_find(struct actor *actor, uint64_t ref);
struct future *lha_future_new(struct actor *actor, uint64_t ref, lh_pid pid);  // NULL at the limit
void lha_future_free(struct actor *actor, struct future *future);
void lha_wait_node_down(struct heap *heap, struct actor *actor, uint32_t node);
void lha_future_free_all(struct actor *actor);
lh_ms lha_deadline(lua_State *L, struct heap *heap, int arg,
                   lh_ms otherwise);  // from an argument in ms

// main.c
void lha_main_block(struct heap *heap, lua_State *L, struct wait *wait);
void lha_main_ask(struct heap *heap, struct order *order);
void lha_main_answer(struct heap *heap);
int lha_set_policy(lua_State *L);

// delayed.c
void lha_delayed_free_all(struct heap *heap);

// api_*.c: the Lua functions
extern const luaL_Reg lha_api_message[];
extern const luaL_Reg lha_api_link[];
extern const luaL_Reg lha_api_actor[];
extern const luaL_Reg lha_api_delayed[];
int lha_call(lua_State *L, struct heap *heap, lh_pid pid, struct lh_bytes body, lh_ms until);
struct actor *lha_self(lua_State *L, struct heap **heap);
// Counts a value that could not be encoded; pushes nil and the error, answers 2.
int lha_unsendable(lua_State *L, struct heap *heap, const struct lh_error *error);
void lha_push_answer_error(lua_State *L, struct lh_bytes body);

// os.c
void lha_os_open(lua_State *L);

#endif
