// storage.c - what scripts keep on this node: values under keys, by hub, each with an end if it was
// given one.
//
// Nothing of it travels, and it goes with its hub. Every change has a new version; a change may ask
// for the version that it was made from, so that reading, computing and writing back loses nobody's
// change. What is over is never shown; it is let go by the turn, the earliest end first. Owns the
// entries. Protocol thread.
#include "node/internal.h"

#include "base/mem.h"

#include <string.h>

struct entry {
  struct lh_due due;
  struct lh_buf name;  // hub, 0, key
  size_t hub_len;
  struct lh_buf value;
  uint64_t version;
};

static struct lh_buf name_of(struct lh_bytes hub, struct lh_bytes key) {
  struct lh_buf out = LH_BUF_EMPTY;
  lh_buf_append(&out, hub.data, hub.len);
  lh_buf_byte(&out, 0);
  lh_buf_append(&out, key.data, key.len);
  return out;
}

static void drop(struct lh_node *node, struct entry *entry) {
  (void)lh_map_remove(&node->storage, entry->name.data, entry->name.len);
  lh_heap_cancel(&node->storage_ends, &entry->due);
  node->storage_bytes -= entry->name.len + entry->value.len;
  lh_buf_free(&entry->name);
  lh_buf_free(&entry->value);
  lh_free(entry);
}

static bool is_over(const struct entry *entry, lh_ms now) {
  return lh_due_is_set(&entry->due) && entry->due.at <= now;
}

static struct entry *find(struct lh_node *node, const struct lh_buf *name, lh_ms now) {
  struct entry *entry = lh_map_get(&node->storage, name->data, name->len);
  return entry != NULL && !is_over(entry, now) ? entry : NULL;
}

static void write_end(const struct entry *entry, lh_ms now, struct lh_buf *out) {
  if (!lh_due_is_set(&entry->due)) return;
  lh_write_cstr(out, "ttl");
  lh_write_int(out, entry->due.at - now);
}

void lh_storage_get(struct lh_node *node, lh_ms now, struct lh_bytes hub, struct lh_bytes key,
                    struct lh_buf *out) {
  struct lh_buf name = name_of(hub, key);
  const struct entry *entry = find(node, &name, now);
  lh_buf_free(&name);
  if (entry == NULL) {
    lh_write_map(out, 0);
    return;
  }
  lh_write_map(out, 2U + lh_due_is_set(&entry->due));
  write_end(entry, now, out);
  lh_write_cstr(out, "value");
  lh_buf_append(out, entry->value.data, entry->value.len);
  lh_write_cstr(out, "version");
  lh_write_uint(out, entry->version);
}

// --- writing ---
static bool has_room(const struct lh_node *node, const struct entry *there, size_t name,
                     size_t value) {
  const size_t count = node->storage.count + (there == NULL);
  const size_t before = there != NULL ? name + there->value.len : 0;
  return count <= LH_STORAGE_ENTRIES_MAX &&
         node->storage_bytes - before + name + value <= LH_STORAGE_BYTES_MAX;
}

static struct entry *make(struct lh_node *node, const struct lh_buf *name, size_t hub_len) {
  struct entry *entry = LH_NEW(struct entry);
  lh_buf_append(&entry->name, name->data, name->len);
  entry->hub_len = hub_len;
  node->storage_bytes += name->len;
  (void)lh_map_put(&node->storage, name->data, name->len, entry);
  return entry;
}

static void set(struct lh_node *node, struct entry *entry, const struct lh_storage_put *put,
                lh_ms now) {
  node->storage_bytes -= entry->value.len;
  lh_buf_clear(&entry->value);
  lh_buf_append(&entry->value, put->value.data, put->value.len);
  node->storage_bytes += entry->value.len;
  entry->version = ++node->storage_version;
  if (put->ttl >= 0)
    lh_heap_set(&node->storage_ends, &entry->due, now + put->ttl);
  else if (!put->keep_end)
    lh_heap_cancel(&node->storage_ends, &entry->due);
}

static uint64_t version_of(const struct entry *entry) { return entry != NULL ? entry->version : 0; }

int lh_storage_put(struct lh_node *node, lh_ms now, const struct lh_storage_put *put) {
  struct lh_buf name = name_of(put->hub, put->key);
  lh_storage_tick(node, now);
  struct entry *entry = find(node, &name, now);
  int err = LH_OK;
  if (put->compare && version_of(entry) != put->version)
    err = LH_EAGAIN;
  else if (!has_room(node, entry, name.len, put->value.len))
    err = LH_ELIMIT;
  else
    set(node, entry != NULL ? entry : make(node, &name, put->hub.len), put, now);
  if (err == LH_ELIMIT) node->counters.storage_refused++;
  lh_buf_free(&name);
  return err;
}

int lh_storage_remove(struct lh_node *node, lh_ms now, const struct lh_storage_put *put) {
  struct lh_buf name = name_of(put->hub, put->key);
  struct entry *entry = find(node, &name, now);
  lh_buf_free(&name);
  if (put->compare && version_of(entry) != put->version) return LH_EAGAIN;
  if (entry == NULL) return LH_ENOTFOUND;
  drop(node, entry);
  return LH_OK;
}

// --- all of a hub ---
static bool is_of(const struct entry *entry, struct lh_bytes hub) {
  return lh_bytes_equal(lh_bytes(entry->name.data, entry->hub_len), hub);
}

size_t lh_storage_clear(struct lh_node *node, lh_ms now, struct lh_bytes hub) {
  size_t count = 0;
  lh_storage_tick(node, now);
  for (size_t i = node->storage.count; i-- > 0;) {
    struct entry *entry = node->storage.entries[i].value;
    if (!is_of(entry, hub)) continue;
    drop(node, entry);
    count++;
  }
  return count;
}

static void write_entry(const struct entry *entry, lh_ms now, struct lh_buf *out) {
  const size_t key = entry->hub_len + 1;
  lh_write_map(out, 2U + lh_due_is_set(&entry->due));
  lh_write_cstr(out, "key");
  lh_write_str(out, entry->name.data + key, entry->name.len - key);
  write_end(entry, now, out);
  lh_write_cstr(out, "value");
  lh_buf_append(out, entry->value.data, entry->value.len);
}

void lh_storage_list(struct lh_node *node, lh_ms now, struct lh_bytes hub, struct lh_buf *out) {
  uint32_t count = 0;
  lh_storage_tick(node, now);
  for (size_t i = 0; i < node->storage.count; i++)
    count += is_of(node->storage.entries[i].value, hub);
  lh_write_array(out, count);
  for (size_t i = 0; i < node->storage.count; i++) {
    const struct entry *entry = node->storage.entries[i].value;
    if (is_of(entry, hub)) write_entry(entry, now, out);
  }
}

// --- ends ---
lh_ms lh_storage_due(const struct lh_node *node) { return lh_heap_next(&node->storage_ends); }

void lh_storage_tick(struct lh_node *node, lh_ms now) {
  struct lh_due *due;
  while ((due = lh_heap_pop(&node->storage_ends, now)) != NULL) {
    drop(node, LH_ENTRY(due, struct entry, due));
    node->counters.storage_expired++;
  }
}

void lh_storage_free(struct lh_node *node) {
  while (node->storage.count > 0) drop(node, node->storage.entries[0].value);
  lh_map_free(&node->storage);
  lh_heap_free(&node->storage_ends);
}
