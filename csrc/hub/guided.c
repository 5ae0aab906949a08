// guided.c - starts in a hub whose distribution is guided: whoever starts says where.
//
// `child_mapping` gives each id its node, or its nodes in order; a spec may say it itself, in its
// placement. What the mapping says becomes the placement of the stored spec: it goes with the
// child, so that whoever recovers or moves it later knows it, also a node that was not there then.
// Nothing is started while something is wrong with the mapping.
#include "hub/internal.h"

#include <stdio.h>
#include <string.h>

static int refuse(struct lh_error *error, const char *code, const char *text, struct lh_bytes id) {
  const int err = lh_fail(error, LH_EINVAL, "child_mapping: child '%.*s' %s", (int)id.len,
                          (const char *)id.data, text);
  if (error != NULL) (void)snprintf(error->code, sizeof error->code, "%s", code);
  return err;
}

static int refuse_map(struct lh_error *error, const char *code, const char *text) {
  const int err = lh_fail(error, LH_EINVAL, "child_mapping: %s", text);
  if (error != NULL) (void)snprintf(error->code, sizeof error->code, "%s", code);
  return err;
}

static bool is_member(const struct hub *hub, struct lh_bytes name) {
  const struct view *view = &hub->all->view;
  for (size_t i = 0; i < view->count; i++) {
    const struct peer *peer = view->peers[i];
    if (lh_view_runs(peer, hub->index) && lh_bytes_equal(lh_bytes_str(peer->name), name))
      return true;
  }
  return false;
}

static int refuse_stranger(const struct hub *hub, struct lh_bytes id, struct lh_bytes name,
                           struct lh_error *error) {
  char text[256];
  (void)snprintf(text, sizeof text, "is to run on '%.*s', which is no node of hub '%.*s'",
                 name.len < 64 ? (int)name.len : 64, (const char *)name.data,
                 hub->config.id.len < 64 ? (int)hub->config.id.len : 64,
                 (const char *)hub->config.id.data);
  return refuse(error, "unknown_node", text, id);
}

// One name, or a list of them; each is a member's.
static int check_nodes(const struct hub *hub, struct lh_bytes id, struct lh_bytes nodes,
                       struct lh_error *error) {
  static const char expected[] = "needs the name of a node, or a list of names in order";
  struct lh_reader in;
  uint32_t left = 1;
  lh_reader_init_user(&in, nodes);
  const bool list = lh_read_peek(&in) == LH_WIRE_ARRAY;
  if (list) left = lh_read_array(&in, LH_MEMBERS_MAX);
  if (left == 0 || (!list && lh_read_peek(&in) != LH_WIRE_STR))
    return refuse(error, "child_replication_mismatch", expected, id);
  for (; left > 0; left--) {
    if (lh_read_peek(&in) != LH_WIRE_STR)
      return refuse(error, "child_replication_mismatch", expected, id);
    const struct lh_bytes name = lh_read_str(&in, LH_SPEC_MAX);
    if (!is_member(hub, name)) return refuse_stranger(hub, id, name, error);
  }
  return LH_OK;
}

int lh_guided_read(struct guide *guide, const struct hub *hub, struct lh_bytes mapping,
                   struct lh_error *error) {
  struct lh_reader in;
  *guide = (struct guide){hub, mapping, LH_MAP_EMPTY};
  if (hub->config.distribution != LH_DISTRIBUTION_GUIDED || mapping.data == NULL) return LH_OK;
  lh_reader_init_user(&in, mapping);
  if (lh_read_peek(&in) != LH_WIRE_MAP) {
    const bool empty = lh_read_peek(&in) == LH_WIRE_ARRAY && lh_read_array(&in, 1) == 0;
    if (empty && in.err == LH_OK) return LH_OK;
    return refuse_map(error, "invalid_child_mapping", "expected a table { [id] = node }");
  }
  const uint32_t count = lh_read_map(&in, LH_BATCH_MAX);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++) {
    if (lh_read_peek(&in) != LH_WIRE_STR) {
      return refuse_map(error, "invalid_child_mapping",
                        "expected a table { [id] = node }, got a key that is no id");
    }
    const struct lh_bytes id = lh_read_str(&in, LH_SPEC_MAX);
    const struct lh_bytes value = lh_read_skip(&in);
    if (in.err == LH_OK) (void)lh_map_put(&guide->nodes, id.data, id.len, (void *)value.data);
  }
  return in.err == LH_OK ? LH_OK : refuse_map(error, "invalid_child_mapping", "it cannot be read");
}

static struct lh_bytes value_at(const uint8_t *at, struct lh_bytes mapping) {
  struct lh_reader in;
  lh_reader_init_user(&in, lh_bytes(at, (size_t)(mapping.data + mapping.len - at)));
  return lh_read_skip(&in);
}

// What a spec says holds for a long time, and in a FILE for nodes that are still to come: its names
// are not looked up.
static bool has_node(struct lh_bytes placement) {
  struct lh_reader in;
  if (placement.data == NULL) return false;
  lh_reader_init_user(&in, placement);
  const uint32_t count = lh_read_map(&in, 64);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++) {
    const struct lh_bytes key = lh_read_str(&in, 64);
    (void)lh_read_skip(&in);
    if (in.err == LH_OK && lh_bytes_equal(key, lh_bytes_str("node"))) return true;
  }
  return false;
}

void lh_guided_free(struct guide *guide) { lh_map_free(&guide->nodes); }

int lh_guided_place(const struct guide *guide, const struct spec *spec, struct lh_buf *placement,
                    struct lh_error *error) {
  if (guide == NULL || guide->hub->config.distribution != LH_DISTRIBUTION_GUIDED) return LH_OK;
  const struct hub *hub = guide->hub;
  const uint8_t *at = lh_map_get(&guide->nodes, spec->id.data, spec->id.len);
  if (at == NULL) {
    if (has_node(spec->placement)) return LH_OK;
    return guide->mapping.data == NULL
               ? refuse(error, "missing_child_mapping",
                        "has no node: the hub is guided, and the start says none", spec->id)
               : refuse(error, "child_mapping_mismatch", "is not in it", spec->id);
  }
  const struct lh_bytes value = value_at(at, guide->mapping);
  const int err = check_nodes(hub, spec->id, value, error);
  if (err != LH_OK) return err;
  lh_write_map(placement, hub->config.pinned ? 2 : 1);
  lh_write_cstr(placement, "node");
  lh_buf_append(placement, value.data, value.len);
  if (hub->config.pinned) {
    lh_write_cstr(placement, "pinned");
    lh_write_bool(placement, true);
  }
  return LH_OK;
}
