// held.c - who holds our rows: a node asks "do you hold my ledger up to there?", and is answered as
// soon as it is so.
//
// HOLD: a sequence of the asker's ledger; HELD: the same. A question follows the rows on the same
// link, so that the answer takes one way there and back. It is answered behind the rows that its
// taking effect made here. A later question stands for all earlier ones, so a peer is three
// numbers: what it holds, what it was asked, what it asked. Owns nothing: they lie with the peers
// of the view.
#include "hub/internal.h"

bool lh_held_by(const struct peer *peer, uint64_t seq) { return peer->holds >= seq; }

static void send(struct lh_hubs *hubs, uint32_t to, uint8_t type, uint64_t seq) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_uint(&body, seq);
  lh_hub_send(hubs, to, type, &body);
}

void lh_held_ask(struct lh_hubs *hubs, struct peer *peer, uint64_t seq) {
  if (peer->node == hubs->self || peer->asked >= seq || lh_held_by(peer, seq)) return;
  if (!lh_registry_is_linked(hubs->registry, peer->node)) return;
  peer->asked = seq;
  send(hubs, peer->node, LH_FRAME_HOLD, seq);
}

bool lh_held_by_all(struct lh_hubs *hubs, uint64_t seq) {
  bool all = true;
  for (size_t i = 0; i < hubs->view.count; i++) {
    struct peer *peer = hubs->view.peers[i];
    if (peer->node == hubs->self || lh_held_by(peer, seq) || !lh_view_reaches(hubs, peer->node))
      continue;
    lh_held_ask(hubs, peer, seq);
    all = false;
  }
  return all;
}

void lh_held_ask_again(struct lh_hubs *hubs, struct peer *peer) {
  if (peer == NULL || peer->asked <= peer->holds) return;
  peer->asked = 0;
  hubs->check_ops = true;
}

uint64_t lh_held_by_each(const struct lh_hubs *hubs) {
  uint64_t least = UINT64_MAX;
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    if (peer->node != hubs->self && peer->holds < least) least = peer->holds;
  }
  return least;
}

static int read(struct lh_bytes body, uint64_t *seq) {
  struct lh_reader in;
  lh_reader_init(&in, body);
  *seq = lh_read_uint(&in, INT64_MAX);
  return lh_read_end(&in);
}

// One that is no member yet is told nothing; it asks again when it has our vote.
int lh_held_question(struct lh_hubs *hubs, uint32_t from, struct lh_bytes body) {
  uint64_t seq;
  const int err = read(body, &seq);
  struct peer *peer = lh_view_find(hubs, from);
  if (err != LH_OK || peer == NULL || seq <= peer->asks) return err;
  peer->asks = seq;
  hubs->answer_holds = true;
  return LH_OK;
}

void lh_held_flush(struct lh_hubs *hubs) {
  if (!hubs->answer_holds) return;
  hubs->answer_holds = false;
  for (size_t i = 0; i < hubs->view.count; i++) {
    struct peer *peer = hubs->view.peers[i];
    if (peer->asks == 0 || lh_registry_seq(hubs->registry, peer->node) < peer->asks) continue;
    send(hubs, peer->node, LH_FRAME_HELD, peer->asks);
    peer->asks = 0;
  }
}

int lh_held_answer(struct lh_hubs *hubs, uint32_t from, struct lh_bytes body) {
  uint64_t seq;
  const int err = read(body, &seq);
  struct peer *peer = lh_view_find(hubs, from);
  // More than was asked over this link is nothing that can be held.
  if (err != LH_OK || peer == NULL || seq > peer->asked || seq <= peer->holds) return err;
  peer->holds = seq;
  hubs->check_ops = true;
  return LH_OK;
}
