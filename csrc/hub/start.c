// start.c - starting children, the asking side: check the specs, place the whole batch at once, ask
// the hosts.
//
// A START frame: [op, asker's run, hub, hops, flags, generation, [index, id, spec, metadata,
// restarts, above, born] ...]; of a new start (START_NEW) `born` is the name that its asker gave
// it, and `above` is how far the stop orders about it reach that the asker knows. Whoever is asked
// in the end, and who began it though the answer was lost, runs one and the same start: an order
// about it reaches every instance. Its answer, STARTED: [op, sequence, [index, code, pid, text]
// ...] follows the rows it speaks of on the same link.
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/mem.h"

#include <string.h>

struct request {
  struct lh_bytes hub, children, options, metadata, child_metadata, child_mapping, node;
  lh_ms timeout;
  enum acknowledgement acknowledged;
  bool check_existing, rollback, detach, check_only, quiet, given, wanted, again;
};

static bool is(struct lh_bytes text, const char *word) {
  return lh_bytes_equal(text, lh_bytes_str(word));
}

static enum acknowledgement read_level(struct lh_reader *in) {
  static const char *const levels[] = {"none", "one", "majority", "all"};
  const struct lh_bytes word = lh_read_str(in, 32);
  for (int i = ACK_NONE; i <= ACK_ALL; i++) {
    if (is(word, levels[i])) return (enum acknowledgement)i;
  }
  lh_read_fail(in, LH_EFORMAT);
  return ACK_ONE;
}

static void read_option(struct lh_reader *in, struct lh_bytes key, struct request *request) {
  if (is(key, "timeout"))
    request->timeout = (lh_ms)lh_read_uint(in, 24 * 3600 * 1000);
  else if (is(key, "check_existing"))
    request->check_existing = lh_read_bool(in);
  else if (is(key, "on_failure"))
    request->rollback = is(lh_read_str(in, 32), "rollback");
  else if (is(key, "detach"))
    request->detach = lh_read_bool(in);
  else if (is(key, "check_only"))
    request->check_only = lh_read_bool(in);
  else if (is(key, "wanted"))
    request->wanted = lh_read_bool(in);
  else if (is(key, "again"))
    request->again = lh_read_bool(in);
  else if (is(key, "given"))
    request->given = lh_read_bool(in);
  else if (is(key, "quiet"))
    request->quiet = lh_read_bool(in);
  else if (is(key, "ack"))
    request->acknowledged = read_level(in);
  else if (is(key, "metadata"))
    request->metadata = lh_read_skip(in);
  else if (is(key, "child_metadata"))
    request->child_metadata = lh_read_skip(in);
  else if (is(key, "child_mapping"))
    request->child_mapping = lh_read_skip(in);
  else if (is(key, "node"))
    request->node = lh_read_str(in, LH_NAME_MAX);
  else
    (void)lh_read_skip(in);
}

static void read_options(struct lh_reader *in, struct request *request) {
  struct lh_reader whole = *in;
  request->options = lh_read_skip(&whole);
  const uint32_t count = lh_read_map(in, 64);
  for (uint32_t i = 0; i < count && in->err == 0; i++)
    read_option(in, lh_read_str(in, 64), request);
}

static int read_request(struct request *request, struct lh_bytes value, const char *list) {
  struct lh_reader in;
  *request = (struct request){.timeout = LH_OP_MS, .check_existing = true, .acknowledged = ACK_ONE};
  lh_reader_init_user(&in, value);
  const uint32_t count = lh_read_map(&in, 16);
  for (uint32_t i = 0; i < count && in.err == 0; i++) {
    const struct lh_bytes key = lh_read_str(&in, 64);
    if (is(key, "hub"))
      request->hub = lh_read_str(&in, LH_HUB_ID_MAX);
    else if (is(key, list))
      request->children = lh_read_skip(&in);
    else if (is(key, "options"))
      read_options(&in, request);
    else
      (void)lh_read_skip(&in);
  }
  return lh_read_end(&in);
}

// --- the items of a start ---
// Where the metadata of each id stands in `child_metadata`: one look a child, whatever the batch.
static void index_metadata(const struct request *request, struct lh_map *by_id) {
  struct lh_reader in;
  if (request->child_metadata.data == NULL) return;
  lh_reader_init_user(&in, request->child_metadata);
  const uint32_t count = lh_read_map(&in, LH_BATCH_MAX);
  for (uint32_t i = 0; i < count && in.err == 0; i++) {
    const struct lh_bytes id = lh_read_str(&in, LH_CHILD_ID_MAX);
    const struct lh_bytes metadata = lh_read_skip(&in);
    if (in.err == LH_OK) (void)lh_map_put(by_id, id.data, id.len, (void *)metadata.data);
  }
}

static struct lh_bytes metadata_of(const struct request *request, const struct lh_map *by_id,
                                   const struct spec *spec) {
  const uint8_t *own = lh_map_get(by_id, spec->id.data, spec->id.len);
  if (own == NULL) return spec->metadata.data != NULL ? spec->metadata : request->metadata;
  const struct lh_bytes all = request->child_metadata;
  struct lh_reader in;
  lh_reader_init_user(&in, lh_bytes(own, (size_t)(all.data + all.len - own)));
  return lh_read_skip(&in);
}

// The stored specs go into one growing buffer, so items hold offsets until all are written.
static int read_items(struct op *op, const struct request *request, struct lh_error *error) {
  struct lh_reader in;
  lh_reader_init_user(&in, request->children);
  const uint32_t count = lh_read_array(&in, LH_BATCH_MAX);
  if (in.err != LH_OK)
    return lh_fail(error, LH_EINVAL, "children must be a list of at most %d child specs",
                   LH_BATCH_MAX);
  struct lh_map by_id = LH_MAP_EMPTY;
  index_metadata(request, &by_id);
  op->items = lh_zalloc((count + 1) * sizeof(struct item));
  size_t *ends = lh_zalloc((count + 1) * sizeof(size_t));
  const bool ordered = request->node.data != NULL;  // to a node, which needs no mapping
  struct guide guide;
  int err = lh_guided_read(&guide, op->hub, request->child_mapping, error);
  for (uint32_t i = 0; i < count && err == LH_OK; i++) {
    struct spec spec;
    err = lh_hub_spec_read(&spec, lh_read_skip(&in), ordered ? NULL : &guide, &op->bodies, error);
    op->items[i].id = spec.id;
    op->items[i].metadata = metadata_of(request, &by_id, &spec);
    if (err == LH_OK) err = lh_hub_metadata_check(op->items[i].metadata, spec.id, error);
    ends[i] = op->bodies.len;
  }
  for (uint32_t i = 0; i < count && err == LH_OK; i++) {
    const size_t begin = i > 0 ? ends[i - 1] : 0;
    op->items[i].spec = lh_bytes(op->bodies.data + begin, ends[i] - begin);
  }
  lh_guided_free(&guide);
  lh_free(ends);
  lh_map_free(&by_id);
  op->count = op->open = op->unsent = err == LH_OK ? count : 0;
  return err;
}

static void fail_twins(struct op *op) {
  static const char text[] = "the same id stands twice in this call";
  struct lh_map seen = LH_MAP_EMPTY;
  for (size_t i = 0; i < op->count; i++) {
    if (lh_map_put(&seen, op->items[i].id.data, op->items[i].id.len, op) != NULL) {
      lh_op_fail_item(op, i, LH_EEXISTS, lh_bytes(text, sizeof text - 1));
    }
  }
  lh_map_free(&seen);
}

static uint32_t node_named(struct lh_hubs *hubs, struct lh_bytes name) {
  for (size_t i = 0; i < hubs->view.count; i++) {
    if (lh_bytes_equal(lh_bytes_str(hubs->view.peers[i]->name), name))
      return hubs->view.peers[i]->node;
  }
  return 0;
}

static int fill(struct op *op, struct request *request, struct lh_error *error) {
  op->check_existing = request->check_existing;
  op->rollback = request->rollback;
  op->quiet = request->quiet;
  op->given = request->given;
  op->wanted = request->wanted;
  op->again = request->again;
  op->acknowledged = request->acknowledged;
  op->specs = request->children;
  op->options = request->options;
  if (request->node.data != NULL) {
    op->wanted_node = node_named(op->all, request->node);
    if (op->wanted_node == 0) {
      return lh_fail(error, LH_ENOTFOUND, "no node named '%.*s' in this hub",
                     (int)request->node.len, (const char *)request->node.data);
    }
  }
  return read_items(op, request, error);
}

// Whoever does not wait is told that it is begun. True: it was to be checked, and that is all.
static bool answered_early(struct op *op, const struct request *request, const char *begun) {
  struct lh_buf text = LH_BUF_EMPTY;
  if (!(request->detach || request->check_only) || op->caller == 0) return false;
  lh_write_cstr(&text, request->check_only ? "checked" : begun);
  op->all->ops->reply(op->all->ops_self, op->caller, LH_OK, lh_bytes_of(&text), NULL);
  lh_buf_free(&text);
  op->caller = 0;
  if (request->check_only) lh_op_free(op);
  return request->check_only;
}

void lh_hubs_start(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes value) {
  struct request request;
  struct lh_error error;
  struct lh_buf memory = LH_BUF_EMPTY;
  lh_buf_append(&memory, value.data, value.len);
  if (read_request(&request, lh_bytes_of(&memory), "children") != LH_OK) {
    lh_op_refuse(hubs, caller, LH_EINVAL, "invalid", "start: expected { hub, children, options }");
    lh_buf_free(&memory);
    return;
  }
  struct hub *hub = lh_op_open_hub(hubs, caller, request.hub);
  if (hub == NULL) {
    lh_buf_free(&memory);
    return;
  }
  struct op *op = lh_op_new(hubs, now, OP_START, hub, caller, request.timeout);
  op->memory = memory;
  if (fill(op, &request, &error) != LH_OK) {
    lh_op_refuse(hubs, caller, LH_EINVAL,
                 strcmp(error.code, "invalid") == 0 ? "invalid_spec" : error.code, "%s",
                 error.text);
    lh_op_free(op);
    return;
  }
  if (op->count == 0) {
    lh_op_refuse(hubs, caller, LH_EINVAL, "no_children", "there is no child to start");
    lh_op_free(op);
    return;
  }
  // Where a quorum decides they may have to wait for it: a node that waits for others is up.
  request.detach = request.detach || (op->wanted && lh_quorum_is_set(hub));
  if (answered_early(op, &request, "start_initiated")) return;
  fail_twins(op);
  if (op->wanted && lh_quorum_is_set(hub)) {
    lh_reconcile_want(op, true);
    lh_op_free(op);
    return;
  }
  if (op->again) lh_reconcile_begun(op);
  hubs->check_ops = true;
  lh_start_go(hubs, now);
}

// --- placing and sending ---
static void send_part(struct op *op, uint32_t node, const size_t *indexes, size_t count,
                      unsigned flags) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_uint(&body, op->id);
  lh_write_run(&body, lh_runs_at(op->all->runs, op->all->self));
  lh_write_str(&body, op->hub->config.id.data, op->hub->config.id.len);
  lh_write_uint(&body, 0);
  lh_write_uint(&body, flags);
  lh_write_uint(&body, op->hub->generation);
  lh_write_array(&body, (uint32_t)(count * ARRIVAL_FIELDS));
  for (size_t i = 0; i < count; i++) {
    const struct item *item = &op->items[indexes[i]];
    lh_write_uint(&body, indexes[i]);
    lh_write_str(&body, item->id.data, item->id.len);
    lh_write_bin(&body, item->spec.data, item->spec.len);
    lh_write_bin(&body, item->metadata.data, item->metadata.len);
    lh_write_uint(&body, 0);
    lh_write_uint(&body, lh_registry_ordered(op->all->registry, op->hub->index, item->id));
    lh_write_uint(&body, item->born);
  }
  lh_hub_send(op->all, node, LH_FRAME_START, &body);
}

static void send_to_node(struct op *op, uint32_t node, const uint32_t *owners,
                         const size_t *indexes, size_t count, unsigned flags) {
  size_t part[LH_START_PART];
  size_t fill_count = 0;
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) {
    if (owners[i] != node) continue;
    struct item *item = &op->items[indexes[i]];
    if (item->state != ITEM_NEW) continue;
    item->state = ITEM_SENT;
    item->node = node;
    op->unsent--;
    part[fill_count++] = indexes[i];
    bytes += item->spec.len + item->metadata.len;
    if (fill_count == LH_START_PART || bytes > LIST_BYTES_MAX) {
      send_part(op, node, part, fill_count, flags);
      fill_count = bytes = 0;
    }
  }
  if (fill_count > 0) send_part(op, node, part, fill_count, flags);
}

struct placement {
  uint64_t op;
  size_t *indexes;
};

// An order that reaches a start which was asked for once is about an earlier one, of which this
// node had not heard: the start gets a later name. Else it may be the start that was stopped.
static void name_starts(struct op *op, const size_t *indexes, size_t count) {
  static const char text[] = "it was stopped while it was to start";
  uint64_t born = 0;
  for (size_t i = 0; i < count; i++) {
    struct item *item = &op->items[indexes[i]];
    const bool named = item->born != 0;
    if (item->state != ITEM_NEW) continue;
    if (named && !lh_order_covers(op->hub, item->id, item->born)) continue;
    if (named && item->met) {
      lh_op_fail_item(op, indexes[i], LH_EFAILED, lh_bytes(text, sizeof text - 1));
      continue;
    }
    if (born == 0) born = lh_host_generation(op->hub);
    item->born = born;
  }
}

static void fail_new(struct op *op, int code, const char *text) {
  for (size_t i = 0; i < op->count; i++) {
    if (op->items[i].state == ITEM_NEW) lh_op_fail_item(op, i, code, lh_bytes_str(text));
  }
}

static void placed(struct lh_hubs *hubs, lh_ms now, struct hub *hub, int status,
                   const uint32_t *nodes, size_t count, const char *error, void *data) {
  struct placement *placement = data;
  struct op *op = lh_op_find(hubs, placement->op);
  if (op != NULL) {
    op->asking = false;
    unsigned flags =
        START_NEW | (op->check_existing ? START_CHECK : 0U) | (op->given ? START_GIVEN : 0U);
    if (hub != NULL) flags |= lh_distribution_flags(&hub->config);
    if (status == LH_EAGAIN) {
      lh_op_retry(hubs, now, LH_RETRY_MS);
    } else if (status != LH_OK) {
      fail_new(op, LH_EFAILED, error != NULL ? error : "the distribution strategy failed");
    } else {
      name_starts(op, placement->indexes, count);
      for (size_t i = 0; i < hubs->view.count; i++) {
        send_to_node(op, hubs->view.peers[i]->node, nodes, placement->indexes, count, flags);
      }
      fail_new(op, LH_EIO,
               hub->candidate_count == 0
                   ? "no node takes children of this hub"
                   : "no node that takes children of this hub is what its placement asks for");
    }
    hubs->check_ops = true;
  }
  lh_free(placement->indexes);
  lh_free(placement);
}

// --- the distribution's own check of a start ---
static struct lh_bytes refusal_text(struct lh_reader *in) {
  static const char plain[] = "the distribution strategy's init refused it";
  struct lh_reader probe = *in;
  const struct lh_wire_value value = lh_read_value(&probe);
  if (value.type == LH_WIRE_STR) return value.as.bytes;
  for (uint32_t i = 0; value.type == LH_WIRE_MAP && i < value.as.count && probe.err == LH_OK; i++) {
    const bool wanted =
        lh_read_peek(&probe) == LH_WIRE_STR && is(lh_read_str(&probe, 64), "message");
    if (!wanted && i == 0) (void)lh_read_nil(&probe);  // an error value's mark
    if (wanted && lh_read_peek(&probe) == LH_WIRE_STR)
      return lh_read_str(&probe, LH_ERROR_TEXT_MAX);
    (void)lh_read_skip(&probe);
  }
  return lh_bytes(plain, sizeof plain - 1);
}

static void vetted(struct lh_hubs *hubs, lh_ms now, int status, struct lh_bytes result,
                   const char *error, void *data) {
  const uint64_t *id = data;
  struct op *op = lh_op_find(hubs, *id);
  lh_free(data);
  if (op == NULL) return;
  struct lh_reader in;
  op->asking = false;
  lh_reader_init_user(&in, result);
  op->vetted = status == LH_OK && lh_read_peek(&in) == LH_WIRE_BOOL && lh_read_bool(&in);
  if (op->vetted) {
    lh_start_go(hubs, now);
    return;
  }
  if (status == LH_OK) (void)lh_read_skip(&in);
  const struct lh_bytes why =
      status == LH_OK ? refusal_text(&in)
                      : lh_bytes_str(error != NULL ? error : "the distribution strategy failed");
  for (size_t i = 0; i < op->count; i++) lh_op_fail_item(op, i, LH_EFAILED, why);
}

static void vet(struct op *op, lh_ms now) {
  struct lh_buf args = LH_BUF_EMPTY;
  uint64_t *id = lh_memdup(&op->id, sizeof op->id);
  op->asking = true;
  lh_write_str(&args, op->hub->config.id.data, op->hub->config.id.len);
  lh_buf_append(&args, op->specs.data, op->specs.len);
  if (op->options.len > 0)
    lh_buf_append(&args, op->options.data, op->options.len);
  else
    lh_write_map(&args, 0);
  lh_policy_ask(op->all, now, "init", &args, 3, vetted, id);
  lh_buf_free(&args);
}

static void go(struct op *op, lh_ms now) {
  if (op->hub->partitioned)
    fail_new(op, LH_EDENIED, "this side of a split may not act, says the partition strategy");
  if (op->unsent == 0 || op->hub->barred || op->hub->partitioned) return;
  if (op->hub->config.custom_init && !op->vetted) {
    vet(op, now);
    return;
  }
  struct placement *placement = LH_NEW(struct placement);
  struct guest *guests = lh_alloc(op->unsent * sizeof(struct guest));
  placement->op = op->id;
  placement->indexes = lh_alloc(op->unsent * sizeof(size_t));
  size_t count = 0;
  for (size_t i = 0; i < op->count; i++) {
    if (op->items[i].state != ITEM_NEW) continue;
    placement->indexes[count] = i;
    guests[count++] = (struct guest){op->items[i].id, lh_affinity_stored(op->items[i].spec)};
  }
  op->asking = true;
  if (op->wanted_node != 0) {
    uint32_t *owners = lh_alloc(count * sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) owners[i] = op->wanted_node;
    placed(op->all, now, op->hub, LH_OK, owners, count, NULL, placement);
    lh_free(owners);
  } else {
    lh_place(op->hub, now, false, guests, count, placed, placement);
  }
  lh_free(guests);
}

void lh_start_go(struct lh_hubs *hubs, lh_ms now) {
  if (!hubs->view.agreed || !hubs->view.settled) return;
  struct lh_list *at = hubs->ops_list.next;
  while (at != &hubs->ops_list) {
    struct op *op = LH_ENTRY(at, struct op, link);
    at = at->next;
    if (op->kind == OP_START && op->unsent > 0 && !op->asking) go(op, now);
  }
}

// --- answers ---
static int read_results(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body,
                        void (*each)(struct lh_hubs *hubs, lh_ms now, uint64_t op, uint64_t index,
                                     int code, uint32_t from, lh_pid pid, struct lh_bytes text)) {
  struct lh_reader in;
  lh_reader_init_user(&in, body);
  const uint64_t id = lh_read_uint(&in, INT64_MAX);
  const uint64_t seq = lh_read_uint(&in, INT64_MAX);
  const uint32_t count = lh_read_array(&in, 4 * 2 * LH_BATCH_MAX);
  struct op *op = lh_op_find(hubs, id);
  if (op != NULL) lh_op_wait(op, from, seq);
  for (uint32_t i = 0; i < count / 4 && in.err == 0; i++) {
    const uint64_t index = lh_read_uint(&in, INT64_MAX);
    const int code = (int)lh_read_int(&in);
    const struct lh_wire_value pid = lh_read_value(&in);
    const struct lh_bytes text = lh_read_nil(&in) ? lh_bytes(NULL, 0) : lh_read_str(&in, 4096);
    if (in.err != LH_OK) break;
    const lh_pid word =
        pid.type == LH_WIRE_PID
            ? lh_pid_make(lh_runs_index(hubs->runs, &pid.as.pid.run), pid.as.pid.local)
            : 0;
    each(hubs, now, id, index, code, from, word, text);
  }
  hubs->check_ops = true;
  return lh_read_end(&in);
}

static void ask_again(struct op *op, uint64_t index, lh_ms now) {
  struct item *item = &op->items[index];
  if (item->state != ITEM_SENT) return;
  item->state = ITEM_NEW;
  op->unsent++;
  lh_op_retry(op->all, now, LH_RETRY_MS);
}

static void one_started(struct lh_hubs *hubs, lh_ms now, uint64_t id, uint64_t index, int code,
                        uint32_t from, lh_pid pid, struct lh_bytes text) {
  if (id == MOVE_OP) {
    struct child *child = lh_host_by_token(hubs, index);
    if (child != NULL) lh_move_result(hubs, child, code, text);
    return;
  }
  struct op *op = lh_op_find(hubs, id);
  if (op == NULL || index >= op->count) return;
  if (code == LH_EAGAIN || (code == LH_EEXISTS && op->items[index].met && pid == 0)) {
    ask_again(op, index, now);  // one is ending there; or it starts under another name
  } else if (code == LH_OK || (code == LH_EEXISTS && op->items[index].met)) {
    lh_op_done_item(op, index, pid != 0 ? lh_pid_node(pid) : from, pid);
  } else {
    op->items[index].pid = pid;
    op->items[index].node = from;
    lh_op_fail_item(op, index, code, text);
  }
}

// Another instance may stand elsewhere, or in the ledger of a dead node: the wish is for the child.
static bool lives_elsewhere(struct op *op, uint64_t index, uint32_t from) {
  const struct lh_registry *registry = op->all->registry;
  const struct item *item = &op->items[index];
  const struct lh_row *rows[4];
  uint32_t dead;
  bool found = !item->looked_for && lh_registry_ledgers(registry, &dead, 1, true) > 0;
  lh_registry_read_lock();
  const size_t count = lh_registry_find(registry, op->hub->index, item->id, rows, 4);
  for (size_t i = 0; i < count && i < 4; i++) found = found || rows[i]->node != from;
  lh_registry_read_unlock();
  return found;
}

static void was_stopped(struct op *op, lh_ms now, uint64_t index, uint32_t host) {
  lh_asked_add(op, now, &op->items[index], host);
  lh_op_done_item(op, index, host, 0);
}

static void one_stopped(struct lh_hubs *hubs, lh_ms now, uint64_t id, uint64_t index, int code,
                        uint32_t from, lh_pid pid, struct lh_bytes text) {
  struct op *op = lh_op_find(hubs, id);
  (void)pid;
  if (op == NULL || index >= op->count) return;
  struct item *item = &op->items[index];
  if (item->state == ITEM_ORDERED) return;  // the order stands, and its way is followed
  item->met = item->met || code == LH_OK || code == LH_EEXISTS;
  if (code == LH_EEXISTS || lives_elsewhere(op, index, from))
    ask_again(op, index, now);
  else if (item->met)
    was_stopped(op, now, index, from);
  else
    lh_op_fail_item(op, index, code, text);
}

int lh_start_results(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  return read_results(hubs, now, from, body, one_started);
}

int lh_stop_results(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  return read_results(hubs, now, from, body, one_stopped);
}

// --- stopping: the asking side ---
static int read_ids(struct op *op, struct lh_bytes list) {
  struct lh_reader in;
  lh_reader_init_user(&in, list);
  const uint32_t count = lh_read_array(&in, LH_BATCH_MAX);
  if (in.err != LH_OK) return in.err;
  op->items = lh_zalloc((count + 1) * sizeof(struct item));
  for (uint32_t i = 0; i < count; i++) op->items[i].id = lh_read_str(&in, LH_CHILD_ID_MAX);
  op->count = op->open = op->unsent = in.err == LH_OK ? count : 0;
  return in.err;
}

void lh_hubs_stop(struct lh_hubs *hubs, lh_ms now, uint64_t caller, struct lh_bytes value) {
  struct request request;
  struct lh_buf memory = LH_BUF_EMPTY;
  lh_buf_append(&memory, value.data, value.len);
  const int err = read_request(&request, lh_bytes_of(&memory), "ids");
  struct hub *hub = err == LH_OK ? lh_op_open_hub(hubs, caller, request.hub) : NULL;
  if (hub == NULL) {
    if (err != LH_OK)
      lh_op_refuse(hubs, caller, LH_EINVAL, "invalid", "stop: expected { hub, ids, options }");
    lh_buf_free(&memory);
    return;
  }
  struct op *op = lh_op_new(hubs, now, OP_STOP, hub, caller, request.timeout);
  op->memory = memory;
  op->quiet = request.quiet;
  if (read_ids(op, request.children) != LH_OK) {
    lh_op_refuse(hubs, caller, LH_EINVAL, "invalid",
                 "stop: ids must be a list of child ids (strings of at most 255 bytes)");
    lh_op_free(op);
    return;
  }
  if (answered_early(op, &request, "stop_initiated")) return;
  hubs->check_ops = true;
  lh_stop_go(hubs);
}
