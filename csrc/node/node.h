// node.h - one running node: puts the rooms together, carries out what the pure ones ask, starts
// and ends it all.
//
// lh_node_start makes the loop, the links, the members, the registry, the hubs and the actors, and
// starts the protocol thread that runs everything but Lua. The main program keeps its own thread
// and Lua state.
//
//   STARTING --first join answered, or 3 s--> READY --leave--> LEAVING --children handed on-->
//   ENDED
//
// lh_node_open makes the same node on an environment of the caller's and without a thread: whoever
// runs that environment (the simulator) runs the node, its actors included.
//
// Threads: lh_node_start and lh_node_free on the main thread; lh_node_registry may be read by any
// thread that entered it.
#ifndef LH_NODE_NODE_H
#define LH_NODE_NODE_H

#include "base/err.h"
#include "link/link.h"
#include "registry/registry.h"

enum {
  LH_JOINS_MAX = 64,
  LH_READY_MS = 3000,
  // limit: requests that wait for an answer | code limit, node.requests_failed |
  // spec/input/limit_spec.lua: of requests that wait
  LH_CALLERS_MAX = 20000,
  // limit: clients of the control socket at a time | node.control_refused |
  // spec/input/control_spec.lua: turns away more clients than it has places for
  LH_CONTROL_CONNECTIONS_MAX = 64,
  // limit: how long a client of the control socket may take to finish a request it began |
  // node.control_cut | spec/input/control_spec.lua: hangs up on a client that sends half a line
  LH_CONTROL_PARTIAL_MS = 10000,
  // limit: bytes of one request of a client of the control socket | node.control_cut |
  // spec/input/control_spec.lua: refuses a request that is too large
  LH_CONTROL_FRAME_MAX = 16 * 1024 * 1024,
  // limit: bytes that wait for a client of the control socket that does not read | code closed,
  // node.requests_failed | spec/input/control_spec.lua: keeps no more than it should for a client
  // that does not read
  LH_CONTROL_QUEUE_MAX = 64 * 1024 * 1024,
  // limit: how long a waiting hook handler may run | node.hooks_failed | spec/input/limit_spec.lua:
  // of time: a hook handler, a stop, an agreement
  LH_HOOK_MS = 60000,
  // limit: hook handlers of one hub and key | code limit, node.requests_failed |
  // spec/input/hook_spec.lua: is too many is refused
  LH_HANDLERS_MAX = 1024,
  // limit: events that wait for one hook handler | node.hooks_dropped |
  // spec/processhub/hooks_spec.lua: is too slow loses what is too much
  LH_HOOK_EVENTS_MAX = 100000,
  // limit: bytes of the payloads that wait for hook handlers of a node | node.hooks_dropped |
  // spec/processhub/hooks_spec.lua: is too slow loses what is too large
  LH_HOOK_BYTES_MAX = 64 * 1024 * 1024,
  LH_RECIPIENTS_MOST = 64,
  // limit: values that scripts store on a node | code limit, node.storage_refused |
  // spec/processhub/storage_spec.lua: is bounded in entries and in bytes
  LH_STORAGE_ENTRIES_MAX = 10000,
  // limit: bytes of a key of a stored value | code invalid, node.requests_failed |
  // spec/processhub/storage_spec.lua: refuses what is no key
  LH_STORAGE_KEY_MAX = 255,
  // limit: bytes of the keys and values that scripts store on a node | code limit,
  // node.storage_refused | spec/processhub/storage_spec.lua: is bounded in entries and in bytes
  LH_STORAGE_BYTES_MAX = 8 * 1024 * 1024,
  // limit: events that wait while their hub is busy recovering or moving children | code limit,
  // node.events_dropped | spec/input/limit_spec.lua: events that wait
  LH_EVENTS_QUEUED_MAX = 10000,
  // limit: ids of nodes in the allow_file | code invalid_config | spec/luahub/allowed_spec.lua:
  // refuses more ids than a node keeps
  LH_ALLOWED_MAX = 4096,
};

#define LH_STORAGE_TTL_MAX (INT64_C(1) << 52)  // ms; longer is without end for whoever asks

struct lua_State;

struct lh_node_config {
  const char *name;
  const char *listen;     // "host:port", or NULL: nothing listens
  const char *advertise;  // "host:port", or NULL: the address it listens on
  const char *joins[LH_JOINS_MAX];
  size_t join_count;
  bool has_secret;
  struct lh_secret secret;
  const char *data_dir;      // or NULL: a new identity at each start
  const char *allow_file;    // or NULL: whoever holds the secret may come
  const char *allowed;       // the ids in it, in hex; not NULL where allow_file is not
  const char *runtime_dir;   // of the control socket, or NULL: none
  const char *path, *cpath;  // for every heap
  int schedulers;
  size_t heap_memory;  // bytes that one Lua heap may hold; 0: LH_HEAP_MEMORY
  bool handle_signals;
  bool hubs_to_come;                  // commands wait for the request "serve", when the hubs run
  int (*open_core)(void *lua_state);  // luaopen_luahub_core
  // lh_node_open only: called with each Lua state of the node, before anything runs in it.
  void (*heap_opened)(void *data, struct lua_State *L);
  void *heap_data;
};

struct lh_node;
struct lh_actors;
struct lh_hubs;
struct lh_members;

// NULL and `error`. Strings are copied.
struct lh_node *lh_node_start(const struct lh_node_config *config, struct lh_error *error);
// Takes `env` in any case; the actors have no schedulers and a main heap of their own.
struct lh_node *lh_node_open(const struct lh_node_config *config, struct lh_env *env,
                             struct lh_error *error);
// Ends every thread and frees all. Does not hand children on: that is the request "leave".
void lh_node_free(struct lh_node *node);

struct lh_registry *lh_node_registry(struct lh_node *node);
struct lh_runs *lh_node_runs(struct lh_node *node);
struct lh_actors *lh_node_actors(struct lh_node *node);
uint32_t lh_node_self(struct lh_node *node);
struct lh_env *lh_node_env(struct lh_node *node);
struct lh_members *lh_node_members(const struct lh_node *node);  // NULL: local only
struct lh_hubs *lh_node_hubs(const struct lh_node *node);
struct lh_node_load {          // how much waits
  size_t operations, waiting;  // of its hubs
  size_t callers, events, members;
};
void lh_node_load(const struct lh_node *node, struct lh_node_load *out);
// The handlers' run of that slot has taken so many events, of which so many failed, the first with
// this text. [the run's own thread]
void lh_node_hook_done(struct lh_node *node, uint32_t slot, uint32_t done, uint32_t failed,
                       const char *text);
void lh_node_wake(struct lh_node *node);  // its actors were given something; without a thread only
bool lh_node_has_ended(const struct lh_node *node);  // it has left; without a thread only

#endif
