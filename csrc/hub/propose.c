// propose.c - which member set a hub is to have next, and who proposes it (ballot.c agrees on it).
//
// One node speaks for all, so that proposals seldom meet: of the members in view the first by node
// id; of a hub without a set, the first of all. One change at a time, in an agreed view:
//
//   no set: `initial_size` nodes are here, and none of them has one --> all that are here
//   a node that runs the hub, answers, and is in no set --> the set with it
//   dynamic: a member is gone for the threshold's time, and this side may act --> the set without
//   it an operator wants a member forgotten that is not here: the node that was asked speaks, too
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

static bool is_here(const struct hub *hub, const struct lh_node_id *id) {
  for (size_t i = 0; i < hub->all->view.count; i++) {
    const struct peer *peer = hub->all->view.peers[i];
    if (lh_view_runs(peer, hub->index) && lh_node_id_equal(&peer->run.id, id)) return true;
  }
  return false;
}

static void note_gone(struct hub *hub, lh_ms now) {
  for (size_t i = 0; i < hub->agreed.set.count; i++) {
    struct agreed_member *member = &hub->agreed.set.members[i];
    if (is_here(hub, &member->id))
      member->gone_at = 0;
    else if (member->gone_at == 0)
      member->gone_at = now;
  }
}

static void without(const struct hub *hub, const struct lh_node_id *id, struct agreed_set *next) {
  lh_set_copy(next, &hub->agreed.set);
  lh_set_remove(next, id);
  next->shrunk = ++next->version;
}

static bool shrink(const struct hub *hub, lh_ms now, struct agreed_set *next) {
  const struct agreed_set *set = &hub->agreed.set;
  if (hub->config.quorum.kind != LH_QUORUM_DYNAMIC || !lh_quorum_may(hub)) return false;
  for (size_t i = 0; i < set->count; i++) {
    const lh_ms gone_at = set->members[i].gone_at;
    if (gone_at == 0 || now - gone_at < hub->config.quorum.threshold) continue;
    without(hub, &set->members[i].id, next);
    return true;
  }
  return false;
}

static bool forgets(const struct hub *hub, struct agreed_set *next) {
  const struct lh_node_id *id = &hub->agreed.forget.id;
  if (hub->agreed.forget.caller == 0 || is_here(hub, id)) return false;
  without(hub, id, next);
  return true;
}

static bool choose(const struct hub *hub, lh_ms now, struct agreed_set *next) {
  if (hub->agreed.set.version > 0 && forgets(hub, next)) return true;
  if (!speaks(hub)) return false;
  if (hub->agreed.set.version == 0) return found(hub, now, next);
  return grow(hub, now, next) || shrink(hub, now, next);
}

// --- operators ---
static void answer_forget(struct hub *hub, lh_ms now) {
  struct lh_hubs *hubs = hub->all;
  const uint64_t caller = hub->agreed.forget.caller;
  struct lh_buf yes = LH_BUF_EMPTY;
  if (caller == 0) return;
  if (!lh_set_has(&hub->agreed.set, &hub->agreed.forget.id)) {
    hub->agreed.forget.caller = 0;
    lh_write_bool(&yes, true);
    hubs->ops->reply(hubs->ops_self, caller, LH_OK, lh_bytes_of(&yes), NULL);
    lh_buf_free(&yes);
  } else if (now >= hub->agreed.forget.until) {
    hub->agreed.forget.caller = 0;
    lh_op_refuse(hubs, caller, LH_ETIMEOUT, "no_quorum",
                 "more than half of the members must be here for it: %zu of them there are",
                 hub->agreed.set.count);
  }
}

static struct hub *asked_hub(struct lh_hubs *hubs, uint64_t caller, struct lh_bytes id) {
  struct hub *hub = lh_hub_find(hubs, id);
  if (hub == NULL) {
    lh_op_refuse(hubs, caller, LH_ECLOSED, "not_alive", "hub '%.*s' does not run on this node",
                 (int)id.len, (const char *)id.data);
  } else if (!lh_quorum_is_agreed(hub)) {
    lh_op_refuse(hubs, caller, LH_EINVAL, "no_member_set",
                 "the partition strategy of hub '%.*s' keeps no member set", (int)id.len,
                 (const char *)id.data);
  } else {
    return hub;
  }
  return NULL;
}

void lh_hubs_forget(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes id,
                    struct lh_bytes name) {
  struct hub *hub = asked_hub(hubs, caller, id);
  if (hub == NULL) return;
  const struct agreed_member *found = NULL;
  bool here = false;
  for (size_t i = 0; i < hub->agreed.set.count; i++) {
    const struct agreed_member *member = &hub->agreed.set.members[i];
    if (!lh_bytes_equal(lh_bytes_str(member->name), name)) continue;
    here = here || is_here(hub, &member->id);
    if (!is_here(hub, &member->id)) found = member;
  }
  if (hub->agreed.forget.caller != 0) {
    lh_op_refuse(hubs, caller, LH_EEXISTS, "busy", "another member is being forgotten just now");
  } else if (found == NULL) {
    lh_op_refuse(hubs, caller, here ? LH_EEXISTS : LH_ENOTFOUND, here ? "alive" : "not_found",
                 here ? "%.*s is here: stop it first" : "no member is called '%.*s'", (int)name.len,
                 (const char *)name.data);
  } else {
    hub->agreed.forget.id = found->id;
    hub->agreed.forget.caller = caller;
    hub->agreed.forget.until = now + LH_FORGET_MS;
    hubs->check_lease = true;
  }
}

void lh_hubs_reset_quorum(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes id) {
  struct hub *hub = asked_hub(hubs, caller, id);
  struct lh_buf names = LH_BUF_EMPTY;
  if (hub == NULL) return;
  struct agreed_set next = {.term = hub->agreed.set.term + 1,
                            .founder = *lh_runs_at(hubs->runs, hubs->self),
                            .version = 1,
                            .shrunk = 1};
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    if (lh_view_runs(peer, hub->index)) lh_set_add(&next, &peer->run.id, peer->name);
  }
  lh_agreed_adopt(hub, now, &next);
  lh_set_free(&next);
  lh_ballot_tell_all(hub);
  (void)lh_hubs_agreed(hubs, id, &names);
  hubs->ops->reply(hubs->ops_self, caller, LH_OK, lh_bytes_of(&names), NULL);
  lh_buf_free(&names);
}

void lh_propose_look(struct hub *hub, lh_ms now) {
  const struct view *view = &hub->all->view;
  struct agreed_set next = {0};
  if (!lh_quorum_is_agreed(hub)) return;
  answer_forget(hub, now);
  if (hub->closing || !view->agreed || view->capped) return;
  note_gone(hub, now);
  if (hub->agreed.proposal.ballot.round > 0 && now < hub->agreed.proposal.until) return;
  if (choose(hub, now, &next) && lh_ballot_may_change(hub, now, &next))
    lh_ballot_propose(hub, now, &next);
  lh_set_free(&next);
}
