// batch.c - births on their way to a heap: copied from the asker, grouped by heap, freed when the
// last is over.
//
// Any thread makes and posts a batch; from then on it belongs to the heap.
#include "actor/internal.h"

struct batch *lha_batch_new(size_t count, size_t bytes) {
  struct batch *batch = lh_zalloc(sizeof *batch + count * sizeof(struct birth));
  batch->memory = lh_alloc(bytes ? bytes : 1);
  return batch;
}

void lha_batch_free(struct batch *batch) {
  lh_free(batch->memory);
  lh_free(batch);
}

static struct lh_bytes keep(uint8_t **at, struct lh_bytes bytes) {
  struct lh_bytes kept = {*at, bytes.len};
  if (bytes.len > 0) memcpy(*at, bytes.data, bytes.len);
  *at += bytes.len;
  return kept;
}

static size_t size_of(const struct birth *birth) {
  return birth->hub.len + birth->id.len + birth->metadata.len + birth->module.len +
         birth->function.len + birth->args.len + birth->error.len;
}

// Copies `from` behind `*at`; answers the end of its slices through `at`.
static void add(struct batch *batch, const struct birth *from, uint8_t **at) {
  struct birth *birth = &batch->births[batch->count++];
  *birth = *from;
  birth->batch = batch;
  birth->hub = keep(at, from->hub);
  birth->id = keep(at, from->id);
  birth->metadata = keep(at, from->metadata);
  birth->module = keep(at, from->module);
  birth->function = keep(at, from->function);
  birth->args = keep(at, from->args);
  birth->error = keep(at, from->error);
  batch->open++;
}

struct batch *lha_batch_one(const struct birth *birth) {
  struct batch *batch = lha_batch_new(1, size_of(birth));
  uint8_t *at = batch->memory;
  add(batch, birth, &at);
  return batch;
}

void lha_batch_post(struct heap *heap, struct batch *batch) {
  struct order *order = lha_order_new(ORDER_BIRTHS, 0);
  order->batch = batch;
  lha_order_post(heap, order);
}

// --- children ---

struct wish {  // what a child spec says about its heap
  bool dedicated, isolated;
};

static void parse_start(struct birth *birth, struct lh_reader *reader) {
  const uint32_t count = lh_read_array(reader, LH_WIRE_ELEMENTS_USER);
  if (count == 0) {
    lh_read_fail(reader, LH_EFORMAT);
    return;
  }
  birth->module = lh_read_str(reader, MODULE_NAME_MAX);
  birth->arg_count = count - 1;
  birth->args.data = reader->at;
  for (uint32_t i = 1; i < count; i++) lh_read_skip(reader);
  birth->args.len = (size_t)(reader->at - birth->args.data);
}

static void parse_field(struct birth *birth, struct wish *wish, struct lh_reader *reader) {
  if (lh_read_peek(reader) != LH_WIRE_STR) {
    lh_read_skip(reader);
    lh_read_skip(reader);
    return;
  }
  const struct lh_bytes key = lh_read_str(reader, SIZE_MAX);
  const enum lh_wire_type type = lh_read_peek(reader);
  if (lh_bytes_equal(key, lh_bytes_str("start"))) {
    parse_start(birth, reader);
  } else if (type == LH_WIRE_BOOL && lh_bytes_equal(key, lh_bytes_str("dedicated"))) {
    wish->dedicated = lh_read_bool(reader);
  } else if (type == LH_WIRE_BOOL && lh_bytes_equal(key, lh_bytes_str("isolated"))) {
    wish->isolated = lh_read_bool(reader);
  } else {
    lh_read_skip(reader);
  }
}

static void parse_spec(struct birth *birth, struct lh_bytes spec, struct wish *wish) {
  struct lh_reader reader;
  lh_reader_init_user(&reader, spec);
  const uint32_t fields = lh_read_map(&reader, LH_WIRE_ELEMENTS_USER);
  for (uint32_t i = 0; i < fields && reader.err == 0; i++) parse_field(birth, wish, &reader);
  if (lh_read_end(&reader) != 0 || birth->module.len == 0) {
    birth->module = birth->args = lh_bytes(NULL, 0);
    birth->error = lh_bytes_str("start: a list of a module's name and arguments expected");
  }
}

static struct birth birth_of(const struct lh_child_start *child, struct wish *wish) {
  struct birth birth = {.kind = BIRTH_CHILD,
                        .token = child->token,
                        .hub = child->hub,
                        .id = child->id,
                        .metadata = child->metadata,
                        .generation = child->generation,
                        .prepared = child->prepared};
  parse_spec(&birth, child->spec, wish);
  return birth;
}

static struct heap *heap_for(struct lh_actors *actors, const struct wish *wish,
                             struct birth *birth) {
  struct heap *heap = NULL;
  if (wish->dedicated || wish->isolated) {
    heap = lha_place_own(actors, wish->dedicated ? KIND_DEDICATED : KIND_ISOLATED);
    if (!heap)
      birth->error = lh_bytes_str("no heap or thread left for an isolated or dedicated child");
  }
  return heap ? heap : lha_place_shared(actors);
}

// Collects births for one heap after another: `of` says which heap each goes to.
static void post_group(struct heap *heap, const struct birth *births, struct heap **of,
                       size_t count) {
  size_t bytes = 0, members = 0;
  for (size_t i = 0; i < count; i++) {
    if (of[i] != heap) continue;
    bytes += size_of(&births[i]);
    members++;
  }
  struct batch *batch = lha_batch_new(members, bytes);
  uint8_t *at = batch->memory;
  for (size_t i = 0; i < count; i++) {
    if (of[i] != heap) continue;
    add(batch, &births[i], &at);
    of[i] = NULL;
  }
  lha_batch_post(heap, batch);
}

void lh_actors_start(struct lh_actors *actors, const struct lh_child_start *children,
                     size_t count) {
  if (count == 0) return;
  struct birth *births = lh_alloc(count * sizeof *births);
  struct heap **of = lh_alloc(count * sizeof(struct heap *));
  for (size_t i = 0; i < count; i++) {
    struct wish wish = {false, false};
    births[i] = birth_of(&children[i], &wish);
    of[i] = heap_for(actors, &wish, &births[i]);
  }
  for (size_t i = 0; i < count; i++) {
    if (of[i]) post_group(of[i], births, of, count);
  }
  lh_free(of);
  lh_free(births);
}
