// stop.c - stopping children: finding who runs them and asking those nodes.
//
// A STOP frame: [op, asker's run, hub, hops, [index, id] ...]; its answer, STOPPED, is shaped as
// STARTED. An id that no row names may still be the child of a node that just died: such a stop
// waits until the child was recovered.
#include "hub/internal.h"

#include "base/mem.h"

static bool is_quiet(struct lh_hubs *hubs) {
  return hubs->view.agreed && hubs->view.settled && !lh_recover_pending(hubs);
}

static uint32_t host_of(struct op *op, const struct item *item) {
  const struct lh_row *row = NULL;
  lh_registry_read_lock();
  const bool found = lh_registry_find(op->all->registry, op->hub->index, item->id, &row, 1) > 0;
  const uint32_t node = found ? row->node : 0;
  lh_registry_read_unlock();
  return node != 0 || lh_host_child(op->hub, item->id) == NULL ? node : op->all->self;
}

static void send_part(struct op *op, uint32_t node, const size_t *indexes, size_t count) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_uint(&body, op->id);
  lh_write_run(&body, lh_runs_at(op->all->runs, op->all->self));
  lh_write_str(&body, op->hub->config.id.data, op->hub->config.id.len);
  lh_write_uint(&body, 0);
  lh_write_array(&body, (uint32_t)(count * 2));
  for (size_t i = 0; i < count; i++) {
    const struct item *item = &op->items[indexes[i]];
    lh_write_uint(&body, indexes[i]);
    lh_write_str(&body, item->id.data, item->id.len);
  }
  lh_hub_send(op->all, node, LH_FRAME_STOP, &body);
}

static void send_to_node(struct op *op, uint32_t node) {
  size_t part[LH_START_PART];
  size_t count = 0;
  for (size_t i = 0; i < op->count; i++) {
    struct item *item = &op->items[i];
    if (item->state != ITEM_NEW || item->node != node) continue;
    item->state = ITEM_SENT;
    op->unsent--;
    part[count++] = i;
    if (count == LH_START_PART) {
      send_part(op, node, part, count);
      count = 0;
    }
  }
  if (count > 0) send_part(op, node, part, count);
}

// --- children that no row names ---
// Such a child may wait to be recovered; or it is on its way, and the rows that say so are too:
// then the node it belongs to knows.
static void conclude(struct op *op, size_t index) {
  static const char text[] = "no such child";
  const struct item *item = &op->items[index];
  if (item->met)
    lh_op_done_item(op, index, 0, 0);  // it was there, and is not any more
  else
    lh_op_fail_item(op, index, LH_ENOTFOUND, lh_bytes(text, sizeof text - 1));
}

static void ask_owners(struct op *op, const size_t *indexes, const struct lh_bytes *ids,
                       size_t count) {
  uint32_t *places = lh_alloc((count + 1) * sizeof(uint32_t));
  lh_place_ids(op->hub, ids, count, places);
  for (size_t i = 0; i < count; i++) {
    op->items[indexes[i]].node = op->hub->candidates[places[i]].node;
    op->items[indexes[i]].looked_for = true;
  }
  lh_free(places);
}

static bool has_owners(const struct hub *hub) {
  return hub->config.distribution != LH_DISTRIBUTION_CUSTOM && hub->candidate_count > 0;
}

static void look_for(struct op *op, const size_t *unknown, size_t count, lh_ms now) {
  struct lh_map dead = LH_MAP_EMPTY;
  size_t *indexes = lh_alloc(count * sizeof(size_t));
  struct lh_bytes *ids = lh_alloc(count * sizeof(struct lh_bytes));
  size_t asked = 0;
  lh_recover_ids(op->hub, &dead);
  for (size_t i = 0; i < count; i++) {
    const struct item *item = &op->items[unknown[i]];
    if (lh_map_get(&dead, item->id.data, item->id.len) != NULL) {
      lh_op_retry(op->all, now, LH_RETRY_MS * 5);
    } else if (item->looked_for || !has_owners(op->hub)) {
      conclude(op, unknown[i]);
    } else {
      indexes[asked] = unknown[i];
      ids[asked++] = item->id;
    }
  }
  if (asked > 0) ask_owners(op, indexes, ids, asked);
  lh_map_free(&dead);
  lh_free(indexes);
  lh_free(ids);
}

static void go(struct op *op, lh_ms now) {
  size_t *unknown = lh_alloc(op->unsent * sizeof(size_t));
  size_t count = 0;
  for (size_t i = 0; i < op->count; i++) {
    struct item *item = &op->items[i];
    if (item->state != ITEM_NEW) continue;
    item->node = host_of(op, item);
    if (item->node == 0) unknown[count++] = i;
  }
  if (count > 0 && is_quiet(op->all)) look_for(op, unknown, count, now);
  lh_free(unknown);
  for (size_t i = 0; i < op->all->view.count && op->unsent > 0; i++)
    send_to_node(op, op->all->view.peers[i]->node);
}

void lh_stop_go(struct lh_hubs *hubs, lh_ms now) {
  struct lh_list *at = hubs->ops_list.next;
  while (at != &hubs->ops_list) {
    struct op *op = LH_ENTRY(at, struct op, link);
    at = at->next;
    if (op->kind == OP_STOP && op->unsent > 0) go(op, now);
  }
  hubs->check_ops = true;
}
