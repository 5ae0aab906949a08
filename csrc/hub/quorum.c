// quorum.c - whether this side of a split may act: the built-in strategies that need a quorum.
//
// Decided before anything is begun, under a view that all its members agree on:
//
//   partitioned  a quorum is not here, or our lease ended and was not renewed: children end
//                (park.c), starts are refused
//   barred       nothing is begun just now: the members do not agree, the lease has lapsed, or what
//                a node runs that is not here may run still (lh_lease_others_over)
//   else         it may act
//
// A view that is agreed by its cap alone is no agreement here.
#include "hub/quorum.h"

#include "base/log.h"

int lh_quorum_open(struct hub *hub, lh_ms now, struct lh_error *error) {
  if (!lh_quorum_is_set(hub)) return LH_OK;
  hub->barred = hub->lease.lapsed = true;
  hub->all->lease_ask_at = 0;
  return lh_agreed_open(hub, now, error);
}

void lh_quorum_add(const struct hub *hub, struct quorum_count *count, const struct peer *peer) {
  if (!lh_quorum_is_agreed(hub) || lh_set_has(&hub->agreed.set, &peer->run.id)) count->members++;
}

// More nodes than there should be could be two quorums: then it takes more than half of them.
static size_t needed_of_fixed(const struct hub *hub) {
  const size_t size = hub->config.quorum.size;
  if (hub->most <= hub->config.quorum.of) return size;
  return size > hub->most / 2 ? size : hub->most / 2 + 1;
}

size_t lh_quorum_needed(const struct hub *hub) {
  if (!lh_quorum_is_agreed(hub)) return needed_of_fixed(hub);
  if (hub->agreed.set.version == 0) return hub->config.quorum.size;
  const size_t count = hub->agreed.set.count;
  const size_t share = (count * hub->config.quorum.percent + 99) / 100;
  return share > count / 2 ? share : count / 2 + 1;
}

bool lh_quorum_reached(const struct hub *hub, const struct quorum_count *count) {
  return count->members >= lh_quorum_needed(hub);
}

static struct quorum_count count_members(const struct hub *hub) {
  struct quorum_count count = {0};
  for (size_t i = 0; i < hub->all->view.count; i++) {
    const struct peer *peer = hub->all->view.peers[i];
    if (lh_view_runs(peer, hub->index)) lh_quorum_add(hub, &count, peer);
  }
  return count;
}

bool lh_quorum_is_here(const struct hub *hub) {
  const struct quorum_count count = count_members(hub);
  return lh_quorum_reached(hub, &count);
}

bool lh_quorum_is_complete(const struct hub *hub) {
  const struct quorum_count count = count_members(hub);
  if (!lh_quorum_is_agreed(hub)) return count.members >= hub->config.quorum.of;
  return hub->agreed.set.version > 0 && count.members == hub->agreed.set.count;
}

static void tell(struct hub *hub, const struct quorum_count *count, bool partitioned) {
  lh_log(LH_LOG_WARN, "hub",
         partitioned
             ? "hub '%.*s' has no quorum here (%zu members of the %zu it needs): its children "
               "end here, and nothing is started"
             : "hub '%.*s' has a quorum here again (%zu members of the %zu it needs)",
         (int)hub->config.id.len, (const char *)hub->config.id.data, count->members,
         lh_quorum_needed(hub));
}

static void note_most(struct hub *hub, size_t members) {
  if (members <= hub->most) return;
  hub->most = members;
  if (lh_quorum_is_agreed(hub) || members <= hub->config.quorum.of) return;
  lh_log(LH_LOG_WARN, "hub",
         "hub '%.*s' has %zu members, more than the %zu of its static_quorum: it takes %zu of them "
         "to act now; start no more nodes than that, or take majority_quorum",
         (int)hub->config.id.len, (const char *)hub->config.id.data, members,
         (size_t)hub->config.quorum.of, lh_quorum_needed(hub));
}

static bool is_partitioned(const struct hub *hub, bool quorum) {
  const struct view *view = &hub->all->view;
  if (hub->lease.over || (view->agreed && !quorum)) return true;
  return hub->partitioned && (!view->agreed || hub->lease.lapsed);
}

void lh_quorum_bar(struct lh_hubs *hubs) {
  for (size_t i = 0; i < hubs->hub_count; i++)
    hubs->hubs[i]->barred = lh_quorum_is_set(hubs->hubs[i]);
  hubs->check_lease = true;
}

// A node that stood still kept its view, and the votes for it, while the others went on: what they
// began meanwhile it knows when each of the members has answered since and sees the same.
static bool is_up_to_date(const struct hub *hub) {
  const struct lh_hubs *hubs = hub->all;
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    if (peer->node == hubs->self || !lh_view_runs(peer, hub->index)) continue;
    if (peer->word.leased_at < hub->lease.lapsed_at || peer->word.view != hubs->view.hash)
      return false;
  }
  return true;
}

void lh_quorum_decide(struct hub *hub, lh_ms now) {
  const struct view *view = &hub->all->view;
  const struct quorum_count count = count_members(hub);
  note_most(hub, count.members);
  const bool quorum = lh_quorum_reached(hub, &count) || LH_PLANTED(minority_goes_on);
  const bool agreed = view->agreed && !view->capped;
  const bool partitioned = is_partitioned(hub, quorum);
  const bool could = lh_quorum_may(hub);
  hub->lease.over = false;
  hub->barred = !agreed || !quorum || hub->lease.lapsed || !is_up_to_date(hub) ||
                !lh_lease_others_over(hub, now);
  if (LH_PLANTED(started_before_quorum)) hub->barred = false;
  if (lh_quorum_is_agreed(hub) && LH_PLANTED(started_before_set_quorum)) hub->barred = false;
  const bool changed = partitioned != hub->partitioned;
  if (changed) tell(hub, &count, partitioned);
  hub->partitioned = partitioned;
  if (changed) lh_event_quorum(hub);
  if (partitioned) lh_park_hub(hub, now);
  if (could || !lh_quorum_may(hub)) return;
  hub->all->check_view = hub->all->check_settle = true;
  hub->all->view.settled = false;  // what was not moved meanwhile is looked at now
}
