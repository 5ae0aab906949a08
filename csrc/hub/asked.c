// asked.c - children of other hosts that were stopped because this node asked for it.
//
// Their host remembers them until every member has heard (lately.c), and dies with what it
// remembers. So whoever asked does it, too, for LH_ASKED_MS: as long as it may take to find out
// who of the others is dead, or cut off. What the members that live hold of the host's ledger they
// tell each other when it is dead; only who is away may bring the child back.
//
//   stopped --the host lives for a while--> forgotten
//           --the host dies, and somebody else dies before or after it, who is not known to hold
//             its ledger up to there, or we begin a new epoch--> a stop order
//
// A queue of notes in order of time (notes.c).
#include "hub/internal.h"

void lh_asked_add(struct op *op, lh_ms now, const struct item *item, uint32_t host) {
  struct lh_hubs *hubs = op->all;
  struct notes *notes = &hubs->asked_stops;
  if (host == hubs->self || item->born == 0) return;
  if (notes->count == LH_ASKED_MAX) {
    hubs->counters.asked_forgotten++;
    lh_note_drop_first(notes);
    lh_notes_tidy(notes);
  }
  const struct note note = {.seq = lh_op_waits_for(op, host),
                            .born = item->born,
                            .until = now + LH_ASKED_MS,
                            .hub = op->hub->index,
                            .ledger = host};
  lh_note_add(notes, note, item->id);
}

static bool holds(const struct peer *peer, uint32_t ledger, uint64_t seq) {
  for (size_t i = 0; i < peer->frozen_count; i++) {
    if (peer->frozen[i].node == ledger && peer->frozen[i].seq >= seq) return true;
  }
  return lh_held_up_to(peer, ledger) >= seq;
}

// Whether somebody besides its host is away who may know the child.
static bool is_known_to_others(const struct lh_hubs *hubs, const struct hub *hub,
                               const struct note *note) {
  const struct lh_run *host = lh_runs_at(hubs->runs, note->ledger);
  for (size_t i = 0; i < hub->away_count; i++) {
    const struct away *away = &hub->away[i];
    if (away->knows >= note->born && !lh_run_equal(&away->run, host)) return true;
  }
  return false;
}

static bool needs_order(struct lh_hubs *hubs, const struct note *note, const struct peer *dead,
                        bool may_return) {
  const struct hub *hub = lh_hub_at(hubs, note->hub);
  if (hub == NULL) return false;
  if (note->ledger == dead->node) return is_known_to_others(hubs, hub, note);
  return may_return && lh_view_find(hubs, note->ledger) == NULL &&
         !holds(dead, note->ledger, note->seq);
}

void lh_asked_died(struct lh_hubs *hubs, const struct peer *peer, bool may_return) {
  const struct notes *notes = &hubs->asked_stops;
  for (size_t at = notes->first; at < notes->bytes.len; at = lh_note_next(notes, at)) {
    const struct note note = lh_note_at(notes, at);
    if (needs_order(hubs, &note, peer, may_return)) lh_note_order(hubs, notes, at);
  }
}

void lh_asked_all(struct lh_hubs *hubs) {
  struct notes *notes = &hubs->asked_stops;
  while (notes->count > 0) {
    lh_note_order(hubs, notes, notes->first);
    lh_note_drop_first(notes);
  }
  lh_notes_tidy(notes);
}

lh_ms lh_asked_due(const struct lh_hubs *hubs) {
  const struct notes *notes = &hubs->asked_stops;
  return notes->count > 0 ? lh_note_at(notes, notes->first).until : LH_NEVER;
}

void lh_asked_tick(struct lh_hubs *hubs, lh_ms now) {
  struct notes *notes = &hubs->asked_stops;
  while (lh_asked_due(hubs) <= now) lh_note_drop_first(notes);
  lh_notes_tidy(notes);
}
