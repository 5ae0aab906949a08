// rooms: base wire registry
//
// Frames into a registry of three ledgers: ours, a live peer's, a frozen one whose tail was asked
// for. The input is a list of frames; the digest of DELTA and SNAPSHOT frames is made here, as any
// member of the cluster can, so that the fuzzer gets behind it. Whatever comes, our own rows stay
// as they are, and what the registry counts is what it holds.
//
//   frame: kind (type, sender, digest right or as given), length of two bytes, body
#include <stdlib.h>

#include "base/mem.h"
#include "registry/internal.h"

enum { SELF = 1, PEER, DEAD, OWN_ROWS = 3, FRAMES_MAX = 64 };

static void on_row_changed(void *self, const struct lh_row *before, const struct lh_row *after) {
  (void)self;
  if (before == NULL && after == NULL) abort();
}
static void on_ordered(void *self, uint32_t hub, struct lh_bytes id, uint64_t born) {
  (void)self, (void)hub;
  if (id.len == 0 || born == 0) abort();
}
static void on_send(void *self, uint32_t to, uint8_t type, struct lh_bytes body) {
  (void)self, (void)type, (void)body;
  if (to == 0) abort();
}
static void on_advanced(void *self, uint32_t node, uint64_t seq) {
  (void)self, (void)node, (void)seq;
}

static const struct lh_registry_ops OPS = {
    .row_changed = on_row_changed, .ordered = on_ordered, .send = on_send, .advanced = on_advanced};
static const uint8_t KEY[32] = "the key of a cluster under test";

static struct lh_registry *make(struct lh_runs *runs) {
  for (uint8_t i = SELF; i <= DEAD; i++) {
    const struct lh_run run = {{{i}}, 1};
    (void)lh_runs_index(runs, &run);
  }
  struct lh_registry *registry = lh_registry_new(runs, SELF, KEY, &OPS, NULL);
  const uint32_t hub = lh_registry_hub(registry, lh_bytes_str("web"));
  for (uint8_t i = 0; i < OWN_ROWS; i++) {
    const uint8_t id[1] = {(uint8_t)('a' + i)};
    const struct lh_row_in in = {.hub = hub,
                                 .id = lh_bytes(id, 1),
                                 .generation = 1,
                                 .pid_local = 1,
                                 .state = LH_ROW_RUNNING};
    if (lh_registry_put(registry, &in) == 0) abort();
  }
  (void)lh_registry_order(registry, hub, lh_bytes_str("z"), 1);
  lh_registry_flush(registry);
  lh_registry_peer_up(registry, PEER);
  lh_registry_freeze(registry, DEAD);
  lh_registry_fetch(registry, PEER, DEAD);
  return registry;
}

// The digest that makes a frame the next one, as far as its first bytes say which ledger it is of.
static void seal(struct lh_registry *registry, uint8_t type, uint32_t from, struct lh_buf *body) {
  const struct lh_chain zero = {{0}};
  const struct lh_chain *before = &zero;
  const struct lh_ledger *ledger = lh_ledger_get(registry, from);
  if (type == LH_FRAME_DELTA && ledger != NULL) before = &ledger->chain;
  if (type == LH_FRAME_SNAPSHOT && ledger != NULL && ledger->staging != NULL)
    before = &ledger->staging->digest;
  const struct lh_chain digest =
      lh_chain_next(registry, type == LH_FRAME_DELTA ? 'D' : 'S', before,
                    lh_bytes(body->data + LH_CHAIN_SIZE, body->len - LH_CHAIN_SIZE));
  memcpy(body->data, digest.bytes, LH_CHAIN_SIZE);
}

static void receive(struct lh_registry *registry, uint8_t kind, struct lh_bytes data) {
  static const uint32_t SENDERS[] = {PEER, PEER, PEER, DEAD};
  const uint8_t type = (uint8_t)(LH_FRAME_DELTA + (kind & 3));
  const uint32_t from = SENDERS[(kind >> 2) & 3];
  struct lh_buf body = LH_BUF_EMPTY;
  const bool sealed = type <= LH_FRAME_SNAPSHOT && (kind & 0x10) == 0;
  if (sealed) {
    const uint8_t place[LH_CHAIN_SIZE] = {0};
    lh_buf_append(&body, place, sizeof place);
  }
  lh_buf_append(&body, data.data, data.len);
  if (sealed) seal(registry, type, from, &body);
  (void)lh_registry_receive(registry, from, type, lh_bytes_of(&body));
  if ((kind & 0x20) != 0) lh_registry_flush(registry);
  if ((kind & 0x40) != 0) lh_registry_fetch(registry, PEER, DEAD);
  lh_buf_free(&body);
}

static bool count_row(void *self, const struct lh_row *row) {
  if (row->id_len == 0 || row->seq == 0) abort();
  ++*(size_t *)self;
  return true;
}

static void check(struct lh_registry *registry) {
  if (lh_registry_count(registry, SELF) != OWN_ROWS ||
      lh_registry_seq(registry, SELF) != OWN_ROWS + 1)
    abort();
  for (uint32_t node = SELF; node <= DEAD; node++) {
    size_t rows = 0;
    lh_registry_each(registry, node, count_row, &rows);
    if (rows != lh_registry_count(registry, node)) abort();
  }
  const uint32_t hubs = atomic_load(&registry->hub_count);
  for (uint32_t hub = 1; hub <= hubs; hub++) {
    size_t rows = 0;
    lh_registry_scan(registry, hub, count_row, &rows);
    if (rows != lh_registry_children(registry, hub)) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lh_registry_thread_enter();
  struct lh_runs *runs = lh_runs_new();
  struct lh_registry *registry = make(runs);
  for (int i = 0; i < FRAMES_MAX && size >= 3; i++) {
    size_t len = (size_t)data[1] << 8 | data[2];
    if (len > size - 3) len = size - 3;
    receive(registry, data[0], lh_bytes(data + 3, len));
    data += 3 + len;
    size -= 3 + len;
  }
  check(registry);
  lh_registry_free(registry);
  lh_runs_free(runs);
  lh_registry_thread_leave();
  return 0;
}
