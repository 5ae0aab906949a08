// identity.c - who this node is: its key and its epoch, from the data directory.
//
// With a directory, DIR/identity holds the private key and DIR/epoch the number of the last start;
// the epoch is raised and synced before the first byte is sent. Without one the key is new at each
// start, so the epoch is 1. DIR/epoch.old is the copy that serves when the first is torn. Runs on
// the main thread before the loop does.
#include "node/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 4096, EPOCH_DIGITS = 20 };

static void path_of(const struct lh_node *node, const char *file, char *out, size_t room) {
  (void)snprintf(out, room, "%s/%s", node->data_dir, file);
}

static int read_key(struct lh_node *node, struct lh_error *error) {
  char path[1024];
  struct lh_buf data = LH_BUF_EMPTY;
  path_of(node, "identity", path, sizeof path);
  int err = lh_file_read(node->env, path, FILE_MAX, &data, error);
  if (err == LH_ENOTFOUND) {
    lh_identity_generate(&node->identity, node->env);
    err = lh_file_write(node->env, path, lh_bytes(node->identity.private_key, 32), 0600, error);
  } else if (err == LH_OK && data.len != 32) {
    err = lh_fail(error, LH_EFORMAT,
                  "%s is damaged: expected 32 bytes, found %zu; remove it to become a new node",
                  path, data.len);
  } else if (err == LH_OK) {
    err = lh_identity_restore(&node->identity, data.data);
  }
  lh_buf_free(&data);
  return err;
}

static int read_epoch(struct lh_node *node, const char *file, uint64_t *epoch) {
  char path[1024];
  char text[EPOCH_DIGITS + 2] = "";
  struct lh_buf data = LH_BUF_EMPTY;
  path_of(node, file, path, sizeof path);
  const int err = lh_file_read(node->env, path, FILE_MAX, &data, NULL);
  const bool fits = err == LH_OK && data.len > 1 && data.len <= EPOCH_DIGITS + 1 &&
                    data.data[data.len - 1] == '\n';
  if (fits) memcpy(text, data.data, data.len);
  lh_buf_free(&data);
  if (err != LH_OK) return err;
  char *end = NULL;
  *epoch = strtoull(text, &end, 10);
  return fits && end == text + strlen(text) - 1 && *epoch > 0 && *epoch < INT64_MAX ? LH_OK
                                                                                    : LH_EFORMAT;
}

static int write_epoch(struct lh_node *node, const char *file, struct lh_error *error) {
  char path[1024];
  char text[EPOCH_DIGITS + 2];
  path_of(node, file, path, sizeof path);
  (void)snprintf(text, sizeof text, "%" PRIu64 "\n", node->epoch);
  return lh_file_write(node->env, path, lh_bytes_str(text), 0600, error);
}

static int next_epoch(struct lh_node *node, struct lh_error *error) {
  uint64_t first = 0;
  uint64_t second = 0;
  const int a = read_epoch(node, "epoch", &first);
  const int b = read_epoch(node, "epoch.old", &second);
  if (a == LH_EFORMAT && b != LH_OK) {
    return lh_fail(
        error, LH_EFORMAT,
        "%s/epoch is damaged and there is no copy; write a number higher than any before to it",
        node->data_dir);
  }
  node->epoch = (first > second ? first : second) + 1;
  const int err = write_epoch(node, "epoch.old", error);
  return err == LH_OK ? write_epoch(node, "epoch", error) : err;
}

int lh_node_identity(struct lh_node *node, struct lh_error *error) {
  node->epoch = 1;
  if (node->data_dir == NULL) {
    lh_identity_generate(&node->identity, node->env);
    return LH_OK;
  }
  const int err = read_key(node, error);
  return err == LH_OK ? next_epoch(node, error) : err;
}

int lh_node_keep_epoch(struct lh_node *node) {
  struct lh_error error;
  if (node->data_dir == NULL) return LH_OK;
  int err = write_epoch(node, "epoch.old", &error);
  if (err == LH_OK) err = write_epoch(node, "epoch", &error);
  if (err != LH_OK) lh_log(LH_LOG_ERROR, "node", "the new epoch could not be kept: %s", error.text);
  return err;
}
