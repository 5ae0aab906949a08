// away.c - the dead that may return: who they are, and which children they can know.
//
// A run that was declared dead may live on the other side of a cut, or stand still. Until it
// returns, or is forgotten after LH_AWAY_MS as the members forget it, a stop of a child that it can
// know must leave an order behind (order.c). It can know no child that was started after all
// members had agreed on a view without it: each entry remembers the highest generation of that
// moment. While members join, who may have been with it meanwhile, that is not known.
//
//   died --> knows all --agreed view--> knows up to a generation --someone joins--> knows all
//   any --> it returns, a later run of its node comes to its address, or its time is over: gone
//
// Beyond LH_AWAY_MAX the two that died first are kept as one, which knows what either knew, and of
// which nobody returns: orders are then kept longer, none is lost. Nodes tell each other in their
// votes how far their word on those away reaches.
#include "hub/internal.h"

#include "base/mem.h"

static void remove_at(struct hub *hub, size_t at) {
  hub->away_count--;
  memmove(&hub->away[at], &hub->away[at + 1], (hub->away_count - at) * sizeof(struct away));
}

static void join_oldest(struct hub *hub) {
  struct away *second = &hub->away[1];
  hub->all->counters.away_joined++;
  if (hub->away[0].knows > second->knows) second->knows = hub->away[0].knows;
  memset(&second->run, 0, sizeof second->run);
  remove_at(hub, 0);
}

static void add(struct hub *hub, lh_ms now, const struct peer *peer) {
  if (hub->away_count == LH_AWAY_MAX) join_oldest(hub);
  hub->away = lh_realloc(hub->away, (hub->away_count + 1) * sizeof(struct away));
  hub->away[hub->away_count++] = (struct away){
      .run = peer->run,
      .address = peer->address,
      .knows = LH_GENERATION_MAX,
      .until = now + LH_AWAY_MS,
  };
  if (now + LH_AWAY_MS < hub->all->away_at) hub->all->away_at = now + LH_AWAY_MS;
}

void lh_away_died(struct lh_hubs *hubs, lh_ms now, const struct peer *peer) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    if (lh_view_runs(peer, hubs->hubs[i]->index)) add(hubs->hubs[i], now, peer);
  }
}

// Two processes cannot listen at one address: the earlier one has ended. At another address it may
// be a copy of the disk that has come, and the earlier one lives on behind a cut.
static bool has_ended(const struct away *away, const struct peer *later) {
  return lh_node_id_equal(&away->run.id, &later->run.id) &&
         (away->run.epoch == later->run.epoch || away->address == later->address);
}

void lh_away_joined(struct lh_hubs *hubs, const struct peer *peer) {
  for (size_t h = 0; h < hubs->hub_count; h++) {
    struct hub *hub = hubs->hubs[h];
    for (size_t i = hub->away_count; i > 0; i--) {
      struct away *away = &hub->away[i - 1];
      away->knows = LH_GENERATION_MAX;
      if (has_ended(away, peer)) remove_at(hub, i - 1);
    }
  }
}

bool lh_away_is(const struct hub *hub, const struct lh_node_id *id) {
  size_t i = 0;
  while (i < hub->away_count && !lh_node_id_equal(&hub->away[i].run.id, id)) i++;
  return i < hub->away_count;
}

void lh_away_agreed(struct lh_hubs *hubs, lh_ms now) {
  for (size_t h = 0; h < hubs->hub_count; h++) {
    struct hub *hub = hubs->hubs[h];
    const uint64_t seen = lh_registry_generation(hubs->registry, hub->index);
    for (size_t i = 0; i < hub->away_count; i++) {
      struct away *away = &hub->away[i];
      if (away->knows != LH_GENERATION_MAX) continue;
      away->knows = seen > hub->generation ? seen : hub->generation;
      hubs->word_at = now + LH_WORD_MS;
    }
  }
}

void lh_away_tick(struct lh_hubs *hubs, lh_ms now) {
  if (now < hubs->away_at) return;
  hubs->away_at = LH_NEVER;
  for (size_t h = 0; h < hubs->hub_count; h++) {
    struct hub *hub = hubs->hubs[h];
    for (; hub->away_count > 0 && hub->away[0].until <= now; remove_at(hub, 0)) hubs->word_at = now;
    if (hub->away_count > 0 && hub->away[0].until < hubs->away_at)
      hubs->away_at = hub->away[0].until;
  }
}

uint64_t lh_away_ours(const struct hub *hub) {
  uint64_t furthest = 0;
  for (size_t i = 0; i < hub->away_count; i++) {
    if (hub->away[i].knows > furthest) furthest = hub->away[i].knows;
  }
  return furthest;
}

uint64_t lh_away_knows(const struct hub *hub) {
  const struct view *view = &hub->all->view;
  if (LH_PLANTED(nobody_is_away)) return 0;
  uint64_t furthest = view->rejoining ? LH_GENERATION_MAX : lh_away_ours(hub);
  for (size_t i = 0; i < view->count; i++) {
    const struct peer *peer = view->peers[i];
    for (size_t k = 0; k < peer->away_count; k++) {
      if (peer->away[k].hub == hub->index && peer->away[k].knows > furthest)
        furthest = peer->away[k].knows;
    }
  }
  return furthest;
}
