// admit.c - who is let in: HELLO both ways, one link per pair, refusals.
//
// Of the two ends the one with the lower (node id, epoch) is the arbiter. The other end, once
// satisfied, says WELCOME and waits; the arbiter takes the first connection that is ready, says
// WELCOME, and refuses the others. So both ends keep the same one, whoever dialled and whatever
// crossed on the way:
//
//   follower   HELLO -> takes theirs -> WELCOME(linked?) -> waits for WELCOME -> UP
//   arbiter    HELLO -> takes theirs -> waits for WELCOME -> decides -> WELCOME -> UP
//
// A link that the follower no longer has (it says linked = false on a new connection) is replaced.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "link/internal.h"
#include "link/proof.h"

static void say_hello(struct lh_conn *conn) {
  const struct lh_links *links = conn->links;
  struct lh_hello_word hello = {.min = LH_PROTOCOL_MIN,
                                .max = LH_PROTOCOL_MAX,
                                .run = links->run,
                                .nonce = links->nonce,
                                .port = lh_addr_port(&links->addr),
                                .greeting = lh_bytes_of(&links->greeting)};
  memcpy(hello.cluster, links->cluster, sizeof hello.cluster);
  memcpy(hello.key_id, links->key_id, sizeof hello.key_id);
  (void)snprintf(hello.name, sizeof hello.name, "%s", links->name);
  memcpy(hello.public_key, links->identity->public_key, sizeof hello.public_key);
  (void)lh_proof_make(conn->session, links->identity, hello.proof);
  struct lh_buf body = LH_BUF_EMPTY;
  lh_hello_write(&body, &hello);
  lh_conn_say(conn, LH_WORD_HELLO, lh_bytes_of(&body));
  lh_buf_free(&body);
}

void lh_admit_begin(struct lh_conn *conn) {
  conn->state = LH_CONN_HELLO;
  say_hello(conn);
}

// Says no, tells a dialling owner, and leaves the stream to the peer to close, so that the words
// arrive. When the owner itself said no it is told at the end: the peer may say no as well, and its
// words (two halves of a divided cluster fenced each other) are what the owner can act on.
static void refuse(struct lh_conn *conn, const struct lh_refusal *refusal) {
  struct lh_links *links = conn->links;
  lh_count(links, LH_COUNT_REFUSED, 1);
  struct lh_buf body = LH_BUF_EMPTY;
  lh_refusal_write(&body, refusal);
  lh_conn_say(conn, LH_WORD_REFUSED, lh_bytes_of(&body));
  lh_buf_free(&body);
  conn->state = LH_CONN_REFUSED;
  if (!conn->dialled) return;
  const bool doubled = refusal->code == LH_EDISPLACED || refusal->code == LH_EAGAIN;
  if (refusal->by_node || doubled) {
    conn->awaits_word = true;
    return;
  }
  const int own = refusal->code == LH_EEXISTS || refusal->code == LH_EVERSION;
  const int err = own ? refusal->code : LH_EDENIED;
  links->ops->on_dial_failed(links->self, &conn->address, err, refusal->code, &conn->run,
                             lh_bytes(NULL, 0), refusal->text);
}

static void refuse_because(struct lh_conn *conn, int code, const char *text) {
  struct lh_refusal refusal = {.code = code};
  (void)snprintf(refusal.text, sizeof refusal.text, "%s", text);
  refuse(conn, &refusal);
}

static void refuse_version(struct lh_conn *conn, const struct lh_hello_word *hello) {
  char text[LH_REFUSAL_TEXT_MAX];
  (void)snprintf(
      text, sizeof text,
      "no common protocol version: the dialled node speaks %d to %d, the dialling one %d to %d",
      conn->dialled ? (int)hello->min : LH_PROTOCOL_MIN,
      conn->dialled ? (int)hello->max : LH_PROTOCOL_MAX,
      conn->dialled ? LH_PROTOCOL_MIN : (int)hello->min,
      conn->dialled ? LH_PROTOCOL_MAX : (int)hello->max);
  lh_links_complain(conn->links, LH_COMPLAINT_VERSION, &conn->address, text);
  refuse_because(conn, LH_EVERSION, text);
}

static bool is_arbiter(const struct lh_conn *conn) {
  const struct lh_run *own = &conn->links->run;
  const int order = lh_node_id_compare(&own->id, &conn->run.id);
  return order != 0 ? order < 0 : own->epoch < conn->run.epoch;
}

// Two processes have one identity and one epoch (a copied data directory). The lower nonce goes
// before: the other is told that it is displaced, this one to come again with a later epoch.
static void refuse_double(struct lh_conn *conn, uint64_t nonce, uint64_t seen) {
  refuse_because(conn, nonce < seen ? LH_EAGAIN : LH_EDISPLACED,
                 "another process with this identity and epoch was seen");
}

// What the link itself has to say against a HELLO; true when it refused.
static bool refuse_impostor(struct lh_conn *conn, const struct lh_hello_word *hello) {
  const struct lh_links *links = conn->links;
  if (memcmp(hello->cluster, links->cluster, sizeof links->cluster) != 0 ||
      memcmp(hello->key_id, links->key_id, sizeof links->key_id) != 0) {
    refuse_because(conn, LH_EDENIED, "another cluster");
    return true;
  }
  if (!lh_proof_holds(conn->session, hello)) {
    refuse_because(conn, LH_EDENIED, "the peer does not hold the key of the id that it names");
    return true;
  }
  if (lh_run_equal(&hello->run, &links->run)) {
    if (hello->nonce == links->nonce)
      refuse_because(conn, LH_EEXISTS, "this is the node itself");
    else
      refuse_double(conn, hello->nonce, links->nonce);
    return true;
  }
  const struct lh_peer *peer = lh_peer_of(links, &hello->run);
  if (peer != NULL && peer->nonce != 0 && peer->nonce != hello->nonce) {
    refuse_double(conn, hello->nonce, peer->nonce);
    return true;
  }
  return false;
}

static bool refuse_stale(struct lh_conn *conn) {
  const struct lh_newest *newest = lh_links_newest(conn->links, &conn->run.id);
  if (newest == NULL || conn->run.epoch >= newest->epoch) return false;
  refuse_because(conn, LH_EAGAIN, "a later epoch of this node was seen");
  return true;
}

static struct lh_hello hello_of(const struct lh_conn *conn) {
  return (struct lh_hello){.run = conn->run,
                           .name = conn->name,
                           .greeting = lh_bytes_of(&conn->greeting),
                           .dialled = conn->dialled,
                           .address = conn->address};
}

static bool ask_owner(struct lh_conn *conn) {
  struct lh_links *links = conn->links;
  const struct lh_hello peer = hello_of(conn);
  struct lh_buf answer = LH_BUF_EMPTY;
  const int code = links->ops->on_hello(links->self, &peer, &answer);
  if (code < 0 && conn->state != LH_CONN_CLOSED) {
    struct lh_refusal refusal = {.by_node = true, .code = code, .answer = lh_bytes_of(&answer)};
    if (refusal.answer.len > LH_GREETING_MAX) refusal.answer.len = LH_GREETING_MAX;
    (void)snprintf(refusal.text, sizeof refusal.text, "the node said no: %s", lh_err_name(code));
    refuse(conn, &refusal);
  }
  lh_buf_free(&answer);
  return code >= 0 && conn->state == LH_CONN_HELLO;
}

static void say_welcome(struct lh_conn *conn) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_welcome_write(&body, conn->peer->conn != NULL);
  lh_conn_say(conn, LH_WORD_WELCOME, lh_bytes_of(&body));
  lh_buf_free(&body);
}

static void take_hello(struct lh_conn *conn, struct lh_bytes body) {
  struct lh_hello_word hello;
  const int err = lh_hello_read(body, &hello);
  if (err == LH_EVERSION) {
    refuse_version(conn, &hello);
    return;
  }
  if (err != 0) {
    lh_conn_malformed(conn, LH_COUNT_MALFORMED, "a malformed HELLO");
    return;
  }
  conn->run = hello.run;
  if (refuse_impostor(conn, &hello)) return;
  conn->port = hello.port;
  memcpy(conn->name, hello.name, sizeof conn->name);
  lh_buf_append(&conn->greeting, hello.greeting.data, hello.greeting.len);
  if (!ask_owner(conn) || refuse_stale(conn)) return;
  conn->peer = lh_peer_get(conn->links, &conn->run);
  if (conn->peer == NULL) {
    refuse_because(conn, LH_ELIMIT, "the table of nodes is full");
    return;
  }
  conn->peer->nonce = hello.nonce;
  conn->state = LH_CONN_ADMITTED;
  if (!is_arbiter(conn)) say_welcome(conn);
}

// Ends what a new link makes obsolete. False when an owner's callback ended the new one meanwhile.
static bool clear_the_way(struct lh_conn *conn) {
  struct lh_links *links = conn->links;
  const struct lh_newest *newest = lh_links_newest(links, &conn->run.id);
  if (newest != NULL && newest->epoch < conn->run.epoch && newest->peer != 0) {
    struct lh_peer *former = lh_peer_at(links, newest->peer);
    if (former != NULL && former->conn != NULL) {
      lh_conn_fail(former->conn, LH_ECLOSED, "the node started again");
    }
  }
  if (conn->peer->conn != NULL) {
    lh_conn_fail(conn->peer->conn, LH_ECLOSED, "the peer opened a new connection");
  }
  return conn->state == LH_CONN_ADMITTED && conn->peer->conn == NULL;
}

static void remember_address(struct lh_conn *conn) {
  struct lh_addr address = conn->address;
  if (!conn->dialled) lh_addr_set_port(&address, conn->port);
  if (lh_addr_port(&address) != 0) conn->peer->address = address;
}

static void go_up(struct lh_conn *conn, bool arbiter) {
  struct lh_links *links = conn->links;
  if (!clear_the_way(conn)) return;
  if (arbiter) say_welcome(conn);
  lh_links_saw(links, &conn->run, conn->peer->index);
  lh_runs_set_name(links->runs, conn->peer->index, conn->name);
  lh_datagram_keys(conn, !arbiter);
  if (!conn->dialled) links->half_open--;
  conn->deadline = LH_NEVER;
  conn->up_at = lh_env_now(links->env);
  (void)pthread_mutex_lock(&conn->peer->lock);
  conn->state = LH_CONN_UP;
  conn->peer->conn = conn;
  remember_address(conn);
  (void)pthread_mutex_unlock(&conn->peer->lock);
  const struct lh_hello hello = hello_of(conn);
  links->ops->on_up(links->self, conn->peer->index, &hello);
}

// Does the arbiter keep the link that it has? Not when the follower lost it. What the follower says
// about it may be older than what came over it, so its word counts only when the follower was up on
// the present link, or had given it up, before the new connection began.
static bool keeps_present(const struct lh_conn *present, const struct lh_conn *conn, bool linked) {
  if (linked) return true;
  const bool was_up = present->heard_at < conn->began;
  const bool had_time = conn->began - present->up_at >= LH_LINK_HANDSHAKE_MS;
  return !was_up && !had_time;
}

static void take_welcome(struct lh_conn *conn, struct lh_bytes body) {
  bool linked = false;
  if (lh_welcome_read(body, &linked) != 0 || conn->state != LH_CONN_ADMITTED) {
    lh_conn_malformed(conn, LH_COUNT_MALFORMED, "a malformed WELCOME");
    return;
  }
  if (refuse_stale(conn)) return;
  const bool arbiter = is_arbiter(conn);
  const struct lh_conn *present = conn->peer->conn;
  if (arbiter && present != NULL && keeps_present(present, conn, linked)) {
    refuse_because(conn, LH_EEXISTS, "there is a link already");
    return;
  }
  go_up(conn, arbiter);
}

static void take_refusal(struct lh_conn *conn, struct lh_bytes body) {
  struct lh_refusal refusal;
  if (lh_refusal_read(body, &refusal) != 0) {
    lh_conn_malformed(conn, LH_COUNT_MALFORMED, "a malformed REFUSED");
    return;
  }
  const int own = refusal.code == LH_EEXISTS || refusal.code == LH_EVERSION;
  const struct lh_ending ending = {.err = !refusal.by_node && own ? refusal.code : LH_EDENIED,
                                   .code = refusal.code,
                                   .answer = refusal.answer,
                                   .reason = refusal.text};
  lh_conn_end(conn, &ending);
}

void lh_admit_word(struct lh_conn *conn, const struct lh_frame *frame) {
  enum { MAY_BE_IGNORED = 0x80 };
  if ((frame->type & MAY_BE_IGNORED) != 0) return;
  if (conn->state == LH_CONN_REFUSED) {
    if (conn->awaits_word && frame->type == LH_WORD_REFUSED) take_refusal(conn, frame->body);
    return;
  }
  const bool open = conn->state == LH_CONN_HELLO || conn->state == LH_CONN_ADMITTED;
  if (open && frame->type == LH_WORD_HELLO && conn->state == LH_CONN_HELLO)
    take_hello(conn, frame->body);
  else if (open && frame->type == LH_WORD_WELCOME)
    take_welcome(conn, frame->body);
  else if (open && frame->type == LH_WORD_REFUSED)
    take_refusal(conn, frame->body);
  else
    lh_conn_malformed(conn, LH_COUNT_MALFORMED, "a word out of turn");
}
