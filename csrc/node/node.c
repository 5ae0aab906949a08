// node.c - a node's parts in the order they start and end, its thread, its turns.
//
// Every event (a frame, a timer, a word from the actors) ends with lh_node_touch: one timer then
// runs the turn, after all that was readable was read: members, hubs, registry, and whatever they
// ask for. Owns everything it makes.
#include "node/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { STOP_GRACE_MS = 1000, STEP_TURNS = 4096, KEEP_AGAIN_MS = 1000 };

static lh_ms earlier(lh_ms a, lh_ms b) { return a < b ? a : b; }

static void arm(struct lh_node *node) {
  lh_ms due = earlier(earlier(lh_hubs_due(node->hubs), lh_leave_due(node)), lh_ask_due(node));
  due = earlier(earlier(due, lh_control_due(node)), lh_storage_due(node));
  due = earlier(due, lh_watcher_due(node));
  if (node->members != NULL)
    due = earlier(due, earlier(lh_members_due(node->members), lh_seeds_due(node)));
  if (!node->threaded) due = earlier(due, node->actors_due);
  if (node->run_over != LH_OK) due = earlier(due, node->run_over_by);
  lh_timer_set(node->tick, due);
}

void lh_node_touch(struct lh_node *node) { lh_timer_set(node->tick, lh_env_now(node->env)); }

// --- words from other threads ---
struct node_note {
  struct lh_node *node;
  void (*fn)(struct lh_node *node, void *data);
  void *data;
};

static void run_note(void *data) {
  struct node_note *note = data;
  note->fn(note->node, note->data);
  lh_node_touch(note->node);
  lh_free(note);
}

void lh_node_post(struct lh_node *node, void (*fn)(struct lh_node *node, void *data), void *data,
                  void (*drop)(void *data)) {
  struct node_note *note = LH_NEW(struct node_note);
  *note = (struct node_note){node, fn, data};
  if (lh_env_post(node->env, run_note, note) != LH_OK) {
    drop(data);
    lh_free(note);
  }
}

// --- a new epoch: peers took over what ran here while we were away ---

// An epoch that is not on disk would be begun a second time after a crash: what was taken over ends
// here, and this node stays away until it can be kept.
static bool raise_epoch(struct lh_node *node, lh_ms now) {
  const uint64_t before = node->epoch;
  if (node->later_epoch > node->epoch) node->epoch = node->later_epoch;
  if (!LH_PLANTED(epoch_not_raised)) node->epoch++;
  node->keep_failed = lh_node_keep_epoch(node) != LH_OK;
  if (!node->keep_failed) return true;
  node->epoch = before;
  node->run_over = LH_EDENIED;
  node->run_over_by = now + KEEP_AGAIN_MS;
  return false;
}

static void begin_new_epoch(struct lh_node *node) {
  const lh_ms now = lh_env_now(node->env);
  lh_hubs_yield(node->hubs, now, node->taken_seq);
  if (!raise_epoch(node, now)) return;
  lh_hubs_yielded(node->hubs);
  node->taken_seq = 0;
  const struct lh_run run = {node->identity.id, node->epoch};
  const uint32_t self = lh_runs_index(node->runs, &run);
  lh_log(
      LH_LOG_WARN, "node",
      "the others know this epoch as ended, what ran here was taken over; this node returns with "
      "epoch %llu",
      (unsigned long long)node->epoch);
  lh_runs_set_name(node->runs, self, node->name);
  node->self = self;
  lh_links_epoch(node->links, node->epoch);
  lh_actors_set_self(node->actors, self);
  lh_registry_new_epoch(node->registry, self);
  lh_watcher_lose_all(node);
  lh_hubs_new_epoch(node->hubs, self, now);
  lh_peers_reopen(node);
  lh_node_touch(node);
}

// Another process has this identity (a copied data directory): this one gives way.
static void give_way(struct lh_node *node) {
  lh_peers_lose(node);
  lh_leave_give_way(
      node, "duplicate_identity",
      "duplicate identity: another node runs with the identity of this one and goes on "
      "(was its data_dir copied?)");
}

static void end_run(struct lh_node *node, lh_ms now) {
  const int why = node->run_over;
  const bool waits = node->taken_seq == 0 || node->keep_failed;
  if (why == LH_EDENIED && waits && now < node->run_over_by) return;
  node->run_over = LH_OK;
  if (node->refusal_code != NULL) return;  // it gave way, and ends
  if (why == LH_EEXISTS) {
    give_way(node);
  } else if (node->phase != NODE_ENDED && node->end_at == 0) {
    begin_new_epoch(
        node);  // one that leaves, too: what was taken over ends here, the rest is handed on
  }
}

// What is left after so many turns waits for the next millisecond, so that time goes on.
static void step_actors(struct lh_node *node, lh_ms now) {
  const lh_ms due = lh_actors_step(node->actors, STEP_TURNS);
  node->actors_due = due > now ? due : now + 1;
}

static void turn(void *self, lh_ms now) {
  struct lh_node *node = self;
  if (node->run_over != LH_OK) end_run(node, now);
  if (node->outnamed) lh_peers_rename(node);
  if (node->members != NULL) {
    lh_members_tick(node->members, now);
    lh_seeds_round(node, now);
  }
  lh_ask_tick(node, now);
  lh_storage_tick(node, now);
  lh_control_tick(node, now);
  lh_watcher_tick(node, now);
  lh_hubs_tick(node->hubs, now);
  lh_hubs_flush(node->hubs, now);
  lh_events_unlock(node);
  lh_leave_tick(node, now);
  if (!node->threaded) step_actors(node, now);
  arm(node);
}

// --- start ---
static char *copy_or_null(const char *text) { return text != NULL ? lh_strdup(text) : NULL; }

static struct lh_node *make(const struct lh_node_config *config, struct lh_env *env) {
  struct lh_node *node = LH_NEW(struct lh_node);
  (void)snprintf(node->name, sizeof node->name, "%s", config->name);
  (void)snprintf(node->socket_name, sizeof node->socket_name, "%s", config->name);
  node->weight = LH_MEMBER_WEIGHT_ONE;
  node->data_dir = copy_or_null(config->data_dir);
  node->allow_file = copy_or_null(config->allow_file);
  node->runtime_dir = copy_or_null(config->runtime_dir);
  node->path = copy_or_null(config->path);
  node->cpath = copy_or_null(config->cpath);
  node->advertise = copy_or_null(config->advertise);
  node->has_secret = config->has_secret;
  node->hubs_to_come = config->hubs_to_come;
  node->secret = config->secret;
  for (size_t i = 0; i < config->join_count; i++)
    node->joins[node->join_count++] = lh_strdup(config->joins[i]);
  lh_list_init(&node->waiting_ready);
  lh_list_init(&node->waiting_end);
  lh_list_init(&node->waiting_closed);
  lh_list_init(&node->seeds);
  lh_list_init(&node->evidence);
  lh_list_init(&node->queued_events);
  lh_list_init(&node->asked);
  lh_list_init(&node->connections);
  node->env = env;
  node->runs = lh_runs_new();
  return node;
}

static void make_parts(struct lh_node *node, const struct lh_node_config *config) {
  const struct lh_run run = {node->identity.id, node->epoch};
  uint8_t key[32];
  node->self = lh_runs_index(node->runs, &run);
  lh_runs_set_name(node->runs, node->self, node->name);
  lh_secret_derive(&node->secret, "registry", key);
  node->registry = lh_registry_new(node->runs, node->self, key, &lh_node_registry_ops, node);
  node->hubs =
      lh_hubs_new(node->runs, node->self, node->name, node->registry, &lh_node_hubs_ops, node);
  const struct lh_actors_config actors = {
      .env = node->env,
      .runs = node->runs,
      .self_node = node->self,
      .schedulers = config->schedulers,
      .heap_memory = config->heap_memory,
      .path = node->path,
      .cpath = node->cpath,
      .open_core = (lua_CFunction)config->open_core,
      .own_main = !node->threaded,
      .heap_opened = config->heap_opened,
      .heap_data = config->heap_data,
  };
  node->actors = lh_actors_new(&actors, &lh_node_actors_ops, node);
  node->tick = lh_timer_new(node->env, turn, node);
  node->started_at = lh_env_now(node->env);
  node->calm_at = LH_NEVER;
  node->watch_at = LH_NEVER;
}

static void *run_loop(void *self) {
  struct lh_node *node = self;
  sigset_t all;
  sigfillset(&all);
  sigdelset(&all, SIGTERM);
  sigdelset(&all, SIGINT);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  lh_registry_thread_enter();
  lh_env_run(node->env);
  lh_registry_thread_leave();
  return NULL;
}

static int open_parts(struct lh_node *node, const struct lh_node_config *config,
                      struct lh_error *error) {
  int err = lh_node_identity(node, error);
  if (err == LH_OK) err = lh_kept_read(node, error);
  if (err == LH_OK && node->allow_file != NULL)
    err = lh_allow_set(node, lh_bytes_str(config->allowed), error);
  if (err == LH_OK && config->listen != NULL &&
      lh_addr_lookup(&node->listen, config->listen) != LH_OK) {
    err = lh_fail(error, LH_EINVAL, "listen: \"%s\" is no \"host:port\" of this machine",
                  config->listen);
  }
  if (err != LH_OK) return err;
  make_parts(node, config);
  if (!lh_actors_have_threads(node->actors))
    return lh_fail(error, LH_EIO, "the threads of the schedulers could not be started");
  if (node->has_secret && config->listen != NULL) err = lh_peers_open(node, error);
  if (err == LH_OK && node->runtime_dir != NULL) err = lh_control_open(node, error);
  return err;
}

static void begin(struct lh_node *node) {
  lh_peers_record_changed(node);
  for (size_t i = 0; i < node->join_count; i++) lh_seeds_add(node, node->joins[i]);
  lh_seeds_begin(node);
  lh_node_touch(node);
}

struct lh_node *lh_node_open(const struct lh_node_config *config, struct lh_env *env,
                             struct lh_error *error) {
  struct lh_node *node = make(config, env);
  if (open_parts(node, config, error) != LH_OK) {
    lh_node_free(node);
    return NULL;
  }
  begin(node);
  return node;
}

struct lh_node *lh_node_start(const struct lh_node_config *config, struct lh_error *error) {
  lh_mem_give_back();
  struct lh_node *node = make(config, lh_env_uv_new());
  node->threaded = true;
  (void)signal(SIGPIPE, SIG_IGN);
  lh_log_set_name(node->name);
  lh_log_start(2);
  if (open_parts(node, config, error) != LH_OK) {
    lh_node_free(node);
    return NULL;
  }
  if (config->handle_signals) {
    lh_env_on_signal(node->env, SIGTERM, lh_leave_signal, node);
    lh_env_on_signal(node->env, SIGINT, lh_leave_signal, node);
  }
  begin(node);
  if (pthread_create(&node->thread, NULL, run_loop, node) != 0) {
    (void)lh_fail(error, LH_EIO, "the protocol thread could not be started");
    lh_node_free(node);
    return NULL;
  }
  node->running = true;
  return node;
}

// --- end ---
static void free_texts(struct lh_node *node) {
  lh_free(node->data_dir);
  lh_free(node->allow_file);
  lh_buf_free(&node->allowed);
  lh_kept_free(node);
  lh_free(node->runtime_dir);
  lh_free(node->path);
  lh_free(node->cpath);
  lh_free(node->advertise);
  for (size_t i = 0; i < node->join_count; i++) lh_free(node->joins[i]);
}

static void free_callers(struct lh_node *node) {
  for (size_t i = 0; i < node->callers.count; i++) lh_free(node->callers.entries[i].value);
  lh_map_free(&node->callers);
}

// The loop ends first, so that nothing is asked of the actors any more; then the actors, whose last
// words are dropped.
void lh_node_free(struct lh_node *node) {
  if (node->running) {
    lh_env_stop(node->env);
    pthread_join(node->thread, NULL);
  }
  if (node->actors != NULL) lh_actors_free(node->actors, STOP_GRACE_MS);
  lh_control_close(node);
  lh_seeds_free(node);
  if (node->hubs != NULL) lh_ask_free(node);
  lh_watcher_free(node);
  if (node->hubs != NULL) lh_hubs_free(node->hubs);
  lh_hooks_free(node);
  lh_events_free(node);
  lh_gossip_free(node);
  lh_storage_free(node);
  if (node->links != NULL) lh_links_free(node->links);
  if (node->members != NULL) lh_members_free(node->members);
  if (node->registry != NULL) lh_registry_free(node->registry);
  lh_leave_free(node);
  free_callers(node);
  lh_map_free(&node->told);
  if (node->tick != NULL) lh_timer_free(node->tick);
  lh_env_free(node->env);
  lh_runs_free(node->runs);
  if (node->threaded) lh_log_stop();
  free_texts(node);
  lh_free(node);
}

struct lh_registry *lh_node_registry(struct lh_node *node) {
  return node->registry;
}
struct lh_runs *lh_node_runs(struct lh_node *node) {
  return node->runs;
}
struct lh_actors *lh_node_actors(struct lh_node *node) {
  return node->actors;
}
uint32_t lh_node_self(struct lh_node *node) { return node->self; }
struct lh_members *lh_node_members(const struct lh_node *node) {
  return node->members;
}
struct lh_hubs *lh_node_hubs(const struct lh_node *node) {
  return node->hubs;
}
struct lh_env *lh_node_env(struct lh_node *node) {
  return node->env;
}
void lh_node_wake(struct lh_node *node) { lh_node_touch(node); }
bool lh_node_has_ended(const struct lh_node *node) { return node->phase == NODE_ENDED; }
