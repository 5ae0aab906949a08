// kept.c - what hubs keep of their agreed member sets (csrc/hub/agreed.c), on disk: one small file
// for all hubs of the node.
//
//   DIR/quorum: "luahub quorum 1\n", 16 bytes of digest of all that follows, then encoded: the
//   node's id, a number that grows with every write, and for each hub its id and what it keeps.
//
// DIR/quorum.old is written before it, the same; of two that are whole the later one holds. What is
// damaged in both, or is another node's, is an error at the start: a node that forgot what it
// promised could help two sides to a quorum. Changes come with new members only, so that writing
// them on the protocol thread, as the epoch, is rare. Owns node->kept: hub id -> struct lh_buf.
#include "node/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 4 * 1024 * 1024, DIGEST = 16 };

static const char MAGIC[] = "luahub quorum 1\n";
enum { MAGIC_LEN = sizeof MAGIC - 1, BODY_AT = MAGIC_LEN + DIGEST };

static void path_of(const struct lh_node *node, const char *file, char *out, size_t room) {
  (void)snprintf(out, room, "%s/%s", node->data_dir, file);
}

static void digest_of(struct lh_bytes body, uint8_t out[DIGEST]) {
  static const uint8_t key[32] = {'q'};  // against damage, not against anybody
  lh_digest(key, body, out);
}

static void put(struct lh_map *states, struct lh_bytes hub, struct lh_bytes state) {
  struct lh_buf *buf = lh_map_get(states, hub.data, hub.len);
  if (buf == NULL) {
    buf = LH_NEW(struct lh_buf);
    (void)lh_map_put(states, hub.data, hub.len, buf);
  }
  lh_buf_clear(buf);
  lh_buf_append(buf, state.data, state.len);
}

static void free_states(struct lh_map *states) {
  for (size_t i = 0; i < states->count; i++) {
    lh_buf_free(states->entries[i].value);
    lh_free(states->entries[i].value);
  }
  lh_map_free(states);
}

void lh_kept_free(struct lh_node *node) { free_states(&node->kept); }

// LH_OK, LH_EFORMAT, or LH_EDENIED: another node's.
static int parse(const struct lh_node *node, struct lh_bytes file, uint64_t *number,
                 struct lh_map *states) {
  struct lh_reader in;
  uint8_t digest[DIGEST];
  if (file.len < BODY_AT || memcmp(file.data, MAGIC, MAGIC_LEN) != 0) return LH_EFORMAT;
  const struct lh_bytes body = lh_bytes(file.data + BODY_AT, file.len - BODY_AT);
  digest_of(body, digest);
  if (memcmp(digest, file.data + MAGIC_LEN, DIGEST) != 0) return LH_EFORMAT;
  lh_reader_init(&in, body);
  const struct lh_bytes id = lh_read_bin(&in, sizeof node->identity.id.bytes);
  *number = lh_read_uint(&in, INT64_MAX);
  const uint32_t count = lh_read_array(&in, 2 * LH_HUBS_MAX) / 2;
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++) {
    const struct lh_bytes hub = lh_read_str(&in, LH_HUB_ID_MAX);
    const struct lh_bytes state = lh_read_bin(&in, FILE_MAX);
    if (in.err == LH_OK) put(states, hub, state);
  }
  if (lh_read_end(&in) != LH_OK) return LH_EFORMAT;
  const struct lh_bytes ours = {node->identity.id.bytes, sizeof node->identity.id.bytes};
  return lh_bytes_equal(id, ours) ? LH_OK : LH_EDENIED;
}

static int read_one(struct lh_node *node, const char *file, uint64_t *number,
                    struct lh_map *states) {
  char path[1024];
  struct lh_buf data = LH_BUF_EMPTY;
  path_of(node, file, path, sizeof path);
  int err = lh_file_read(node->env, path, FILE_MAX, &data, NULL);
  if (err == LH_OK) err = parse(node, lh_bytes_of(&data), number, states);
  lh_buf_free(&data);
  if (err != LH_OK) free_states(states);
  return err;
}

static int refuse(const struct lh_node *node, int err, struct lh_error *error) {
  if (err == LH_EDENIED) {
    return lh_fail(error, LH_EDENIED,
                   "%s/quorum is another node's; give each node a data_dir of its own",
                   node->data_dir);
  }
  return lh_fail(error, LH_EFORMAT,
                 "%s/quorum is damaged and there is no copy; remove the whole data_dir to become a "
                 "new node, and have the others forget this one",
                 node->data_dir);
}

int lh_kept_read(struct lh_node *node, struct lh_error *error) {
  struct lh_map other = {0};
  uint64_t number = 0;
  if (node->data_dir == NULL) return LH_OK;
  const int a = read_one(node, "quorum", &node->kept_number, &node->kept);
  const int b = read_one(node, "quorum.old", &number, &other);
  const bool use_other = b == LH_OK && (a != LH_OK || number > node->kept_number);
  if (use_other) {
    free_states(&node->kept);
    node->kept = other;
    node->kept_number = number;
  } else {
    free_states(&other);
  }
  if (a == LH_EDENIED || b == LH_EDENIED) return refuse(node, LH_EDENIED, error);
  const bool none = a == LH_ENOTFOUND && b == LH_ENOTFOUND;
  return a == LH_OK || b == LH_OK || none ? LH_OK : refuse(node, LH_EFORMAT, error);
}

static void encode(const struct lh_node *node, struct lh_buf *out) {
  struct lh_buf body = LH_BUF_EMPTY;
  uint8_t digest[DIGEST];
  lh_write_bin(&body, node->identity.id.bytes, sizeof node->identity.id.bytes);
  lh_write_uint(&body, node->kept_number);
  lh_write_array(&body, 2 * (uint32_t)node->kept.count);
  for (size_t i = 0; i < node->kept.count; i++) {
    const struct lh_map_entry *entry = &node->kept.entries[i];
    const struct lh_buf *state = entry->value;
    lh_write_str(&body, entry->key, entry->key_len);
    lh_write_bin(&body, state->data, state->len);
  }
  digest_of(lh_bytes_of(&body), digest);
  lh_buf_append(out, MAGIC, MAGIC_LEN);
  lh_buf_append(out, digest, sizeof digest);
  lh_buf_append(out, body.data, body.len);
  lh_buf_free(&body);
}

static int write_one(struct lh_node *node, const char *file, struct lh_bytes data,
                     struct lh_error *error) {
  char path[1024];
  path_of(node, file, path, sizeof path);
  return lh_file_write(node->env, path, data, 0600, error);
}

int lh_kept_write(struct lh_node *node, struct lh_bytes hub, struct lh_bytes state) {
  struct lh_buf out = LH_BUF_EMPTY;
  struct lh_error error;
  if (node->data_dir == NULL) return LH_EDENIED;
  put(&node->kept, hub, state);
  node->kept_number++;
  encode(node, &out);
  int err = write_one(node, "quorum.old", lh_bytes_of(&out), &error);
  if (err == LH_OK) err = write_one(node, "quorum", lh_bytes_of(&out), &error);
  if (err != LH_OK) {
    lh_log(LH_LOG_ERROR, "node", "the member set of hub '%.*s' could not be kept: %s", (int)hub.len,
           (const char *)hub.data, error.text);
  }
  lh_buf_free(&out);
  return err;
}

struct lh_bytes lh_kept_of(const struct lh_node *node, struct lh_bytes hub) {
  const struct lh_buf *state = lh_map_get(&node->kept, hub.data, hub.len);
  return state != NULL ? lh_bytes_of(state) : lh_bytes(NULL, 0);
}
