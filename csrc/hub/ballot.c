// ballot.c - how the members of a hub agree on the next member set: one decision for each version,
// by the single-decree synod of Paxos. Its acceptors are the members of the set before, and of a
// majority of the new set; the first set's are any `initial_size` nodes without one.
//
//   proposer:  PREPARE --promised by a majority--> ACCEPT --accepted by a majority of both-->
//   adopted,
//              told to all --> the next.   Not done in time: it is tried again with a higher round.
//   acceptor:  promises the highest ballot; accepts under no lower one. On disk before it is said.
//
// What makes this safe for leases (lease.c), which come from single answers and outlive them:
//  - who accepts sees the same agreed members as who proposes;
//  - and either it adopted the set before this one LH_LEASE_WAIT_MS ago, or the change adds a node,
//    so did the one before, and all members of both sets are in view.
// Whoever holds a lease of an earlier set then either is in that view, or its lease is over.
#include "base/mem.h"
#include "hub/quorum.h"

enum { PREPARE, PROMISE, ACCEPT, ACCEPTED, TELL };
enum { ANSWER_MS = 900 };

static const struct lh_run *self_run(const struct hub *hub) {
  return lh_runs_at(hub->all->runs, hub->all->self);
}

void lh_ballot_end(struct agreed *agreed) {
  lh_set_free(&agreed->proposal.value);
  lh_free(agreed->proposal.yes);
  agreed->proposal = (struct proposal){0};
}

// --- frames ---
static struct lh_buf begin_frame(const struct hub *hub, uint64_t kind) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_uint(&body, kind);
  lh_write_str(&body, hub->config.id.data, hub->config.id.len);
  lh_set_write(&body, &hub->agreed.set);
  return body;
}

void lh_ballot_tell(struct hub *hub, uint32_t node) {
  struct lh_buf body = begin_frame(hub, TELL);
  lh_hub_send(hub->all, node, LH_FRAME_SET, &body);
}

// To all in view that run the hub, ourselves too.
static void send_all(struct hub *hub, const struct lh_buf *body) {
  for (size_t i = 0; i < hub->all->view.count; i++) {
    const struct peer *peer = hub->all->view.peers[i];
    struct lh_buf copy = LH_BUF_EMPTY;
    if (!lh_view_runs(peer, hub->index)) continue;
    lh_buf_append(&copy, body->data, body->len);
    lh_hub_send(hub->all, peer->node, LH_FRAME_SET, &copy);
  }
}

void lh_ballot_tell_all(struct hub *hub) {
  struct lh_buf body = begin_frame(hub, TELL);
  send_all(hub, &body);
  lh_buf_free(&body);
}

static void ask_all(struct hub *hub, uint64_t kind) {
  const struct proposal *proposal = &hub->agreed.proposal;
  struct lh_buf body = begin_frame(hub, kind);
  lh_write_uint(&body, hub->all->view.hash);
  lh_ballot_write(&body, &proposal->ballot);
  if (kind == ACCEPT) lh_set_write(&body, &proposal->value);
  send_all(hub, &body);
  lh_buf_free(&body);
}

// --- the acceptor ---
static bool all_in_view(const struct hub *hub, const struct agreed_set *set) {
  size_t here = 0;
  for (size_t i = 0; i < hub->all->view.count; i++) {
    const struct peer *peer = hub->all->view.peers[i];
    here += lh_view_runs(peer, hub->index) && lh_set_has(set, &peer->run.id);
  }
  return here == set->count;
}

// The one node by which they differ is added (1) or taken out (-1); 0: they differ otherwise.
static int change_between(const struct agreed_set *before, const struct agreed_set *after) {
  size_t common = 0;
  for (size_t i = 0; i < before->count; i++) common += lh_set_has(after, &before->members[i].id);
  if (common == before->count && after->count == common + 1) return 1;
  return common == after->count && before->count == common + 1 ? -1 : 0;
}

static bool follows(const struct agreed_set *before, const struct agreed_set *after) {
  if (after->version != before->version + 1) return false;
  if (before->version == 0) return after->term == 0 && after->shrunk == 0;
  const int change = change_between(before, after);
  const uint64_t shrunk = change < 0 ? after->version : before->shrunk;
  return change != 0 && after->shrunk == shrunk && after->term == before->term &&
         lh_run_equal(&after->founder, &before->founder);
}

bool lh_ballot_may_change(const struct hub *hub, lh_ms now, const struct agreed_set *value) {
  const struct agreed_set *set = &hub->agreed.set;
  if (!follows(set, value)) return false;
  if (set->version == 0) return true;
  if (now - hub->agreed.since >= LH_LEASE_WAIT_MS) return true;
  return change_between(set, value) > 0 && set->shrunk < set->version && all_in_view(hub, set) &&
         all_in_view(hub, value);
}

static void answer(struct hub *hub, uint32_t to, uint64_t kind) {
  const struct agreed *agreed = &hub->agreed;
  struct lh_buf body = begin_frame(hub, kind);
  lh_ballot_write(&body, &agreed->promised);
  lh_ballot_write(&body, &agreed->accepted);
  lh_set_write(&body, &agreed->value);
  lh_hub_send(hub->all, to, LH_FRAME_SET, &body);
}

static void prepare(struct hub *hub, uint32_t from, const struct ballot *ballot) {
  struct agreed *agreed = &hub->agreed;
  if (lh_ballot_compare(ballot, &agreed->promised) > 0) {
    agreed->promised = *ballot;
    if (lh_agreed_keep(hub) != LH_OK) return;
  }
  answer(hub, from, PROMISE);
}

static void accept(struct hub *hub, lh_ms now, uint32_t from, const struct ballot *ballot,
                   const struct agreed_set *value) {
  struct agreed *agreed = &hub->agreed;
  if (lh_ballot_compare(ballot, &agreed->promised) >= 0) {
    if (!lh_ballot_may_change(hub, now, value)) return;
    agreed->promised = agreed->accepted = *ballot;
    lh_set_copy(&agreed->value, value);
    if (lh_agreed_keep(hub) != LH_OK) return;
  }
  answer(hub, from, ACCEPTED);
}

static int asked(struct hub *hub, lh_ms now, uint32_t from, uint64_t kind, struct lh_reader *in) {
  const struct view *view = &hub->all->view;
  struct ballot ballot;
  struct agreed_set value = {0};
  const struct lh_wire_value hash = lh_read_value(in);
  lh_ballot_read(in, &ballot);
  if (kind == ACCEPT) lh_set_read(in, &value);
  const int err = lh_read_end(in);
  const bool same = view->agreed && !view->capped && hash.as.unsigned_integer == view->hash;
  if (err == LH_OK && same) {
    if (kind == PREPARE)
      prepare(hub, from, &ballot);
    else
      accept(hub, now, from, &ballot, &value);
  }
  lh_set_free(&value);
  return err;
}

// --- the proposer ---
static bool is_majority_of(const struct proposal *proposal, const struct agreed_set *set) {
  size_t yes = 0;
  for (size_t i = 0; i < proposal->yes_count; i++) yes += lh_set_has(set, &proposal->yes[i]);
  return yes > set->count / 2;
}

static bool is_enough(const struct hub *hub) {
  const struct proposal *proposal = &hub->agreed.proposal;
  if (LH_PLANTED(set_counts_before_agreed)) return true;
  const bool before = hub->agreed.set.version == 0 ? proposal->yes_count >= hub->config.quorum.size
                                                   : is_majority_of(proposal, &hub->agreed.set);
  return before && (!proposal->accepting || is_majority_of(proposal, &proposal->value));
}

static void next_phase(struct hub *hub, lh_ms now) {
  struct proposal *proposal = &hub->agreed.proposal;
  if (proposal->accepting) {
    struct agreed_set value = {0};
    lh_set_copy(&value, &proposal->value);
    lh_agreed_adopt(hub, now, &value);
    lh_set_free(&value);
    lh_ballot_tell_all(hub);
    return;
  }
  proposal->accepting = true;
  proposal->yes_count = 0;
  ask_all(hub, ACCEPT);
}

static void count_yes(struct proposal *proposal, const struct lh_node_id *id) {
  for (size_t i = 0; i < proposal->yes_count; i++) {
    if (lh_node_id_equal(&proposal->yes[i], id)) return;
  }
  proposal->yes = lh_realloc(proposal->yes, (proposal->yes_count + 1) * sizeof(struct lh_node_id));
  proposal->yes[proposal->yes_count++] = *id;
}

static void hear_answer(struct hub *hub, lh_ms now, const struct peer *peer, uint64_t kind,
                        const struct ballot *promised, const struct ballot *accepted,
                        const struct agreed_set *value) {
  struct proposal *proposal = &hub->agreed.proposal;
  if (promised->round > hub->agreed.round) hub->agreed.round = promised->round;
  if (proposal->ballot.round == 0 || proposal->accepting != (kind == ACCEPTED)) return;
  const int order = lh_ballot_compare(promised, &proposal->ballot);
  if (order > 0) proposal->until = now;  // another one goes before it
  if (order != 0) return;
  if (kind == PROMISE && lh_ballot_compare(accepted, &proposal->best) > 0) {
    proposal->best = *accepted;
    lh_set_copy(&proposal->value, value);
  }
  count_yes(proposal, &peer->run.id);
  if (is_enough(hub)) next_phase(hub, now);
}

static int answered(struct hub *hub, lh_ms now, const struct peer *peer, uint64_t kind,
                    struct lh_reader *in) {
  struct ballot promised;
  struct ballot accepted;
  struct agreed_set value;
  lh_ballot_read(in, &promised);
  lh_ballot_read(in, &accepted);
  lh_set_read(in, &value);
  const int err = lh_read_end(in);
  if (err == LH_OK) hear_answer(hub, now, peer, kind, &promised, &accepted, &value);
  lh_set_free(&value);
  return err;
}

void lh_ballot_propose(struct hub *hub, lh_ms now, const struct agreed_set *value) {
  struct agreed *agreed = &hub->agreed;
  lh_ballot_end(agreed);
  agreed->proposal.ballot = (struct ballot){.round = ++agreed->round, .by = self_run(hub)->id};
  agreed->proposal.until = now + ANSWER_MS;
  lh_set_copy(&agreed->proposal.value, value);
  ask_all(hub, PREPARE);
}

int lh_ballot_receive(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  const struct peer *peer = lh_view_find(hubs, from);
  struct lh_reader in;
  struct agreed_set set;
  lh_reader_init(&in, body);
  const uint64_t kind = lh_read_uint(&in, TELL);
  struct hub *hub = lh_hub_find(hubs, lh_read_str(&in, LH_HUB_ID_MAX));
  lh_set_read(&in, &set);
  int err = in.err;
  if (err == LH_OK && peer != NULL && hub != NULL && lh_quorum_is_agreed(hub)) {
    lh_agreed_hear(hub, now, &set);
    const bool same = lh_set_same(&set, &hub->agreed.set);
    if (kind == TELL)
      err = lh_read_end(&in);
    else if (!same && (kind == PREPARE || kind == ACCEPT))
      lh_ballot_tell(hub, from);
    else if (same && (kind == PREPARE || kind == ACCEPT))
      err = asked(hub, now, from, kind, &in);
    else if (same)
      err = answered(hub, now, peer, kind, &in);
  }
  lh_set_free(&set);
  return err;
}
