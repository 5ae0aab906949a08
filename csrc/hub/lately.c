// lately.c - children that were stopped here, until every member is known to have heard of it.
//
// Their rows are gone from our ledger; a member that dies before it held the ledger up to there (or
// is cut off, or takes us for dead) may bring them back. Then they become stop orders.
//
//   stopped --every member holds our ledger up to there--> forgotten
//           --a member dies that does not, or we begin a new epoch--> stop orders
//
// A queue of notes in order of sequence (notes.c).
#include "hub/internal.h"

void lh_lately_add(struct lh_hubs *hubs, const struct child *child) {
  struct notes *notes = &hubs->lately.notes;
  if (LH_PLANTED(stop_forgotten_at_once)) return;
  // Its row is about to go, if it has one.
  const uint64_t seq = lh_registry_seq(hubs->registry, hubs->self) + (child->claimed ? 1 : 0);
  const struct note note = {.seq = seq, .born = child->born, .hub = child->hub->index};
  if (notes->count == LH_LATELY_MAX) {
    lh_note_order(hubs, notes, notes->first);
    lh_note_drop_first(notes);
    lh_notes_tidy(notes);
  }
  lh_note_add(notes, note, lh_bytes(child->id, child->id_len));
}

// Those behind a sequence, which are the last ones, become orders.
static void make_orders(struct lh_hubs *hubs, uint64_t seq) {
  struct notes *notes = &hubs->lately.notes;
  size_t at = notes->first;
  size_t kept = 0;
  while (at < notes->bytes.len && lh_note_at(notes, at).seq <= seq) {
    at = lh_note_next(notes, at);
    kept++;
  }
  const size_t end = at;
  for (; at < notes->bytes.len; at = lh_note_next(notes, at)) lh_note_order(hubs, notes, at);
  notes->bytes.len = end;
  notes->count = kept;
  lh_notes_tidy(notes);
}

void lh_lately_died(struct lh_hubs *hubs, const struct peer *peer) {
  make_orders(hubs, lh_held_up_to(peer, hubs->self));
}

void lh_lately_all(struct lh_hubs *hubs) { make_orders(hubs, 0); }

static void forget_heard(struct lh_hubs *hubs) {
  struct notes *notes = &hubs->lately.notes;
  const uint64_t heard = lh_held_by_each(hubs);
  while (notes->count > 0 && lh_note_at(notes, notes->first).seq <= heard)
    lh_note_drop_first(notes);
  lh_notes_tidy(notes);
}

static void ask(struct lh_hubs *hubs) {
  const uint64_t seq = lh_registry_seq(hubs->registry, hubs->self);
  for (size_t i = 0; i < hubs->view.count; i++)
    lh_held_ask(hubs, hubs->view.peers[i], hubs->self, seq);
}

void lh_lately_tick(struct lh_hubs *hubs, lh_ms now) {
  if (now < hubs->lately.ask_at) return;
  forget_heard(hubs);
  hubs->lately.ask_at = LH_NEVER;
  if (hubs->lately.notes.count == 0) return;
  hubs->lately.ask_at = now + LH_LATELY_MS;
  ask(hubs);
}

// Half full it does not wait.
void lh_lately_flush(struct lh_hubs *hubs, lh_ms now) {
  if (hubs->lately.notes.count == 0) return;
  if (hubs->lately.ask_at == LH_NEVER) hubs->lately.ask_at = now + LH_LATELY_MS;
  if (hubs->lately.notes.count <= LH_LATELY_MAX / 2) return;
  forget_heard(hubs);
  ask(hubs);
}
