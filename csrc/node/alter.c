// alter.c - alter hooks: data goes through every handler of a key, best first, each given what the
// one before it answered. An immediate handler is asked of the main program, another is run in the
// heap of hooks; the first that fails ends it.
//
// Children about to start go through "child_data_alter", all of a request in one question (the list
// of { id, spec, metadata }); a child that runs twice through "on_conflict"; any other key takes
// one value, for whoever asked (the request "alter").
#include "node/internal.h"

#include "base/mem.h"

struct alteration {
  const char *kind;      // of the question to the main program
  const char *function;  // of luahub.alter, in a heap
  void (*end)(struct lh_node *node, uint64_t asker, int status, struct lh_bytes data,
              const char *error);
  uint64_t asker;
  size_t next;
  struct lh_buf hub, key, data;
};

static void step(struct lh_node *node, struct alteration *alteration);

static void finish(struct lh_node *node, struct alteration *alteration, int status,
                   const char *error) {
  alteration->end(node, alteration->asker, status, lh_bytes_of(&alteration->data), error);
  lh_buf_free(&alteration->hub);
  lh_buf_free(&alteration->key);
  lh_buf_free(&alteration->data);
  lh_free(alteration);
}

static void answered(struct lh_node *node, int status, struct lh_bytes result, const char *error,
                     void *data) {
  struct alteration *alteration = data;
  if (status != LH_OK) {
    finish(node, alteration, status, error);
    return;
  }
  lh_buf_clear(&alteration->data);
  lh_buf_append(&alteration->data, result.data, result.len);
  step(node, alteration);
}

static void ask_main(struct lh_node *node, struct alteration *alteration,
                     const struct lh_hook *hook) {
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_str(&args, alteration->hub.data, alteration->hub.len);
  lh_write_str(&args, alteration->key.data, alteration->key.len);
  lh_write_str(&args, hook->id.data, hook->id.len);
  lh_buf_append(&args, alteration->data.data, alteration->data.len);
  lh_ask_main(node, alteration->kind, &args, 4, answered, alteration);
  lh_buf_free(&args);
}

static void run_in_heap(struct lh_node *node, struct alteration *alteration,
                        const struct lh_hook *hook) {
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_str(&args, hook->module.data, hook->module.len);
  lh_write_str(&args, hook->function.data, hook->function.len);
  lh_write_array(&args, hook->arg_count);
  lh_buf_append(&args, hook->args.data, hook->args.len);
  lh_buf_append(&args, alteration->data.data, alteration->data.len);
  lh_ask_heap(node, "luahub.alter", alteration->function, &args, 4, answered, alteration);
  lh_buf_free(&args);
}

static void step(struct lh_node *node, struct alteration *alteration) {
  const struct lh_bytes hub = lh_bytes_of(&alteration->hub);
  const struct lh_bytes key = lh_bytes_of(&alteration->key);
  if (alteration->next >= lh_hooks_count(node, hub, key)) {
    finish(node, alteration, LH_OK, NULL);
    return;
  }
  const struct lh_hook hook = lh_hooks_at(node, hub, key, alteration->next++);
  if (hook.immediate)
    ask_main(node, alteration, &hook);
  else
    run_in_heap(node, alteration, &hook);
}

static struct alteration *begin(struct lh_bytes hub, struct lh_bytes key, struct lh_bytes data) {
  struct alteration *alteration = LH_NEW(struct alteration);
  lh_buf_append(&alteration->hub, hub.data, hub.len);
  lh_buf_append(&alteration->key, key.data, key.len);
  lh_buf_append(&alteration->data, data.data, data.len);
  return alteration;
}

static void end_question(struct lh_node *node, uint64_t question, int status, struct lh_bytes list,
                         const char *error) {
  lh_hubs_answered(node->hubs, lh_env_now(node->env), question, status, list, error);
}

// The question's arguments are the hub and what the handlers are given.
static void answer(struct lh_node *node, uint64_t question, struct lh_bytes args, const char *key,
                   const char *kind, const char *function) {
  struct lh_reader in;
  lh_reader_init_user(&in, args);
  const struct lh_bytes hub = lh_read_str(&in, LH_HUB_ID_MAX);
  struct alteration *alteration = begin(hub, lh_bytes_str(key), lh_read_skip(&in));
  alteration->kind = kind;
  alteration->function = function;
  alteration->end = end_question;
  alteration->asker = question;
  step(node, alteration);
}

void lh_alter_children(struct lh_node *node, uint64_t question, struct lh_bytes args) {
  answer(node, question, args, "child_data_alter", "alter", "each");
}

void lh_alter_conflict(struct lh_node *node, uint64_t question, struct lh_bytes args) {
  answer(node, question, args, "on_conflict", "fold", "one");
}

static void end_value(struct lh_node *node, uint64_t caller, int status, struct lh_bytes data,
                      const char *text) {
  struct lh_error error;
  if (status != LH_OK) (void)lh_fail(&error, LH_EFAILED, "%s", text != NULL ? text : "");
  lh_service_reply(node, caller, status, data, &error);
}

void lh_alter_value(struct lh_node *node, uint64_t caller, struct lh_bytes hub, struct lh_bytes key,
                    struct lh_bytes data) {
  struct alteration *alteration = begin(hub, key, data);
  alteration->kind = "fold";
  alteration->function = "one";
  alteration->end = end_value;
  alteration->asker = caller;
  step(node, alteration);
}
