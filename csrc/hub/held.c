// held.c - who holds which rows: a node asks "do you hold that ledger up to there?", and is
// answered as soon as it is so.
//
// HOLD: [run, sequence]; HELD: the same. A question follows the rows on the same link, so that the
// answer takes one way there and back. It is answered behind the rows that its taking effect made
// here. A later question about a ledger stands for all earlier ones, so a peer is a few numbers for
// each ledger: up to where it holds it, was asked, and asks. Questions are about members only, so
// there are no more of them. Owns these lists, which lie with the peers of the view.
#include "hub/internal.h"
#include "hub/quorum.h"

#include "base/mem.h"

static struct held *find(const struct peer *peer, uint32_t ledger) {
  for (size_t i = 0; i < peer->held_count; i++) {
    if (peer->held[i].ledger == ledger) return &peer->held[i];
  }
  return NULL;
}

// In the place of one whose ledger is no member's any more, if there is one.
static struct held *open_one(struct lh_hubs *hubs, struct peer *peer, uint32_t ledger) {
  struct held *held = find(peer, ledger);
  if (held != NULL) return held;
  for (size_t i = 0; i < peer->held_count && held == NULL; i++) {
    if (lh_view_find(hubs, peer->held[i].ledger) == NULL) held = &peer->held[i];
  }
  if (held == NULL) {
    peer->held = lh_realloc(peer->held, (peer->held_count + 1) * sizeof(struct held));
    held = &peer->held[peer->held_count++];
  }
  *held = (struct held){.ledger = ledger};
  return held;
}

uint64_t lh_held_up_to(const struct peer *peer, uint32_t ledger) {
  const struct held *held = find(peer, ledger);
  return held != NULL ? held->holds : 0;
}

static void send(struct lh_hubs *hubs, uint32_t to, uint8_t type, uint32_t ledger, uint64_t seq) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_run(&body, lh_runs_at(hubs->runs, ledger));
  lh_write_uint(&body, seq);
  lh_hub_send(hubs, to, type, &body);
}

void lh_held_ask(struct lh_hubs *hubs, struct peer *peer, uint32_t ledger, uint64_t seq) {
  struct held *held = open_one(hubs, peer, ledger);
  if (peer->node == hubs->self || held->asked >= seq || held->holds >= seq) return;
  if (!lh_registry_is_linked(hubs->registry, peer->node)) return;
  held->asked = seq;
  send(hubs, peer->node, LH_FRAME_HOLD, ledger, seq);
}

bool lh_held_by_all(struct lh_hubs *hubs, uint64_t seq) {
  bool all = true;
  for (size_t i = 0; i < hubs->view.count; i++) {
    struct peer *peer = hubs->view.peers[i];
    if (peer->node == hubs->self || lh_held_up_to(peer, hubs->self) >= seq ||
        !lh_view_reaches(hubs, peer->node))
      continue;
    lh_held_ask(hubs, peer, hubs->self, seq);
    all = false;
  }
  return all;
}

void lh_held_ask_again(struct lh_hubs *hubs, struct peer *peer) {
  for (size_t i = 0; peer != NULL && i < peer->held_count; i++) {
    struct held *held = &peer->held[i];
    if (held->asked <= held->holds) continue;
    held->asked = 0;
    hubs->check_ops = true;
  }
}

// Where all but agree, or a quorum decides, nobody is passed over.
static bool is_waited_for(const struct hub *hub, const struct peer *peer) {
  struct lh_hubs *hubs = hub->all;
  if (peer->node == hubs->self || !lh_view_runs(peer, hub->index)) return false;
  return !hubs->view.capped || lh_quorum_is_set(hub) || lh_view_reaches(hubs, peer->node);
}

bool lh_held_by_hub(const struct hub *hub, uint64_t seq) {
  struct lh_hubs *hubs = hub->all;
  bool all = true;
  for (size_t i = 0; i < hubs->view.count; i++) {
    struct peer *peer = hubs->view.peers[i];
    if (!is_waited_for(hub, peer) || lh_held_up_to(peer, hubs->self) >= seq) continue;
    lh_held_ask(hubs, peer, hubs->self, seq);
    all = false;
  }
  return all;
}

uint64_t lh_held_by_each(const struct lh_hubs *hubs) {
  uint64_t least = UINT64_MAX;
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    const uint64_t holds = lh_held_up_to(peer, hubs->self);
    if (peer->node != hubs->self && holds < least) least = holds;
  }
  return least;
}

// --- how many know the rows of a start ---
static bool counts(const struct lh_hubs *hubs, const struct peer *peer, const struct hub *hub,
                   uint32_t host) {
  return peer->node != hubs->self && peer->node != host && lh_view_runs(peer, hub->index);
}

// The members that run the hub, besides the host.
static size_t others(const struct hub *hub, uint32_t host) {
  const struct view *view = &hub->all->view;
  size_t count = 0;
  for (size_t i = 0; i < view->count; i++)
    count += view->peers[i]->node != host && lh_view_runs(view->peers[i], hub->index);
  return count;
}

static size_t needed(const struct hub *hub, uint32_t host, enum acknowledgement level) {
  const size_t most = others(hub, host);
  if (level == ACK_ALL) return most;
  if (level == ACK_MAJORITY) return (most + 1) / 2;  // more than half of all, with the host
  return level == ACK_ONE && most > 0 ? 1 : 0;
}

// Asks those that can be reached, one more than are needed, in order of node id from ours on.
static void ask_some(struct lh_hubs *hubs, const struct hub *hub, uint32_t host, uint64_t seq,
                     size_t wanted) {
  size_t first = 0;
  while (first < hubs->view.count && hubs->view.peers[first]->node != hubs->self) first++;
  size_t asked = 0;
  for (size_t i = 1; i < hubs->view.count && asked <= wanted; i++) {
    struct peer *peer = hubs->view.peers[(first + i) % hubs->view.count];
    if (!counts(hubs, peer, hub, host) || !lh_view_reaches(hubs, peer->node)) continue;
    lh_held_ask(hubs, peer, host, seq);
    asked++;
  }
}

bool lh_held_enough(struct lh_hubs *hubs, const struct hub *hub, uint32_t host, uint64_t seq,
                    enum acknowledgement level) {
  const size_t wanted = needed(hub, host, level);
  size_t hold = host != hubs->self ? 1 : 0;  // we do
  for (size_t i = 0; i < hubs->view.count && hold < wanted; i++) {
    const struct peer *peer = hubs->view.peers[i];
    hold += counts(hubs, peer, hub, host) && lh_held_up_to(peer, host) >= seq;
  }
  if (hold < wanted) ask_some(hubs, hub, host, seq, wanted);
  return hold >= wanted;
}

// --- frames ---
static int read(struct lh_hubs *hubs, struct lh_bytes body, uint32_t *ledger, uint64_t *seq) {
  struct lh_reader in;
  struct lh_run run = {{{0}}, 0};
  lh_reader_init(&in, body);
  lh_read_run(&in, &run);
  *seq = lh_read_uint(&in, INT64_MAX);
  const int err = lh_read_end(&in);
  const struct peer *peer = err == LH_OK ? lh_view_of_run(hubs, &run) : NULL;
  *ledger = peer != NULL ? peer->node : 0;
  return err;
}

// One that is no member yet is told nothing, nor is anything told of one; it asks again when it has
// our vote.
int lh_held_question(struct lh_hubs *hubs, uint32_t from, struct lh_bytes body) {
  uint32_t ledger;
  uint64_t seq;
  const int err = read(hubs, body, &ledger, &seq);
  struct peer *peer = lh_view_find(hubs, from);
  if (err != LH_OK || peer == NULL || ledger == 0) return err;
  struct held *held = open_one(hubs, peer, ledger);
  if (seq > held->asks) held->asks = seq;
  hubs->answer_holds = true;
  return LH_OK;
}

static void answer(struct lh_hubs *hubs, const struct peer *peer) {
  for (size_t i = 0; i < peer->held_count; i++) {
    struct held *held = &peer->held[i];
    if (held->asks == 0 || lh_registry_seq(hubs->registry, held->ledger) < held->asks) continue;
    send(hubs, peer->node, LH_FRAME_HELD, held->ledger, held->asks);
    held->asks = 0;
  }
}

void lh_held_flush(struct lh_hubs *hubs) {
  if (!hubs->answer_holds) return;
  hubs->answer_holds = false;
  for (size_t i = 0; i < hubs->view.count; i++) answer(hubs, hubs->view.peers[i]);
}

int lh_held_answer(struct lh_hubs *hubs, uint32_t from, struct lh_bytes body) {
  uint32_t ledger;
  uint64_t seq;
  const int err = read(hubs, body, &ledger, &seq);
  const struct peer *peer = lh_view_find(hubs, from);
  if (err != LH_OK || peer == NULL || ledger == 0) return err;
  struct held *held = find(peer, ledger);
  // More than was asked over this link is nothing that can be held.
  if (held == NULL || seq > held->asked || seq <= held->holds) return LH_OK;
  held->holds = seq;
  hubs->check_ops = true;
  return LH_OK;
}

void lh_held_free(struct peer *peer) { lh_free(peer->held); }
