// allow.c - which nodes this one links with, where a list of ids is kept (`allow_file`): one that
// is not on it is refused although it holds the secret, and one that is taken off loses its link at
// once.
//
// Not here: the file. Lua reads it, when the node starts and whenever it is told to
// (luahub.reload). The list is the node's; protocol thread.
#include "node/internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { ID_BYTES = 16, ID_DIGITS = 2 * ID_BYTES };

static int compare(const void *a, const void *b) { return memcmp(a, b, ID_BYTES); }

static int digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_id(const uint8_t *text, uint8_t out[ID_BYTES]) {
  for (size_t i = 0; i < ID_BYTES; i++) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

bool lh_allow_holds(const struct lh_node *node, const struct lh_node_id *id) {
  if (node->allow_file == NULL || lh_node_id_equal(id, &node->identity.id)) return true;
  const size_t count = node->allowed.len / ID_BYTES;
  return count > 0 && bsearch(id->bytes, node->allowed.data, count, ID_BYTES, compare) != NULL;
}

int lh_allow_set(struct lh_node *node, struct lh_bytes ids, struct lh_error *error) {
  struct lh_buf list = LH_BUF_EMPTY;
  if (ids.len % ID_DIGITS != 0 || ids.len / ID_DIGITS > LH_ALLOWED_MAX)
    return lh_fail(error, LH_EINVAL, "expected at most %d ids of %d hex digits", LH_ALLOWED_MAX,
                   ID_DIGITS);
  for (size_t at = 0; at < ids.len; at += ID_DIGITS) {
    uint8_t id[ID_BYTES];
    if (!read_id(ids.data + at, id)) {
      lh_buf_free(&list);
      return lh_fail(error, LH_EINVAL, "expected the id of a node, %d hex digits, got \"%.*s\"",
                     ID_DIGITS, ID_DIGITS, (const char *)ids.data + at);
    }
    lh_buf_append(&list, id, sizeof id);
  }
  if (list.len > 0) qsort(list.data, list.len / ID_BYTES, ID_BYTES, compare);
  lh_buf_free(&node->allowed);
  node->allowed = list;
  return LH_OK;
}

void lh_allow_enforce(struct lh_node *node) {
  if (node->links == NULL) return;
  const size_t count = lh_members_count(node->members);
  uint32_t *gone = lh_alloc((count + 1) * sizeof *gone);
  size_t gone_count = 0;
  for (size_t i = 0; i < count; i++) {
    enum lh_member_state state;
    const struct lh_member_record *record = lh_members_at(node->members, i, &state);
    if (!lh_allow_holds(node, &record->run.id))
      gone[gone_count++] = lh_runs_index(node->runs, &record->run);
  }
  for (size_t i = 0; i < gone_count; i++)
    lh_links_close(node->links, gone[i], "it is not on this node's list any more");
  lh_free(gone);
}
