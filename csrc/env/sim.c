// sim.c - the simulated world: its clock, its queue of events, its hosts, and what can go wrong
// with them.
#include "env/sim_env.h"

#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_PORT = 40000 };

// --- events ---

void lh_sim_at(struct lh_sim *sim, struct sim_event *event, lh_ms at) {
  lh_heap_set(&sim->queues[event->kind], &event->due, at);
}

void lh_sim_cancel(struct lh_sim *sim, struct sim_event *event) {
  lh_heap_cancel(&sim->queues[event->kind], &event->due);
}

void lh_sim_note(struct lh_sim *sim, uint64_t what) { sim->trace = lh_hash_mix(sim->trace, what); }

// The first event up to `until`, taken out, or NULL.
static struct sim_event *take_next(struct lh_sim *sim, lh_ms until) {
  struct lh_heap *first = &sim->queues[0];
  for (int i = 1; i < SIM_KINDS; i++) {
    if (lh_heap_next(&sim->queues[i]) < lh_heap_next(first)) first = &sim->queues[i];
  }
  struct lh_due *due = lh_heap_pop(first, until);
  return due != NULL ? LH_ENTRY(due, struct sim_event, due) : NULL;
}

static void happen(struct lh_sim *sim, struct sim_event *event) {
  if (event->due.at > sim->now) sim->now = event->due.at;
  struct sim_env *env = event->env;
  sim->last = 0;
  if (env != NULL && env->dead) return;
  if (env != NULL && sim->now < env->stalled_until) {
    lh_sim_at(sim, event, env->stalled_until);
    return;
  }
  lh_sim_note(sim, (uint64_t)sim->now);
  lh_sim_note(sim, (uint64_t)event->kind << 32 | (env != NULL ? env->host->index + 1 : 0));
  if (env != NULL) sim->last = env->host->mark;
  event->run(event);
  lh_sim_streams_bury(sim);
}

bool lh_sim_step(struct lh_sim *sim) {
  struct sim_event *event = take_next(sim, LH_NEVER - 1);
  if (event != NULL) happen(sim, event);
  return event != NULL;
}

void lh_sim_run_until(struct lh_sim *sim, lh_ms at) {
  for (struct sim_event *event; (event = take_next(sim, at)) != NULL;) happen(sim, event);
  if (sim->now < at) sim->now = at;
}

lh_ms lh_sim_next(const struct lh_sim *sim) {
  lh_ms next = LH_NEVER;
  for (int i = 0; i < SIM_KINDS; i++) {
    const lh_ms due = lh_heap_next(&sim->queues[i]);
    if (due < next) next = due;
  }
  return next;
}

lh_ms lh_sim_now(const struct lh_sim *sim) { return sim->now; }
uint64_t lh_sim_trace(const struct lh_sim *sim) { return sim->trace; }
uint32_t lh_sim_last(const struct lh_sim *sim) { return sim->last; }
uint64_t lh_sim_corrupted(const struct lh_sim *sim) { return sim->corrupted; }
uint64_t lh_sim_random(struct lh_sim *sim) { return lh_random_next(&sim->random); }

// --- the world ---

struct lh_sim *lh_sim_new(uint64_t seed) {
  struct lh_sim *sim = LH_NEW(struct lh_sim);
  sim->seed = seed;
  sim->random.state = lh_hash_mix(seed, 0);
  sim->network = (struct lh_sim_path){.delay_min = 1, .delay_max = 3};
  sim->now = 1;
  lh_list_init(&sim->packets);
  lh_list_init(&sim->buried);
  return sim;
}

void lh_sim_free(struct lh_sim *sim) {
  if (sim == NULL) return;
  lh_sim_streams_bury(sim);
  lh_sim_packets_free(sim);
  for (size_t i = 0; i < sim->hosts.count; i++) {
    struct sim_host *host = sim->hosts.entries[i].value;
    lh_sim_files_free(host);
    lh_free(host);
  }
  for (size_t i = 0; i < sim->paths.count; i++) lh_free(sim->paths.entries[i].value);
  for (size_t i = 0; i < sim->names.count; i++) lh_free(sim->names.entries[i].value);
  lh_map_free(&sim->hosts);
  lh_map_free(&sim->paths);
  lh_map_free(&sim->names);
  for (int i = 0; i < SIM_KINDS; i++) lh_heap_free(&sim->queues[i]);
  lh_free(sim);
}

// --- hosts ---

static struct lh_bytes host_key(const struct lh_addr *addr) {
  if (addr->storage.ss_family == AF_INET) {
    return lh_bytes(&((const struct sockaddr_in *)(const void *)&addr->storage)->sin_addr, 4);
  }
  return lh_bytes(&((const struct sockaddr_in6 *)(const void *)&addr->storage)->sin6_addr, 16);
}

static int parse_host(struct lh_addr *addr, const char *address) {
  struct lh_buf text = LH_BUF_EMPTY;
  const bool v6 = strchr(address, ':') != NULL;
  if (v6) lh_buf_byte(&text, '[');
  lh_buf_append(&text, address, strlen(address));
  if (v6) lh_buf_byte(&text, ']');
  lh_buf_append(&text, ":0", sizeof ":0");
  const int err = lh_addr_parse(addr, (const char *)text.data);
  lh_buf_free(&text);
  return err;
}

static struct sim_host *host_at(const struct lh_sim *sim, const struct lh_addr *addr) {
  const struct lh_bytes key = host_key(addr);
  return lh_map_get(&sim->hosts, key.data, key.len);
}

static void host_expired(struct sim_event *event) {
  struct sim_host *host = LH_ENTRY(event, struct sim_host, expired);
  lh_sim_streams_break(host, NULL);
}

struct sim_host *lh_sim_host_named(struct lh_sim *sim, const char *address) {
  struct lh_addr addr;
  if (parse_host(&addr, address) != 0) return NULL;
  struct sim_host *host = host_at(sim, &addr);
  if (host != NULL) return host;
  host = LH_NEW(struct sim_host);
  host->sim = sim;
  host->index = (uint32_t)sim->hosts.count;
  host->addr = addr;
  host->next_port = FIRST_PORT;
  host->vanished = true;
  host->expired = (struct sim_event){.kind = SIM_ARRIVAL, .run = host_expired};
  const struct lh_bytes key = host_key(&addr);
  (void)lh_map_put(&sim->hosts, key.data, key.len, host);
  return host;
}

struct lh_env *lh_sim_host(struct lh_sim *sim, const char *address) {
  struct sim_host *host = lh_sim_host_named(sim, address);
  if (host == NULL || host->env != NULL) return NULL;
  host->vanished = false;
  host->starts++;
  return lh_sim_env_new(host);
}

void lh_sim_name(struct lh_sim *sim, const char *name, const char *address) {
  struct lh_addr addr;
  if (parse_host(&addr, address) != 0) return;
  struct sim_name *entry = lh_map_get(&sim->names, name, strlen(name));
  if (entry == NULL) {
    entry = LH_NEW(struct sim_name);
    (void)lh_map_put(&sim->names, name, strlen(name), entry);
  }
  if (entry->count < LH_RESOLVE_MAX) entry->addrs[entry->count++] = addr;
}

bool lh_sim_is_loopback(const struct lh_addr *addr) {
  const struct lh_bytes key = host_key(addr);
  static const uint8_t v6[16] = {[15] = 1};
  return key.len == 4 ? key.data[0] == 127 : memcmp(key.data, v6, sizeof v6) == 0;
}

struct sim_host *lh_sim_find(struct sim_host *from, const struct lh_addr *addr) {
  return lh_sim_is_loopback(addr) ? from : host_at(from->sim, addr);
}

struct lh_addr lh_sim_source(struct sim_host *host, const struct lh_addr *to, uint16_t port) {
  struct lh_addr addr = lh_sim_is_loopback(to) ? *to : host->addr;
  lh_addr_set_port(&addr, port);
  return addr;
}

uint16_t lh_sim_port(struct sim_host *host) {
  if (host->next_port < FIRST_PORT) host->next_port = FIRST_PORT;  // it went round
  return host->next_port++;
}

int lh_sim_bind(struct sim_host *host, const struct lh_addr *at, struct lh_addr *bound,
                struct lh_error *error) {
  char text[LH_ADDR_TEXT_MAX];
  *bound = *at;
  if (lh_addr_port(at) == 0) lh_addr_set_port(bound, lh_sim_port(host));
  if (lh_addr_is_any(at) || lh_sim_is_loopback(at) || host_at(host->sim, at) == host) return 0;
  lh_addr_format(at, text);
  return lh_fail(error, LH_EINVAL, "cannot use %s: it is not an address of this host", text);
}

// --- the network ---

bool lh_sim_chance(struct lh_sim *sim, uint32_t per_million) {
  return per_million > 0 && lh_random_below(&sim->random, LH_SIM_PER_MILLION) < per_million;
}

static struct sim_path *find_path(struct sim_host *from, struct sim_host *to) {
  const uint32_t key[2] = {from->index, to->index};
  return lh_map_get(&from->sim->paths, key, sizeof key);
}

static void path_expired(struct sim_event *event) {
  const struct sim_path *path = LH_ENTRY(event, struct sim_path, expired);
  lh_sim_streams_break(path->from, path->to);
}

static struct sim_path *make_path(struct sim_host *from, struct sim_host *to) {
  struct sim_path *path = find_path(from, to);
  if (path != NULL) return path;
  path = LH_NEW(struct sim_path);
  path->from = from;
  path->to = to;
  path->expired = (struct sim_event){.kind = SIM_ARRIVAL, .run = path_expired};
  const uint32_t key[2] = {from->index, to->index};
  (void)lh_map_put(&from->sim->paths, key, sizeof key, path);
  return path;
}

const struct lh_sim_path *lh_sim_path_of(struct sim_host *from, struct sim_host *to) {
  static const struct lh_sim_path inside = {0};
  if (from == to) return &inside;
  const struct sim_path *path = find_path(from, to);
  return path != NULL && path->is_set ? &path->path : &from->sim->network;
}

bool lh_sim_is_cut(struct sim_host *from, struct sim_host *to) {
  const struct sim_path *path = find_path(from, to);
  return path != NULL && path->cut;
}

lh_ms lh_sim_held(const struct sim_host *host) {
  const lh_ms now = host->sim->now;
  return host->env != NULL && now < host->env->stalled_until ? host->env->stalled_until - now : 0;
}

lh_ms lh_sim_delay(struct sim_host *from, struct sim_host *to) {
  const struct lh_sim_path *path = lh_sim_path_of(from, to);
  if (path->delay_max <= path->delay_min) return path->delay_min;
  const uint64_t spread = (uint64_t)(path->delay_max - path->delay_min) + 1;
  return path->delay_min + (lh_ms)lh_random_below(&from->sim->random, spread);
}

void lh_sim_corrupt(struct lh_sim *sim, const struct lh_sim_path *path, uint8_t *data, size_t len) {
  if (len == 0 || !lh_sim_chance(sim, path->corrupt)) return;
  const uint64_t bit = lh_random_below(&sim->random, (uint64_t)len * 8);
  data[bit / 8] ^= (uint8_t)(1U << bit % 8);
  sim->corrupted++;
}

void lh_sim_imitate(struct lh_sim *sim) { sim->imitates = true; }

void lh_sim_set_network(struct lh_sim *sim, const struct lh_sim_path *path) {
  sim->network = *path;
}

void lh_sim_set_path(struct lh_sim *sim, const char *from, const char *to,
                     const struct lh_sim_path *set) {
  struct sim_host *a = lh_sim_host_named(sim, from);
  struct sim_host *b = lh_sim_host_named(sim, to);
  if (a == NULL || b == NULL) return;
  struct sim_path *path = make_path(a, b);
  path->path = *set;
  path->is_set = true;
}

void lh_sim_cut(struct lh_sim *sim, const char *from, const char *to, bool cut) {
  struct sim_host *a = lh_sim_host_named(sim, from);
  struct sim_host *b = lh_sim_host_named(sim, to);
  if (a == NULL || b == NULL || a == b) return;
  struct sim_path *path = make_path(a, b);
  if (path->cut == cut) return;
  path->cut = cut;
  if (cut) {
    lh_sim_at(sim, &path->expired, sim->now + LH_SIM_BROKEN_MS);
    return;
  }
  lh_sim_cancel(sim, &path->expired);
  lh_sim_streams_resume(a, b);
}

// --- what happens to hosts ---

void lh_sim_stall(struct lh_sim *sim, const char *address, lh_ms ms) {
  struct sim_host *host = lh_sim_host_named(sim, address);
  if (host == NULL || host->env == NULL || ms <= 0) return;
  struct sim_env *env = host->env;
  if (sim->now >= env->stalled_until) env->stalled_from = sim->now;
  if (sim->now + ms > env->stalled_until) env->stalled_until = sim->now + ms;
  lh_sim_at(sim, &env->woken, env->stalled_until);
}

void lh_sim_crash(struct lh_sim *sim, const char *address, enum lh_sim_crash how) {
  struct sim_host *host = lh_sim_host_named(sim, address);
  if (host == NULL || host->env == NULL) return;
  if (how == LH_SIM_VANISHED) {
    lh_sim_lose_power(host);
    return;
  }
  struct sim_env *env = host->env;
  host->env = NULL;
  env->dead = true;
  lh_sim_streams_abandon(env, true);
}

void lh_sim_lose_power(struct sim_host *host) {
  struct sim_env *env = host->env;
  host->env = NULL;
  host->vanished = true;
  env->dead = true;
  lh_sim_streams_abandon(env, false);
  lh_sim_at(host->sim, &host->expired, host->sim->now + LH_SIM_BROKEN_MS);
}
