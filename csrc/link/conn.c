// conn.c - one TCP stream: bytes in, records out, and the other way round.
//
// Who is let in is decided in admit.c; which threads send, in peer.c. A connection owns its stream,
// its TLS session and its queues. It is freed when the callback during which it ended is over
// (links.c).
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "link/internal.h"
#include "link/keys.h"

enum {
  BATCH_BYTES = 64 * 1024,  // sealed ahead of the kernel: what control may have to wait for
  TURN_BATCHES = 16,        // sent in one turn of the loop before others get theirs
  BURST_FRAMES = 16,        // sent one by one without a word from the peer; more are put together
  BURST_BYTES = 12 * 1024,  // put together by their sender before it seals and sends them itself
  DIRECT_BYTES = 4 * 1024,  // a longer frame is queued first, also when nothing else waits
  KEPT_BYTES = 4 * 1024,    // of a buffer that is not in use
  REKEY_RECORDS = 1024 * 1024  // far below what AES-GCM bears under one key
};

static void enter(const struct lh_conn *conn) {
  if (conn->state == LH_CONN_UP) (void)pthread_mutex_lock(&conn->peer->lock);
}

static void leave(const struct lh_conn *conn) {
  if (conn->state == LH_CONN_UP) (void)pthread_mutex_unlock(&conn->peer->lock);
}

// --- sending ---

static void seal(struct lh_conn *conn, const uint8_t *record, size_t len) {
  if (++conn->records >= REKEY_RECORDS) {
    conn->records = 0;
    lh_session_renew(conn->session);
  }
  if (!lh_session_write(conn->session, lh_bytes(record, len)))
    conn->broken = "TLS could not seal a record";
}

// Hands ciphertext to the kernel; true when it took all of it.
static bool flush(struct lh_conn *conn) {
  struct lh_buf *sealed = &conn->pipe.out;
  if (sealed->len == 0) return true;
  const ssize_t sent = lh_stream_send(conn->stream, sealed->data, sealed->len);
  if (sent < 0) {
    // The loop's thread ends it, when the stream says so itself or at the next look at all
    // connections.
    conn->broken = "the connection broke while sending";
    conn->waiting = true;
    return false;
  }
  lh_buf_consume(sealed, (size_t)sent);
  if (sealed->len == 0) {
    if (sealed->cap > KEPT_BYTES) lh_buf_free(sealed);
    return true;
  }
  conn->waiting = true;
  lh_stream_want_write(conn->stream);
  return false;
}

bool lh_conn_step(struct lh_conn *conn) {
  if (conn->waiting || conn->broken != NULL) return false;
  uint8_t record[LH_RECORD_MAX];
  size_t len;
  while (conn->pipe.out.len < BATCH_BYTES && (len = lh_sendq_take(&conn->queue, record)) > 0) {
    seal(conn, record, len);
    if (conn->broken != NULL) return false;
  }
  return flush(conn) && conn->queue.count > 0;
}

static size_t lane_limit(enum lh_class class) {
  if (class == LH_CLASS_CONTROL) return LH_LINK_CONTROL_MAX;
  return class == LH_CLASS_STATE ? (size_t)LH_LINK_STATE_MAX : (size_t)LH_LINK_DATA_MAX;
}

static int refuse_full(struct lh_conn *conn, enum lh_class class) {
  if (class == LH_CLASS_DATA) {
    lh_count(conn->links, LH_COUNT_DATA_FULL, 1);
    return LH_EAGAIN;
  }
  lh_count(conn->links, LH_COUNT_OVERFLOWS, 1);
  conn->broken = class == LH_CLASS_CONTROL ? "the peer does not read: the control queue is full"
                                           : "the peer does not read: the state queue is full";
  return LH_ECLOSED;
}

// A peer that answers is sent to at once; one that is merely told things gets many with one system
// call. What the peer says decides, not a clock, so that a simulation replays.
static bool in_burst(const struct lh_conn *conn) { return conn->unanswered > BURST_FRAMES; }

static size_t queued_bytes(const struct lh_conn *conn) {
  size_t bytes = 0;
  for (unsigned lane = 0; lane < LH_LANES; lane++) bytes += conn->queue.bytes[lane];
  return bytes;
}

bool lh_conn_is_due(struct lh_conn *conn) {
  if (conn->queue.count == 0) return false;
  if (conn->waiting || !in_burst(conn) || queued_bytes(conn) >= BURST_BYTES) return true;
  if (!conn->asked) lh_stream_want_write(conn->stream);
  conn->asked = true;
  return false;
}

static bool goes_at_once(const struct lh_conn *conn, size_t len) {
  return conn->queue.count == 0 && !conn->waiting && len <= DIRECT_BYTES && !in_burst(conn);
}

int lh_conn_submit(struct lh_conn *conn, enum lh_class class, uint8_t type,
                   const struct lh_parts *parts) {
  const size_t len = lh_parts_len(parts);
  if (conn->broken != NULL) return LH_ECLOSED;
  if (conn->queue.bytes[class] >= lane_limit(class)) return refuse_full(conn, class);
  lh_count(conn->links, LH_COUNT_FRAMES_OUT, 1);
  lh_count(conn->links, LH_COUNT_BYTES_OUT, len);
  if (conn->unanswered <= BURST_FRAMES) conn->unanswered++;
  if (!goes_at_once(conn, len)) {
    lh_sendq_push(&conn->queue, class, type, parts);
    return 0;
  }
  uint8_t record[LH_PIECE_HEAD + DIRECT_BYTES];
  seal(conn, record, lh_record_write(record, class, type, parts));
  (void)flush(conn);
  return 0;
}

void lh_conn_say(struct lh_conn *conn, enum lh_word word, struct lh_bytes body) {
  const struct lh_parts parts = {.body = body};
  lh_sendq_push(&conn->queue, LH_LANE_LINK, (uint8_t)word, &parts);
  while (lh_conn_step(conn)) continue;
}

static void on_writable(void *self) {
  struct lh_conn *conn = self;
  lh_links_enter(conn->links);
  enter(conn);
  conn->waiting = conn->asked = false;
  bool more = flush(conn);
  for (int i = 0; more && i < TURN_BATCHES; i++) more = lh_conn_step(conn);
  if (more) {
    conn->waiting = true;
    lh_stream_want_write(conn->stream);
  }
  leave(conn);
  lh_conn_check(conn, lh_env_now(conn->links->env));
  lh_links_leave(conn->links);
}

// --- receiving ---

static void deliver(struct lh_conn *conn, const struct lh_frame *frame) {
  struct lh_links *links = conn->links;
  if (frame->lane == LH_LANE_LINK) {
    lh_admit_word(conn, frame);
    return;
  }
  if (conn->state == LH_CONN_REFUSED) return;
  if (conn->state != LH_CONN_UP) {
    lh_conn_malformed(conn, LH_COUNT_MALFORMED, "a frame before the link was up");
    return;
  }
  if (conn->heard_at == LH_NEVER) {
    conn->heard_at = lh_env_now(links->env);
    lh_datagram_settle(conn->peer);
  }
  lh_count(links, LH_COUNT_FRAMES_IN, 1);
  lh_count(links, LH_COUNT_BYTES_IN, frame->body.len);
  links->ops->on_frame(links->self, conn->peer->index, frame->type, frame->body);
}

static void take_record(struct lh_conn *conn, struct lh_bytes record, lh_ms now) {
  struct lh_frame frame;
  while (record.len > 0 && conn->state != LH_CONN_CLOSED) {
    const int got = lh_assembler_feed(&conn->in, &record, now, &frame);
    if (got == 1) {
      deliver(conn, &frame);
      lh_assembler_release(&conn->in, &frame);
    } else if (got < 0) {
      lh_conn_malformed(conn, got == LH_ELIMIT ? LH_COUNT_TOO_BIG : LH_COUNT_MALFORMED,
                        got == LH_ELIMIT ? "a frame above the size limit" : "a malformed record");
    }
  }
}

// Decrypts one record into links->plain. Answers its length, 0 when no whole one is there, or
// negative.
static int read_record(struct lh_conn *conn) {
  enter(conn);
  const int len = lh_session_read(conn->session, conn->links->plain, sizeof conn->links->plain);
  if (!conn->waiting) (void)flush(conn);
  leave(conn);
  return len;
}

static void note_half(struct lh_conn *conn, lh_ms now) {
  if (conn->half_since == LH_NEVER && lh_session_holds_half(conn->session)) conn->half_since = now;
}

// TLS keeps no whole record back: where no bytes are left there is no record to be had.
static void read_records(struct lh_conn *conn) {
  const struct lh_links *links = conn->links;
  const lh_ms now = lh_env_now(links->env);
  while (conn->pipe.in.len > 0 && conn->state > LH_CONN_TLS && conn->state != LH_CONN_CLOSED) {
    const int len = read_record(conn);
    if (len > 0) {
      conn->half_since = LH_NEVER;
      take_record(conn, lh_bytes(links->plain, (size_t)len), now);
      links->ops->on_frames_end(links->self);
    } else if (len == 0) {
      note_half(conn, now);
      return;
    } else if (len == LH_ECLOSED) {
      lh_conn_fail(conn, LH_EIO, "the peer closed the connection");
    } else {
      lh_conn_malformed(conn, LH_COUNT_MALFORMED, "a record that does not open");
    }
  }
}

static void refuse_stranger(struct lh_conn *conn, const char *reason) {
  char text[LH_REFUSAL_TEXT_MAX];
  (void)snprintf(text, sizeof text, "no TLS with the cluster's key: %s", reason);
  lh_count(conn->links, LH_COUNT_HANDSHAKE_FAILED, 1);
  lh_links_complain(conn->links, LH_COMPLAINT_STRANGER, &conn->address, text);
  lh_conn_fail(conn, LH_ESTRANGER, text);
}

static void shake_hands(struct lh_conn *conn) {
  const char *reason = NULL;
  const int done = lh_session_shake(conn->session, &reason);
  (void)flush(conn);
  if (done == 1)
    lh_admit_begin(conn);
  else if (done < 0)
    refuse_stranger(conn, reason);
}

static void on_data(void *self, const uint8_t *data, size_t len) {
  struct lh_conn *conn = self;
  lh_links_enter(conn->links);
  conn->pipe.in = lh_bytes(data, len);
  enter(conn);
  conn->unanswered = 0;
  leave(conn);
  if (conn->state == LH_CONN_TLS) shake_hands(conn);
  read_records(conn);
  conn->pipe.in = lh_bytes(NULL, 0);
  lh_links_leave(conn->links);
}

// --- life ---

static void on_connected(void *self) {
  struct lh_conn *conn = self;
  lh_links_enter(conn->links);
  conn->state = LH_CONN_TLS;
  shake_hands(conn);
  lh_links_leave(conn->links);
}

static void on_closed(void *self, int err, const char *reason) {
  struct lh_conn *conn = self;
  lh_links_enter(conn->links);
  if (conn->state == LH_CONN_TLS) lh_count(conn->links, LH_COUNT_HANDSHAKE_FAILED, 1);
  // "Nothing listens there" is said of addresses only that never answered.
  lh_conn_fail(conn, conn->state == LH_CONN_DIALLING ? err : LH_EIO, reason);
  lh_links_leave(conn->links);
}

static const struct lh_stream_ops stream_ops = {on_connected, on_data, on_writable, on_closed};

static struct lh_conn *conn_new(struct lh_links *links, bool dialled) {
  struct lh_conn *conn = LH_NEW(struct lh_conn);
  conn->links = links;
  conn->half_since = LH_NEVER;
  conn->dialled = dialled;
  conn->state = dialled ? LH_CONN_DIALLING : LH_CONN_TLS;
  conn->began = lh_env_now(links->env);
  conn->heard_at = LH_NEVER;
  conn->deadline = conn->began + LH_LINK_HANDSHAKE_MS;
  conn->session = lh_session_new(links->tls, dialled, &conn->pipe);
  lh_sendq_init(&conn->queue);
  lh_list_push(&links->conns, &conn->node);
  lh_count(links, LH_COUNT_CONNECTIONS, 1);
  lh_links_watch(links);
  return conn;
}

struct lh_conn *lh_conn_dial(struct lh_links *links, const struct lh_addr *to) {
  struct lh_conn *conn = conn_new(links, true);
  conn->address = *to;
  conn->stream = lh_stream_dial(links->env, to, &stream_ops, conn);
  return conn;
}

void lh_conn_accept(struct lh_links *links, struct lh_stream *stream) {
  struct lh_conn *conn = conn_new(links, false);
  conn->address = *lh_stream_peer(stream);
  conn->stream = stream;
  links->half_open++;
  lh_stream_set_ops(stream, &stream_ops, conn);
}

void lh_conn_free(struct lh_conn *conn) {
  lh_session_free(conn->session);
  lh_sendq_free(&conn->queue);
  lh_assembler_free(&conn->in);
  lh_buf_free(&conn->pipe.out);
  lh_buf_free(&conn->greeting);
  lh_free(conn);
}

static void tell(struct lh_conn *conn, enum lh_conn_state was, const struct lh_ending *ending) {
  struct lh_links *links = conn->links;
  if (was == LH_CONN_UP) {
    links->ops->on_down(links->self, conn->peer->index, ending->reason);
  } else if (conn->dialled && was != LH_CONN_REFUSED) {
    links->ops->on_dial_failed(links->self, &conn->address, ending->err, ending->code, &conn->run,
                               ending->answer, ending->reason);
  } else if (conn->dialled && conn->awaits_word) {
    links->ops->on_dial_failed(links->self, &conn->address, LH_EDENIED, ending->code, &conn->run,
                               ending->answer,
                               ending->code != 0 ? ending->reason : "the node said no");
  }
}

void lh_conn_end(struct lh_conn *conn, const struct lh_ending *ending) {
  const enum lh_conn_state was = conn->state;
  if (was == LH_CONN_CLOSED) return;
  enter(conn);
  if (was == LH_CONN_UP) conn->peer->conn = NULL;
  leave(conn);
  conn->state = LH_CONN_CLOSED;
  if (!conn->dialled && was != LH_CONN_UP) conn->links->half_open--;
  if (conn->stream != NULL) lh_stream_close(conn->stream);
  conn->stream = NULL;
  lh_list_remove(&conn->node);
  lh_list_push(&conn->links->dead, &conn->node);
  if (ending != NULL) tell(conn, was, ending);
}

void lh_conn_fail(struct lh_conn *conn, int err, const char *reason) {
  const struct lh_ending ending = {.err = err, .reason = reason};
  lh_conn_end(conn, &ending);
}

void lh_conn_malformed(struct lh_conn *conn, enum lh_count which, const char *reason) {
  lh_count(conn->links, which, 1);
  lh_links_complain(conn->links, LH_COMPLAINT_STRANGER, &conn->address, reason);
  lh_conn_fail(conn, LH_EIO, reason);
}

void lh_conn_check(struct lh_conn *conn, lh_ms now) {
  if (conn->state == LH_CONN_CLOSED) return;
  enter(conn);
  const char *broken = conn->broken;
  leave(conn);
  const lh_ms oldest = lh_assembler_oldest(&conn->in);
  if (broken != NULL) {
    lh_conn_fail(conn, LH_EIO, broken);
  } else if (now >= conn->deadline) {
    if (conn->state != LH_CONN_REFUSED) lh_count(conn->links, LH_COUNT_HANDSHAKE_FAILED, 1);
    if (!conn->dialled)
      lh_links_complain(conn->links, LH_COMPLAINT_STRANGER, &conn->address,
                        "it did not finish the handshake in its time");
    lh_conn_fail(conn, LH_ETIMEOUT, "no answer in time");
  } else if (oldest != LH_NEVER && now - oldest >= conn->links->partial_ms) {
    lh_conn_malformed(conn, LH_COUNT_MALFORMED, "an unfinished frame without a new chunk");
  } else if (conn->half_since != LH_NEVER && now - conn->half_since >= LH_LINK_RECORD_MS) {
    lh_conn_malformed(conn, LH_COUNT_MALFORMED, "a record that does not come whole");
  }
}
