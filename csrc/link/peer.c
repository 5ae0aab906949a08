// peer.c - the slots of peers, and the calls that any thread may make.
//
// A slot is made by the loop's thread and lives as long as the table; other threads find it through
// an atomic pointer and then take its lock. The locks are held for one batch of records at most.
#include "base/mem.h"
#include "link/internal.h"

struct lh_peer *lh_peer_at(const struct lh_links *links, uint32_t index) {
  if (index >= LH_RUNS_MAX) return NULL;
  return atomic_load_explicit(&links->peers[index], memory_order_acquire);
}

struct lh_peer *lh_peer_of(const struct lh_links *links, const struct lh_run *run) {
  return lh_map_get(&links->by_run, run, sizeof *run);
}

struct lh_peer *lh_peer_get(struct lh_links *links, const struct lh_run *run) {
  struct lh_peer *peer = lh_peer_of(links, run);
  if (peer != NULL) return peer;
  const uint32_t index = lh_runs_index(links->runs, run);
  if (index == 0) return NULL;
  peer = LH_NEW(struct lh_peer);
  peer->index = index;
  peer->run = *run;
  (void)pthread_mutex_init(&peer->lock, NULL);
  (void)lh_map_put(&links->by_run, run, sizeof *run, peer);
  atomic_store_explicit(&links->peers[index], peer, memory_order_release);
  return peer;
}

void lh_peer_free(struct lh_peer *peer) {
  lh_datagram_forget(peer);
  (void)pthread_mutex_destroy(&peer->lock);
  lh_free(peer);
}

bool lh_links_is_up(const struct lh_links *links, uint32_t index) {
  struct lh_peer *peer = lh_peer_at(links, index);
  if (peer == NULL) return false;
  (void)pthread_mutex_lock(&peer->lock);
  const bool up = peer->conn != NULL;
  (void)pthread_mutex_unlock(&peer->lock);
  return up;
}

size_t lh_links_queued(const struct lh_links *links, uint32_t index, enum lh_class class) {
  struct lh_peer *peer = lh_peer_at(links, index);
  if (peer == NULL || class >= LH_CLASSES) return 0;
  (void)pthread_mutex_lock(&peer->lock);
  const size_t queued = peer->conn != NULL ? peer->conn->queue.bytes[class] : 0;
  (void)pthread_mutex_unlock(&peer->lock);
  return queued;
}

int lh_links_send_parts(struct lh_links *links, uint32_t index, enum lh_class class, uint8_t type,
                        const struct lh_parts *parts) {
  if (class >= LH_CLASSES) return LH_EINVAL;
  if (lh_parts_len(parts) > LH_LINK_MESSAGE_MAX) return LH_ELIMIT;
  struct lh_peer *peer = lh_peer_at(links, index);
  if (peer == NULL) return LH_ECLOSED;
  (void)pthread_mutex_lock(&peer->lock);
  const int err = peer->conn != NULL ? lh_conn_submit(peer->conn, class, type, parts) : LH_ECLOSED;
  bool more = err == 0 && lh_conn_is_due(peer->conn);
  // Between batches the lock is free, so that others' control frames come in between.
  while (more) {
    more = peer->conn != NULL && lh_conn_step(peer->conn);
    (void)pthread_mutex_unlock(&peer->lock);
    (void)pthread_mutex_lock(&peer->lock);
  }
  (void)pthread_mutex_unlock(&peer->lock);
  return err;
}

int lh_links_send(struct lh_links *links, uint32_t index, enum lh_class class, uint8_t type,
                  struct lh_bytes body) {
  const struct lh_parts parts = {.body = body};
  return lh_links_send_parts(links, index, class, type, &parts);
}
