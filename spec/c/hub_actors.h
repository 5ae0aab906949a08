// hub_actors.h - the simulation behind spec/c/hub.c: its world, its actors and its strategies. What
// lies between the nodes is in hub_sim.h.
//
// Actors start, stop and freeze after a delay and note what runs; strategies answer late, wrong, or
// never.
#ifndef LH_SPEC_HUB_ACTORS_H
#define LH_SPEC_HUB_ACTORS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "hub_conflict.h"
#include "hub_watch.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "hub/hub.h"
#include "registry/registry.h"
#include "wire/wire.h"

enum { NODES_MAX = 64, ID_MAX = 64 };

// How the strategies that stand in for a user's answer.
enum policy { POLICY_FIRST, POLICY_SPREAD, POLICY_LATE, POLICY_BROKEN };

struct sim;
struct node {
  struct sim *sim;
  uint32_t self;
  struct lh_run run;
  char name[32];
  struct lh_hubs *hubs;
  struct lh_registry *registry;
  bool up, left, stalled;
  bool across;  // of a split: on the second side
  lh_ms lease;  // of a hub with a quorum strategy: its children run until then
  lh_ms wakes_at;
  uint64_t version;
  uint32_t pressure;
  struct lh_buf disk;  // what ops.keep was given
  bool disk_full;
};

struct pair {       // how one node sees another
  uint32_t knows;   // the run it holds for a member; 0 none
  uint32_t fenced;  // the run whose children it took over; 0 none
  bool linked;      // the same in both directions
  uint64_t link;    // counts the links; a frame of an earlier one never arrives
  lh_ms last;       // the last delivery, so that order holds
};

struct event {
  struct lh_due due;
  void (*fn)(struct sim *sim, struct event *event);
  struct node *from, *to;
  uint32_t to_run, from_run;
  uint64_t link;
  uint8_t type;
  uint64_t token;
  lh_pid pid;
  struct lh_buf body, id;
  int status;
  bool flag;
};

enum { NEVER_ANSWERS = 1 };

struct actor {  // one running instance
  struct node *node;
  lh_pid pid;
  uint64_t token;
  char id[ID_MAX];
  bool prepared, frozen;
  bool given_up;  // with a lease: from its stop order on only terminate runs
  int64_t state;
  int consent;  // a status, or NEVER_ANSWERS
};

struct reply {
  uint64_t caller;
  lh_ms at;
  int status;
  char code[32];
  struct lh_buf result;
};

struct sim {
  struct lh_random random;
  struct lh_consent consent;  // of the hubs that are opened from now on
  struct lh_budget budget;    // the same
  size_t asked;               // how often a child was asked whether it may be moved
  size_t put_off;             // how many the hooks were told of
  lh_ms now;
  struct lh_runs *runs;
  struct node nodes[NODES_MAX];
  struct pair pairs[NODES_MAX][NODES_MAX];
  size_t count;
  struct lh_heap events;
  struct actor *actors;
  size_t actor_count, actor_cap;
  struct reply *replies;
  size_t reply_count, reply_cap;
  uint64_t next_pid, next_caller;
  size_t twice;  // how often two instances of a child ran at once
  bool load;     // the hub goes by load
  size_t loads;  // LOAD frames
  size_t start_frames;
  size_t drained, closed, malformed;
  bool split;
  bool hot, autonomous, custom, deterministic;
  enum policy policy;
  int64_t fail_every;  // every so many starts fail
  int64_t starts;
  struct lh_quorum quorum;
  enum on_conflict on_conflict;
  size_t conflicts;  // how often a hook was asked
  uint8_t key[32];
  struct watch watch;
};

static inline struct pair *pair_of(const struct node *a, const struct node *b) {
  return &a->sim->pairs[a - a->sim->nodes][b - b->sim->nodes];
}

static inline bool are_cut(const struct node *a, const struct node *b) {
  return a->sim->split && a->across != b->across;
}

static lh_ms delay(struct sim *sim, lh_ms most) {
  return sim->now + 1 + (lh_ms)lh_random_below(&sim->random, (uint64_t)most);
}

static struct event *later(struct node *to, lh_ms at,
                           void (*fn)(struct sim *sim, struct event *event)) {
  struct event *event = LH_NEW(struct event);
  event->fn = fn;
  event->to = to;
  event->to_run = to->self;
  lh_heap_set(&to->sim->events, &event->due, at);
  return event;
}

static void event_free(struct event *event) {
  lh_buf_free(&event->body);
  lh_buf_free(&event->id);
  lh_free(event);
}

static struct node *node_of(struct sim *sim, uint32_t run) {
  for (size_t i = 0; i < sim->count; i++) {
    if (sim->nodes[i].self == run) return &sim->nodes[i];
  }
  return NULL;
}

// --- actors --- known by the low bits of their pid, which a new epoch does not change.
static struct actor *actor_by_pid(struct sim *sim, lh_pid pid) {
  for (size_t i = 0; i < sim->actor_count; i++) {
    if (lh_pid_local(sim->actors[i].pid) == lh_pid_local(pid)) return &sim->actors[i];
  }
  return NULL;
}

static bool is_leased(const struct node *node) {
  return node->sim->quorum.kind == LH_QUORUM_NONE || node->sim->now < node->lease;
}

static bool is_active(const struct actor *actor) {
  const struct node *node = actor->node;
  return !actor->frozen && !actor->prepared && !actor->given_up && !node->stalled &&
         is_leased(node);
}

// One that begins on a node without a lease runs nothing before there is one (note_all_running).
static void note_running(struct sim *sim, const struct actor *actor) {
  if (!is_active(actor)) return;
  for (size_t i = 0; i < sim->actor_count; i++) {
    const struct actor *other = &sim->actors[i];
    if (other == actor || !is_active(other) || strcmp(other->id, actor->id) != 0) continue;
    sim->twice++;
    watch_two(&sim->watch, actor->id, other->node->name, actor->node->name);
  }
}

static void note_all_running(struct node *node) {
  for (size_t i = 0; i < node->sim->actor_count; i++) {
    const struct actor *actor = &node->sim->actors[i];
    if (actor->node == node && is_active(actor)) note_running(node->sim, actor);
  }
}

static void hub_lease(void *self, struct lh_bytes hub, lh_ms until) {
  struct node *node = self;
  (void)hub;
  const bool was = is_leased(node);
  node->lease = until;
  if (!was) note_all_running(node);
}

static struct actor *actor_new(struct sim *sim) {
  if (sim->actor_count == sim->actor_cap) {
    sim->actor_cap = sim->actor_cap > 0 ? sim->actor_cap * 2 : 64;
    sim->actors = lh_realloc(sim->actors, sim->actor_cap * sizeof(struct actor));
  }
  struct actor *actor = &sim->actors[sim->actor_count++];
  memset(actor, 0, sizeof *actor);
  return actor;
}

static void started(struct sim *sim, struct event *event) {
  struct node *node = event->to;
  if (!node->up) return;
  if (event->status != 0) {
    lh_hubs_started(node->hubs, sim->now, event->token, event->status, 0, "it failed");
    return;
  }
  struct actor *actor = actor_new(sim);
  actor->node = node;
  actor->token = event->token;
  actor->prepared = event->flag;
  actor->pid = lh_pid_make(event->to_run, ++sim->next_pid);
  (void)snprintf(actor->id, sizeof actor->id, "%.*s", (int)event->id.len,
                 (const char *)event->id.data);
  if (!actor->prepared) note_running(sim, actor);
  lh_hubs_started(node->hubs, sim->now, event->token, 0, actor->pid, NULL);
}

// An instance is to run: started, or activated after it was prepared.
static void watch_run(struct node *node, struct lh_bytes id, uint64_t generation) {
  struct sim *sim = node->sim;
  char name[ID_MAX];
  (void)snprintf(name, sizeof name, "%.*s", (int)id.len, (const char *)id.data);
  for (size_t k = 0; k < sim->count && sim->watch.strict; k++) {
    if (sim->nodes[k].up)
      watch_above(&sim->watch, name, node->name, generation, sim->nodes[k].name);
  }
  watch_start(&sim->watch, name, node->name, generation);
}

static void hub_start(void *self, const struct lh_order *orders, size_t count) {
  struct node *node = self;
  struct sim *sim = node->sim;
  for (size_t i = 0; i < count; i++) {
    struct event *event = later(node, delay(sim, 20), started);
    event->token = orders[i].token;
    event->flag = orders[i].prepared;
    sim->starts++;
    if (orders[i].spec.len == 0) sim->malformed++;
    if (sim->fail_every > 0 && sim->starts % sim->fail_every == 0) event->status = LH_EFAILED;
    lh_buf_append(&event->id, orders[i].id.data, orders[i].id.len);
    if (!orders[i].prepared) watch_run(node, orders[i].id, orders[i].generation);
  }
}

static void actor_remove(struct sim *sim, struct actor *actor) {
  *actor = sim->actors[--sim->actor_count];
}

static void stopped(struct sim *sim, struct event *event) {
  struct actor *actor = actor_by_pid(sim, event->pid);
  if (!event->to->up) return;
  if (actor != NULL) actor_remove(sim, actor);
  lh_hubs_stopped(event->to->hubs, sim->now, event->token);
}

static void hub_stop(void *self, uint64_t token, lh_pid pid, const char *reason, lh_ms shutdown_ms,
                     lh_pid forward) {
  struct node *node = self;
  (void)forward;
  if (shutdown_ms == 0)
    violate(&node->sim->watch, "terminate has its time: a child was to end at once (%s)", reason);
  struct actor *actor = actor_by_pid(node->sim, pid);
  if (actor != NULL) actor->given_up = !is_leased(node);
  struct event *event = later(node, delay(node->sim, 20), stopped);
  event->token = token;
  event->pid = pid;
}

static void frozen(struct sim *sim, struct event *event) {
  struct actor *actor = actor_by_pid(sim, event->pid);
  struct lh_buf state = LH_BUF_EMPTY;
  if (!event->to->up) return;
  if (actor != NULL) actor->frozen = true;
  lh_write_int(&state, actor != NULL ? actor->state : 0);
  lh_hubs_frozen(event->to->hubs, sim->now, event->token, actor != NULL ? 0 : LH_ENOTFOUND,
                 lh_bytes_of(&state), NULL);
  lh_buf_free(&state);
}

static void hub_freeze(void *self, uint64_t token, lh_pid pid) {
  struct node *node = self;
  struct event *event = later(node, delay(node->sim, 10), frozen);
  event->token = token;
  event->pid = pid;
}

static void hub_thaw(void *self, lh_pid pid, uint64_t generation) {
  const struct node *node = self;
  struct actor *actor = actor_by_pid(node->sim, pid);
  (void)generation;
  if (actor == NULL) return;
  actor->frozen = false;
  note_running(node->sim, actor);
}

static void consented(struct sim *sim, struct event *event) {
  const struct actor *actor = actor_by_pid(sim, event->pid);
  if (!event->to->up || actor == NULL || actor->consent == NEVER_ANSWERS) return;
  lh_hubs_consented(event->to->hubs, sim->now, event->token, event->pid, actor->consent);
}

static void hub_consent(void *self, uint64_t token, lh_pid pid) {
  struct node *node = self;
  struct event *event = later(node, delay(node->sim, 10), consented);
  event->token = token;
  event->pid = pid;
  node->sim->asked++;
}

static void activated(struct sim *sim, struct event *event) {
  struct actor *actor = actor_by_pid(sim, event->pid);
  if (!event->to->up) return;
  if (actor == NULL) {
    lh_hubs_activated(event->to->hubs, sim->now, event->token, LH_ENOTFOUND, "it is gone");
    return;
  }
  struct lh_reader in;
  lh_reader_init(&in, lh_bytes_of(&event->body));
  actor->state = lh_read_int(&in);
  actor->prepared = actor->frozen = false;
  note_running(sim, actor);
  lh_hubs_activated(event->to->hubs, sim->now, event->token, 0, NULL);
}

static void hub_activate(void *self, uint64_t token, lh_pid pid, struct lh_bytes state,
                         uint64_t generation) {
  struct node *node = self;
  const struct actor *actor = actor_by_pid(node->sim, pid);
  struct event *event = later(node, delay(node->sim, 10), activated);
  if (actor != NULL && actor->prepared) watch_run(node, lh_bytes_str(actor->id), generation);
  event->token = token;
  event->pid = pid;
  lh_buf_append(&event->body, state.data, state.len);
}

// --- strategies ---
static void answered(struct sim *sim, struct event *event) {
  if (!event->to->up) return;
  lh_hubs_answered(event->to->hubs, sim->now, event->token, event->status,
                   lh_bytes_of(&event->body), event->status != LH_OK ? "it raised" : NULL);
}

static void answer_place(struct sim *sim, struct lh_reader *in, struct lh_buf *out) {
  struct lh_reader ids;
  (void)lh_read_skip(in);  // the hub
  const struct lh_bytes list = lh_read_skip(in);
  const uint32_t nodes = lh_read_array(in, NODES_MAX);
  lh_reader_init_user(&ids, list);
  const uint32_t count = lh_read_array(&ids, LH_BATCH_MAX);
  lh_write_array(out, count);
  for (uint32_t i = 0; i < count; i++) {
    const struct lh_bytes id = lh_read_str(&ids, LH_CHILD_ID_MAX);
    const uint64_t spread =
        sim->deterministic ? lh_hash(id.data, id.len, 7) : lh_random_next(&sim->random);
    lh_write_uint(out, sim->policy == POLICY_FIRST ? 1 : 1 + spread % nodes);
  }
}

static void answer_move(struct lh_reader *in, struct lh_buf *out) {
  (void)lh_read_skip(in);
  const uint32_t count = lh_read_array(in, LH_BATCH_MAX);
  lh_write_array(out, count);
  for (uint32_t i = 0; i < count; i++) lh_write_cstr(out, i % 2 == 0 ? "cold" : "hot");
}

// The hook of a node, or the one that raises, is silent, or says now this and now that.
static void ask_conflict(struct node *node, uint64_t question, struct lh_bytes args) {
  struct sim *sim = node->sim;
  enum on_conflict how = sim->on_conflict;
  const uint64_t luck = how == CONFLICT_ANY ? lh_random_below(&sim->random, 6) : 0;
  if (how == CONFLICT_ANY) how = (enum on_conflict)(CONFLICT_FIRST + luck % 3);
  sim->conflicts++;
  if (luck == 5) return;
  struct event *event = later(node, delay(sim, 50), answered);
  event->token = question;
  if (luck == 3) event->status = LH_EFAILED;
  if (luck == 4)
    lh_write_cstr(&event->body, "nonsense");
  else
    answer_conflict(how, args, &event->body);
}

static void hub_ask(void *self, uint64_t question, const char *kind, struct lh_bytes args,
                    uint32_t count) {
  struct node *node = self;
  struct sim *sim = node->sim;
  struct lh_reader in;
  (void)count;
  if (strcmp(kind, "conflict") == 0) {
    ask_conflict(node, question, args);
    return;
  }
  const uint64_t luck = lh_random_below(&sim->random, 4);
  if (sim->policy == POLICY_LATE && luck == 0) return;  // never
  struct event *event =
      later(node, delay(sim, sim->policy == POLICY_LATE ? 2 * LH_POLICY_MS : 10), answered);
  event->token = question;
  if (sim->policy == POLICY_BROKEN && luck == 0) {
    event->status = LH_EFAILED;
  } else if (sim->policy == POLICY_BROKEN && luck == 1) {
    lh_write_cstr(&event->body, "nonsense");
  } else {
    lh_reader_init_user(&in, args);
    if (strcmp(kind, "place") == 0)
      answer_place(sim, &in, &event->body);
    else
      answer_move(&in, &event->body);
  }
}

#endif
