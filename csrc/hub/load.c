// load.c - how busy each member is, by its own word, gossiped: what the load balancer weighs the
// children of a node with (crowd.c).
//
// How many children a node has, all members know from rows, sooner and exactly. What rows do not
// tell is how much the children do. A node's pressure is how many of its heaps have work and wait
// for a thread, in thousandths of its threads: sampled, smoothed, and bounded. The backlog of a
// mailbox makes its heap wait, so it is in there; a thread that is busy while nobody waits costs a
// newcomer nothing, so the share of time that threads are busy is not.
//
// A node says its pressure in steps, and says nothing while it keeps to one: an idle hub is silent.
// LOAD: [run, version, pressure] of at most LOADS_MAX members. Whoever hears something newer passes
// it on for as many rounds as the number of members has binary digits, in round r to the members
// 2^r behind and before it in order of node id: after so many rounds all have it, without chance.
// A word that is lost, or late, makes a worse choice of two nodes, and nothing else.
//
// Only members that have a hub which goes by load begin this; the others pass on what they hear.
#include "hub/internal.h"

enum {
  LOAD_MS = 500,
  LOAD_STEP = 250,
  LOAD_MOST = 4000,
  LOADS_MAX = 32,
  LOAD_FIELDS = 3,
};

static unsigned digits(size_t count) {
  unsigned out = 0;
  for (; count > 0; count >>= 1) out++;
  return out;
}

static bool goes_by_load(const struct lh_hubs *hubs) {
  bool any = false;
  for (size_t i = 0; i < hubs->hub_count; i++)
    any = any || hubs->hubs[i]->config.distribution == LH_DISTRIBUTION_LOAD;
  return any && hubs->view.count > 1;
}

static bool has_news(const struct lh_hubs *hubs) {
  bool any = false;
  for (size_t i = 0; i < hubs->view.count; i++) any = any || hubs->view.peers[i]->load.rounds > 0;
  return any;
}

void lh_load_look(struct lh_hubs *hubs, lh_ms now) {
  if (hubs->load.at == LH_NEVER && (goes_by_load(hubs) || has_news(hubs)))
    hubs->load.at = now + LOAD_MS;
}

static void hear(const struct lh_hubs *hubs, struct peer *peer, uint64_t version,
                 uint32_t pressure) {
  peer->load = (struct load){version, pressure, digits(hubs->view.count)};
}

// --- ours ---
static void sample(struct lh_hubs *hubs) {
  struct peer *self = lh_view_find(hubs, hubs->self);
  const uint32_t found = hubs->ops->pressure(hubs->ops_self);
  const uint32_t most = found < LOAD_MOST ? found : LOAD_MOST;
  hubs->load.smooth = (3 * hubs->load.smooth + most) / 4;
  const uint32_t step = (hubs->load.smooth + LOAD_STEP / 2) / LOAD_STEP * LOAD_STEP;
  if (self != NULL && step != self->load.pressure) hear(hubs, self, ++hubs->load.version, step);
}

// --- rounds ---
static uint32_t write_news(struct lh_hubs *hubs, struct lh_buf *out) {
  uint32_t count = 0;
  for (size_t i = 0; i < hubs->view.count && count < LOADS_MAX; i++) {
    struct peer *peer = hubs->view.peers[i];
    if (peer->load.rounds == 0) continue;
    peer->load.rounds--;
    count++;
    lh_write_run(out, &peer->run);
    lh_write_uint(out, peer->load.version);
    lh_write_uint(out, peer->load.pressure);
  }
  return count;
}

static void send(struct lh_hubs *hubs, const struct lh_buf *news, uint32_t count, size_t to) {
  const struct peer *peer = hubs->view.peers[to];
  struct lh_buf body = LH_BUF_EMPTY;
  if (peer->node == hubs->self || !lh_registry_is_linked(hubs->registry, peer->node)) return;
  lh_write_array(&body, count * LOAD_FIELDS);
  lh_buf_append(&body, news->data, news->len);
  lh_hub_send(hubs, peer->node, LH_FRAME_LOAD, &body);
}

static void pass_on(struct lh_hubs *hubs) {
  const size_t members = hubs->view.count > 0 ? hubs->view.count : 1;
  const size_t stride = (size_t)1 << (hubs->load.round++ % digits(members));
  struct lh_buf news = LH_BUF_EMPTY;
  const uint32_t count = write_news(hubs, &news);
  size_t self = 0;
  while (self + 1 < members && hubs->view.peers[self]->node != hubs->self) self++;
  const size_t behind = (self + stride) % members;
  const size_t before = (self + members - stride % members) % members;
  send(hubs, &news, count, behind);
  if (before != behind) send(hubs, &news, count, before);
  lh_buf_free(&news);
}

void lh_load_tick(struct lh_hubs *hubs, lh_ms now) {
  if (now < hubs->load.at) return;
  hubs->load.at = LH_NEVER;
  if (goes_by_load(hubs)) sample(hubs);
  if (has_news(hubs)) pass_on(hubs);
  lh_load_look(hubs, now);
}

void lh_load_link_up(struct lh_hubs *hubs) {
  struct peer *self = lh_view_find(hubs, hubs->self);
  if (self != NULL && self->load.pressure > 0) self->load.rounds = digits(hubs->view.count);
}

// --- hearing ---
struct said {
  struct lh_run run;
  uint64_t version;
  uint32_t pressure;
};

static bool read_one(struct lh_reader *in, struct said *word) {
  lh_read_run(in, &word->run);
  word->version = lh_read_uint(in, INT64_MAX);
  word->pressure = (uint32_t)lh_read_uint(in, LOAD_MOST);
  return in->err == LH_OK;
}

int lh_load_receive(struct lh_hubs *hubs, struct lh_bytes body) {
  struct lh_reader in;
  struct said words[LOADS_MAX];
  lh_reader_init(&in, body);
  const uint32_t fields = lh_read_array(&in, LOADS_MAX * LOAD_FIELDS);
  if (fields % LOAD_FIELDS != 0) lh_read_fail(&in, LH_EFORMAT);
  size_t count = 0;
  while (in.err == LH_OK && count < fields / LOAD_FIELDS && read_one(&in, &words[count])) count++;
  const int err = lh_read_end(&in);
  for (size_t i = 0; err == LH_OK && i < count; i++) {
    struct peer *peer = lh_view_of_run(hubs, &words[i].run);
    if (peer != NULL && peer->node != hubs->self && words[i].version > peer->load.version)
      hear(hubs, peer, words[i].version, words[i].pressure);
  }
  return err;
}

uint32_t lh_hubs_pressure(struct lh_hubs *hubs, const struct lh_run *run) {
  const struct peer *peer = lh_view_of_run(hubs, run);
  return peer != NULL ? peer->load.pressure : 0;
}

uint32_t lh_load_of(const struct hub *hub, uint32_t node) {
  const struct peer *peer = hub->all != NULL ? lh_view_find(hub->all, node) : NULL;
  return peer != NULL ? peer->load.pressure : 0;
}
