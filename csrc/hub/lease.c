// lease.c - how long this node may run the children of a hub with a quorum strategy.
//
// Every LH_LEASE_ASK_MS a node asks the members of such hubs; whoever sees it alive answers with
// the time that the question carries. A lease ends LH_LEASE_MS after the oldest question that a
// quorum has answered. Whoever takes this node for dead does not answer: so a lease ends at the
// latest LH_LEASE_MS after the verdict, also for one who hears the others and is not heard.
//
//   LEASED --time--> LAPSED (no child runs any Lua) --answers--> LEASED
//                      |  LH_LEASE_HOLD_MS after its end, however late that is noticed
//                      '--> given up (park.c)
//
// With an answer goes how long ago its sender lost a member and which members it sees: what ran
// with others may be started once a quorum, which sees the same members, lost its last one
// LH_LEASE_WAIT_MS ago. One of them is in every quorum that another node's lease could come from.
#include "hub/quorum.h"

#include "base/mem.h"

#include <stdlib.h>

// A little less than what the others count: clocks differ in rate.
static lh_ms stretched(lh_ms asked) { return asked + LH_LEASE_MS - LH_LEASE_MS / 50; }

static int latest_first(const void *a, const void *b) {
  const struct peer *one = *(const struct peer *const *)a;
  const struct peer *other = *(const struct peer *const *)b;
  if (one->word.leased_at != other->word.leased_at)
    return one->word.leased_at > other->word.leased_at ? -1 : 1;
  return one->node < other->node ? -1 : one->node > other->node;
}

// The latest question that a quorum has answered; LH_NEVER: it needs nobody else; 0: there is none.
static lh_ms answered_since(const struct hub *hub) {
  const struct view *view = &hub->all->view;
  if (lh_quorum_is_agreed(hub) && !lh_agreed_has_self(hub)) return 0;
  const struct peer **peers = lh_alloc((view->count + 1) * sizeof(struct peer *));
  struct quorum_count count = {0};
  size_t others = 0;
  for (size_t i = 0; i < view->count; i++) {
    if (!lh_view_runs(view->peers[i], hub->index)) continue;
    if (view->peers[i]->node == hub->all->self)
      lh_quorum_add(hub, &count, view->peers[i]);
    else if (lh_word_counts(hub, view->peers[i]))
      peers[others++] = view->peers[i];
  }
  qsort((void *)peers, others, sizeof(const struct peer *),
        latest_first);  // NOLINT(bugprone-sizeof-expression): pointers
  lh_ms since = lh_quorum_reached(hub, &count) ? LH_NEVER : 0;
  for (size_t i = 0; i < others && since == 0 && peers[i]->word.leased_at > 0; i++) {
    lh_quorum_add(hub, &count, peers[i]);
    if (lh_quorum_reached(hub, &count)) since = peers[i]->word.leased_at;
  }
  lh_free((void *)peers);
  return since;
}

static void renew(struct hub *hub) {
  const lh_ms since = answered_since(hub);
  const lh_ms until = since == 0 ? 0 : since == LH_NEVER ? LH_NEVER : stretched(since);
  if (hub->lease.until != until && hub->all->ops->lease != NULL)
    hub->all->ops->lease(hub->all->ops_self, hub->config.id,
                         LH_PLANTED(lease_checked_late) && until > 0 ? LH_NEVER : until);
  hub->lease.until = until;
}

static void look(struct hub *hub, lh_ms now) {
  const lh_ms late = LH_PLANTED(lease_checked_late) ? 4 * LH_LEASE_MS : 0;
  const bool lapsed = hub->lease.until == 0 || hub->lease.until <= now - late;
  if (lapsed && !hub->partitioned && hub->lease.until != 0 &&
      now - hub->lease.until >= LH_LEASE_HOLD_MS)
    hub->lease.over = true;
  if (lapsed == hub->lease.lapsed) return;
  hub->lease.lapsed = lapsed;
  if (lapsed) hub->lease.lapsed_at = now;
  hub->all->check_view = hub->all->check_settle = true;
}

// --- what others may still run ---
void lh_lease_lost(struct lh_hubs *hubs, lh_ms now) {
  hubs->lost_at = now;
  lh_quorum_bar(hubs);
}

void lh_lease_begin(struct lh_hubs *hubs, lh_ms now) {
  hubs->began_at = now;
  lh_quorum_bar(hubs);
}

static lh_ms earlier(lh_ms a, lh_ms b) { return a < b ? a : b; }

// What a run before this one promised is over a while after this one began; or all who could hold
// a promise are here.
static bool is_over(lh_ms since_loss, lh_ms since_begin, bool complete) {
  return since_loss >= LH_LEASE_WAIT_MS && (complete || since_begin >= LH_LEASE_WAIT_MS);
}

static bool says_the_same(const struct hub *hub, const struct peer *peer, lh_ms now) {
  const struct word *word = &peer->word;
  return word->leased_at > 0 && now - word->leased_at < LH_LEASE_MS &&
         word->view == hub->all->view.hash && lh_word_counts(hub, peer);
}

bool lh_lease_others_over(const struct hub *hub, lh_ms now) {
  const struct lh_hubs *hubs = hub->all;
  const bool complete = lh_quorum_is_complete(hub);
  struct quorum_count count = {0};
  if (LH_PLANTED(leases_not_waited_for)) return true;
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    const bool self = peer->node == hubs->self;
    const lh_ms since_loss = self ? now - hubs->lost_at : peer->word.since_loss;
    const lh_ms since_begin = self ? now - hubs->began_at : peer->word.since_begin;
    const lh_ms since_shrunk = lh_word_since_shrunk(hub, peer, now);
    const bool whole = complete && !lh_word_is_pending(hub, peer);
    if (!lh_view_runs(peer, hub->index) ||
        !is_over(earlier(since_loss, since_shrunk), since_begin, whole))
      continue;
    if (self || says_the_same(hub, peer, now)) lh_quorum_add(hub, &count, peer);
  }
  return lh_quorum_reached(hub, &count);
}

static bool any_quorum(const struct lh_hubs *hubs) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    if (lh_quorum_is_set(hubs->hubs[i])) return true;
  }
  return false;
}

static bool wants_lease_of(const struct lh_hubs *hubs, const struct peer *peer) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    if (lh_quorum_is_set(hubs->hubs[i]) && lh_view_runs(peer, hubs->hubs[i]->index)) return true;
  }
  return false;
}

void lh_lease_ask(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    if (peer->node == hubs->self || !wants_lease_of(hubs, peer)) continue;
    struct lh_buf body = LH_BUF_EMPTY;
    lh_write_uint(&body, (uint64_t)now);
    lh_word_write(hubs, now, &body);
    lh_hub_send(hubs, peer->node, LH_FRAME_LEASE, &body);
  }
  hubs->lease_ask_at = any_quorum(hubs) ? now + LH_LEASE_ASK_MS : LH_NEVER;
}

static uint64_t since(lh_ms at, lh_ms now) { return at < now ? (uint64_t)(now - at) : 0; }

static int question(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  struct lh_reader in;
  lh_reader_init(&in, body);
  const uint64_t asked = lh_read_uint(&in, INT64_MAX);
  if (in.err != LH_OK) return LH_EFORMAT;
  if (lh_view_find(hubs, from) == NULL) return LH_OK;
  lh_word_teach(hubs, &in, from);
  if (lh_read_end(&in) != LH_OK) return LH_EFORMAT;
  struct lh_buf answer = LH_BUF_EMPTY;
  lh_write_uint(&answer, asked);
  lh_write_uint(&answer, hubs->view.hash);
  lh_write_uint(&answer, since(hubs->lost_at, now));
  lh_write_uint(&answer, since(hubs->began_at, now));
  lh_word_write(hubs, now, &answer);
  lh_hub_send(hubs, from, LH_FRAME_LEASED, &answer);
  return LH_OK;
}

static int answer(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  struct peer *peer = lh_view_find(hubs, from);
  struct lh_reader in;
  lh_reader_init(&in, body);
  const lh_ms asked = (lh_ms)lh_read_uint(&in, INT64_MAX);
  const uint64_t view = lh_read_uint(&in, UINT64_MAX);
  const lh_ms since_loss = (lh_ms)lh_read_uint(&in, INT64_MAX);
  const lh_ms since_begin = (lh_ms)lh_read_uint(&in, INT64_MAX);
  if (in.err != LH_OK || asked > now) return LH_EFORMAT;
  if (peer == NULL || asked <= peer->word.leased_at) return LH_OK;
  lh_word_read(hubs, &in, &peer->word);
  if (lh_read_end(&in) != LH_OK) return LH_EFORMAT;
  peer->word.leased_at = asked;
  peer->word.view = view;
  peer->word.since_loss = since_loss;
  peer->word.since_begin = since_begin;
  hubs->check_lease = true;
  return LH_OK;
}

int lh_lease_receive(struct lh_hubs *hubs, lh_ms now, uint32_t from, uint8_t type,
                     struct lh_bytes body) {
  if (type == LH_FRAME_SET) return lh_ballot_receive(hubs, now, from, body);
  return type == LH_FRAME_LEASE ? question(hubs, now, from, body) : answer(hubs, now, from, body);
}

lh_ms lh_lease_due(const struct lh_hubs *hubs) {
  lh_ms due = hubs->lease_ask_at;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const struct hub *hub = hubs->hubs[i];
    if (!lh_quorum_is_set(hub)) continue;
    if (!hub->lease.lapsed)
      due = earlier(due, hub->lease.until);
    else if (!hub->partitioned && hub->lease.until > 0)
      due = earlier(due, hub->lease.until + LH_LEASE_HOLD_MS);
  }
  return due;
}

void lh_lease_check(struct lh_hubs *hubs, lh_ms now) {
  hubs->check_lease = false;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct hub *hub = hubs->hubs[i];
    if (!lh_quorum_is_set(hub)) continue;
    look(hub, now);
    renew(hub);
    look(hub, now);
    lh_quorum_decide(hub, now);
    lh_propose_look(hub, now);
  }
}

void lh_lease_tick(struct lh_hubs *hubs, lh_ms now) {
  if (now >= hubs->lease_ask_at) lh_lease_ask(hubs, now);
  if (any_quorum(hubs)) lh_lease_check(hubs, now);
}
