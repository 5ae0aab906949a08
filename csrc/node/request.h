// request.h - what service.c and script_service.c share: one request of Lua's, its fields, answers.
#ifndef LH_NODE_REQUEST_H
#define LH_NODE_REQUEST_H

#include "node/internal.h"

#include "base/mem.h"

struct request {
  struct lh_node *node;
  const struct lh_msg *msg;
  struct caller caller;
  bool own;  // said by an actor of this node; what a frame says of its sender proves nothing
  struct lh_bytes value;
  lh_ms now;
};

struct request_kind {
  const char *name;
  void (*fn)(struct request *request);
  bool from_others;  // other nodes' actors may ask it
};
extern const struct request_kind lh_script_kinds[];  // script_service.c; ends with a NULL
extern const struct request_kind lh_moves_kinds[];   // moves_service.c; the same

// --- answers ---
static inline void answer_true(const struct request *request) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_bool(&body, true);
  lh_service_answer(request->node, &request->caller, lh_bytes_of(&body));
  lh_buf_free(&body);
}

static inline void answer_word(const struct request *request, const char *word) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_cstr(&body, word);
  lh_service_answer(request->node, &request->caller, lh_bytes_of(&body));
  lh_buf_free(&body);
}

static inline void answer_buf(const struct request *request, struct lh_buf *body) {
  lh_service_answer(request->node, &request->caller, lh_bytes_of(body));
  lh_buf_free(body);
}

static inline void fail(const struct request *request, const char *code, const char *text) {
  lh_service_fail(request->node, &request->caller, code, text);
}

static inline uint64_t remember(const struct request *request) {
  struct lh_node *node = request->node;
  if (node->callers.count >= LH_CALLERS_MAX) return 0;
  struct caller *caller = LH_NEW(struct caller);
  *caller = request->caller;
  const uint64_t id = ++node->next_caller;
  (void)lh_map_put(&node->callers, &id, sizeof id, caller);
  return id;
}

// service.c: whether the node of that name carries it out, and was sent it; or fails it.
bool lh_service_pass_to(struct request *request, struct lh_bytes name);

// --- reading a request's fields ---
static inline struct lh_bytes field(struct lh_bytes map, const char *name) {
  struct lh_reader in;
  lh_reader_init_user(&in, map);
  const struct lh_wire_value head = lh_read_value(&in);
  for (uint32_t i = 0; head.type == LH_WIRE_MAP && i < head.as.count && in.err == LH_OK; i++) {
    const struct lh_bytes key = lh_read_str(&in, 256);
    const struct lh_bytes value = lh_read_skip(&in);
    if (in.err == LH_OK && lh_bytes_equal(key, lh_bytes_str(name))) return value;
  }
  return lh_bytes(NULL, 0);
}

static inline struct lh_bytes text_field(struct lh_bytes map, const char *name) {
  struct lh_reader in;
  const struct lh_bytes value = field(map, name);
  if (value.data == NULL) return value;
  lh_reader_init_user(&in, value);
  const struct lh_bytes text = lh_read_str(&in, LH_SPEC_MAX);
  return in.err == LH_OK ? text : lh_bytes(NULL, 0);
}

static inline bool flag_field(struct lh_bytes map, const char *name, bool otherwise) {
  struct lh_reader in;
  const struct lh_bytes value = field(map, name);
  if (value.data == NULL) return otherwise;
  lh_reader_init_user(&in, value);
  return lh_read_bool(&in);
}

static inline bool word_is(struct lh_bytes map, const char *group, const char *name,
                           const char *word) {
  return lh_bytes_equal(text_field(field(map, group), name), lh_bytes_str(word));
}

#endif
