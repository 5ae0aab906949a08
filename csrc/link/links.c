// links.c - the table of links: what listens, who is dialled, deadlines, counters, the end.
//
// Owns the listening sockets, every connection and every peer's slot. Loop's thread; the calls for
// any thread are in peer.c and dgram.c.
#include "link/openssl.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "link/internal.h"
#include "link/keys.h"

enum { BUSY_TICK_MS = 250, IDLE_TICK_MS = 1000, PORT_TRIES = 16, COMPLAINT_MS = 1000 };

void lh_links_enter(struct lh_links *links) { links->depth++; }

void lh_links_leave(struct lh_links *links) {
  if (--links->depth > 0) return;
  struct lh_list *node;
  while ((node = lh_list_pop(&links->dead)) != NULL)
    lh_conn_free(LH_ENTRY(node, struct lh_conn, node));
}

void lh_links_complain(struct lh_links *links, enum lh_complaint about, const struct lh_addr *from,
                       const char *reason) {
  const lh_ms now = lh_env_now(links->env);
  if (now - links->complained_at[about] < COMPLAINT_MS) return;
  char text[LH_ADDR_TEXT_MAX];
  links->complained_at[about] = now;
  lh_addr_format(from, text);
  lh_log(LH_LOG_WARN, "link", "connection with %s ended: %s", text, reason);
}

// --- who was seen ---

struct lh_newest *lh_links_newest(const struct lh_links *links, const struct lh_node_id *id) {
  return lh_map_get(&links->newest, id, sizeof *id);
}

void lh_links_saw(struct lh_links *links, const struct lh_run *run, uint32_t peer) {
  struct lh_newest *newest = lh_links_newest(links, &run->id);
  if (newest == NULL) {
    newest = LH_NEW(struct lh_newest);
    newest->id = run->id;
    (void)lh_map_put(&links->newest, &run->id, sizeof run->id, newest);
  }
  if (run->epoch < newest->epoch) return;
  newest->epoch = run->epoch;
  newest->peer = peer;
}

// --- deadlines ---

static bool is_handshaking(const struct lh_links *links) {
  for (const struct lh_list *node = links->conns.next; node != &links->conns; node = node->next) {
    if (LH_ENTRY(node, struct lh_conn, node)->state != LH_CONN_UP) return true;
  }
  return false;
}

static void on_tick(void *self, lh_ms now) {
  struct lh_links *links = self;
  lh_links_enter(links);
  links->ticking = false;
  // A check may end other connections as well, through the owner's callbacks; the dead stay in
  // memory until we leave, and a connection that ended is passed over by going back to the start.
  struct lh_list *node = links->conns.next;
  while (node != &links->conns) {
    struct lh_conn *conn = LH_ENTRY(node, struct lh_conn, node);
    lh_conn_check(conn, now);
    node = conn->state == LH_CONN_CLOSED ? links->conns.next : node->next;
  }
  if (!lh_list_empty(&links->conns) && !links->ticking) {
    links->ticking = true;
    lh_timer_set(links->tick, now + (is_handshaking(links) ? BUSY_TICK_MS : IDLE_TICK_MS));
  }
  lh_links_leave(links);
}

void lh_links_watch(struct lh_links *links) {
  links->ticking = true;
  lh_timer_set(links->tick, lh_env_now(links->env) + BUSY_TICK_MS);
}

// --- listening and dialling ---

static void on_accept(void *self, struct lh_stream *stream) {
  struct lh_links *links = self;
  if (links->half_open >= LH_LINK_HALF_OPEN_MAX) {
    lh_count(links, LH_COUNT_HALF_OPEN_FULL, 1);
    lh_stream_close(stream);
    return;
  }
  lh_conn_accept(links, stream);
}

void lh_links_dial(struct lh_links *links, const struct lh_addr *to) {
  for (struct lh_list *node = links->conns.next; node != &links->conns; node = node->next) {
    const struct lh_conn *conn = LH_ENTRY(node, struct lh_conn, node);
    const bool under_way = conn->dialled && conn->state < LH_CONN_UP;
    if (under_way && lh_addr_equal(&conn->address, to)) return;
  }
  (void)lh_conn_dial(links, to);
}

// TCP and UDP share the port; where any port will do, one is looked for that is free for both.
static int listen_both(struct lh_links *links, const struct lh_addr *at, struct lh_error *error) {
  const int tries = lh_addr_port(at) == 0 ? PORT_TRIES : 1;
  for (int i = 0; i < tries; i++) {
    links->listener = lh_listen(links->env, at, on_accept, links, error);
    if (links->listener == NULL) return LH_EIO;
    lh_listener_addr(links->listener, &links->addr);
    links->dgram = lh_dgram_open(links->env, &links->addr, lh_datagram_arrived, links, error);
    if (links->dgram != NULL) return 0;
    lh_listener_close(links->listener);
    links->listener = NULL;
  }
  return LH_EIO;
}

// --- life ---

static void take_keys(struct lh_links *links, const struct lh_links_config *config) {
  struct lh_cluster_keys keys;
  lh_cluster_keys_derive(&keys, &config->secret, config->cluster != NULL ? config->cluster : "");
  memcpy(links->datagram_key, keys.datagram, sizeof links->datagram_key);
  memcpy(links->cluster, keys.digest, sizeof links->cluster);
  memcpy(links->key_id, keys.key_id, sizeof links->key_id);
  links->tls = lh_tls_new(links->env, keys.psk, keys.key_id);
  OPENSSL_cleanse(&keys, sizeof keys);
}

static void start_run(struct lh_links *links, uint64_t epoch) {
  links->run.epoch = epoch;
  lh_env_random(links->env, &links->nonce, sizeof links->nonce);
  if (links->nonce == 0) links->nonce = 1;  // 0 stands for "none seen"
  lh_links_saw(links, &links->run, 0);
  lh_datagram_salt(links);
}

struct lh_links *lh_links_new(const struct lh_links_config *config, const struct lh_links_ops *ops,
                              void *self, struct lh_error *error) {
  if (!lh_name_is_valid(lh_bytes_str(config->name))) {
    (void)lh_fail(error, LH_EINVAL, "node name '%.64s': expected 1 to %d of A-Z a-z 0-9 . _ - #",
                  config->name, LH_NAME_MAX);
    return NULL;
  }
  struct lh_links *links = LH_NEW(struct lh_links);
  links->partial_ms = config->partial_ms != 0 ? config->partial_ms : LH_LINK_PARTIAL_MS;
  links->env = config->env;
  links->runs = config->runs;
  links->ops = ops;
  links->self = self;
  links->name = lh_strdup(config->name);
  links->identity = config->identity;
  links->run.id = config->identity->id;
  for (int i = 0; i < LH_COMPLAINTS; i++)
    links->complained_at[i] = lh_env_now(links->env) - COMPLAINT_MS;
  lh_list_init(&links->conns);
  lh_list_init(&links->dead);
  (void)pthread_mutex_init(&links->cluster_lock, NULL);
  take_keys(links, config);
  links->tick = lh_timer_new(links->env, on_tick, links);
  start_run(links, config->epoch);
  if (listen_both(links, &config->listen, error) == 0) return links;
  lh_links_free(links);
  return NULL;
}

static void free_tables(struct lh_links *links) {
  for (size_t i = 0; i < links->by_run.count; i++) lh_peer_free(links->by_run.entries[i].value);
  for (size_t i = 0; i < links->newest.count; i++) lh_free(links->newest.entries[i].value);
  lh_map_free(&links->by_run);
  lh_map_free(&links->newest);
}

void lh_links_free(struct lh_links *links) {
  if (links->listener != NULL) lh_listener_close(links->listener);
  if (links->dgram != NULL) lh_dgram_close(links->dgram);
  lh_timer_free(links->tick);
  lh_links_enter(links);
  while (!lh_list_empty(&links->conns)) {
    lh_conn_end(LH_ENTRY(links->conns.next, struct lh_conn, node), NULL);
  }
  lh_links_leave(links);
  free_tables(links);
  lh_sealer_free(&links->cluster_out);
  (void)pthread_mutex_destroy(&links->cluster_lock);
  lh_tls_free(links->tls);
  lh_buf_free(&links->greeting);
  lh_free(links->name);
  OPENSSL_cleanse(links->datagram_key, sizeof links->datagram_key);
  lh_free(links);
}

void lh_links_addr(const struct lh_links *links, struct lh_addr *out) { *out = links->addr; }

void lh_links_rename(struct lh_links *links, const char *name) {
  lh_free(links->name);
  links->name = lh_strdup(name);
}

void lh_links_greeting(struct lh_links *links, struct lh_bytes greeting) {
  lh_buf_clear(&links->greeting);
  lh_buf_append(&links->greeting, greeting.data,
                greeting.len < LH_GREETING_MAX ? greeting.len : LH_GREETING_MAX);
}

void lh_links_close(struct lh_links *links, uint32_t index, const char *reason) {
  struct lh_peer *peer = lh_peer_at(links, index);
  if (peer == NULL || peer->conn == NULL) return;
  lh_links_enter(links);
  lh_conn_fail(peer->conn, LH_ECLOSED, reason);
  lh_links_leave(links);
}

void lh_links_epoch(struct lh_links *links, uint64_t epoch) {
  struct lh_list former;
  lh_links_enter(links);
  lh_list_init(&former);
  // A callback may dial again at once: those stay, they say HELLO when the new run is in place.
  while (!lh_list_empty(&links->conns)) lh_list_push(&former, lh_list_pop(&links->conns));
  while (!lh_list_empty(&former)) {
    lh_conn_fail(LH_ENTRY(former.next, struct lh_conn, node), LH_ECLOSED,
                 "this node begins a new epoch");
  }
  for (size_t i = 0; i < links->by_run.count; i++) {
    lh_datagram_forget(links->by_run.entries[i].value);
  }
  start_run(links, epoch);
  lh_links_leave(links);
}

void lh_links_counters(const struct lh_links *links, struct lh_links_counters *out) {
  uint64_t n[LH_COUNTS];
  for (unsigned i = 0; i < LH_COUNTS; i++) {
    n[i] = atomic_load_explicit(&links->counts[i], memory_order_relaxed);
  }
  *out = (struct lh_links_counters){
      .frames_in = n[LH_COUNT_FRAMES_IN],
      .frames_out = n[LH_COUNT_FRAMES_OUT],
      .bytes_in = n[LH_COUNT_BYTES_IN],
      .bytes_out = n[LH_COUNT_BYTES_OUT],
      .datagrams_in = n[LH_COUNT_DATAGRAMS_IN],
      .datagrams_out = n[LH_COUNT_DATAGRAMS_OUT],
      .bad_seal = n[LH_COUNT_BAD_SEAL],
      .replayed = n[LH_COUNT_REPLAYED],
      .unknown_key = n[LH_COUNT_UNKNOWN_KEY],
      .malformed = n[LH_COUNT_MALFORMED],
      .too_big = n[LH_COUNT_TOO_BIG],
      .refused = n[LH_COUNT_REFUSED],
      .datagram_bytes_in = n[LH_COUNT_DATAGRAM_BYTES_IN],
      .datagram_bytes_out = n[LH_COUNT_DATAGRAM_BYTES_OUT],
      .connections = n[LH_COUNT_CONNECTIONS],
      .handshake_failed = n[LH_COUNT_HANDSHAKE_FAILED],
      .half_open_full = n[LH_COUNT_HALF_OPEN_FULL],
      .data_full = n[LH_COUNT_DATA_FULL],
      .overflows = n[LH_COUNT_OVERFLOWS],
  };
}
