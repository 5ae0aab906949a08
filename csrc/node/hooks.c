// hooks.c - hook handlers and events: who is told what happened in a hub.
//
// A handler is a module's function, run as a process of its own with the payload as last argument,
// or (immediate) a Lua function of the main program, asked like a policy question. Handlers of a
// key run in order of priority, then of registration. An event travels to other members in an EVENT
// frame: [hub, name, payload]. While a hub is busy recovering or moving children, events dispatched
// here wait (bounded) or are discarded, as their sender said.
#include "node/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct handler {
  struct lh_buf id, module, function, args;
  uint32_t arg_count;
  int64_t priority;
  uint64_t order;
  bool immediate;
};

struct handlers {  // of one hub and key, best first
  struct handler *items;
  size_t count;
  uint64_t next_order;
};

struct queued {
  struct lh_list link;
  struct lh_buf hub, id, data, members;
};

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

size_t lh_hooks_count(struct lh_node *node, struct lh_bytes hub, const char *key) {
  const struct handlers *found = find(node, hub, lh_bytes_str(key));
  return found != NULL ? found->count : 0;
}

struct lh_hook lh_hooks_at(struct lh_node *node, struct lh_bytes hub, const char *key,
                           size_t index) {
  const struct handler *handler = &find(node, hub, lh_bytes_str(key))->items[index];
  return (struct lh_hook){lh_bytes_of(&handler->id),
                          lh_bytes_of(&handler->module),
                          lh_bytes_of(&handler->function),
                          lh_bytes_of(&handler->args),
                          handler->arg_count,
                          handler->immediate};
}

// --- registering ---
static void handler_free(struct handler *handler) {
  lh_buf_free(&handler->id);
  lh_buf_free(&handler->module);
  lh_buf_free(&handler->function);
  lh_buf_free(&handler->args);
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
  *handler = (struct handler){0};
  for (uint32_t i = 0; i < count && in->err == LH_OK; i++)
    read_field(in, lh_read_str(in, 64), handler);
  return in->err == LH_OK && handler->id.len > 0 &&
         (handler->immediate || (handler->module.len > 0 && handler->function.len > 0));
}

static bool has_id(const struct handlers *handlers, const struct handler *candidate) {
  for (size_t i = 0; handlers != NULL && i < handlers->count; i++) {
    if (lh_bytes_equal(lh_bytes_of(&handlers->items[i].id), lh_bytes_of(&candidate->id)))
      return true;
  }
  return false;
}

static int by_priority(const void *a, const void *b) {
  const struct handler *x = a;
  const struct handler *y = b;
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

// All or nothing: one id that is there already refuses the whole list.
static int check_list(const struct handlers *there, const struct handlers *fresh,
                      struct lh_error *error) {
  for (size_t i = 0; i < fresh->count; i++) {
    const struct handlers before = {fresh->items, i, 0};
    if (!has_id(there, &fresh->items[i]) && !has_id(&before, &fresh->items[i])) continue;
    (void)lh_fail(error, LH_EEXISTS, "a handler with the id '%.*s' is registered for this key",
                  (int)fresh->items[i].id.len, (const char *)fresh->items[i].id.data);
    (void)snprintf(error->code, sizeof error->code, "handler_id_not_unique");
    return LH_EEXISTS;
  }
  return LH_OK;
}

static int read_list(struct handlers *fresh, struct lh_bytes list, struct lh_error *error) {
  struct lh_reader in;
  lh_reader_init_user(&in, list);
  const uint32_t count = lh_read_array(&in, LH_HANDLERS_MAX);
  fresh->items = lh_zalloc((count + 1) * sizeof(struct handler));
  while (fresh->count < count) {
    if (!read_handler(&in, &fresh->items[fresh->count++])) {
      return lh_fail(
          error, LH_EINVAL,
          "a hook handler must be { id, module, function, args } or { id, immediate = true }");
    }
  }
  return in.err == LH_OK ? LH_OK
                         : lh_fail(error, LH_EINVAL, "hook handlers must be a list of at most %d",
                                   LH_HANDLERS_MAX);
}

int lh_hooks_register(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                      struct lh_bytes list, struct lh_error *error) {
  struct handlers fresh = {0};
  int err = read_list(&fresh, list, error);
  if (err == LH_OK) err = check_list(find(node, hub, key), &fresh, error);
  if (err != LH_OK) {
    for (size_t i = 0; i < fresh.count; i++) handler_free(&fresh.items[i]);
  } else {
    struct handlers *handlers = find_or_make(node, hub, key);
    handlers->items =
        lh_realloc(handlers->items, (handlers->count + fresh.count) * sizeof(struct handler));
    for (size_t i = 0; i < fresh.count; i++) {
      fresh.items[i].order = handlers->next_order++;
      handlers->items[handlers->count++] = fresh.items[i];
    }
    qsort(handlers->items, handlers->count, sizeof(struct handler), by_priority);
  }
  lh_free(fresh.items);
  return err;
}

static void cancel_one(struct handlers *handlers, struct lh_bytes id) {
  for (size_t i = 0; i < handlers->count; i++) {
    if (!lh_bytes_equal(lh_bytes_of(&handlers->items[i].id), id)) continue;
    handler_free(&handlers->items[i]);
    memmove(&handlers->items[i], &handlers->items[i + 1],
            (handlers->count - i - 1) * sizeof(struct handler));
    handlers->count--;
    return;
  }
}

void lh_hooks_cancel(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                     struct lh_bytes ids) {
  struct handlers *handlers = find(node, hub, key);
  struct lh_reader in;
  lh_reader_init_user(&in, ids);
  const uint32_t count = handlers != NULL ? lh_read_array(&in, LH_HANDLERS_MAX) : 0;
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++)
    cancel_one(handlers, lh_read_str(&in, 255));
}

static void handlers_free(struct handlers *handlers) {
  for (size_t i = 0; i < handlers->count; i++) handler_free(&handlers->items[i]);
  lh_free(handlers->items);
  lh_free(handlers);
}

// --- running ---
// How the log names a handler that fails.
static char *label_of(const struct handler *handler, struct lh_bytes hub, struct lh_bytes key) {
  char text[LH_HUB_ID_MAX + 2 * 255 + 32];
  (void)snprintf(text, sizeof text, "hub %.*s: handler '%.*s' of %.*s", (int)hub.len,
                 (const char *)hub.data, (int)handler->id.len, (const char *)handler->id.data,
                 (int)key.len, (const char *)key.data);
  return lh_strdup(text);
}

static void run_ended(struct lh_node *node, int status, const char *error, char *label) {
  if (status != LH_OK && status != LH_ECLOSED) {
    node->counters.hooks_failed++;
    lh_log(LH_LOG_WARN, "hook", "%s failed: %s", label, error != NULL ? error : "");
  }
  lh_free(label);
}

static void hook_ended(struct lh_node *node, int status, struct lh_bytes result, const char *error,
                       void *data) {
  (void)result;
  run_ended(node, status, error, data);
}

void lh_hooks_ran(struct lh_node *node, uint64_t token, int status, const char *error) {
  char *label = lh_map_remove(&node->hook_runs, &token, sizeof token);
  if (label != NULL) run_ended(node, status, error, label);
}

static void ask_main(struct lh_node *node, const struct handler *handler, struct lh_bytes hub,
                     struct lh_bytes key, struct lh_bytes payload) {
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_str(&args, hub.data, hub.len);
  lh_write_str(&args, key.data, key.len);
  lh_write_str(&args, handler->id.data, handler->id.len);
  lh_buf_append(&args, payload.data, payload.len);
  lh_ask_main(node, "hook", &args, 4, hook_ended, label_of(handler, hub, key));
  lh_buf_free(&args);
}

static void run_process(struct lh_node *node, const struct handler *handler, struct lh_bytes hub,
                        struct lh_bytes key, struct lh_bytes payload) {
  struct lh_buf args = LH_BUF_EMPTY;
  const uint64_t token = ++node->next_hook_run;
  (void)lh_map_put(&node->hook_runs, &token, sizeof token, label_of(handler, hub, key));
  lh_buf_append(&args, handler->args.data, handler->args.len);
  lh_buf_append(&args, payload.data, payload.len);
  lh_actors_run(node->actors, token, lh_bytes_of(&handler->module), lh_bytes_of(&handler->function),
                lh_bytes_of(&args), handler->arg_count + 1, LH_HOOK_MS);
  lh_buf_free(&args);
}

void lh_hooks_run(struct lh_node *node, struct lh_bytes hub, struct lh_bytes key,
                  struct lh_bytes payload) {
  static const uint8_t nil = 0xc0;
  const struct handlers *handlers = find(node, hub, key);
  if (payload.len == 0) payload = lh_bytes(&nil, 1);
  for (size_t i = 0; handlers != NULL && i < handlers->count; i++) {
    if (handlers->items[i].immediate)
      ask_main(node, &handlers->items[i], hub, key, payload);
    else
      run_process(node, &handlers->items[i], hub, key, payload);
  }
}

// --- events between members ---
static void send_event(struct lh_node *node, uint32_t to, struct lh_bytes hub, struct lh_bytes name,
                       struct lh_bytes data) {
  struct lh_buf body = LH_BUF_EMPTY;
  if (node->links == NULL) return;
  lh_write_str(&body, hub.data, hub.len);
  lh_write_str(&body, name.data, name.len);
  if (data.len > 0)
    lh_buf_append(&body, data.data, data.len);
  else
    lh_write_nil(&body);
  (void)lh_links_send(node->links, to, LH_CLASS_STATE, FRAME_EVENT, lh_bytes_of(&body));
  lh_buf_free(&body);
}

static bool is_word(struct lh_bytes members, const char *word) {
  struct lh_reader in;
  if (members.data == NULL) return false;
  lh_reader_init_user(&in, members);
  return lh_read_peek(&in) == LH_WIRE_STR &&
         lh_bytes_equal(lh_read_str(&in, 64), lh_bytes_str(word));
}

static void deliver(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                    struct lh_bytes data, struct lh_bytes member) {
  const uint32_t to = lh_peers_by_name(node, member);
  if (to == node->self)
    lh_hooks_run(node, hub, name, data);
  else if (to != 0)
    send_event(node, to, hub, name, data);
}

static void deliver_list(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                         struct lh_bytes data, struct lh_bytes list) {
  struct lh_reader in;
  lh_reader_init_user(&in, list);
  const uint32_t count = lh_read_array(&in, LH_MEMBERS_MAX);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++)
    deliver(node, hub, name, data, lh_read_str(&in, LH_NAME_MAX));
}

static void deliver_members(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                            struct lh_bytes data, struct lh_bytes members) {
  struct lh_reader in;
  if (is_word(members, "local")) {
    lh_hooks_run(node, hub, name, data);
    return;
  }
  lh_reader_init_user(&in, members);
  if (members.data != NULL && lh_read_peek(&in) == LH_WIRE_ARRAY) {
    deliver_list(node, hub, name, data, members);
    return;
  }
  struct lh_buf names = LH_BUF_EMPTY;
  lh_hubs_nodes(node->hubs, hub, !is_word(members, "external"), &names);
  deliver_list(node, hub, name, data, lh_bytes_of(&names));
  lh_buf_free(&names);
}

const char *lh_hooks_dispatch(struct lh_node *node, struct lh_bytes hub, struct lh_bytes id,
                              struct lh_bytes data, struct lh_bytes members, bool discard) {
  if (!lh_hubs_state(node->hubs, hub).locked) {
    deliver_members(node, hub, id, data, members);
    return "event_dispatched";
  }
  if (discard) return "event_discarded";
  if (node->queued_event_count >= LH_EVENTS_QUEUED_MAX) {
    node->counters.events_dropped++;
    return NULL;
  }
  struct queued *queued = LH_NEW(struct queued);
  queued->hub = copy(hub);
  queued->id = copy(id);
  queued->data = copy(data);
  queued->members = copy(members);
  lh_list_push(&node->queued_events, &queued->link);
  node->queued_event_count++;
  return "event_queued";
}

static void queued_free(struct lh_node *node, struct queued *queued) {
  node->queued_event_count--;
  lh_list_remove(&queued->link);
  lh_buf_free(&queued->hub);
  lh_buf_free(&queued->id);
  lh_buf_free(&queued->data);
  lh_buf_free(&queued->members);
  lh_free(queued);
}

void lh_hooks_unlock(struct lh_node *node) {
  struct lh_list *at = node->queued_events.next;
  while (at != &node->queued_events) {
    struct queued *queued = LH_ENTRY(at, struct queued, link);
    at = at->next;
    const struct lh_bytes hub = lh_bytes_of(&queued->hub);
    if (lh_hubs_state(node->hubs, hub).locked) continue;
    deliver_members(node, hub, lh_bytes_of(&queued->id), lh_bytes_of(&queued->data),
                    lh_bytes_of(&queued->members));
    queued_free(node, queued);
  }
}

// --- through the hub's synchronization strategy ---
struct propagation {
  struct lh_buf hub, name, data;
};

static void targets_chosen(struct lh_node *node, int status, struct lh_bytes result,
                           const char *error, void *data) {
  struct propagation *propagation = data;
  if (status == LH_OK) {
    deliver_list(node, lh_bytes_of(&propagation->hub), lh_bytes_of(&propagation->name),
                 lh_bytes_of(&propagation->data), result);
  } else {
    node->counters.events_dropped++;
    lh_log(LH_LOG_WARN, "hub",
           "an event was not propagated, the synchronization strategy failed: %s",
           error != NULL ? error : "");
  }
  lh_buf_free(&propagation->hub);
  lh_buf_free(&propagation->name);
  lh_buf_free(&propagation->data);
  lh_free(propagation);
}

static void write_members(struct lh_node *node, struct lh_bytes hub, struct lh_bytes members,
                          struct lh_buf *out) {
  struct lh_reader in;
  lh_reader_init_user(&in, members);
  if (is_word(members, "local")) {
    lh_write_array(out, 1);
    lh_write_cstr(out, node->name);
  } else if (members.data != NULL && lh_read_peek(&in) == LH_WIRE_ARRAY) {
    lh_buf_append(out, members.data, members.len);
  } else {
    lh_hubs_nodes(node->hubs, hub, !is_word(members, "external"), out);
  }
}

void lh_hooks_propagate(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                        struct lh_bytes data, struct lh_bytes members) {
  if (!lh_hubs_asks_synchronization(node->hubs, hub)) {
    deliver_members(node, hub, name, data, members);
    return;
  }
  struct propagation *propagation = LH_NEW(struct propagation);
  struct lh_buf args = LH_BUF_EMPTY;
  propagation->hub = copy(hub);
  propagation->name = copy(name);
  propagation->data = copy(data);
  lh_write_str(&args, hub.data, hub.len);
  lh_write_str(&args, name.data, name.len);
  write_members(node, hub, members, &args);
  lh_write_cstr(&args, node->name);
  lh_ask_main(node, "propagate", &args, 4, targets_chosen, propagation);
  lh_buf_free(&args);
}

// Names that speak of rows. A peer may speak so of its own rows only.
static bool speaks_of_rows(struct lh_bytes name) {
  static const char *const names[] = {"child_registered",        "child_unregistered",
                                      "child_pid_updated",       "children_registration",
                                      "children_unregistration", "child_process_pid_update"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (lh_bytes_equal(name, lh_bytes_str(names[i]))) return true;
  }
  return false;
}

// Walks the whole payload: every value of a key "node" must be the sender's name, every pid one of
// the sender's.
static bool is_own_words(struct lh_node *node, uint32_t from, struct lh_bytes data) {
  struct lh_reader in;
  const struct lh_bytes sender = lh_bytes_str(lh_runs_name(node->runs, from));
  bool after_node = false;
  lh_reader_init_user(&in, data);
  while (in.at < in.end && in.err == LH_OK) {
    const struct lh_wire_value value = lh_read_value(&in);
    if (after_node && value.type == LH_WIRE_STR && !lh_bytes_equal(value.as.bytes, sender))
      return false;
    if (value.type == LH_WIRE_PID && !lh_run_equal(&value.as.pid.run, lh_runs_at(node->runs, from)))
      return false;
    after_node = value.type == LH_WIRE_STR && lh_bytes_equal(value.as.bytes, lh_bytes_str("node"));
  }
  return in.err == LH_OK;
}

int lh_hooks_frame(struct lh_node *node, uint32_t from, struct lh_bytes body) {
  struct lh_reader in;
  lh_reader_init_user(&in, body);
  const struct lh_bytes hub = lh_read_str(&in, LH_HUB_ID_MAX);
  const struct lh_bytes name = lh_read_str(&in, 255);
  const struct lh_bytes data = lh_read_skip(&in);
  const int err = lh_read_end(&in);
  if (err != LH_OK) return err;
  if (speaks_of_rows(name) && !is_own_words(node, from, data)) {
    node->counters.events_refused++;
    lh_log(LH_LOG_WARN, "hub", "%s spoke of rows that are not its own; its word was refused",
           lh_runs_name(node->runs, from));
    return LH_OK;
  }
  lh_hooks_run(node, hub, name, data);
  return LH_OK;
}

void lh_hooks_free(struct lh_node *node) {
  for (size_t i = 0; i < node->handlers.count; i++) handlers_free(node->handlers.entries[i].value);
  lh_map_free(&node->handlers);
  for (size_t i = 0; i < node->hook_runs.count; i++) lh_free(node->hook_runs.entries[i].value);
  lh_map_free(&node->hook_runs);
  while (!lh_list_empty(&node->queued_events))
    queued_free(node, LH_ENTRY(node->queued_events.next, struct queued, link));
}
