// alter.c - the alter hook: child data goes through every handler of "child_data_alter", best
// first, each given what the one before it answered. An immediate handler is asked of the main
// program, another is run in some heap; both get the whole list of { id, spec, metadata } in one
// question. The first that fails ends it.
#include "node/internal.h"

#include "base/mem.h"

static const char KEY[] = "child_data_alter";

struct alteration {
  uint64_t question;
  size_t next;
  struct lh_buf hub, list;
};

static void step(struct lh_node *node, struct alteration *alteration);

static void finish(struct lh_node *node, struct alteration *alteration, int status,
                   const char *error) {
  lh_hubs_answered(node->hubs, lh_env_now(node->env), alteration->question, status,
                   lh_bytes_of(&alteration->list), error);
  lh_buf_free(&alteration->hub);
  lh_buf_free(&alteration->list);
  lh_free(alteration);
}

static void answered(struct lh_node *node, int status, struct lh_bytes result, const char *error,
                     void *data) {
  struct alteration *alteration = data;
  if (status != LH_OK) {
    finish(node, alteration, status, error);
    return;
  }
  lh_buf_clear(&alteration->list);
  lh_buf_append(&alteration->list, result.data, result.len);
  step(node, alteration);
}

static void ask_main(struct lh_node *node, struct alteration *alteration,
                     const struct lh_hook *hook) {
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_str(&args, alteration->hub.data, alteration->hub.len);
  lh_write_cstr(&args, KEY);
  lh_write_str(&args, hook->id.data, hook->id.len);
  lh_buf_append(&args, alteration->list.data, alteration->list.len);
  lh_ask_main(node, "alter", &args, 4, answered, alteration);
  lh_buf_free(&args);
}

static void run_in_heap(struct lh_node *node, struct alteration *alteration,
                        const struct lh_hook *hook) {
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_str(&args, hook->module.data, hook->module.len);
  lh_write_str(&args, hook->function.data, hook->function.len);
  lh_write_array(&args, hook->arg_count);
  lh_buf_append(&args, hook->args.data, hook->args.len);
  lh_buf_append(&args, alteration->list.data, alteration->list.len);
  lh_ask_heap(node, "luahub.alter", "each", &args, 4, answered, alteration);
  lh_buf_free(&args);
}

static void step(struct lh_node *node, struct alteration *alteration) {
  const struct lh_bytes hub = lh_bytes_of(&alteration->hub);
  if (alteration->next >= lh_hooks_count(node, hub, KEY)) {
    finish(node, alteration, LH_OK, NULL);
    return;
  }
  const struct lh_hook hook = lh_hooks_at(node, hub, KEY, alteration->next++);
  if (hook.immediate)
    ask_main(node, alteration, &hook);
  else
    run_in_heap(node, alteration, &hook);
}

void lh_alter_begin(struct lh_node *node, uint64_t question, struct lh_bytes args) {
  struct alteration *alteration = LH_NEW(struct alteration);
  struct lh_reader in;
  lh_reader_init_user(&in, args);
  const struct lh_bytes hub = lh_read_str(&in, LH_HUB_ID_MAX);
  const struct lh_bytes list = lh_read_skip(&in);
  alteration->question = question;
  lh_buf_append(&alteration->hub, hub.data, hub.len);
  lh_buf_append(&alteration->list, list.data, list.len);
  step(node, alteration);
}
