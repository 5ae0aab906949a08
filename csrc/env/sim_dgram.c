// sim_dgram.c - simulated datagrams: lost, doubled, delayed, each on its own, so that they
// overtake.
#include <string.h>

#include "base/mem.h"
#include "env/sim_env.h"

struct dgram {
  struct lh_dgram base;
  struct lh_list link;
};

// In flight. It knows addresses only: who they belong to is found out when it arrives.
struct packet {
  struct sim_event event;
  struct lh_list link;
  struct sim_host *to_host;
  struct lh_addr from;
  struct lh_addr to;
  bool waits;  // at a stalled host
  size_t len;
  uint8_t data[];
};

static struct dgram *find(struct sim_env *env, const struct lh_addr *to) {
  for (struct lh_list *at = env->dgrams.next; at != &env->dgrams; at = at->next) {
    struct dgram *dgram = LH_ENTRY(at, struct dgram, link);
    if (lh_addr_port(&dgram->base.addr) == lh_addr_port(to)) return dgram;
  }
  return NULL;
}

static void packet_free(struct packet *packet) {
  if (packet->waits) packet->to_host->backlog--;
  lh_list_remove(&packet->link);
  lh_free(packet);
}

// True when it stays in the queue of a host that does not run just now.
static bool waits(struct lh_sim *sim, struct packet *packet, const struct sim_env *env) {
  if (sim->now >= env->stalled_until) return false;
  if (!packet->waits && packet->to_host->backlog >= LH_SIM_BACKLOG) return false;
  if (!packet->waits) packet->to_host->backlog++;
  packet->waits = true;
  lh_sim_at(sim, &packet->event, env->stalled_until);
  return true;
}

static void arrives(struct sim_event *event) {
  struct packet *packet = LH_ENTRY(event, struct packet, event);
  struct lh_sim *sim = packet->to_host->sim;
  struct sim_env *env = packet->to_host->env;
  if (env != NULL && waits(sim, packet, env)) return;
  const bool lost = env == NULL || sim->now < env->stalled_until;
  const struct dgram *dgram = lost ? NULL : find(env, &packet->to);
  if (dgram != NULL) {
    lh_sim_note(sim, lh_hash(packet->data, packet->len, packet->to_host->index));
    dgram->base.fn(dgram->base.self, &packet->from, packet->data, packet->len);
  }
  packet_free(packet);
}

static void send_one(struct sim_host *from, struct sim_host *to, const struct packet *model,
                     const void *data) {
  struct lh_sim *sim = from->sim;
  struct packet *packet = lh_alloc(sizeof *packet + model->len);
  *packet = *model;
  if (model->len > 0) memcpy(packet->data, data, model->len);
  const struct lh_sim_path *path = lh_sim_path_of(from, to);
  lh_sim_corrupt(sim, path, packet->data, packet->len);
  lh_list_push(&sim->packets, &packet->link);
  lh_ms delay = lh_sim_held(from) + lh_sim_delay(from, to);
  if (lh_sim_chance(sim, path->reorder)) {
    delay += 1 + (lh_ms)lh_random_below(&sim->random, LH_SIM_LATE_MS);
  }
  lh_sim_at(sim, &packet->event, sim->now + delay);
}

int lh_sim_dgram_send(struct lh_dgram *base, const struct lh_addr *to, const void *data,
                      size_t len) {
  struct sim_env *env = sim_env_of(base->env);
  if (len > LH_DATAGRAM_MAX) return LH_ELIMIT;
  if (env->dead) return LH_ECLOSED;
  struct sim_host *far = lh_sim_find(env->host, to);
  if (far == NULL || lh_sim_is_cut(env->host, far)) return 0;
  const struct lh_sim_path *path = lh_sim_path_of(env->host, far);
  if (lh_sim_chance(env->sim, path->loss)) return 0;
  const struct packet packet = {
      .event = {.kind = SIM_ARRIVAL, .run = arrives},
      .to_host = far,
      .from = lh_sim_source(env->host, to, lh_addr_port(&base->addr)),
      .to = *to,
      .len = len,
  };
  send_one(env->host, far, &packet, data);
  if (lh_sim_chance(env->sim, path->duplicate)) send_one(env->host, far, &packet, data);
  return 0;
}

struct lh_dgram *lh_sim_dgram_open(struct lh_env *base, const struct lh_addr *at,
                                   struct lh_error *error) {
  struct sim_env *env = sim_env_of(base);
  struct lh_addr bound;
  if (lh_sim_bind(env->host, at, &bound, error) != 0) return NULL;
  if (find(env, &bound) != NULL) {
    (void)lh_fail(error, LH_EEXISTS, "cannot receive datagrams on port %u: address already in use",
                  lh_addr_port(&bound));
    return NULL;
  }
  struct dgram *dgram = LH_NEW(struct dgram);
  dgram->base.env = base;
  dgram->base.addr = bound;
  lh_list_push(&env->dgrams, &dgram->link);
  return &dgram->base;
}

void lh_sim_dgram_close(struct lh_dgram *base) {
  struct dgram *dgram = (struct dgram *)base;
  lh_list_remove(&dgram->link);
  lh_free(dgram);
}

struct lh_dgram *lh_sim_dgram_first(struct sim_env *env) {
  return &LH_ENTRY(env->dgrams.next, struct dgram, link)->base;
}

void lh_sim_packets_free(struct lh_sim *sim) {
  while (!lh_list_empty(&sim->packets)) {
    packet_free(LH_ENTRY(sim->packets.next, struct packet, link));
  }
}
