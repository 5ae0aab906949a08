// internal.h - what the files of csrc/link share: the table of links, a peer's slot, a connection.
//
// A connection (conn.c, admit.c) is one TCP stream. A peer's slot (peer.c) belongs to one run
// index, is made when that run first proved itself, and lives as long as the table, so that any
// thread may look it up without a lock. The slot's lock guards its `conn` and all of a connection's
// TLS and queues once it is up; before that a connection is known to the loop's thread alone.
#ifndef LH_LINK_INTERNAL_H
#define LH_LINK_INTERNAL_H

#include "link/openssl.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "link/frame.h"
#include "link/hello.h"
#include "link/link.h"
#include "link/seal.h"
#include "link/tls.h"

// What the log is told of, each at most once a second: strangers shall not drown the rest.
enum lh_complaint { LH_COMPLAINT_STRANGER, LH_COMPLAINT_VERSION, LH_COMPLAINTS };

enum lh_count {
  LH_COUNT_FRAMES_IN,
  LH_COUNT_FRAMES_OUT,
  LH_COUNT_BYTES_IN,
  LH_COUNT_BYTES_OUT,
  LH_COUNT_DATAGRAMS_IN,
  LH_COUNT_DATAGRAMS_OUT,
  LH_COUNT_BAD_SEAL,
  LH_COUNT_REPLAYED,
  LH_COUNT_UNKNOWN_KEY,
  LH_COUNT_MALFORMED,
  LH_COUNT_TOO_BIG,
  LH_COUNT_REFUSED,
  LH_COUNT_DATAGRAM_BYTES_IN,
  LH_COUNT_DATAGRAM_BYTES_OUT,
  LH_COUNT_CONNECTIONS,
  LH_COUNT_HANDSHAKE_FAILED,
  LH_COUNT_HALF_OPEN_FULL,
  LH_COUNT_DATA_FULL,
  LH_COUNT_OVERFLOWS,
  LH_COUNTS,
};

//   DIALLING -> TLS -> HELLO -> ADMITTED -> UP -> CLOSED
//               (accepted streams begin at TLS; REFUSED waits for the peer to read our refusal and
//               hang up)
enum lh_conn_state {
  LH_CONN_DIALLING,
  LH_CONN_TLS,
  LH_CONN_HELLO,     // ours is sent, theirs is awaited
  LH_CONN_ADMITTED,  // theirs was taken, the last word is awaited
  LH_CONN_UP,
  LH_CONN_REFUSED,
  LH_CONN_CLOSED,  // on the list of the dead until the callback that ended it is over
};

struct lh_conn {
  struct lh_list node;  // in links->conns or links->dead
  struct lh_links *links;
  struct lh_stream *stream;
  struct lh_addr address;
  bool dialled;
  enum lh_conn_state state;
  bool
      awaits_word;  // of a dial, in REFUSED: the owner is told at the end; else it was told already
  lh_ms deadline;   // of the handshake; LH_NEVER once up
  lh_ms half_since;  // a part of a record waits for the rest; LH_NEVER: none does

  // The other end, from its HELLO on.
  struct lh_peer *peer;
  struct lh_run run;
  char name[LH_NAME_MAX + 1];
  uint16_t port;
  struct lh_buf greeting;
  lh_ms up_at;
  lh_ms began;
  lh_ms heard_at;  // when the first frame came, so that the other end was up too; or LH_NEVER
  struct lh_assembler in;

  // Under the peer's lock once up.
  struct lh_session *session;
  struct lh_sendq queue;
  struct lh_pipe pipe;  // `out`: ciphertext that the kernel has not taken yet
  uint32_t records;     // sealed under the present traffic key
  bool waiting;         // for on_writable, since the kernel is full
  bool asked;           // for on_writable, to send what a burst has put together
  unsigned unanswered;  // frames submitted since the peer was heard
  const char *broken;   // why it cannot go on; the loop's thread ends it
};

struct lh_peer {
  uint32_t index;
  struct lh_run run;
  uint64_t nonce;  // of its HELLO; 0 before there was one
  pthread_mutex_t lock;
  struct lh_conn *conn;    // [lock] NULL when down; changed by the loop's thread only
  struct lh_addr address;  // [lock] where its datagrams go
  struct lh_sealer out;    // [lock]
  struct lh_sealer next;   // [lock] takes the place of `out` when the peer is known to hold its key
  struct lh_opener in, old_in, cluster_in;  // loop's thread
  bool pair_used;  // a datagram under a pair's key came: the cluster's key is no longer taken
};

struct lh_newest {
  struct lh_node_id id;
  uint64_t epoch;
  uint32_t peer;  // 0 for this node itself
};

struct lh_links {
  struct lh_env *env;
  struct lh_runs *runs;
  const struct lh_links_ops *ops;
  void *self;

  const struct lh_identity *identity;
  struct lh_run run;
  char *name;
  uint64_t nonce;
  struct lh_buf greeting;
  struct lh_tls *tls;
  uint8_t key_id[LH_KEY_ID_BYTES];
  uint8_t cluster[16];
  uint8_t datagram_key[32];

  struct lh_listener *listener;
  struct lh_dgram *dgram;
  struct lh_addr addr;
  lh_ms partial_ms;
  struct lh_timer *tick;
  bool ticking;

  struct lh_list conns;
  struct lh_list dead;
  unsigned depth;  // callbacks under way; the dead are freed at 0
  size_t half_open;
  lh_ms complained_at[LH_COMPLAINTS];
  struct lh_map by_run;  // struct lh_run -> struct lh_peer
  struct lh_map newest;  // node id -> struct lh_newest

  pthread_mutex_t cluster_lock;
  struct lh_sealer cluster_out;  // [cluster_lock]
  _Atomic uint64_t counts[LH_COUNTS];
  struct lh_peer *_Atomic peers[LH_RUNS_MAX];
  uint8_t plain[LH_RECORD_MAX];  // one received record
};

static inline void lh_count(struct lh_links *links, enum lh_count which, uint64_t by) {
  atomic_fetch_add_explicit(&links->counts[which], by, memory_order_relaxed);
}

// How a connection ended, for whoever is to be told.
struct lh_ending {
  int err;
  int code;
  struct lh_bytes answer;
  const char *reason;
};

// --- conn.c: bytes, TLS, records. Loop's thread, except those marked [lock], under the peer's
// lock.
struct lh_conn *lh_conn_dial(struct lh_links *links, const struct lh_addr *to);
void lh_conn_accept(struct lh_links *links, struct lh_stream *stream);
// Queues a frame and sends what can be sent; before the link is up, for its own words.
void lh_conn_say(struct lh_conn *conn, enum lh_word word, struct lh_bytes body);
int lh_conn_submit(struct lh_conn *conn, enum lh_class class, uint8_t type,
                   const struct lh_parts *parts);  // [lock]
bool lh_conn_step(struct lh_conn *conn);  // [lock] seals and sends one batch; true: call again
// [lock] Whether whoever submitted should call lh_conn_step; else the loop will send what is
// queued.
bool lh_conn_is_due(struct lh_conn *conn);
// Ends it, once; tells the owner (on_down or on_dial_failed) unless `ending` is NULL.
void lh_conn_end(struct lh_conn *conn, const struct lh_ending *ending);
void lh_conn_fail(struct lh_conn *conn, int err, const char *reason);
void lh_conn_malformed(struct lh_conn *conn, enum lh_count which, const char *reason);
void lh_conn_check(struct lh_conn *conn,
                   lh_ms now);  // deadlines, and what another thread found broken
void lh_conn_free(struct lh_conn *conn);

// --- admit.c: who is let in. Loop's thread.
void lh_admit_begin(struct lh_conn *conn);  // TLS is done: says HELLO
void lh_admit_word(struct lh_conn *conn, const struct lh_frame *frame);

// --- peer.c ---
struct lh_peer *lh_peer_at(const struct lh_links *links, uint32_t index);  // [any thread] or NULL
struct lh_peer *lh_peer_of(const struct lh_links *links, const struct lh_run *run);
// The slot of a run that has proven itself; NULL when the table of runs is full.
struct lh_peer *lh_peer_get(struct lh_links *links, const struct lh_run *run);
void lh_peer_free(struct lh_peer *peer);

// --- dgram.c ---
void lh_datagram_keys(struct lh_conn *conn,
                      bool settled);  // new pair keys; settled: the peer has them
void lh_datagram_settle(struct lh_peer *peer);
void lh_datagram_forget(struct lh_peer *peer);
void lh_datagram_salt(struct lh_links *links);  // a new cluster-key sealer for the present run
void lh_datagram_arrived(void *self, const struct lh_addr *from, const uint8_t *data, size_t len);

// --- links.c ---
void lh_links_enter(struct lh_links *links);
void lh_links_leave(struct lh_links *links);
void lh_links_watch(struct lh_links *links);  // there is a connection whose deadlines count
struct lh_newest *lh_links_newest(const struct lh_links *links, const struct lh_node_id *id);
void lh_links_saw(struct lh_links *links, const struct lh_run *run, uint32_t peer);
// A line in the log about a stranger, at most one a second.
void lh_links_complain(struct lh_links *links, enum lh_complaint about, const struct lh_addr *from,
                       const char *reason);

#endif
