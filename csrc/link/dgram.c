// dgram.c - which key seals a datagram to a peer, and which keys may open one from it.
//
//   before a link      the sender's cluster key (secret, run, salt): sealed with cluster_out
//   link up            a pair of keys from its TLS session, one per direction
//   link up again      the new pair; the old one opens until the first datagram under the new came
//
// The follower's link is up later than the arbiter's (admit.c), so the arbiter keeps sealing as
// before until it heard something that only a follower that is up can say. Openers belong to the
// loop's thread, sealers to the peer's lock (cluster_out to its own).
#include "link/openssl.h"

#include <string.h>

#include "link/internal.h"

enum { EXPORT_BYTES = 32 + 32 + 4 };

static uint32_t key_id_of(const uint8_t bytes[4]) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// A pair under which nothing came yet is not worth keeping as the old one.
static void turn_opener(struct lh_peer *peer, const EVP_CIPHER *cipher, const uint8_t key[32],
                        uint32_t key_id) {
  if (peer->in.window.top > 0) {
    lh_opener_free(&peer->old_in);
    peer->old_in = peer->in;
    peer->in = (struct lh_opener){0};
  }
  lh_opener_free(&peer->in);
  lh_opener_init(&peer->in, cipher, key);
  peer->in.key_id = key_id;
}

static void settle_locked(struct lh_peer *peer) {
  if (peer->next.ctx == NULL) return;
  lh_sealer_free(&peer->out);
  peer->out = peer->next;
  peer->next = (struct lh_sealer){0};
}

void lh_datagram_settle(struct lh_peer *peer) {
  (void)pthread_mutex_lock(&peer->lock);
  settle_locked(peer);
  (void)pthread_mutex_unlock(&peer->lock);
}

void lh_datagram_keys(struct lh_conn *conn, bool settled) {
  struct lh_peer *peer = conn->peer;
  uint8_t keys[EXPORT_BYTES];
  if (!lh_session_export(conn->session, LH_EXPORT_DGRAM, keys, sizeof keys)) return;
  const uint8_t *from_dialler = keys;
  const uint8_t *to_dialler = keys + 32;
  const uint32_t key_id = key_id_of(keys + 64);
  const EVP_CIPHER *cipher = lh_tls_cipher(conn->links->tls);
  turn_opener(peer, cipher, conn->dialled ? to_dialler : from_dialler, key_id);
  (void)pthread_mutex_lock(&peer->lock);
  lh_sealer_free(&peer->next);
  lh_sealer_init(&peer->next, cipher, LH_PACKET_PAIR, &conn->links->run,
                 conn->dialled ? from_dialler : to_dialler);
  peer->next.key_id = key_id;
  if (settled) settle_locked(peer);
  (void)pthread_mutex_unlock(&peer->lock);
  OPENSSL_cleanse(keys, sizeof keys);
}

void lh_datagram_forget(struct lh_peer *peer) {
  (void)pthread_mutex_lock(&peer->lock);
  lh_sealer_free(&peer->out);
  lh_sealer_free(&peer->next);
  (void)pthread_mutex_unlock(&peer->lock);
  lh_opener_free(&peer->in);
  lh_opener_free(&peer->old_in);
  lh_opener_free(&peer->cluster_in);
  peer->pair_used = false;
}

void lh_datagram_salt(struct lh_links *links) {
  uint8_t salt[LH_SALT_BYTES];
  uint8_t key[32];
  lh_env_random(links->env, salt, sizeof salt);
  lh_cluster_key(links->datagram_key, &links->run, salt, key);
  (void)pthread_mutex_lock(&links->cluster_lock);
  lh_sealer_free(&links->cluster_out);
  lh_sealer_init(&links->cluster_out, lh_tls_cipher(links->tls), LH_PACKET_CLUSTER, &links->run,
                 key);
  memcpy(links->cluster_out.salt, salt, sizeof salt);
  (void)pthread_mutex_unlock(&links->cluster_lock);
  OPENSSL_cleanse(key, sizeof key);
}

static struct lh_seal_context context_for(const struct lh_links *links, const struct lh_run *to) {
  struct lh_seal_context context = {.to = *to};
  memcpy(context.cluster, links->cluster, sizeof context.cluster);
  return context;
}

// --- sending ---

// Seals with the pair's key when there is one. Answers the length, 0 without a key, or negative.
static int seal_for_pair(struct lh_peer *peer, const struct lh_seal_context *context,
                         struct lh_bytes body, uint8_t *out, struct lh_addr *to) {
  (void)pthread_mutex_lock(&peer->lock);
  if (to->len == 0) *to = peer->address;
  const int len = peer->out.ctx != NULL ? lh_seal(&peer->out, context, body, out) : 0;
  (void)pthread_mutex_unlock(&peer->lock);
  return len;
}

static int seal_for_cluster(struct lh_links *links, const struct lh_seal_context *context,
                            struct lh_bytes body, uint8_t *out) {
  (void)pthread_mutex_lock(&links->cluster_lock);
  const int len = lh_seal(&links->cluster_out, context, body, out);
  (void)pthread_mutex_unlock(&links->cluster_lock);
  return len;
}

int lh_links_datagram(struct lh_links *links, uint32_t index, const struct lh_addr *address,
                      struct lh_bytes body) {
  if (body.len > LH_DATAGRAM_BODY_MAX) return LH_ELIMIT;
  const struct lh_run *run = lh_runs_at(links->runs, index);
  if (run == NULL) return LH_ENOTFOUND;
  const struct lh_seal_context context = context_for(links, run);
  struct lh_addr to = {0};
  if (address != NULL) to = *address;
  struct lh_peer *peer = lh_peer_at(links, index);
  uint8_t packet[LH_PACKET_MAX];
  int len = peer != NULL ? seal_for_pair(peer, &context, body, packet, &to) : 0;
  if (to.len == 0) return LH_ENOTFOUND;
  if (len == 0) len = seal_for_cluster(links, &context, body, packet);
  if (len < 0) return len;
  lh_count(links, LH_COUNT_DATAGRAMS_OUT, 1);
  lh_count(links, LH_COUNT_DATAGRAM_BYTES_OUT, (uint64_t)len);
  return lh_dgram_send(links->dgram, &to, packet, (size_t)len);
}

// --- receiving ---

// Opens with the pair's new or old key. The first one under the new key ends the old.
static int open_from_pair(struct lh_peer *peer, const struct lh_packet *packet,
                          const struct lh_seal_context *context, uint8_t *out) {
  const bool is_new = peer->in.ctx != NULL && peer->in.key_id == packet->key_id;
  const bool is_old = peer->old_in.ctx != NULL && peer->old_in.key_id == packet->key_id;
  if (!is_new && !is_old) return LH_ENOTFOUND;
  const int len = lh_open(is_new ? &peer->in : &peer->old_in, packet, context, out);
  if (len < 0) return len;
  peer->pair_used = true;
  if (is_new) {
    lh_opener_free(&peer->old_in);
    lh_datagram_settle(peer);
  }
  return len;
}

// A stranger's first datagram: its key is derived, and kept only when the datagram opens.
static int open_first(struct lh_links *links, const struct lh_packet *packet,
                      const struct lh_seal_context *context, uint8_t *out, struct lh_peer **peer) {
  uint8_t key[32];
  struct lh_opener opener;
  lh_cluster_key(links->datagram_key, &packet->sender, packet->salt, key);
  lh_opener_init(&opener, lh_tls_cipher(links->tls), key);
  OPENSSL_cleanse(key, sizeof key);
  memcpy(opener.salt, packet->salt, sizeof opener.salt);
  const int len = lh_open(&opener, packet, context, out);
  if (len >= 0 && *peer == NULL) *peer = lh_peer_get(links, &packet->sender);
  if (len < 0 || *peer == NULL) {
    lh_opener_free(&opener);
    return len < 0 ? len : LH_ENOTFOUND;
  }
  (*peer)->cluster_in = opener;
  return len;
}

// A run has one salt for life: another one under its name is somebody's recording.
static int open_from_cluster(struct lh_links *links, const struct lh_packet *packet,
                             const struct lh_seal_context *context, uint8_t *out,
                             struct lh_peer **peer) {
  const struct lh_newest *newest = lh_links_newest(links, &packet->sender.id);
  if (newest != NULL && packet->sender.epoch < newest->epoch) return LH_ENOTFOUND;
  if (*peer != NULL && (*peer)->pair_used) return LH_ENOTFOUND;
  if (*peer == NULL || (*peer)->cluster_in.ctx == NULL)
    return open_first(links, packet, context, out, peer);
  if (memcmp((*peer)->cluster_in.salt, packet->salt, LH_SALT_BYTES) != 0) return LH_ENOTFOUND;
  return lh_open(&(*peer)->cluster_in, packet, context, out);
}

static enum lh_count drop_reason(int err) {
  if (err == LH_EDENIED) return LH_COUNT_BAD_SEAL;
  if (err == LH_EEXISTS) return LH_COUNT_REPLAYED;
  if (err == LH_ENOTFOUND) return LH_COUNT_UNKNOWN_KEY;
  return err == LH_ELIMIT ? LH_COUNT_TOO_BIG : LH_COUNT_MALFORMED;
}

// Answers the length of the body in `out`, or why it is dropped.
static int open_datagram(struct lh_links *links, struct lh_bytes bytes, uint8_t *out,
                         struct lh_peer **peer) {
  struct lh_packet packet;
  const int err = lh_packet_parse(bytes, &packet);
  if (err != 0) return err;
  if (lh_run_equal(&packet.sender, &links->run)) return LH_EFORMAT;  // our own, reflected
  const struct lh_seal_context context = context_for(links, &links->run);
  *peer = lh_peer_of(links, &packet.sender);
  if (packet.kind == LH_PACKET_CLUSTER)
    return open_from_cluster(links, &packet, &context, out, peer);
  return *peer != NULL ? open_from_pair(*peer, &packet, &context, out) : LH_ENOTFOUND;
}

void lh_datagram_arrived(void *self, const struct lh_addr *from, const uint8_t *data, size_t len) {
  struct lh_links *links = self;
  (void)from;
  uint8_t body[LH_DATAGRAM_BODY_MAX];
  struct lh_peer *peer = NULL;
  const int got = open_datagram(links, lh_bytes(data, len), body, &peer);
  if (got < 0 || peer == NULL) {
    lh_count(links, drop_reason(got), 1);
    return;
  }
  lh_links_enter(links);
  lh_count(links, LH_COUNT_DATAGRAMS_IN, 1);
  lh_count(links, LH_COUNT_DATAGRAM_BYTES_IN, len);
  links->ops->on_datagram(links->self, peer->index, lh_bytes(body, (size_t)got));
  lh_links_leave(links);
}
