// alter.c - the alter hook: what a user's handlers make of child data before children are begun
// here.
//
// With a handler for "child_data_alter" on this node, a START frame's children are shown to the
// handlers as a list of { id, spec, metadata } and the frame is carried out with what they answer.
// A move is not a first start and is not shown again. Owns a copy of the frame while the handlers
// work.
#include "base/mem.h"
#include "hub/alter.h"

struct alteration {
  uint32_t hub;
  size_t count;
  struct lh_buf frame;
};

bool lh_alter_wanted(const struct hub *hub, unsigned flags) {
  if ((flags & (START_MOVE | START_ALTERED)) != 0) return false;
  return hub->all->ops->wants(hub->all->ops_self, hub->config.id, "child_data_alter");
}

// The stored spec, shown with its id as the user wrote it.
static void write_spec(const struct arrival *arrival, struct lh_buf *out) {
  struct lh_reader in;
  lh_reader_init_user(&in, arrival->spec);
  const struct lh_wire_value head = lh_read_value(&in);
  lh_write_map(out, head.as.count + 1);
  lh_write_cstr(out, "id");
  lh_write_str(out, arrival->id.data, arrival->id.len);
  lh_buf_append(out, in.at, (size_t)(in.end - in.at));
}

static void write_child(const struct arrival *arrival, struct lh_buf *out) {
  lh_write_map(out, 3);
  lh_write_cstr(out, "id");
  lh_write_str(out, arrival->id.data, arrival->id.len);
  lh_write_cstr(out, "metadata");
  if (arrival->metadata.len > 0)
    lh_buf_append(out, arrival->metadata.data, arrival->metadata.len);
  else
    lh_write_map(out, 0);
  lh_write_cstr(out, "spec");
  write_spec(arrival, out);
}

static void read_field(struct lh_reader *in, struct altered *altered, struct lh_buf *body,
                       struct lh_error *error, int *err) {
  struct spec spec;
  const struct lh_bytes key = lh_read_str(in, 64);
  if (lh_bytes_equal(key, lh_bytes_str("metadata"))) {
    altered->metadata = lh_read_skip(in);
  } else if (lh_bytes_equal(key, lh_bytes_str("spec"))) {
    *err = lh_hub_spec_read(&spec, lh_read_skip(in), NULL, body, error);
  } else {
    (void)lh_read_skip(in);
  }
}

// One child as a handler answered it. Its spec goes to `bodies`, whose memory may move: offsets
// until all are read.
static int read_child(struct lh_reader *in, struct altered *altered, struct lh_buf *bodies,
                      struct lh_error *error) {
  int err = LH_OK;
  const size_t begin = bodies->len;
  const uint32_t fields = lh_read_map(in, 64);
  for (uint32_t i = 0; i < fields && in->err == LH_OK && err == LH_OK; i++)
    read_field(in, altered, bodies, error, &err);
  altered->spec.len = bodies->len - begin;
  if (err == LH_OK && in->err == LH_OK)
    err = lh_hub_metadata_check(altered->metadata, lh_bytes(NULL, 0), error);
  if (err == LH_OK && (in->err != LH_OK || altered->spec.len == 0)) {
    err = lh_fail(error, LH_EFORMAT,
                  "an alter hook must answer { id, spec, metadata } for each child");
  }
  return err;
}

static int read_answer(struct lh_bytes result, size_t count, struct altered *list,
                       struct lh_buf *bodies, struct lh_error *error) {
  struct lh_reader in;
  int err = LH_OK;
  lh_reader_init_user(&in, result);
  if (lh_read_array(&in, LH_BATCH_MAX) != count) {
    return lh_fail(error, LH_EFORMAT, "the alter hooks must answer one entry for each child");
  }
  for (size_t i = 0; i < count && err == LH_OK; i++) err = read_child(&in, &list[i], bodies, error);
  if (err != LH_OK) return err;
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    list[i].spec.data = bodies->data + at;
    at += list[i].spec.len;
  }
  return LH_OK;
}

static void answered(struct lh_hubs *hubs, lh_ms now, int status, struct lh_bytes result,
                     const char *error, void *data) {
  struct alteration *alteration = data;
  struct lh_error why;
  struct lh_buf bodies = LH_BUF_EMPTY;
  struct altered *list = lh_zalloc((alteration->count + 1) * sizeof(struct altered));
  if (status == LH_OK)
    status = read_answer(result, alteration->count, list, &bodies, &why);
  else
    (void)lh_fail(&why, status, "an alter hook failed: %s", error != NULL ? error : "");
  const struct alter_result altered = {.status = status, .children = list, .error = why.text};
  (void)lh_host_carry_out(hubs, now, lh_bytes_of(&alteration->frame), &altered);
  lh_free(list);
  lh_buf_free(&bodies);
  lh_buf_free(&alteration->frame);
  lh_free(alteration);
}

void lh_alter_ask(struct hub *hub, lh_ms now, const struct arrival *arrivals, size_t count,
                  struct lh_bytes frame) {
  struct alteration *alteration = LH_NEW(struct alteration);
  struct lh_buf args = LH_BUF_EMPTY;
  alteration->hub = hub->index;
  alteration->count = count;
  lh_buf_append(&alteration->frame, frame.data, frame.len);
  lh_write_str(&args, hub->config.id.data, hub->config.id.len);
  lh_write_array(&args, (uint32_t)count);
  for (size_t i = 0; i < count; i++) write_child(&arrivals[i], &args);
  lh_policy_ask(hub->all, now, "alter", &args, 2, answered, alteration);
  lh_buf_free(&args);
}
