// entry.c - the memory of one row: one block, written once, freed after the last reader.
#include "registry/internal.h"
#include "base/mem.h"

enum { METADATA_KEYS_MAX = 1024 };

// Walks the metadata, which must be one whole map, and finds its "tag" if that is a string.
static int find_tag(struct lh_bytes metadata, struct lh_bytes *tag) {
  struct lh_reader reader;
  lh_reader_init(&reader, metadata);
  const uint32_t pairs = lh_read_map(&reader, METADATA_KEYS_MAX);
  for (uint32_t i = 0; i < pairs && reader.err == 0; i++) {
    bool is_tag = false;
    if (lh_read_peek(&reader) == LH_WIRE_STR) {
      is_tag = lh_bytes_equal(lh_read_str(&reader, LH_METADATA_MAX), lh_bytes_str("tag"));
    } else {
      (void)lh_read_skip(&reader);
    }
    if (is_tag && lh_read_peek(&reader) == LH_WIRE_STR) {
      *tag = lh_read_str(&reader, LH_METADATA_MAX);
    } else {
      (void)lh_read_skip(&reader);
    }
  }
  return lh_read_end(&reader);
}

int lh_entry_check(const struct lh_row_in *in, struct lh_bytes *tag) {
  *tag = lh_bytes(NULL, 0);
  if (in->id.len > LH_CHILD_ID_MAX || in->spec.len > LH_SPEC_MAX ||
      in->metadata.len > LH_METADATA_MAX || in->generation > LH_GENERATION_MAX ||
      in->born > in->generation) {
    return LH_ELIMIT;
  }
  if (in->id.len == 0 || in->state < LH_ROW_STARTING || in->state > LH_ROW_PARKED ||
      in->pid_local > LH_PID_LOCAL_MASK) {
    return LH_EFORMAT;
  }
  return in->metadata.len > 0 ? find_tag(in->metadata, tag) : 0;
}

static uint8_t *copy(uint8_t *to, struct lh_bytes from) {
  if (from.len > 0) memcpy(to, from.data, from.len);
  return to + from.len;
}

struct lh_entry *lh_entry_new(uint32_t node, uint64_t seq, const struct lh_row_in *in,
                              struct lh_bytes tag) {
  const size_t head = sizeof(struct lh_entry) + (tag.len > 0 ? sizeof(struct lh_tag) : 0);
  struct lh_entry *entry = lh_try_alloc(head + in->id.len + in->metadata.len + in->spec.len);
  if (entry == NULL) return NULL;
  uint8_t *bytes = (uint8_t *)entry + head;
  entry->row = (struct lh_row){
      .generation = in->generation,
      .born = in->born,
      .seq = seq,
      .pid = in->pid_local != 0 ? lh_pid_make(node, in->pid_local) : 0,
      .node = node,
      .hub = (uint16_t)in->hub,
      .state = in->state,
      .restarts = in->restarts,
      .pinned = in->pinned,
      .active = in->active,
      .id_len = (uint8_t)in->id.len,
      .metadata_len = (uint16_t)in->metadata.len,
      .spec_len = (uint32_t)in->spec.len,
      .bytes = bytes,
  };
  uint8_t *metadata = copy(bytes, in->id);
  copy(copy(metadata, in->metadata), in->spec);
  cds_lfht_node_init(&entry->link);
  lh_list_init(&entry->order);
  atomic_init(&entry->refs, 1);
  atomic_init(&entry->hidden, false);
  entry->tagged = tag.len > 0;
  if (entry->tagged) {
    *lh_entry_tag(entry) = (struct lh_tag){.entry = entry,
                                           .len = (uint32_t)tag.len,
                                           .text = metadata + (tag.data - in->metadata.data)};
  }
  return entry;
}

void lh_entry_free(struct lh_entry *entry) { lh_free(entry); }

void lh_row_ref(const struct lh_row *row) {
  atomic_fetch_add_explicit(&lh_entry_of(row)->refs, 1, memory_order_relaxed);
}

void lh_row_unref(const struct lh_row *row) {
  struct lh_entry *entry = lh_entry_of(row);
  if (atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel) == 1) lh_entry_free(entry);
}

static void release(struct rcu_head *tomb) {
  lh_shared_released(tomb);
  lh_row_unref(&LH_ENTRY(tomb, struct lh_entry, tomb)->row);
}

void lh_entry_retire(struct lh_entry *entry) { lh_shared_retire(&entry->tomb, release); }
