// stop.c - stopping children: finding who runs them and asking those nodes.
//
// A STOP frame: [op, asker's run, hub, hops, [index, id] ...]; its answer, STOPPED, is shaped as
// STARTED. A child whose host cannot be reached (no link, suspected, dead) is stopped by an order
// in our own ledger (order.c): such a stop is done when all members that can be reached hold the
// order and none of them has the child any more.
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
// then the node it belongs to knows, where that is decided by the id.
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
  struct guest *guests = lh_alloc((count + 1) * sizeof(struct guest));
  for (size_t i = 0; i < count; i++) guests[i] = (struct guest){.id = ids[i]};
  lh_place_guests(op->hub, guests, count, places);
  for (size_t i = 0; i < count; i++) {
    const uint32_t node = lh_place_node(op->hub, places[i]);
    op->items[indexes[i]].node = node != 0 ? node : op->all->self;
    op->items[indexes[i]].looked_for = true;
  }
  lh_free(guests);
  lh_free(places);
}

static bool has_owners(const struct hub *hub) {
  const bool given = (lh_distribution_flags(&hub->config) & START_GIVEN) != 0;
  return !given && hub->candidate_count > 0;
}

// --- orders ---
static void leave_order(struct op *op, struct item *item, uint64_t born) {
  const uint64_t seq = lh_order_write(op->hub, item->id, born);
  if (item->state == ITEM_NEW) op->unsent--;
  item->state = ITEM_ORDERED;
  item->ordered = !op->hub->config.replicated || !lh_view_reaches(op->all, item->node);
  item->born = born;
  op->ordered++;
  if (seq > op->order_seq) op->order_seq = seq;
  op->all->check_ops = true;
}

static bool is_reached(struct op *op, const struct item *item) {
  const struct lh_row *rows[LH_MEMBERS_MAX];
  bool reached = false;
  lh_registry_read_lock();
  const size_t count =
      lh_registry_all(op->all->registry, op->hub->index, item->id, rows, LH_MEMBERS_MAX);
  for (size_t i = 0; i < count && i < LH_MEMBERS_MAX; i++) {
    reached = reached || (rows[i]->born <= item->born && lh_view_reaches(op->all, rows[i]->node));
  }
  lh_registry_read_unlock();
  return reached;
}

void lh_stop_check(struct op *op) {
  if (!lh_held_by_all(op->all, op->order_seq)) return;
  for (size_t i = 0; i < op->count; i++) {
    const struct item *item = &op->items[i];
    if (item->state != ITEM_ORDERED) continue;
    if (is_reached(op, item)) return;
    lh_op_done_item(op, i, item->node, 0);
  }
}

void lh_stop_expire(struct op *op) {
  for (size_t i = 0; op->hub != NULL && i < op->count; i++) {
    struct item *item = &op->items[i];
    if (item->state != ITEM_NEW && item->state != ITEM_SENT) continue;
    const uint64_t born = lh_order_born(op->hub, item->id);
    if (born > 0) leave_order(op, item, born);
  }
}

static void look_for(struct op *op, const size_t *unknown, size_t count) {
  size_t *indexes = lh_alloc(count * sizeof(size_t));
  struct lh_bytes *ids = lh_alloc(count * sizeof(struct lh_bytes));
  size_t asked = 0;
  for (size_t i = 0; i < count; i++) {
    const struct item *item = &op->items[unknown[i]];
    if (item->looked_for || !has_owners(op->hub)) {
      conclude(op, unknown[i]);
    } else {
      indexes[asked] = unknown[i];
      ids[asked++] = item->id;
    }
  }
  if (asked > 0) ask_owners(op, indexes, ids, asked);
  lh_free(indexes);
  lh_free(ids);
}

// Of several instances none is asked: an order is for all of them.
static bool is_asked(const struct op *op, const struct item *item) {
  return item->node != 0 && !op->hub->config.replicated && lh_view_reaches(op->all, item->node);
}

// Finds the host of one child; false: no row names it, or an order stands for it now.
static bool find_host(struct op *op, struct item *item, bool *unknown) {
  item->node = host_of(op, item);
  *unknown = false;
  const uint64_t born = lh_order_born(op->hub, item->id);
  if (is_asked(op, item)) {
    item->born = born;
    return true;
  }
  *unknown = born == 0 || lh_order_covers(op->hub, item->id, born);
  if (!*unknown) leave_order(op, item, born);
  return false;
}

static void go(struct op *op) {
  size_t *unknown = lh_alloc(op->unsent * sizeof(size_t));
  size_t count = 0;
  for (size_t i = 0; i < op->count; i++) {
    struct item *item = &op->items[i];
    if (item->state != ITEM_NEW) continue;
    bool is_unknown = false;
    if (!find_host(op, item, &is_unknown) && is_unknown) unknown[count++] = i;
  }
  if (count > 0 && is_quiet(op->all)) look_for(op, unknown, count);
  lh_free(unknown);
  for (size_t i = 0; i < op->all->view.count && op->unsent > 0; i++)
    send_to_node(op, op->all->view.peers[i]->node);
}

void lh_stop_go(struct lh_hubs *hubs) {
  struct lh_list *at = hubs->ops_list.next;
  while (at != &hubs->ops_list) {
    struct op *op = LH_ENTRY(at, struct op, link);
    at = at->next;
    if (op->kind == OP_STOP && op->unsent > 0) go(op);
  }
  hubs->check_ops = true;
}
