// undo.c - taking back what a start with rollback began, when some of it failed.
//
// What is known to run is stopped by a stop of its own (`undoing`), for which the start's answer
// waits. At the start's deadline nothing is waited for any more: what was asked of a host that has
// not answered may start at any time later, so a stop order (order.c) is left for it, under the
// name that this start gave it. A child that bears an older name is somebody else's and stays.
//
//   all decided, some failed --stop what runs--> stopped --> answered
//   the deadline --stop what runs, orders for the rest--> answered at once
//
// The stop copies the request's bytes: it may outlive the start.
#include "hub/internal.h"

#include "base/mem.h"

static bool is_known(const struct op *op, const struct item *item) {
  return item->state == ITEM_DONE && lh_order_born(op->hub, item->id) > 0;
}

static bool is_done(const struct op *op, const struct item *item) {
  (void)op;
  return item->state == ITEM_DONE;
}

static struct op *stop_those(const struct op *op, lh_ms now,
                             bool (*which)(const struct op *op, const struct item *item)) {
  size_t count = 0;
  for (size_t i = 0; i < op->count; i++) count += which(op, &op->items[i]);
  if (count == 0) return NULL;
  struct op *stop = lh_op_new(op->all, now, OP_STOP, op->hub, 0, LH_OP_MS);
  stop->quiet = true;
  stop->items = lh_zalloc(count * sizeof(struct item));
  lh_buf_append(&stop->memory, op->memory.data, op->memory.len);
  for (size_t i = 0; i < op->count; i++) {
    if (!which(op, &op->items[i])) continue;
    const size_t offset = (size_t)(op->items[i].id.data - op->memory.data);
    stop->items[stop->count++].id = lh_bytes(stop->memory.data + offset, op->items[i].id.len);
  }
  stop->open = stop->unsent = stop->count;
  stop->undoing = op->id;
  return stop;
}

bool lh_undo_begin(struct op *op, lh_ms now) {
  if (!op->rollback || op->rolled_back || op->hub == NULL) return false;
  op->rolled_back = true;
  const struct op *stop = stop_those(op, now, is_done);
  if (stop == NULL) return false;
  op->undone_by = stop->id;
  lh_stop_go(op->all);
  return true;
}

// Nobody was asked for what has no name yet.
static bool may_come(const struct op *op, const struct item *item) {
  if (item->born == 0 || item->state == ITEM_FAILED || is_known(op, item)) return false;
  return !lh_order_names(op->hub, item->id, item->born - 1);
}

void lh_undo_expired(struct op *op, lh_ms now) {
  if (!op->rollback || op->rolled_back || op->hub == NULL) return;
  op->rolled_back = true;
  const struct op *stop = stop_those(op, now, is_known);
  for (size_t i = 0; i < op->count; i++) {
    const struct item *item = &op->items[i];
    if (may_come(op, item)) (void)lh_order_write(op->hub, item->id, item->born);
  }
  if (stop != NULL) lh_stop_go(op->all);
}

void lh_undo_end(struct op *stop) {
  struct op *start = lh_op_find(stop->all, stop->undoing);
  if (start != NULL) start->undone_by = 0;
  lh_op_free(stop);
}
