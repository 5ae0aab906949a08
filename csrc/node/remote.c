// remote.c - messages between actors of different nodes.
//
// A MESSAGE frame: [kind, receiver's low bits, sender, ref], then the body as it was encoded by the
// sender. The sender is nil for nobody, an integer for an actor of the node at the other end of the
// link (the pid's low bits), else a pid. The sending scheduler seals and writes the frame itself.
// What cannot be sent is answered at once where somebody waits: a call fails "unreachable" (it was
// surely not sent), a monitor is told "node_down".
#include "node/internal.h"

#include "base/log.h"
#include "base/mem.h"

enum { HEAD_BYTES = 64 };  // what a head takes at most

static void write_sender(const struct lh_node *node, lh_pid from, struct lh_buf *out) {
  const uint32_t index = lh_pid_node(from);
  const struct lh_run *run = from != 0 ? lh_runs_at(node->runs, index) : NULL;
  if (run == NULL)
    lh_write_nil(out);
  else if (index == atomic_load_explicit(&node->self, memory_order_relaxed))
    lh_write_uint(out, lh_pid_local(from));
  else
    lh_write_pid(out, run, lh_pid_local(from));
}

static void write_head(const struct lh_node *node, const struct lh_msg *msg, struct lh_buf *out) {
  lh_buf_reserve(out, HEAD_BYTES);
  lh_write_uint(out, msg->kind);
  lh_write_uint(out, lh_pid_local(msg->to));
  write_sender(node, msg->from, out);
  lh_write_uint(out, msg->ref);
}

static void answer_unsent(struct lh_node *node, const struct lh_msg *msg, const char *code,
                          const char *text) {
  struct lh_buf body = LH_BUF_EMPTY;
  struct lh_msg *answer = NULL;
  atomic_fetch_add(&node->unsent, 1);
  if (msg->from == 0) return;
  if (msg->kind == LH_MSG_CALL) {
    lh_write_array(&body, 2);
    lh_write_cstr(&body, code);
    lh_write_cstr(&body, text);
    answer = lh_msg_new(LH_MSG_FAIL, msg->from, msg->to, msg->ref, lh_bytes_of(&body));
  } else if (msg->kind == LH_MSG_MONITOR || msg->kind == LH_MSG_LINK) {
    lh_write_cstr(&body, "node_down");
    answer = lh_msg_new(msg->kind == LH_MSG_LINK ? LH_MSG_EXIT : LH_MSG_DOWN, msg->from, msg->to,
                        msg->ref, lh_bytes_of(&body));
  }
  lh_buf_free(&body);
  if (answer != NULL) lh_remote_deliver(node, answer);
}

void lh_remote_send(struct lh_node *node, struct lh_msg *msg) {
  struct lh_buf head = LH_BUF_EMPTY;
  int err = LH_ECLOSED;
  if (node->links != NULL) {
    write_head(node, msg, &head);
    const struct lh_parts parts = {lh_bytes_of(&head), lh_bytes(msg->body, msg->len)};
    err = lh_links_send_parts(node->links, lh_pid_node(msg->to), LH_CLASS_DATA, FRAME_MESSAGE,
                              &parts);
    lh_buf_free(&head);
  }
  if (err == LH_EAGAIN)
    answer_unsent(node, msg, "busy", "the link to that node is full");
  else if (err == LH_ELIMIT)
    answer_unsent(node, msg, "too_large", "the message is too large to be sent");
  else if (err != LH_OK)
    answer_unsent(node, msg, "unreachable", "there is no link to that node");
  lh_msg_free(msg);
}

static bool is_ours(const struct lh_node *node, lh_pid pid) {
  const struct lh_run *run = lh_runs_at(node->runs, lh_pid_node(pid));
  return run != NULL && lh_node_id_equal(&run->id, &node->identity.id);
}

void lh_remote_deliver(struct lh_node *node, struct lh_msg *msg) {
  if (is_ours(node, msg->to))
    lh_actors_deliver(node->actors, msg);
  else
    lh_remote_send(node, msg);
}

// Answers 0 for nobody.
static lh_pid read_sender(struct lh_node *node, uint32_t peer, struct lh_reader *in) {
  if (lh_read_peek(in) == LH_WIRE_INT)
    return lh_pid_make(peer, lh_read_uint(in, LH_PID_LOCAL_MASK));
  const struct lh_wire_value value = lh_read_value(in);
  if (value.type == LH_WIRE_PID)
    return lh_pid_make(lh_runs_index(node->runs, &value.as.pid.run), value.as.pid.local);
  if (value.type != LH_WIRE_NIL) lh_read_fail(in, LH_EFORMAT);
  return 0;
}

int lh_remote_frame(struct lh_node *node, uint32_t peer, struct lh_bytes body) {
  struct lh_reader in;
  lh_reader_init(&in, body);
  const uint64_t kind = lh_read_uint(&in, LH_MSG_EXIT);
  const uint64_t local = lh_read_uint(&in, LH_PID_LOCAL_MASK);
  const lh_pid sender = read_sender(node, peer, &in);
  const uint64_t ref = lh_read_uint(&in, UINT64_MAX);
  if (in.err != LH_OK || kind < LH_MSG_SEND) return LH_EFORMAT;
  const struct lh_bytes rest = lh_bytes(in.at, (size_t)(in.end - in.at));
  struct lh_msg *msg =
      lh_msg_try_new((enum lh_msg_kind)kind, lh_pid_make(node->self, local), sender, ref, rest);
  if (msg == NULL) {  // as if it had been lost on the way
    node->counters.no_memory++;
    return LH_OK;
  }
  if (lh_pid_heap(msg->to) == 0) {
    lh_service_message(node, msg, false);
    lh_node_touch(node);
  } else {
    lh_actors_gather(node->actors, msg);
    if (!node->threaded) lh_node_touch(node);  // the actors run in its turns
  }
  return LH_OK;
}
