// sync.c - peers: who needs what of our ledger, what we need of theirs, and the frames between.
//
// Nobody is sent anything before it said what it holds (NEED); then the cursor of a peer is the
// sequence up to which our frames were handed to its link, and a flush moves it to the end:
//
//   peer_up: we send NEED, wait for theirs --NEED--> KNOWN at their sequence (or: whole) --flush-->
//   in step
//
// One queue per (owner, receiver) carries snapshots and deltas, so what follows a snapshot fits it.
#include "registry/internal.h"
#include "base/mem.h"

struct lh_follower *lh_follower_get(const struct lh_registry *registry, uint32_t node) {
  for (struct lh_list *link = registry->peers.next; link != &registry->peers; link = link->next) {
    struct lh_follower *peer = LH_ENTRY(link, struct lh_follower, list);
    if (peer->node == node) return peer;
  }
  return NULL;
}

static struct lh_follower *peer_open(struct lh_registry *registry, uint32_t node) {
  struct lh_follower *peer = lh_follower_get(registry, node);
  if (peer != NULL) return peer;
  peer = LH_NEW(struct lh_follower);
  peer->node = node;
  lh_list_push(&registry->peers, &peer->list);
  return peer;
}

bool lh_registry_is_linked(const struct lh_registry *registry, uint32_t node) {
  const struct lh_follower *peer = lh_follower_get(registry, node);
  return peer != NULL && peer->up;
}

// --- asking ---

static void send_need(struct lh_registry *registry, uint32_t to, const struct lh_ledger *ledger,
                      bool whole) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_array(&body, 4);
  lh_write_run(&body, &ledger->run);
  lh_write_uint(&body, ledger->seq);
  lh_write_bin(&body, ledger->chain.bytes, LH_CHAIN_SIZE);
  lh_write_bool(&body, whole);
  registry->ops->send(registry->ops_self, to, LH_FRAME_NEED, lh_bytes_of(&body));
  lh_buf_free(&body);
}

void lh_sync_ask(struct lh_registry *registry, struct lh_ledger *ledger) {
  if (ledger == registry->own || ledger->frozen || !lh_registry_is_linked(registry, ledger->node))
    return;
  send_need(registry, ledger->node, ledger, ledger->whole);
}

void lh_registry_fetch(struct lh_registry *registry, uint32_t from, uint32_t node) {
  struct lh_ledger *ledger = lh_ledger_get(registry, node);
  if (ledger == NULL || !ledger->frozen || from == node || !lh_registry_is_linked(registry, from))
    return;
  lh_ledger_unstage(ledger);
  ledger->fetch_from = from;
  send_need(registry, from, ledger, false);
}

void lh_registry_peer_up(struct lh_registry *registry, uint32_t node) {
  if (node == registry->self_node || lh_runs_at(registry->runs, node) == NULL) return;
  peer_open(registry, node)->up = true;
  struct lh_ledger *ledger = lh_ledger_open(registry, node);
  ledger->in_step = true;  // what comes now follows what we are about to say
  lh_sync_ask(registry, ledger);
}

void lh_registry_peer_down(struct lh_registry *registry, uint32_t node) {
  struct lh_follower *peer = lh_follower_get(registry, node);
  if (peer == NULL) return;
  *peer = (struct lh_follower){.list = peer->list, .node = node};
  for (size_t i = 0; i < registry->ledger_count; i++) {
    struct lh_ledger *ledger = registry->ledgers[i];
    if (ledger->staging != NULL && ledger->staging->from == node) lh_ledger_unstage(ledger);
    if (ledger->fetch_from == node) ledger->fetch_from = 0;
  }
}

bool lh_registry_in_step(const struct lh_registry *registry, uint32_t node) {
  const struct lh_follower *peer = lh_follower_get(registry, node);
  return peer != NULL && peer->up && peer->known && !peer->whole &&
         peer->cursor == registry->journal.flushed_seq;
}

// --- answering ---

static void note_fetch(struct lh_follower *peer, uint32_t node, uint64_t seq) {
  uint32_t i = 0;
  while (i < peer->fetch_count && peer->fetches[i] != node) i++;
  if (i == LH_FETCHES_MAX) return;
  if (i == peer->fetch_count) peer->fetch_count++;
  peer->fetches[i] = node;
  peer->fetch_seq[i] = seq;
}

static int receive_need(struct lh_registry *registry, uint32_t from, struct lh_bytes body) {
  struct lh_reader reader;
  lh_reader_init(&reader, body);
  struct lh_run run = {{{0}}, 0};
  if (lh_read_array(&reader, 4) != 4) lh_read_fail(&reader, LH_EFORMAT);
  lh_read_run(&reader, &run);
  const uint64_t seq = lh_read_uint(&reader, LH_SEQ_MAX);
  const struct lh_chain chain = lh_chain_read(&reader);
  const bool whole = lh_read_bool(&reader);
  const int err = lh_read_end(&reader);
  if (err != 0) return err;
  const struct lh_ledger *ledger = lh_ledger_of_run(registry, &run);
  if (ledger == NULL) return 0;
  struct lh_follower *peer = peer_open(registry, from);
  if (ledger != registry->own) {
    note_fetch(peer, ledger->node, seq);
    return 0;
  }
  const struct lh_journal *journal = &registry->journal;
  peer->known = true;
  // A newcomer gets the rows that are, not the history of those that were.
  peer->whole =
      whole || !lh_journal_reaches(journal, seq, &chain) || (seq == 0 && journal->seq > 0);
  peer->cursor = seq;
  return 0;
}

static void send_snapshot(struct lh_registry *registry, uint32_t to,
                          const struct lh_snapshot *snapshot) {
  for (size_t i = 0; i < snapshot->count; i++) {
    registry->ops->send(registry->ops_self, to, LH_FRAME_SNAPSHOT,
                        lh_bytes_of(&snapshot->parts[i]));
  }
  registry->counters.snapshots_out++;
}

// Our ledger for one peer. `snapshot` is made by the first that needs it and serves all of this
// flush.
static void serve(struct lh_registry *registry, struct lh_follower *peer,
                  struct lh_snapshot *snapshot) {
  const struct lh_journal *journal = &registry->journal;
  if (!peer->known) return;
  if (peer->whole || peer->cursor < journal->base_seq) {
    if (snapshot->count == 0) lh_snapshot_make(registry, registry->own, snapshot);
    send_snapshot(registry, peer->node, snapshot);
    peer->whole = false;
  } else {
    for (size_t i = lh_journal_after(journal, peer->cursor); i < journal->head + journal->count;
         i++) {
      const struct lh_bytes body = lh_bytes(journal->frames[i].data, journal->frames[i].len);
      registry->ops->send(registry->ops_self, peer->node, LH_FRAME_DELTA, body);
      registry->counters.deltas_out++;
    }
  }
  peer->cursor = journal->seq;
}

// Frozen ledgers that this peer asked for. One that is not frozen here yet waits until it is.
static void serve_fetches(struct lh_registry *registry, struct lh_follower *peer) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < peer->fetch_count; i++) {
    const struct lh_ledger *ledger = lh_ledger_get(registry, peer->fetches[i]);
    if (ledger == NULL) continue;
    if (!ledger->frozen) {
      peer->fetches[kept] = peer->fetches[i];
      peer->fetch_seq[kept++] = peer->fetch_seq[i];
    } else if (ledger->seq > peer->fetch_seq[i]) {
      struct lh_snapshot snapshot = {0};
      lh_snapshot_make(registry, ledger, &snapshot);
      send_snapshot(registry, peer->node, &snapshot);
      lh_snapshot_free(&snapshot);
    }
  }
  peer->fetch_count = kept;
}

void lh_registry_flush(struct lh_registry *registry) {
  struct lh_journal *journal = &registry->journal;
  struct lh_snapshot snapshot = {0};
  lh_journal_seal(registry);
  for (struct lh_list *link = registry->peers.next; link != &registry->peers; link = link->next) {
    struct lh_follower *peer = LH_ENTRY(link, struct lh_follower, list);
    if (!peer->up) continue;
    serve(registry, peer, &snapshot);
    serve_fetches(registry, peer);
  }
  lh_snapshot_free(&snapshot);
  const bool advanced = journal->flushed_seq != journal->seq;
  journal->flushed_seq = journal->seq;
  journal->flushed_chain = journal->chain;
  lh_journal_trim(registry);
  if (advanced) registry->ops->advanced(registry->ops_self, registry->self_node, journal->seq);
}

// --- comparing ---

static bool is_compared(const struct lh_registry *registry, const struct lh_ledger *ledger) {
  struct lh_chain chain;
  return !ledger->frozen && lh_ledger_known(registry, ledger, &chain) > 0;
}

static void write_vector(const struct lh_registry *registry, struct lh_buf *out) {
  uint32_t count = 0;
  for (size_t i = 0; i < registry->ledger_count; i++)
    count += is_compared(registry, registry->ledgers[i]);
  if (count > LH_VECTOR_MAX) count = LH_VECTOR_MAX;
  lh_write_array(out, count);
  for (size_t i = 0; i < registry->ledger_count && count > 0; i++) {
    const struct lh_ledger *ledger = registry->ledgers[i];
    if (!is_compared(registry, ledger)) continue;
    struct lh_chain chain;
    const uint64_t seq = lh_ledger_known(registry, ledger, &chain);
    lh_write_array(out, 3);
    lh_write_run(out, &ledger->run);
    lh_write_uint(out, seq);
    lh_write_bin(out, chain.bytes, LH_CHAIN_SIZE);
    count--;
  }
}

void lh_registry_digest(const struct lh_registry *registry, uint8_t out[16]) {
  const struct lh_chain zero = {{0}};
  struct lh_buf vector = LH_BUF_EMPTY;
  write_vector(registry, &vector);
  const struct lh_chain digest = lh_chain_next(registry, 'V', &zero, lh_bytes_of(&vector));
  memcpy(out, digest.bytes, sizeof digest.bytes);
  lh_buf_free(&vector);
}

static void send_vector(struct lh_registry *registry, uint32_t to, bool answer) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_array(&body, 2);
  lh_write_bool(&body, answer);
  write_vector(registry, &body);
  registry->ops->send(registry->ops_self, to, LH_FRAME_DIGEST, lh_bytes_of(&body));
  lh_buf_free(&body);
}

void lh_registry_compare(struct lh_registry *registry, uint32_t node, const uint8_t digest[16]) {
  struct lh_follower *peer = lh_follower_get(registry, node);
  if (peer == NULL || !peer->up || peer->comparing) return;
  uint8_t ours[16];
  lh_registry_digest(registry, ours);
  if (memcmp(ours, digest, sizeof ours) == 0 || LH_PLANTED(digest_not_compared)) return;
  peer->comparing = true;
  send_vector(registry, node, true);
}

// A peer's view of one ledger. Only its owner is ever asked: the peer's word is a hint.
static void mend(struct lh_registry *registry, const struct lh_run *run, uint64_t seq,
                 const struct lh_chain *chain) {
  struct lh_ledger *ledger = lh_ledger_of_run(registry, run);
  if (ledger == NULL || ledger == registry->own || ledger->frozen) return;
  if (seq > ledger->seq || (seq == ledger->seq && !lh_chain_equal(chain, &ledger->chain))) {
    lh_sync_ask(registry, ledger);
  }
}

// Walks a vector; acts on it only if `act`, so that a malformed one is found before anything is
// done.
static int walk_vector(struct lh_registry *registry, struct lh_bytes body, bool act, bool *answer) {
  struct lh_reader reader;
  lh_reader_init(&reader, body);
  if (lh_read_array(&reader, 2) != 2) lh_read_fail(&reader, LH_EFORMAT);
  *answer = lh_read_bool(&reader);
  const uint32_t count = lh_read_array(&reader, LH_VECTOR_MAX);
  for (uint32_t i = 0; i < count && reader.err == 0; i++) {
    struct lh_run run = {{{0}}, 0};
    if (lh_read_array(&reader, 3) != 3) lh_read_fail(&reader, LH_EFORMAT);
    lh_read_run(&reader, &run);
    const uint64_t seq = lh_read_uint(&reader, LH_SEQ_MAX);
    const struct lh_chain chain = lh_chain_read(&reader);
    if (act && reader.err == 0) mend(registry, &run, seq, &chain);
  }
  return lh_read_end(&reader);
}

static int receive_vector(struct lh_registry *registry, uint32_t from, struct lh_bytes body) {
  bool answer = false;
  const int err = walk_vector(registry, body, false, &answer);
  if (err != 0) return err;
  (void)walk_vector(registry, body, true, &answer);
  struct lh_follower *peer = peer_open(registry, from);
  if (answer)
    send_vector(registry, from, false);
  else
    peer->comparing = false;
  return 0;
}

// --- frames ---

static int receive(struct lh_registry *registry, uint32_t from, uint8_t type,
                   struct lh_bytes body) {
  if (from == registry->self_node || lh_runs_at(registry->runs, from) == NULL) return LH_EDENIED;
  if (body.len == 0) return LH_EFORMAT;
  switch (type) {
  case LH_FRAME_DELTA:
    return lh_delta_receive(registry, from, body);
  case LH_FRAME_SNAPSHOT:
    return lh_snapshot_receive(registry, from, body);
  case LH_FRAME_NEED:
    return receive_need(registry, from, body);
  case LH_FRAME_DIGEST:
    return receive_vector(registry, from, body);
  default:
    return LH_EFORMAT;
  }
}

int lh_registry_receive(struct lh_registry *registry, uint32_t from, uint8_t type,
                        struct lh_bytes body) {
  const int err = receive(registry, from, type, body);
  if (err == LH_EDENIED)
    registry->counters.refused++;
  else if (err != 0)
    registry->counters.malformed++;
  return err;
}
