// view.c - the members as this node sees them, the votes, and the moment when all see the same.
//
// The view is a sorted list of the runs that live. Its hash covers runs, names, hubs, who takes
// children and who leaves. A VIEW frame carries the hash, the sequence of its sender's own ledger,
// for each hub the highest generation known and how far those reach who are away (away.c), and how
// far the sender holds each dead ledger: those of which it has rows, and all of which another says
// that it has some, also when nothing of them is left here, or nothing ever was. A vote counts once
// the sender's ledger is here up to that sequence: its claims are known then, also where the rows
// come later than the vote (a link that is new).
//
//   changed --> claims and rows out, VIEW to all --> every member's vote equals ours --> AGREED -->
//   recover, balance
//
// Owns the peers. Without agreement for LH_VIEW_CAP_MS (links that are not transitive) the node
// acts on its own view and counts it: waiting for ever would leave the dead's children unplaced.
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t VIEW_SEED = 0x76696577;  // "view"
enum { FROZEN_MAX = 4096, LEDGERS_MAX = LH_RUNS_MAX };

struct peer *lh_view_find(struct lh_hubs *hubs, uint32_t node) {
  for (size_t i = 0; i < hubs->view.count; i++) {
    if (hubs->view.peers[i]->node == node) return hubs->view.peers[i];
  }
  return NULL;
}

struct peer *lh_view_of_run(struct lh_hubs *hubs, const struct lh_run *run) {
  for (size_t i = 0; i < hubs->view.count; i++) {
    if (lh_run_equal(&hubs->view.peers[i]->run, run)) return hubs->view.peers[i];
  }
  return NULL;
}

bool lh_view_reaches(struct lh_hubs *hubs, uint32_t node) {
  const struct peer *peer = lh_view_find(hubs, node);
  if (node == hubs->self) return true;
  return peer != NULL && !peer->suspect && lh_registry_is_linked(hubs->registry, node);
}

bool lh_view_runs(const struct peer *peer, uint32_t hub) {
  for (size_t i = 0; i < peer->hub_count; i++) {
    if (peer->hubs[i].hub == hub) return true;
  }
  return false;
}

static void peer_free(struct peer *peer) {
  lh_free(peer->labels);
  lh_free(peer->hubs);
  lh_free(peer->frozen);
  lh_free(peer->away);
  lh_free(peer->word.sets);
  lh_held_free(peer);
  lh_free(peer);
}

static void peer_remove(struct view *view, struct peer *peer) {
  size_t at = 0;
  while (view->peers[at] != peer) at++;
  memmove(&view->peers[at], &view->peers[at + 1], (view->count - at - 1) * sizeof(struct peer *));
  view->count--;
  peer_free(peer);
}

static struct peer *peer_add(struct view *view, uint32_t node, const struct lh_run *run) {
  struct peer *peer = LH_NEW(struct peer);
  peer->node = node;
  peer->run = *run;
  view->peers = lh_realloc(view->peers, (view->count + 1) * sizeof(struct peer *));
  size_t at = view->count++;
  while (at > 0 && lh_node_id_compare(&view->peers[at - 1]->run.id, &run->id) > 0) {
    view->peers[at] = view->peers[at - 1];
    at--;
  }
  view->peers[at] = peer;
  return peer;
}

static void peer_set(struct lh_hubs *hubs, struct peer *peer,
                     const struct lh_member_record *record) {
  (void)snprintf(peer->name, sizeof peer->name, "%s", record->name);
  const char *address = record->address_count > 0 ? record->addresses[0] : "";
  peer->address = lh_hash(address, strlen(address), 0);
  peer->leaving = record->leaving;
  peer->weight = record->weight;
  lh_free(peer->labels);
  peer->labels = lh_strdup(record->labels);
  peer->hubs = lh_realloc(peer->hubs, record->hub_count * sizeof(struct peer_hub));
  peer->hub_count = record->hub_count;
  for (size_t i = 0; i < record->hub_count; i++) {
    peer->hubs[i].hub = lh_registry_hub(hubs->registry, lh_bytes_str(record->hubs[i].id));
    peer->hubs[i].placeable = record->hubs[i].placeable;
  }
}

// A higher epoch of a node proves that its earlier runs are over, also to one that was away when
// they ended.
static void end_earlier_runs(struct lh_hubs *hubs, lh_ms now, const struct lh_run *run) {
  uint32_t nodes[LEDGERS_MAX];
  const size_t count = lh_registry_ledgers(hubs->registry, nodes, LEDGERS_MAX, false);
  for (size_t i = 0; i < count; i++) {
    const struct lh_run *other = lh_runs_at(hubs->runs, nodes[i]);
    if (nodes[i] == hubs->self || !lh_node_id_equal(&other->id, &run->id) ||
        other->epoch >= run->epoch || LH_PLANTED(earlier_runs_go_on))
      continue;
    struct peer *peer = lh_view_find(hubs, nodes[i]);
    if (peer != NULL) {
      lh_lease_lost(hubs, now);
      lh_lately_died(hubs, peer);
      lh_flap_died(hubs, now, peer->name);
      lh_away_died(hubs, now, peer);
      lh_asked_died(hubs, peer, false);
      peer_remove(&hubs->view, peer);
    }
    lh_registry_freeze(hubs->registry, nodes[i]);
  }
}

void lh_view_reset(struct lh_hubs *hubs, lh_ms now) {
  struct view *view = &hubs->view;
  const struct lh_run *self = lh_runs_at(hubs->runs, hubs->self);
  while (view->count > 0) {
    struct peer *peer = view->peers[view->count - 1];
    if (!lh_node_id_equal(&peer->run.id, &self->id)) lh_away_died(hubs, now, peer);
    peer_remove(view, peer);
  }
  for (size_t i = 0; i < hubs->hub_count; i++) hubs->hubs[i]->candidate_count = 0;
  lh_lease_begin(hubs, now);
  view->hash = 0;
  view->agreed = view->settled = view->capped = false;
  view->among = view->forlorn = false;
  view->rejoining = true;
  view->changed_at = now;
  view->drop_at = now + 2 * LH_VIEW_CAP_MS;
}

void lh_view_drop_strangers(struct lh_hubs *hubs, lh_ms now) {
  uint32_t nodes[LEDGERS_MAX];
  if (now < hubs->view.drop_at) return;
  hubs->view.drop_at = LH_NEVER;
  bool dropped = false;
  const size_t count = lh_registry_ledgers(hubs->registry, nodes, LEDGERS_MAX, false);
  for (size_t i = 0; i < count; i++) {
    if (nodes[i] == hubs->self || lh_view_find(hubs, nodes[i]) != NULL) continue;
    lh_order_take_over(hubs, nodes[i], true);
    lh_registry_drop(hubs->registry, nodes[i]);
    dropped = true;
  }
  if (dropped) lh_recover_forgot(hubs);
}

// After a new epoch. Whoever lives is met soon after the first, or later as a newcomer.
static void met_somebody(struct view *view, lh_ms now) {
  if (!view->rejoining) return;
  view->rejoining = false;
  if (now + LH_STRANGERS_MS < view->drop_at) view->drop_at = now + LH_STRANGERS_MS;
}

void lh_view_member(struct lh_hubs *hubs, lh_ms now, const struct lh_member_record *record,
                    bool lives) {
  const uint32_t node = lh_runs_index(hubs->runs, &record->run);
  struct peer *peer = lh_view_find(hubs, node);
  if (node == 0) return;
  if (!lives) {
    if (peer != NULL) peer_remove(&hubs->view, peer);
    if (peer != NULL && !hubs->view.among) hubs->view.forlorn = true;
  } else {
    if (peer == NULL) {
      end_earlier_runs(hubs, now, &record->run);
      peer = peer_add(&hubs->view, node, &record->run);
      peer_set(hubs, peer, record);
      if (node != hubs->self) lh_away_joined(hubs, peer);
    }
    if (node != hubs->self)
      met_somebody(&hubs->view, now);
    else
      (void)snprintf(hubs->name, sizeof hubs->name, "%s", record->name);
    peer_set(hubs, peer, record);
  }
  lh_view_refresh(hubs, now);
}

static uint64_t compute_hash(struct lh_hubs *hubs) {
  struct lh_buf text = LH_BUF_EMPTY;
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    lh_write_run(&text, &peer->run);
    lh_write_cstr(&text, peer->name);
    lh_write_bool(&text, peer->leaving);
    lh_write_uint(&text, peer->weight);
    lh_write_cstr(&text, peer->labels);
    for (size_t k = 0; k < peer->hub_count; k++) {
      const struct lh_bytes id = lh_registry_hub_id(hubs->registry, peer->hubs[k].hub);
      lh_write_str(&text, id.data, id.len);
      lh_write_bool(&text, peer->hubs[k].placeable);
    }
  }
  const uint64_t hash = lh_hash(text.data, text.len, VIEW_SEED);
  lh_buf_free(&text);
  return hash;
}

static void write_generations(struct lh_hubs *hubs, struct lh_buf *out) {
  lh_write_array(out, (uint32_t)hubs->hub_count * 3);
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const struct hub *hub = hubs->hubs[i];
    lh_write_str(out, hub->config.id.data, hub->config.id.len);
    lh_write_uint(out, hub->generation);
    lh_write_uint(out, lh_away_ours(hub));
  }
}

static void add_one(uint32_t *nodes, size_t *count, uint32_t node) {
  for (size_t i = 0; i < *count; i++) {
    if (nodes[i] == node) return;
  }
  if (*count < FROZEN_MAX) nodes[(*count)++] = node;
}

// Also those of whom nothing is left here: who holds rows of them may lack what came later.
static size_t add_empty(struct lh_hubs *hubs, uint32_t *nodes, size_t count) {
  for (size_t h = 0; h < hubs->hub_count; h++) {
    const struct hub *hub = hubs->hubs[h];
    for (size_t i = 0; i < hub->away_count; i++) {
      const uint32_t node = lh_runs_index(hubs->runs, &hub->away[i].run);
      if (node != 0 && lh_registry_is_frozen(hubs->registry, node)) add_one(nodes, &count, node);
    }
  }
  return count;
}

// Of what others hold rows they hear how far it went here: who was cut off from some of us may hold
// a copy that is older than all that was made of it since.
static size_t add_named(struct lh_hubs *hubs, uint32_t *nodes, size_t count) {
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    for (size_t k = 0; k < peer->frozen_count; k++) {
      const uint32_t node = peer->frozen[k].node;
      if (peer->frozen[k].has_rows && lh_view_find(hubs, node) == NULL)
        add_one(nodes, &count, node);
    }
  }
  return count;
}

// After a return: what was known of runs that nobody has shown alive since. Where all agree and
// none of the members holds as much of it, it is the only trace of what ran there.
size_t lh_view_strangers(struct lh_hubs *hubs, uint32_t *nodes, size_t max) {
  uint32_t live[LEDGERS_MAX];
  size_t strangers = 0;
  if (hubs->view.rejoining || hubs->view.drop_at == LH_NEVER) return 0;
  const size_t count = lh_registry_ledgers(hubs->registry, live, LEDGERS_MAX, false);
  for (size_t i = 0; i < count && strangers < max; i++) {
    if (live[i] == hubs->self || lh_view_find(hubs, live[i]) != NULL) continue;
    if (lh_registry_count(hubs->registry, live[i]) > 0) nodes[strangers++] = live[i];
  }
  return strangers;
}

static void note_told(struct lh_hubs *hubs, const uint32_t *nodes, size_t count) {
  lh_map_free(&hubs->told);
  for (size_t i = 0; i < count; i++)
    (void)lh_map_put(&hubs->told, &nodes[i], sizeof nodes[i], hubs);
}

static void write_frozen(struct lh_hubs *hubs, struct lh_buf *out, bool to_all) {
  uint32_t nodes[FROZEN_MAX];
  const size_t all = lh_registry_ledgers(hubs->registry, nodes, FROZEN_MAX, true);
  const size_t frozen = all < FROZEN_MAX ? all : FROZEN_MAX;
  const size_t with_rows = frozen + lh_view_strangers(hubs, nodes + frozen, FROZEN_MAX - frozen);
  const size_t count = add_named(hubs, nodes, add_empty(hubs, nodes, with_rows));
  hubs->told_frozen = frozen > 0;
  if (to_all) note_told(hubs, nodes, count);
  lh_write_array(out, (uint32_t)count);
  for (size_t i = 0; i < count; i++) {
    lh_write_array(out, 3);
    lh_write_run(out, lh_runs_at(hubs->runs, nodes[i]));
    lh_write_uint(out, lh_registry_seq(hubs->registry, nodes[i]));
    lh_write_bool(out, i < with_rows);
  }
}

void lh_view_send(struct lh_hubs *hubs, uint32_t to) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_uint(&body, hubs->view.hash);
  lh_write_uint(&body, lh_registry_seq(hubs->registry, hubs->self));
  write_generations(hubs, &body);
  write_frozen(hubs, &body, to == 0);
  if (to != 0) {
    hubs->ops->send(hubs->ops_self, to, LH_FRAME_VIEW, lh_bytes_of(&body));
  } else {
    for (size_t i = 0; i < hubs->view.count; i++) {
      const uint32_t node = hubs->view.peers[i]->node;
      if (node != hubs->self)
        hubs->ops->send(hubs->ops_self, node, LH_FRAME_VIEW, lh_bytes_of(&body));
    }
  }
  lh_buf_free(&body);
}

void lh_view_refresh(struct lh_hubs *hubs, lh_ms now) {
  const uint64_t hash = compute_hash(hubs);
  for (size_t i = 0; i < hubs->hub_count; i++) lh_place_candidates(hubs->hubs[i]);
  if (hash == hubs->view.hash) return;
  for (size_t i = 0; i < hubs->hub_count; i++) lh_choice_forget(hubs->hubs[i]);
  hubs->view.hash = hash;
  hubs->view.agreed = false;
  hubs->view.settled = hubs->view.capped = false;
  lh_quorum_bar(hubs);
  hubs->view.changed_at = now;
  hubs->balance_pause = LH_BALANCE_MS;
  hubs->recover_pause = LH_RECOVER_MS;
  hubs->answers_by = LH_NEVER;
  lh_host_claim_all(hubs);
  lh_registry_flush(hubs->registry);
  lh_view_send(hubs, 0);
  hubs->check_view = hubs->check_lease = hubs->conflicts.look = true;
}

// --- votes ---
static bool agrees(const struct lh_hubs *hubs, const struct peer *peer) {
  const bool rows = lh_registry_seq(hubs->registry, peer->node) >= peer->vote_seq;
  return peer->voted && peer->vote == hubs->view.hash && rows;
}

static void read_generations(struct lh_hubs *hubs, struct peer *peer, struct lh_reader *in) {
  const uint32_t fields = lh_read_array(in, 3 * LH_HUBS_MAX);
  const uint32_t count = fields / 3;
  if (fields % 3 != 0) lh_read_fail(in, LH_EFORMAT);
  peer->away = lh_realloc(peer->away, (hubs->hub_count + 1) * sizeof(struct away_word));
  peer->away_count = 0;
  for (uint32_t i = 0; i < count && in->err == 0; i++) {
    struct hub *hub = lh_hub_find(hubs, lh_read_str(in, LH_HUB_ID_MAX));
    const uint64_t generation = lh_read_uint(in, LH_GENERATION_MAX);
    const uint64_t knows = lh_read_uint(in, LH_GENERATION_MAX);
    if (hub == NULL || in->err != 0) continue;
    if (generation > hub->generation) hub->generation = generation;
    if (peer->away_count < hubs->hub_count)
      peer->away[peer->away_count++] = (struct away_word){hub->index, knows};
  }
}

static bool said_before(const struct peer *peer, const struct frozen_vote *vote) {
  for (size_t i = 0; i < peer->frozen_count; i++) {
    if (peer->frozen[i].node == vote->node) return peer->frozen[i].seq >= vote->seq;
  }
  return false;
}

static bool is_told(struct lh_hubs *hubs, uint32_t ledger) {
  return lh_map_get(&hubs->told, &ledger, sizeof ledger) != NULL;
}

bool lh_view_answered(struct lh_hubs *hubs, uint32_t ledger) {
  if (!is_told(hubs, ledger)) hubs->vote_again = true;
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    if (peer->node == hubs->self || !agrees(hubs, peer)) continue;
    size_t k = 0;
    while (k < peer->frozen_count && peer->frozen[k].node != ledger) k++;
    if (k == peer->frozen_count) return false;
  }
  return true;
}

// Answers whether it holds more of the dead than it said before.
static bool read_frozen(struct lh_hubs *hubs, struct peer *peer, struct lh_reader *in) {
  const uint32_t count = lh_read_array(in, FROZEN_MAX);
  struct frozen_vote *votes = lh_zalloc((count + 1) * sizeof(struct frozen_vote));
  for (uint32_t i = 0; i < count && in->err == 0; i++) {
    struct lh_run run;
    if (lh_read_array(in, 3) != 3) lh_read_fail(in, LH_EFORMAT);
    lh_read_run(in, &run);
    votes[i].seq = lh_read_uint(in, INT64_MAX);
    votes[i].has_rows = lh_read_bool(in);
    if (in->err == 0) votes[i].node = lh_runs_index(hubs->runs, &run);
  }
  if (lh_read_end(in) != LH_OK) {
    lh_free(votes);
    return false;
  }
  bool more = false;
  for (uint32_t i = 0; i < count; i++) {
    more = more || !said_before(peer, &votes[i]);
    if (votes[i].has_rows && !is_told(hubs, votes[i].node)) hubs->vote_again = true;
  }
  lh_free(peer->frozen);
  peer->frozen = votes;
  peer->frozen_count = count;
  return more;
}

int lh_view_receive(struct lh_hubs *hubs, uint32_t from, struct lh_bytes body) {
  struct peer *peer = lh_view_find(hubs, from);
  struct lh_reader in;
  if (peer == NULL) return LH_OK;  // it will send another when it sees us
  lh_reader_init(&in, body);
  const struct lh_wire_value hash = lh_read_value(&in);
  if (hash.type != LH_WIRE_INT && hash.type != LH_WIRE_UINT) return LH_EFORMAT;
  const uint64_t seq = lh_read_uint(&in, INT64_MAX);
  read_generations(hubs, peer, &in);
  const bool more = read_frozen(hubs, peer, &in);
  if (in.err != LH_OK) return in.err;
  // That less of the dead is left there is no reason to place what is left here anew.
  const bool same = peer->voted && peer->vote == hash.as.unsigned_integer;
  peer->vote = hash.as.unsigned_integer;
  peer->vote_seq = seq;
  peer->voted = true;
  lh_held_ask_again(hubs, peer);
  hubs->check_view = true;
  hubs->check_settle = hubs->check_settle || !same || more;
  return LH_OK;
}

static bool all_agree(struct lh_hubs *hubs) {
  if (hubs->view.rejoining && !LH_PLANTED(returning_node_acts_alone)) return false;
  if (hubs->view.forlorn && hubs->view.count == 1) return false;
  if (LH_PLANTED(vote_ignored)) return true;
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    if (peer->node != hubs->self && !agrees(hubs, peer)) return false;
  }
  return true;
}

static void report_cap(struct lh_hubs *hubs) {
  hubs->counters.acted_without_agreement++;
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    if (peer->node == hubs->self || agrees(hubs, peer)) continue;
    lh_log(LH_LOG_WARN, "hub",
           "node %s sees other members than this node for %d s; going on without its agreement",
           peer->name, LH_VIEW_CAP_MS / 1000);
  }
}

// Those that did not agree may do so later: what is barred until all agree (quorum.c) goes on then.
static bool comes_to_agree(struct lh_hubs *hubs, lh_ms now) {
  struct view *view = &hubs->view;
  if (view->agreed && !view->capped) return false;
  const bool all = all_agree(hubs);
  return all || (!view->agreed && now - view->changed_at >= LH_VIEW_CAP_MS);
}

static void agree(struct lh_hubs *hubs, lh_ms now) {
  struct view *view = &hubs->view;
  view->capped = !all_agree(hubs);
  if (view->capped)
    report_cap(hubs);
  else
    lh_away_agreed(hubs, now);
  view->among = view->among || (view->count > 1 && !view->capped);
  view->forlorn = false;
  view->settled = view->settled && !view->agreed;
  view->agreed = true;
  view->agreed_at = now;
  hubs->check_settle = true;
}

void lh_view_check(struct lh_hubs *hubs, lh_ms now) {
  struct view *view = &hubs->view;
  if (comes_to_agree(hubs, now)) agree(hubs, now);
  if (!view->agreed) return;
  if (hubs->check_settle) {
    hubs->check_settle = false;
    if (!lh_tolerance_known(hubs, now)) return;
    lh_recover(hubs, now);
    if (lh_recover_pending(hubs)) return;
    lh_park_resume(hubs, now);
    if (!view->settled) {
      view->settled = true;
      lh_loose_gather(hubs);
      lh_balance(hubs, now);
    }
    lh_start_go(hubs, now);
    lh_stop_go(hubs);
    lh_hub_stop_untaken(hubs, now);
    lh_hub_check_empty(hubs);
  }
}

void lh_view_free(struct lh_hubs *hubs) {
  for (size_t i = 0; i < hubs->view.count; i++) peer_free(hubs->view.peers[i]);
  lh_free(hubs->view.peers);
}
