// lately.c - children that were stopped here, until every member is known to have heard of it.
//
// Their rows are gone from our ledger; a member that dies before it held the ledger up to there (or
// is cut off, or takes us for dead) may bring them back. Then they become stop orders.
//
//   stopped --every member holds our ledger up to there--> forgotten
//           --a member dies that does not, or we begin a new epoch--> stop orders
//
// One queue of bytes, [struct record, id] one after the other, in order of sequence: a stop costs a
// copy of its id. Owns that queue.
#include "hub/internal.h"

#include <string.h>

struct record {
  uint64_t seq;  // of our ledger
  uint64_t born;
  uint32_t hub;
  uint32_t id_len;
};

static struct record record_at(const struct lately *lately, size_t at) {
  struct record record;
  memcpy(&record, lately->bytes.data + at, sizeof record);
  return record;
}

static void make_order(struct lh_hubs *hubs, size_t at) {
  const struct record record = record_at(&hubs->lately, at);
  struct hub *hub = lh_hub_at(hubs, record.hub);
  const struct lh_bytes id = lh_bytes(hubs->lately.bytes.data + at + sizeof record, record.id_len);
  if (hub != NULL) (void)lh_order_write(hub, id, record.born);
}

static void drop_first(struct lately *lately) {
  lately->first += sizeof(struct record) + record_at(lately, lately->first).id_len;
  lately->count--;
}

// What was dropped goes from the memory once it is most of it.
static void tidy(struct lately *lately) {
  if (lately->count == 0) {
    lh_buf_free(&lately->bytes);
    lately->first = 0;
  } else if (lately->first > lately->bytes.len / 2) {
    lh_buf_consume(&lately->bytes, lately->first);
    lately->first = 0;
  }
}

void lh_lately_add(struct lh_hubs *hubs, const struct child *child) {
  struct lately *lately = &hubs->lately;
  if (LH_PLANTED(stop_forgotten_at_once)) return;
  // Its row is about to go, if it has one.
  const uint64_t seq = lh_registry_seq(hubs->registry, hubs->self) + (child->claimed ? 1 : 0);
  const struct record record = {
      .seq = seq, .born = child->born, .hub = child->hub->index, .id_len = child->id_len};
  if (lately->count == LH_LATELY_MAX) {
    make_order(hubs, lately->first);
    drop_first(lately);
    tidy(lately);
  }
  lh_buf_append(&lately->bytes, &record, sizeof record);
  lh_buf_append(&lately->bytes, child->id, child->id_len);
  lately->count++;
}

// Those behind a sequence, which are the last ones, become orders.
static void make_orders(struct lh_hubs *hubs, uint64_t seq) {
  struct lately *lately = &hubs->lately;
  size_t at = lately->first;
  size_t kept = 0;
  while (at < lately->bytes.len && record_at(lately, at).seq <= seq) {
    at += sizeof(struct record) + record_at(lately, at).id_len;
    kept++;
  }
  const size_t end = at;
  for (; at < lately->bytes.len; at += sizeof(struct record) + record_at(lately, at).id_len)
    make_order(hubs, at);
  lately->bytes.len = end;
  lately->count = kept;
  tidy(lately);
}

void lh_lately_died(struct lh_hubs *hubs, const struct peer *peer) {
  make_orders(hubs, lh_held_up_to(peer, hubs->self));
}

void lh_lately_all(struct lh_hubs *hubs) { make_orders(hubs, 0); }

static void forget_heard(struct lh_hubs *hubs) {
  struct lately *lately = &hubs->lately;
  const uint64_t heard = lh_held_by_each(hubs);
  while (lately->count > 0 && record_at(lately, lately->first).seq <= heard) drop_first(lately);
  tidy(lately);
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
  if (hubs->lately.count == 0) return;
  hubs->lately.ask_at = now + LH_LATELY_MS;
  ask(hubs);
}

// Half full it does not wait.
void lh_lately_flush(struct lh_hubs *hubs, lh_ms now) {
  if (hubs->lately.count == 0) return;
  if (hubs->lately.ask_at == LH_NEVER) hubs->lately.ask_at = now + LH_LATELY_MS;
  if (hubs->lately.count <= LH_LATELY_MAX / 2) return;
  forget_heard(hubs);
  ask(hubs);
}
