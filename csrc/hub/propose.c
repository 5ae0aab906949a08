// propose.c - which member set a hub is to have next, and who proposes it (ballot.c agrees on it).
//
// One node speaks for all, so that proposals seldom meet: of the members in view the first by node
// id; of a hub without a set, the first of all. One change at a time, in an agreed view:
//
//   no set: `initial_size` nodes are here, and none of them has one --> all that are here
//   a node that runs the hub, answers, and is in no set --> the set with it
#include "hub/quorum.h"

// A word on the set that came with a lease answer not long ago; NULL: no answer.
static bool heard_lately(const struct peer *peer, lh_ms now) {
  return peer->word.leased_at > 0 && now - peer->word.leased_at < LH_LEASE_MS;
}

static bool is_self(const struct hub *hub, const struct peer *peer) {
  return peer->node == hub->all->self;
}

static bool speaks(const struct hub *hub) {
  const struct agreed_set *set = &hub->agreed.set;
  for (size_t i = 0; i < hub->all->view.count; i++) {
    const struct peer *peer = hub->all->view.peers[i];
    if (!lh_view_runs(peer, hub->index)) continue;
    if (set->version > 0 && !lh_set_has(set, &peer->run.id)) continue;
    return is_self(hub, peer);
  }
  return false;
}

static bool has_none(const struct hub *hub, const struct peer *peer, lh_ms now) {
  if (is_self(hub, peer)) return true;
  const struct set_word *word = lh_word_of(peer, hub->index);
  return heard_lately(peer, now) && word != NULL && word->version == 0;
}

static bool found(const struct hub *hub, lh_ms now, struct agreed_set *next) {
  *next = (struct agreed_set){.founder = *lh_runs_at(hub->all->runs, hub->all->self), .version = 1};
  for (size_t i = 0; i < hub->all->view.count; i++) {
    const struct peer *peer = hub->all->view.peers[i];
    if (lh_view_runs(peer, hub->index) && !peer->leaving && has_none(hub, peer, now))
      lh_set_add(next, &peer->run.id, peer->name);
  }
  return next->count >= hub->config.quorum.size;
}

static bool may_be_added(const struct hub *hub, const struct peer *peer, lh_ms now) {
  const struct agreed_set *set = &hub->agreed.set;
  const struct set_word *word = lh_word_of(peer, hub->index);
  if (!lh_view_runs(peer, hub->index) || peer->leaving || lh_set_has(set, &peer->run.id))
    return false;
  return heard_lately(peer, now) && word != NULL && lh_word_is_ours(hub, word);
}

static bool grow(const struct hub *hub, lh_ms now, struct agreed_set *next) {
  for (size_t i = 0; i < hub->all->view.count; i++) {
    const struct peer *peer = hub->all->view.peers[i];
    if (!may_be_added(hub, peer, now)) continue;
    lh_set_copy(next, &hub->agreed.set);
    lh_set_add(next, &peer->run.id, peer->name);
    next->version++;
    return true;
  }
  return false;
}

static bool choose(const struct hub *hub, lh_ms now, struct agreed_set *next) {
  if (!speaks(hub)) return false;
  return hub->agreed.set.version == 0 ? found(hub, now, next) : grow(hub, now, next);
}

void lh_propose_look(struct hub *hub, lh_ms now) {
  const struct view *view = &hub->all->view;
  struct agreed_set next = {0};
  if (!lh_quorum_is_agreed(hub) || hub->closing || !view->agreed || view->capped) return;
  if (hub->agreed.proposal.ballot.round > 0 && now < hub->agreed.proposal.until) return;
  if (choose(hub, now, &next) && lh_ballot_may_change(hub, now, &next))
    lh_ballot_propose(hub, now, &next);
  lh_set_free(&next);
}
