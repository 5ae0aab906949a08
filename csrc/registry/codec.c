// codec.c - rows and operations as bytes, and the table of hub ids that a frame carries once.
#include "registry/internal.h"

enum { ROW_FIELDS = 11, REMOVAL_FIELDS = 2, ORDER_FIELDS = 3 };

void lh_hub_table_clear(struct lh_hub_table *table) { memset(table, 0, sizeof *table); }

uint32_t lh_hub_table_add(struct lh_hub_table *table, const struct lh_registry *registry,
                          uint32_t hub) {
  if (table->local[hub] == 0) {
    table->used[table->count++] = (uint16_t)hub;
    table->local[hub] = (uint16_t)table->count;
    table->bytes += lh_registry_hub_id(registry, hub).len + 2;
  }
  return table->local[hub] - 1U;
}

void lh_hub_table_write(struct lh_buf *out, const struct lh_hub_table *table,
                        const struct lh_registry *registry) {
  lh_write_array(out, table->count);
  for (uint32_t i = 0; i < table->count; i++) {
    const struct lh_bytes id = lh_registry_hub_id(registry, table->used[i]);
    lh_write_bin(out, id.data, id.len);
  }
}

uint32_t lh_hub_table_read(struct lh_reader *reader, struct lh_bytes *hubs) {
  const uint32_t count = lh_read_array(reader, LH_HUBS_MAX);
  for (uint32_t i = 0; i < count && reader->err == 0; i++) {
    hubs[i] = lh_read_bin(reader, LH_HUB_ID_MAX);
    if (hubs[i].len == 0) lh_read_fail(reader, LH_EFORMAT);
  }
  return count;
}

int lh_hub_table_resolve(struct lh_registry *registry, const struct lh_bytes *hubs, uint32_t count,
                         uint32_t *indexes) {
  uint32_t unknown = 0;
  for (uint32_t i = 0; i < count; i++) unknown += lh_registry_hub_find(registry, hubs[i]) < 0;
  if (unknown > LH_HUBS_MAX - atomic_load(&registry->hub_count)) return LH_ELIMIT;
  for (uint32_t i = 0; i < count; i++) indexes[i] = lh_registry_hub(registry, hubs[i]);
  return 0;
}

static void write_fields(struct lh_buf *out, uint32_t hub, const struct lh_row *row) {
  lh_write_uint(out, hub);
  lh_write_bin(out, lh_row_id(row).data, row->id_len);
  lh_write_uint(out, row->generation);
  lh_write_uint(out, row->born);
  lh_write_uint(out, lh_pid_local(row->pid));
  lh_write_uint(out, row->state);
  lh_write_uint(out, row->restarts);
  lh_write_bool(out, row->pinned);
  lh_write_bool(out, row->active);
  lh_write_bin(out, lh_row_metadata(row).data, row->metadata_len);
  lh_write_bin(out, lh_row_spec(row).data, row->spec_len);
}

void lh_codec_write_row(struct lh_buf *out, uint32_t hub, const struct lh_row *row) {
  lh_write_array(out, ROW_FIELDS);
  write_fields(out, hub, row);
}

static void write_order(struct lh_buf *out, uint32_t hub, struct lh_bytes id, uint64_t born) {
  lh_write_uint(out, hub);
  lh_write_bin(out, id.data, id.len);
  lh_write_uint(out, born);
}

void lh_codec_write_order(struct lh_buf *out, uint32_t hub, struct lh_bytes id, uint64_t born) {
  lh_write_array(out, ORDER_FIELDS);
  write_order(out, hub, id, born);
}

void lh_codec_write_snapshot_row(struct lh_buf *out, uint32_t hub, const struct lh_row *row) {
  const bool order = lh_entry_is_order(lh_entry_of(row));
  lh_write_array(out, 1 + (order ? ORDER_FIELDS : ROW_FIELDS));
  lh_write_uint(out, row->seq);
  if (order)
    write_order(out, hub, lh_row_id(row), row->born);
  else
    write_fields(out, hub, row);
}

void lh_codec_write_removal(struct lh_buf *out, uint32_t hub, struct lh_bytes id) {
  lh_write_array(out, REMOVAL_FIELDS);
  lh_write_uint(out, hub);
  lh_write_bin(out, id.data, id.len);
}

static uint32_t read_hub(struct lh_reader *reader, uint32_t hubs) {
  if (hubs == 0) lh_read_fail(reader, LH_EFORMAT);
  return (uint32_t)lh_read_uint(reader, hubs > 0 ? hubs - 1 : 0);
}

// The fields behind hub and id.
static struct lh_entry *read_row(struct lh_reader *reader, uint32_t node, uint64_t seq,
                                 uint32_t hub, struct lh_bytes id) {
  struct lh_row_in in = {.hub = hub, .id = id};
  in.generation = lh_read_uint(reader, LH_GENERATION_MAX);
  in.born = lh_read_uint(reader, LH_GENERATION_MAX);
  in.pid_local = lh_read_uint(reader, LH_PID_LOCAL_MASK);
  in.state = (uint8_t)lh_read_uint(reader, LH_ROW_PARKED);
  in.restarts = (uint8_t)lh_read_uint(reader, UINT8_MAX);
  in.pinned = lh_read_bool(reader);
  in.active = lh_read_bool(reader);
  in.metadata = lh_read_bin(reader, LH_METADATA_MAX);
  in.spec = lh_read_bin(reader, LH_SPEC_MAX);
  if (reader->err != 0) return NULL;
  struct lh_bytes tag;
  const int err = lh_entry_check(&in, &tag);
  struct lh_entry *entry = err == 0 ? lh_entry_new(node, seq, &in, tag) : NULL;
  if (entry == NULL) lh_read_fail(reader, err != 0 ? err : LH_ENOMEM);
  return entry;
}

static struct lh_bytes read_id(struct lh_reader *reader) {
  const struct lh_bytes id = lh_read_bin(reader, LH_CHILD_ID_MAX);
  if (id.len == 0) lh_read_fail(reader, LH_EFORMAT);
  return id;
}

// The one field behind hub and id; NULL, and no error, when it is 0.
static struct lh_entry *read_order(struct lh_reader *reader, uint32_t node, uint64_t seq,
                                   uint32_t hub, struct lh_bytes id) {
  struct lh_row_in in = {.hub = hub, .id = id, .state = LH_ROW_ORDER};
  in.born = lh_read_uint(reader, LH_GENERATION_MAX);
  if (reader->err != 0 || in.born == 0) return NULL;
  struct lh_entry *entry = lh_entry_new(node, seq, &in, lh_bytes(NULL, 0));
  if (entry == NULL) lh_read_fail(reader, LH_ENOMEM);
  return entry;
}

void lh_codec_read_op(struct lh_reader *reader, uint32_t node, uint64_t seq, uint32_t hubs,
                      struct lh_op *op) {
  const uint32_t fields = lh_read_array(reader, ROW_FIELDS);
  if (fields != ROW_FIELDS && fields != REMOVAL_FIELDS && fields != ORDER_FIELDS)
    lh_read_fail(reader, LH_EFORMAT);
  op->hub = read_hub(reader, hubs);
  op->id = read_id(reader);
  op->entry = NULL;
  op->order = fields == ORDER_FIELDS;
  if (reader->err != 0 || fields == REMOVAL_FIELDS) return;
  op->entry = (op->order ? read_order : read_row)(reader, node, seq, op->hub, op->id);
}

struct lh_entry *lh_codec_read_snapshot_row(struct lh_reader *reader, uint32_t node, uint32_t hubs,
                                            uint32_t *hub) {
  const uint32_t fields = lh_read_array(reader, 1 + ROW_FIELDS);
  const bool order = fields == 1 + ORDER_FIELDS;
  if (!order && fields != 1 + ROW_FIELDS) lh_read_fail(reader, LH_EFORMAT);
  const uint64_t seq = lh_read_uint(reader, LH_SEQ_MAX);
  *hub = read_hub(reader, hubs);
  const struct lh_bytes id = read_id(reader);
  if (reader->err != 0) return NULL;
  struct lh_entry *entry = (order ? read_order : read_row)(reader, node, seq, *hub, id);
  if (entry == NULL) lh_read_fail(reader, LH_EFORMAT);  // a removal has no place in a snapshot
  return entry;
}
