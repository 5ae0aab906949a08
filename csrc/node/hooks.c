// hooks.c - hook handlers: who is told what happened in a hub. How they are called: hook_runs.c.
//
// A handler is a module's function, run as a process with the payload as last argument, or
// (immediate) a Lua function of the main program. Handlers of a key are kept in order of priority,
// then of registration.
#include "node/hooks.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lh_buf copy(struct lh_bytes bytes) {
  struct lh_buf out = LH_BUF_EMPTY;
  lh_buf_append(&out, bytes.data, bytes.len);
  return out;
}

static struct lh_buf key_of(struct lh_bytes hub, struct lh_bytes key) {
  struct lh_buf out = copy(hub);
  lh_buf_byte(&out, 0);
  lh_buf_append(&out, key.data, key.len);
  return out;
}

static struct handlers *find(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key) {
  struct lh_buf name = key_of(hub, key);
  struct handlers *found = lh_map_get(&node->handlers, name.data, name.len);
  lh_buf_free(&name);
  return found;
}

bool lh_hooks_wanted(struct lh_node *node, struct lh_bytes hub, const char *key) {
  if (node->handlers.count == 0) return false;
  const struct handlers *found = find(node, hub, lh_bytes_str(key));
  return found != NULL && found->count > 0;
}

size_t lh_hooks_count(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key) {
  const struct handlers *found = find(node, hub, key);
  return found != NULL ? found->count : 0;
}

struct lh_hook lh_hooks_at(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                           size_t index) {
  const struct handler *handler = find(node, hub, key)->items[index];
  return (struct lh_hook){lh_bytes_of(&handler->id),
                          lh_bytes_of(&handler->module),
                          lh_bytes_of(&handler->function),
                          lh_bytes_of(&handler->args),
                          handler->arg_count,
                          handler->immediate};
}

// --- registering ---
void lh_handler_free(struct handler *handler) {
  lh_buf_free(&handler->hub);
  lh_buf_free(&handler->key);
  lh_buf_free(&handler->id);
  lh_buf_free(&handler->module);
  lh_buf_free(&handler->function);
  lh_buf_free(&handler->args);
  lh_free(handler);
}

static void read_args(struct lh_reader *in, struct handler *handler) {
  const struct lh_wire_value head = lh_read_value(in);
  if (head.type == LH_WIRE_MAP && head.as.count == 0) return;  // an empty Lua table
  if (head.type != LH_WIRE_ARRAY) {
    lh_read_fail(in, LH_EFORMAT);
    return;
  }
  for (uint32_t i = 0; i < head.as.count && in->err == LH_OK; i++) {
    const struct lh_bytes value = lh_read_skip(in);
    lh_buf_append(&handler->args, value.data, value.len);
    handler->arg_count++;
  }
}

static void read_field(struct lh_reader *in, struct lh_bytes key, struct handler *handler) {
  if (lh_bytes_equal(key, lh_bytes_str("id")))
    handler->id = copy(lh_read_str(in, 255));
  else if (lh_bytes_equal(key, lh_bytes_str("priority")))
    handler->priority = lh_read_int(in);
  else if (lh_bytes_equal(key, lh_bytes_str("module")))
    handler->module = copy(lh_read_str(in, 1024));
  else if (lh_bytes_equal(key, lh_bytes_str("function")))
    handler->function = copy(lh_read_str(in, 255));
  else if (lh_bytes_equal(key, lh_bytes_str("immediate")))
    handler->immediate = lh_read_bool(in);
  else if (lh_bytes_equal(key, lh_bytes_str("args")))
    read_args(in, handler);
  else
    (void)lh_read_skip(in);
}

static bool read_handler(struct lh_reader *in, struct handler *handler) {
  const uint32_t count = lh_read_map(in, 16);
  for (uint32_t i = 0; i < count && in->err == LH_OK; i++)
    read_field(in, lh_read_str(in, 64), handler);
  return in->err == LH_OK && handler->id.len > 0 &&
         (handler->immediate || (handler->module.len > 0 && handler->function.len > 0));
}

static bool has_id(struct handler *const *items, size_t count, const struct handler *candidate) {
  for (size_t i = 0; i < count; i++) {
    if (lh_bytes_equal(lh_bytes_of(&items[i]->id), lh_bytes_of(&candidate->id))) return true;
  }
  return false;
}

static int by_priority(const void *a, const void *b) {
  const struct handler *x = *(struct handler *const *)a;
  const struct handler *y = *(struct handler *const *)b;
  if (x->priority != y->priority) return x->priority > y->priority ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

static struct handlers *find_or_make(struct lh_node *node, struct lh_bytes hub,
                                     struct lh_bytes key) {
  struct handlers *handlers = find(node, hub, key);
  if (handlers != NULL) return handlers;
  struct lh_buf name = key_of(hub, key);
  handlers = LH_NEW(struct handlers);
  (void)lh_map_put(&node->handlers, name.data, name.len, handlers);
  lh_buf_free(&name);
  return handlers;
}

static int check_room(const struct handlers *there, const struct handlers *fresh,
                      struct lh_error *error) {
  if (fresh->count + (there != NULL ? there->count : 0) <= LH_HANDLERS_MAX) return LH_OK;
  return lh_fail(error, LH_ELIMIT, "a key has at most %d handlers in a hub on a node",
                 LH_HANDLERS_MAX);
}

// All or nothing: one id that is there already refuses the whole list.
static int check_list(const struct handlers *there, const struct handlers *fresh,
                      struct lh_error *error) {
  for (size_t i = 0; i < fresh->count; i++) {
    const struct handler *handler = fresh->items[i];
    if (!(there != NULL && has_id(there->items, there->count, handler)) &&
        !has_id(fresh->items, i, handler))
      continue;
    (void)lh_fail(error, LH_EEXISTS, "a handler with the id '%.*s' is registered for this key",
                  (int)handler->id.len, (const char *)handler->id.data);
    (void)snprintf(error->code, sizeof error->code, "handler_id_not_unique");
    return LH_EEXISTS;
  }
  return check_room(there, fresh, error);
}

static int read_list(struct handlers *fresh, struct lh_bytes list, struct lh_error *error) {
  struct lh_reader in;
  lh_reader_init_user(&in, list);
  const uint32_t count = lh_read_array(&in, LH_HANDLERS_MAX);
  fresh->items = lh_zalloc((count + 1) * sizeof(struct handler *));
  while (fresh->count < count) {
    struct handler *handler = LH_NEW(struct handler);
    fresh->items[fresh->count++] = handler;
    if (!read_handler(&in, handler)) {
      return lh_fail(
          error, LH_EINVAL,
          "a hook handler must be { id, module, function, args } or { id, immediate = true }");
    }
  }
  return in.err == LH_OK ? LH_OK
                         : lh_fail(error, in.err == LH_ELIMIT ? LH_ELIMIT : LH_EINVAL,
                                   "hook handlers must be a list of at most %d", LH_HANDLERS_MAX);
}

static void adopt(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                  const struct handlers *fresh) {
  struct handlers *handlers = find_or_make(node, hub, key);
  handlers->items =
      lh_realloc(handlers->items, (handlers->count + fresh->count) * sizeof(struct handler *));
  for (size_t i = 0; i < fresh->count; i++) {
    struct handler *handler = fresh->items[i];
    handler->hub = copy(hub);
    handler->key = copy(key);
    handler->order = handlers->next_order++;
    lh_hook_runs_adopt(node, handler);
    handlers->items[handlers->count++] = handler;
  }
  qsort(handlers->items, handlers->count, sizeof(struct handler *), by_priority);
}

int lh_hooks_register(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                      struct lh_bytes list, struct lh_error *error) {
  struct handlers fresh = {0};
  int err = read_list(&fresh, list, error);
  if (err == LH_OK) err = check_list(find(node, hub, key), &fresh, error);
  if (err == LH_OK && fresh.count > 0) adopt(node, hub, key, &fresh);
  for (size_t i = 0; err != LH_OK && i < fresh.count; i++) lh_handler_free(fresh.items[i]);
  lh_free(fresh.items);
  return err;
}

static void cancel_one(struct lh_node *node, struct handlers *handlers, struct lh_bytes id) {
  for (size_t i = 0; i < handlers->count; i++) {
    struct handler *handler = handlers->items[i];
    if (!lh_bytes_equal(lh_bytes_of(&handler->id), id)) continue;
    memmove(&handlers->items[i], &handlers->items[i + 1],
            (handlers->count - i - 1) * sizeof(struct handler *));
    handlers->count--;
    lh_hook_runs_leave(node, handler, true);
    return;
  }
}

static void forget_empty(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key) {
  struct handlers *handlers = find(node, hub, key);
  if (handlers == NULL || handlers->count > 0) return;
  struct lh_buf name = key_of(hub, key);
  (void)lh_map_remove(&node->handlers, name.data, name.len);
  lh_buf_free(&name);
  lh_free(handlers->items);
  lh_free(handlers);
}

void lh_hooks_cancel(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                     struct lh_bytes ids) {
  struct handlers *handlers = find(node, hub, key);
  struct lh_reader in;
  lh_reader_init_user(&in, ids);
  const uint32_t count = handlers != NULL ? lh_read_array(&in, LH_HANDLERS_MAX) : 0;
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++)
    cancel_one(node, handlers, lh_read_str(&in, 255));
  forget_empty(node, hub, key);
}

static void handlers_free(struct lh_node *node, struct handlers *handlers, bool drop) {
  for (size_t i = 0; i < handlers->count; i++) lh_hook_runs_leave(node, handlers->items[i], drop);
  lh_free(handlers->items);
  lh_free(handlers);
}

static bool is_of_hub(const struct lh_map_entry *entry, struct lh_bytes hub) {
  return entry->key_len > hub.len && entry->key[hub.len] == 0 &&
         memcmp(entry->key, hub.data, hub.len) == 0;
}

void lh_hooks_hub_closed(struct lh_node *node, struct lh_bytes hub) {
  for (size_t i = node->handlers.count; i-- > 0;) {
    const struct lh_map_entry *entry = &node->handlers.entries[i];
    if (!is_of_hub(entry, hub)) continue;
    handlers_free(node, lh_map_remove(&node->handlers, entry->key, entry->key_len), false);
  }
}

// --- looking ---
static void write_handler(const struct handler *handler, struct lh_buf *out) {
  lh_write_map(out, handler->immediate ? 4 : 7);
  if (!handler->immediate) {
    lh_write_cstr(out, "args");
    lh_write_array(out, handler->arg_count);
    lh_buf_append(out, handler->args.data, handler->args.len);
    lh_write_cstr(out, "function");
    lh_write_str(out, handler->function.data, handler->function.len);
  }
  lh_write_cstr(out, "id");
  lh_write_str(out, handler->id.data, handler->id.len);
  lh_write_cstr(out, "immediate");
  lh_write_bool(out, handler->immediate);
  if (!handler->immediate) {
    lh_write_cstr(out, "module");
    lh_write_str(out, handler->module.data, handler->module.len);
  }
  lh_write_cstr(out, "priority");
  lh_write_int(out, handler->priority);
  lh_write_cstr(out, "waiting");
  lh_write_uint(out, handler->waiting_count);
}

void lh_hooks_list(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                   struct lh_buf *out) {
  const struct handlers *handlers = find(node, hub, key);
  const size_t count = handlers != NULL ? handlers->count : 0;
  lh_write_array(out, (uint32_t)count);
  for (size_t i = 0; i < count; i++) write_handler(handlers->items[i], out);
}

void lh_hooks_keys(struct lh_node *node, struct lh_bytes hub, struct lh_buf *out) {
  uint32_t count = 0;
  for (size_t i = 0; i < node->handlers.count; i++)
    count += is_of_hub(&node->handlers.entries[i], hub);
  lh_write_array(out, count);
  for (size_t i = 0; i < node->handlers.count; i++) {
    const struct lh_map_entry *entry = &node->handlers.entries[i];
    if (is_of_hub(entry, hub))
      lh_write_str(out, entry->key + hub.len + 1, entry->key_len - hub.len - 1);
  }
}

// --- events for them ---
void lh_hooks_run(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                  struct lh_bytes data) {
  const struct handlers *handlers = find(node, hub, key);
  if (handlers == NULL || handlers->count == 0) return;
  struct payload *payload = LH_NEW(struct payload);
  payload->users = 1;
  if (data.len > 0)
    lh_buf_append(&payload->bytes, data.data, data.len);
  else
    lh_write_nil(&payload->bytes);
  node->hook_bytes += payload->bytes.len;
  for (size_t i = 0; i < handlers->count; i++) lh_hook_runs_give(node, handlers->items[i], payload);
  lh_payload_drop(node, payload);
}

void lh_hooks_free(struct lh_node *node) {
  for (size_t i = 0; i < node->handlers.count; i++)
    handlers_free(node, node->handlers.entries[i].value, true);
  lh_map_free(&node->handlers);
  lh_hook_runs_free(node);
}
