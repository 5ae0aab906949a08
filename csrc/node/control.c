// control.c - the control socket: how `luahub eval`, `attach` and `stop` reach a running node.
//
// RUNTIME_DIR/NAME.sock, mode 0600. A frame is a 32-bit big-endian length and one encoded map.
// `eval` and `attach` make a session, an actor in a heap of its own, once the node is ready; from
// then on frames go to the session as messages, but for `interrupt`, which the node carries out
// itself. A session ends with its client and a client with its session. A client that does not
// finish what it began to say is hung up on, so that it does not keep a place for ever.
#include "node/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct connection {
  struct lh_list link;
  struct lh_node *node;
  struct lh_stream *stream;
  uint64_t id;
  struct lh_buf in, out;
  lh_pid session;
  struct lh_buf first;  // the message that waits for the node to be ready
  bool closing, wants_end;
  lh_ms cut_at;  // when the frame that is awaited must be there, or LH_NEVER
};

static void connection_close(struct connection *connection) {
  struct lh_node *node = connection->node;
  if (connection->session != 0) lh_actors_kill(node->actors, connection->session, "client_gone");
  lh_list_remove(&connection->link);
  node->connection_count--;
  lh_stream_close(connection->stream);
  lh_buf_free(&connection->in);
  lh_buf_free(&connection->out);
  lh_buf_free(&connection->first);
  lh_free(connection);
}

// --- writing ---
static void drain(struct connection *connection) {
  while (connection->out.len > 0) {
    const ssize_t n = lh_stream_send(connection->stream, connection->out.data, connection->out.len);
    if (n < 0) return;  // on_closed follows
    if (n == 0) {
      lh_stream_want_write(connection->stream);
      return;
    }
    lh_buf_consume(&connection->out, (size_t)n);
  }
  if (connection->closing) connection_close(connection);
}

static int send_frame(struct connection *connection, struct lh_bytes message) {
  if (connection->out.len + message.len > LH_CONTROL_QUEUE_MAX || message.len > UINT32_MAX)
    return LH_ELIMIT;
  const uint8_t head[4] = {(uint8_t)(message.len >> 24), (uint8_t)(message.len >> 16),
                           (uint8_t)(message.len >> 8), (uint8_t)message.len};
  lh_buf_append(&connection->out, head, sizeof head);
  lh_buf_append(&connection->out, message.data, message.len);
  drain(connection);
  return LH_OK;
}

static void send_words(struct connection *connection, const char *op, const char *key,
                       const char *text) {
  struct lh_buf message = LH_BUF_EMPTY;
  lh_write_map(&message, 2);
  lh_write_cstr(&message, "op");
  lh_write_cstr(&message, op);
  lh_write_cstr(&message, key);
  lh_write_cstr(&message, text);
  (void)send_frame(connection, lh_bytes_of(&message));
  lh_buf_free(&message);
}

// --- sessions ---
static void begin_session(struct connection *connection) {
  static const char module[] = "luahub.repl.session";
  struct lh_node *node = connection->node;
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_uint(&args, connection->id);
  lh_buf_append(&args, connection->first.data, connection->first.len);
  connection->session =
      lh_actors_spawn_isolated(node->actors, lh_bytes_str(module), lh_bytes_of(&args), 2);
  lh_buf_free(&args);
  lh_buf_free(&connection->first);
  if (connection->session == 0) {
    send_words(connection, "error", "text", "no more sessions can be opened on this node");
    return;
  }
  lh_actors_deliver(node->actors,
                    lh_msg_new(LH_MSG_MONITOR, connection->session, lh_pid_make(node->self, 0),
                               connection->id, lh_bytes(NULL, 0)));
}

static void pass_to_session(struct connection *connection, struct lh_bytes message) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_map(&body, 2);
  lh_write_cstr(&body, "message");
  lh_buf_append(&body, message.data, message.len);
  lh_write_cstr(&body, "type");
  lh_write_cstr(&body, "control");
  lh_actors_deliver(connection->node->actors,
                    lh_msg_new(LH_MSG_SEND, connection->session, 0, 0, lh_bytes_of(&body)));
  lh_buf_free(&body);
}

static struct connection *find(struct lh_node *node, uint64_t id) {
  for (struct lh_list *at = node->connections.next; at != &node->connections; at = at->next) {
    struct connection *connection = LH_ENTRY(at, struct connection, link);
    if (connection->id == id) return connection;
  }
  return NULL;
}

void lh_control_session_ended(struct lh_node *node, uint64_t id, struct lh_bytes reason) {
  struct connection *connection = find(node, id);
  struct lh_reader in;
  if (connection == NULL || connection->session == 0) return;
  connection->session = 0;
  lh_reader_init_user(&in, reason);
  const struct lh_bytes text =
      lh_read_peek(&in) == LH_WIRE_STR ? lh_read_str(&in, LH_WIRE_MESSAGE_MAX) : lh_bytes(NULL, 0);
  connection->closing = true;
  if (text.len > 0 && !lh_bytes_equal(text, lh_bytes_str("normal"))) {
    char *copy = lh_zalloc(text.len + 1);
    memcpy(copy, text.data, text.len);
    send_words(connection, "error", "text", copy);
    lh_free(copy);
  } else {
    send_words(connection, "end", "text", "");
  }
}

// --- reading ---
static bool op_is(struct lh_bytes message, const char *word) {
  struct lh_reader in;
  lh_reader_init_user(&in, message);
  const struct lh_wire_value head = lh_read_value(&in);
  for (uint32_t i = 0; head.type == LH_WIRE_MAP && i < head.as.count && in.err == LH_OK; i++) {
    const struct lh_bytes key = lh_read_str(&in, 64);
    const bool is_op = lh_bytes_equal(key, lh_bytes_str("op"));
    if (is_op && lh_read_peek(&in) == LH_WIRE_STR)
      return lh_bytes_equal(lh_read_str(&in, 64), lh_bytes_str(word));
    (void)lh_read_skip(&in);
  }
  return false;
}

static bool is_whole(struct lh_bytes message) {
  struct lh_reader in;
  lh_reader_init_user(&in, message);
  if (lh_read_peek(&in) != LH_WIRE_MAP) return false;
  (void)lh_read_skip(&in);
  return lh_read_end(&in) == LH_OK;
}

static bool takes_sessions(const struct lh_node *node) {
  return node->phase != NODE_STARTING && !node->hubs_to_come;
}

static void take(struct connection *connection, struct lh_bytes message) {
  struct lh_node *node = connection->node;
  if (!is_whole(message)) {
    connection->closing = true;
    node->counters.control_cut++;
    send_words(connection, "error", "text", "expected a frame with one map");
  } else if (op_is(message, "ping")) {
    send_words(connection, "pong", "name", node->name);
  } else if (op_is(message, "stop")) {
    connection->wants_end = true;
    lh_leave_begin(node);
  } else if (op_is(message, "interrupt")) {
    if (connection->session != 0) lh_actors_interrupt(node->actors, connection->session);
  } else if (connection->session != 0) {
    pass_to_session(connection, message);
  } else if (connection->first.len == 0) {
    lh_buf_append(&connection->first, message.data, message.len);
    if (takes_sessions(node)) begin_session(connection);
  }
}

static bool take_frame(struct connection *connection) {
  const uint8_t *p = connection->in.data;
  if (connection->in.len < 4 || connection->closing) return false;
  const size_t len = ((size_t)p[0] << 24) | ((size_t)p[1] << 16) | ((size_t)p[2] << 8) | p[3];
  if (len > LH_CONTROL_FRAME_MAX) {
    connection->closing = true;
    connection->node->counters.control_cut++;
    send_words(connection, "error", "text", "the frame is larger than 16 MiB");
    return false;
  }
  if (connection->in.len < 4 + len) return false;
  struct lh_buf frame = LH_BUF_EMPTY;
  lh_buf_append(&frame, p + 4, len);
  lh_buf_consume(&connection->in, 4 + len);
  take(connection, lh_bytes_of(&frame));
  lh_buf_free(&frame);
  return true;
}

static void set_deadline(struct connection *connection, bool taken) {
  if (connection->in.len == 0)
    connection->cut_at = taken ? LH_NEVER : connection->cut_at;
  else if (taken || connection->cut_at == LH_NEVER)
    connection->cut_at = lh_env_now(connection->node->env) + LH_CONTROL_PARTIAL_MS;
}

static void on_data(void *self, const uint8_t *data, size_t len) {
  struct connection *connection = self;
  struct lh_node *node = connection->node;
  const uint64_t id = connection->id;
  lh_buf_append(&connection->in, data, len);
  bool taken = false;
  while (find(node, id) != NULL && take_frame(connection)) taken = true;
  if (find(node, id) != NULL) set_deadline(connection, taken);
  lh_node_touch(node);
}

static void on_writable(void *self) { drain(self); }

static void on_closed(void *self, int err, const char *reason) {
  struct connection *connection = self;
  (void)err;
  (void)reason;
  connection_close(connection);
}

static const struct lh_stream_ops stream_ops = {
    .on_data = on_data, .on_writable = on_writable, .on_closed = on_closed};

static void on_accept(void *self, struct lh_stream *stream) {
  struct lh_node *node = self;
  const int uid = lh_stream_peer_uid(stream);
  if (node->connection_count >= LH_CONTROL_CONNECTIONS_MAX || (uid != 0 && uid != (int)getuid())) {
    node->counters.control_refused++;
    lh_stream_close(stream);
    return;
  }
  struct connection *connection = LH_NEW(struct connection);
  connection->node = node;
  connection->stream = stream;
  connection->id = ++node->next_connection;
  connection->cut_at = lh_env_now(node->env) + LH_CONTROL_PARTIAL_MS;
  node->connection_count++;
  lh_list_push(&node->connections, &connection->link);
  lh_stream_set_ops(stream, &stream_ops, connection);
  lh_node_touch(node);
}

// --- the node's side ---
lh_ms lh_control_due(const struct lh_node *node) {
  lh_ms due = LH_NEVER;
  for (const struct lh_list *at = node->connections.next; at != &node->connections; at = at->next) {
    const struct connection *connection = LH_ENTRY(at, const struct connection, link);
    if (connection->cut_at < due) due = connection->cut_at;
  }
  return due;
}

void lh_control_tick(struct lh_node *node, lh_ms now) {
  struct lh_list *at = node->connections.next;
  while (at != &node->connections) {
    struct connection *connection = LH_ENTRY(at, struct connection, link);
    at = at->next;
    if (connection->cut_at > now) continue;
    if (connection->closing) {  // it does not read the reason either
      connection_close(connection);
      continue;
    }
    connection->cut_at = now + LH_CONTROL_PARTIAL_MS;
    connection->closing = true;
    node->counters.control_cut++;
    send_words(connection, "error", "text", "the request was not finished in its time");
  }
}

int lh_control_send(struct lh_node *node, uint64_t id, struct lh_bytes message) {
  struct connection *connection = find(node, id);
  if (connection == NULL || connection->closing) return LH_ECLOSED;
  return send_frame(connection, message);
}

void lh_control_ready(struct lh_node *node) {
  if (!takes_sessions(node)) return;
  struct lh_list *at = node->connections.next;
  while (at != &node->connections) {
    struct connection *connection = LH_ENTRY(at, struct connection, link);
    at = at->next;
    if (connection->first.len > 0) begin_session(connection);
  }
}

void lh_control_stopped(struct lh_node *node) {
  struct lh_list *at = node->connections.next;
  while (at != &node->connections) {
    struct connection *connection = LH_ENTRY(at, struct connection, link);
    at = at->next;
    connection->closing = true;
    send_words(connection, connection->wants_end ? "stopped" : "error", "text",
               connection->wants_end ? "" : "the node has left");
  }
}

int lh_control_open(struct lh_node *node, struct lh_error *error) {
  char path[1024];
  (void)snprintf(path, sizeof path, "%s/%s.sock", node->runtime_dir, node->socket_name);
  node->control = lh_listen_unix(node->env, path, on_accept, node, error);
  return node->control != NULL ? LH_OK : LH_EIO;
}

void lh_control_close(struct lh_node *node) {
  while (!lh_list_empty(&node->connections)) {
    struct connection *connection = LH_ENTRY(node->connections.next, struct connection, link);
    connection->session = 0;  // the actors are gone
    connection_close(connection);
  }
  if (node->control != NULL) lh_listener_close(node->control);
  node->control = NULL;
}
