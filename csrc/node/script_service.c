// script_service.c - requests of the services for scripts: hooks, events, storage, synchronization.
//
// Part of service.c, which finds them here by name. None is taken from other nodes.
#include "node/request.h"

// --- hooks and events ---
static void do_hooks_register(struct request *request) {
  struct lh_error error;
  const struct lh_bytes value = request->value;
  const struct lh_bytes hub = text_field(value, "hub");
  // A hub that is about to be opened has its handlers first.
  if (!flag_field(value, "opening", false) && !lh_hubs_state(request->node->hubs, hub).alive) {
    fail(request, "not_alive", "no such hub runs on this node");
    return;
  }
  const int err = lh_hooks_register(request->node, hub, text_field(value, "key"),
                                    field(value, "handlers"), &error);
  if (err == LH_OK)
    answer_true(request);
  else
    fail(request, error.code, error.text);
}

static void do_hooks_cancel(struct request *request) {
  const struct lh_bytes value = request->value;
  lh_hooks_cancel(request->node, text_field(value, "hub"), text_field(value, "key"),
                  field(value, "ids"));
  answer_true(request);
}

static void do_hooks_list(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  const struct lh_bytes hub = text_field(request->value, "hub");
  const struct lh_bytes key = text_field(request->value, "key");
  if (key.data != NULL)
    lh_hooks_list(request->node, hub, key, &out);
  else
    lh_hooks_keys(request->node, hub, &out);
  answer_buf(request, &out);
}

static void do_alter(struct request *request) {
  const struct lh_bytes value = request->value;
  const uint64_t caller = remember(request);
  if (caller == 0)
    fail(request, "limit", "too many requests wait for an answer on this node");
  else
    lh_alter_value(request->node, caller, text_field(value, "hub"), text_field(value, "key"),
                   field(value, "data"));
}

static void do_hook(struct request *request) {
  const struct lh_bytes value = request->value;
  lh_hooks_run(request->node, text_field(value, "hub"), text_field(value, "key"),
               field(value, "data"));
  answer_true(request);
}

static void do_event(struct request *request) {
  const struct lh_bytes value = request->value;
  const char *word = lh_events_dispatch(
      request->node, text_field(value, "hub"), text_field(value, "id"), field(value, "data"),
      field(value, "members"), flag_field(value, "discard", false));
  if (word == NULL)
    fail(request, "limit", "too many events wait for this hub");
  else
    answer_word(request, word);
}

static void do_propagate(struct request *request) {
  const struct lh_bytes value = request->value;
  lh_events_propagate(request->node, text_field(value, "hub"), text_field(value, "name"),
                      field(value, "data"), field(value, "members"));
  answer_true(request);
}

// --- storage ---
static bool read_key(struct request *request, struct lh_storage_put *put) {
  const struct lh_bytes version = field(request->value, "version");
  struct lh_reader in;
  *put = (struct lh_storage_put){.hub = text_field(request->value, "hub"),
                                 .key = text_field(request->value, "key"),
                                 .value = field(request->value, "value"),
                                 .compare = version.data != NULL,
                                 .ttl = -1,
                                 .keep_end = flag_field(request->value, "keep_ttl", false)};
  if (version.data != NULL) {
    lh_reader_init_user(&in, version);
    put->version = lh_read_uint(&in, UINT64_MAX);
  }
  if (put->key.len > 0 && put->key.len <= LH_STORAGE_KEY_MAX) return true;
  fail(request, "invalid", "a key of storage is a string of 1 to 255 bytes");
  return false;
}

static void read_ttl(const struct request *request, struct lh_storage_put *put) {
  struct lh_reader in;
  const struct lh_bytes ttl = field(request->value, "ttl");
  if (ttl.data == NULL) return;
  lh_reader_init_user(&in, ttl);
  put->ttl = (lh_ms)lh_read_uint(&in, LH_STORAGE_TTL_MAX);
  if (in.err != LH_OK) put->ttl = LH_STORAGE_TTL_MAX;
}

static void answer_stored(struct request *request, int err) {
  if (err == LH_OK)
    answer_true(request);
  else if (err == LH_EAGAIN)
    answer_word(request, "changed");
  else if (err == LH_ENOTFOUND)
    answer_word(request, "not_found");
  else
    fail(request, "limit", "this node keeps no more values for scripts");
}

static void do_storage_put(struct request *request) {
  struct lh_storage_put put;
  if (!read_key(request, &put)) return;
  read_ttl(request, &put);
  if (!lh_hubs_state(request->node->hubs, put.hub).alive)
    fail(request, "not_alive", "no such hub runs on this node");
  else
    answer_stored(request, lh_storage_put(request->node, request->now, &put));
  lh_node_touch(request->node);
}

static void do_storage_remove(struct request *request) {
  struct lh_storage_put put;
  if (!read_key(request, &put)) return;
  answer_stored(request, lh_storage_remove(request->node, request->now, &put));
}

static void do_storage_get(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  struct lh_storage_put put;
  if (!read_key(request, &put)) return;
  lh_storage_get(request->node, request->now, put.hub, put.key, &out);
  answer_buf(request, &out);
}

static void do_storage_list(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  lh_storage_list(request->node, request->now, text_field(request->value, "hub"), &out);
  answer_buf(request, &out);
}

static void do_storage_clear(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  const struct lh_bytes hub = text_field(request->value, "hub");
  lh_write_uint(&out, lh_storage_clear(request->node, request->now, hub));
  answer_buf(request, &out);
}

// --- synchronization ---
// Compares ledgers with every other member of the hub now; what somebody misses is fetched.
static void do_sync(struct request *request) {
  static const uint8_t unlike_any[16];
  struct lh_node *node = request->node;
  struct lh_buf names = LH_BUF_EMPTY;
  struct lh_buf out = LH_BUF_EMPTY;
  struct lh_reader in;
  uint32_t asked = 0;
  lh_hubs_nodes(node->hubs, text_field(request->value, "hub"), false, &names);
  lh_reader_init_user(&in, lh_bytes_of(&names));
  const uint32_t count = lh_read_array(&in, LH_MEMBERS_MAX);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++) {
    const uint32_t peer = lh_peers_by_name(node, lh_read_str(&in, LH_NAME_MAX));
    if (peer == 0) continue;
    lh_registry_compare(node->registry, peer, unlike_any);
    asked++;
  }
  lh_write_uint(&out, asked);
  answer_buf(request, &out);
  lh_buf_free(&names);
}

const struct request_kind lh_script_kinds[] = {
    {"alter", do_alter, false},
    {"event", do_event, false},
    {"hook", do_hook, false},
    {"hooks_cancel", do_hooks_cancel, false},
    {"hooks_list", do_hooks_list, false},
    {"hooks_register", do_hooks_register, false},
    {"propagate", do_propagate, false},
    {"storage_clear", do_storage_clear, false},
    {"storage_get", do_storage_get, false},
    {"storage_list", do_storage_list, false},
    {"storage_put", do_storage_put, false},
    {"storage_remove", do_storage_remove, false},
    {"sync", do_sync, false},
    {"unwatch", lh_watcher_cancel, false},
    {"watch", lh_watcher_ask, false},
    {NULL, NULL, false},
};
