// held.c - who holds which rows: a node asks "do you hold that ledger up to there?", and is
// answered as soon as it is so.
//
// HOLD: [run, sequence]; HELD: the same. A question follows the rows on the same link, so that the
// answer takes one way there and back. It is answered behind the rows that its taking effect made
// here. One question of a peer about a ledger stands for all earlier ones. Owns the questions; what
// peers said they hold lies with the peers of the view.
#include "hub/internal.h"

#include "base/mem.h"

static struct held *find(const struct held_list *list, uint32_t ledger) {
  for (size_t i = 0; i < list->count; i++) {
    if (list->list[i].ledger == ledger) return &list->list[i];
  }
  return NULL;
}

static void raise(struct held_list *list, uint32_t ledger, uint64_t seq) {
  struct held *held = find(list, ledger);
  if (held == NULL) {
    list->list = lh_realloc(list->list, (list->count + 1) * sizeof(struct held));
    held = &list->list[list->count++];
    *held = (struct held){ledger, 0};
  }
  if (seq > held->seq) held->seq = seq;
}

void lh_held_free(struct held_list *list) {
  lh_free(list->list);
  *list = (struct held_list){0};
}

bool lh_held_by(const struct peer *peer, uint32_t ledger, uint64_t seq) {
  const struct held *held = find(&peer->holds, ledger);
  return held != NULL && held->seq >= seq;
}

static void send(struct lh_hubs *hubs, uint32_t to, uint8_t type, uint32_t ledger, uint64_t seq) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_run(&body, lh_runs_at(hubs->runs, ledger));
  lh_write_uint(&body, seq);
  lh_hub_send(hubs, to, type, &body);
}

void lh_held_ask(struct lh_hubs *hubs, struct peer *peer, uint32_t ledger, uint64_t seq) {
  const struct held *asked = find(&peer->asked, ledger);
  if (peer->node == hubs->self || (asked != NULL && asked->seq >= seq)) return;
  if (!lh_registry_is_linked(hubs->registry, peer->node)) return;
  raise(&peer->asked, ledger, seq);
  send(hubs, peer->node, LH_FRAME_HOLD, ledger, seq);
}

bool lh_held_by_all(struct lh_hubs *hubs, uint32_t ledger, uint64_t seq) {
  bool all = true;
  for (size_t i = 0; i < hubs->view.count; i++) {
    struct peer *peer = hubs->view.peers[i];
    if (peer->node == hubs->self || !lh_view_reaches(hubs, peer->node) ||
        lh_held_by(peer, ledger, seq))
      continue;
    lh_held_ask(hubs, peer, ledger, seq);
    all = false;
  }
  return all;
}

void lh_held_link_up(struct lh_hubs *hubs, uint32_t node) {
  struct peer *peer = lh_view_find(hubs, node);
  if (peer != NULL) lh_held_free(&peer->asked);
  hubs->check_ops = true;
}

// --- the one that is asked ---
static int read(struct lh_hubs *hubs, struct lh_bytes body, struct held *held) {
  struct lh_reader in;
  struct lh_run run = {{{0}}, 0};
  lh_reader_init(&in, body);
  lh_read_run(&in, &run);
  held->seq = lh_read_uint(&in, INT64_MAX);
  const int err = lh_read_end(&in);
  held->ledger = err == LH_OK ? lh_runs_index(hubs->runs, &run) : 0;
  return err;
}

static struct hold *asked_before(struct lh_hubs *hubs, uint32_t peer, uint32_t ledger) {
  for (struct lh_list *at = hubs->holding.next; at != &hubs->holding; at = at->next) {
    struct hold *hold = LH_ENTRY(at, struct hold, link);
    if (hold->peer == peer && hold->held.ledger == ledger) return hold;
  }
  return NULL;
}

int lh_held_question(struct lh_hubs *hubs, uint32_t from, struct lh_bytes body) {
  struct held held;
  const int err = read(hubs, body, &held);
  if (err != LH_OK || held.ledger == 0) return err;
  struct hold *hold = asked_before(hubs, from, held.ledger);
  if (hold == NULL) {
    if (hubs->holding_count >= LH_HOLD_MAX) return LH_ELIMIT;
    hold = LH_NEW(struct hold);
    *hold = (struct hold){.peer = from, .held = held};
    lh_list_push(&hubs->holding, &hold->link);
    hubs->holding_count++;
  }
  if (held.seq > hold->held.seq) hold->held.seq = held.seq;
  hubs->answer_holds = true;
  return LH_OK;
}

void lh_held_flush(struct lh_hubs *hubs) {
  if (!hubs->answer_holds) return;
  hubs->answer_holds = false;
  struct lh_list *at = hubs->holding.next;
  while (at != &hubs->holding) {
    struct hold *hold = LH_ENTRY(at, struct hold, link);
    at = at->next;
    const struct held *held = &hold->held;
    const bool lives = lh_view_find(hubs, hold->peer) != NULL;
    const bool here = lh_registry_seq(hubs->registry, held->ledger) >= held->seq;
    if (lives && !here) continue;
    if (lives) send(hubs, hold->peer, LH_FRAME_HELD, held->ledger, held->seq);
    lh_list_remove(&hold->link);
    hubs->holding_count--;
    lh_free(hold);
  }
}

// --- the one that asked ---
int lh_held_answer(struct lh_hubs *hubs, uint32_t from, struct lh_bytes body) {
  struct held held;
  const int err = read(hubs, body, &held);
  struct peer *peer = lh_view_find(hubs, from);
  if (err != LH_OK || peer == NULL || held.ledger == 0) return err;
  const struct held *asked = find(&peer->asked, held.ledger);
  if (asked == NULL || asked->seq < held.seq) return LH_OK;  // nobody asked that over this link
  raise(&peer->holds, held.ledger, held.seq);
  hubs->check_ops = true;
  return LH_OK;
}
