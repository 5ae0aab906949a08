// op.c - operations that somebody waits for: their items, their deadline, their one answer.
//
// An operation is answered when every item is done or failed and the rows it relies on are in the
// local registry (what you awaited you can look up), or at its deadline with what there is. It owns
// the request's bytes; items are slices.
#include "hub/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct op *lh_op_new(struct lh_hubs *hubs, lh_ms now, enum op_kind kind, struct hub *hub,
                     uint64_t caller, lh_ms timeout) {
  struct op *op = LH_NEW(struct op);
  op->all = hubs;
  op->kind = kind;
  op->hub = hub;
  op->id = ++hubs->next_op;
  op->caller = caller;
  op->timer.of_op = true;
  op->check_existing = true;
  lh_list_push(&hubs->ops_list, &op->link);
  (void)lh_map_put(&hubs->ops_by_id, &op->id, sizeof op->id, op);
  lh_heap_set(&hubs->due, &op->timer.due, now + timeout);
  return op;
}

struct hub *lh_op_open_hub(struct lh_hubs *hubs, uint64_t caller, struct lh_bytes id) {
  struct hub *hub = lh_hub_find(hubs, id);
  if (hub == NULL || hub->closing) {
    lh_op_refuse(hubs, caller, LH_ECLOSED, "not_alive", "no hub '%.*s' runs on this node",
                 (int)id.len, (const char *)id.data);
    return NULL;
  }
  if (hubs->ops_by_id.count >= LH_OPS_MAX) {
    lh_op_refuse(hubs, caller, LH_ELIMIT, "limit",
                 "more than %d operations are under way on this node", LH_OPS_MAX);
    return NULL;
  }
  return hub;
}

struct op *lh_op_find(struct lh_hubs *hubs, uint64_t id) {
  return lh_map_get(&hubs->ops_by_id, &id, sizeof id);
}

void lh_op_free(struct op *op) {
  struct lh_hubs *hubs = op->all;
  lh_list_remove(&op->link);
  (void)lh_map_remove(&hubs->ops_by_id, &op->id, sizeof op->id);
  lh_heap_cancel(&hubs->due, &op->timer.due);
  for (size_t i = 0; i < op->text_count; i++) lh_free(op->texts[i]);
  lh_free(op->texts);
  lh_free(op->items);
  lh_free(op->waits);
  lh_buf_free(&op->memory);
  lh_buf_free(&op->bodies);
  lh_free(op);
}

static const char *keep_text(struct op *op, struct lh_bytes text) {
  char *copy = lh_alloc(text.len + 1);
  if (text.len > 0) memcpy(copy, text.data, text.len);
  copy[text.len] = '\0';
  op->texts = lh_realloc(op->texts, (op->text_count + 1) * sizeof(char *));
  op->texts[op->text_count++] = copy;
  return copy;
}

static void close_item(struct op *op, struct item *item, enum item_state state) {
  if (item->state == ITEM_NEW) op->unsent--;
  if (item->state == ITEM_ORDERED) op->ordered--;
  op->open--;
  item->state = (uint8_t)state;
  op->all->check_ops = true;
}

void lh_op_fail_item(struct op *op, size_t index, int code, struct lh_bytes text) {
  struct item *item = &op->items[index];
  if (index >= op->count || item->state == ITEM_DONE || item->state == ITEM_FAILED) return;
  item->code = code;
  item->error = text.len > 0 ? keep_text(op, text) : NULL;
  close_item(op, item, ITEM_FAILED);
}

void lh_op_done_item(struct op *op, size_t index, uint32_t node, lh_pid pid) {
  struct item *item = &op->items[index];
  if (index >= op->count || item->state == ITEM_DONE || item->state == ITEM_FAILED) return;
  item->node = node;
  item->pid = pid;
  close_item(op, item, ITEM_DONE);
}

void lh_op_wait(struct op *op, uint32_t node, uint64_t seq) {
  for (size_t i = 0; i < op->wait_count; i++) {
    if (op->waits[i].node != node) continue;
    if (op->waits[i].seq < seq) op->waits[i].seq = seq;
    return;
  }
  op->waits = lh_realloc(op->waits, (op->wait_count + 1) * sizeof *op->waits);
  op->waits[op->wait_count].node = node;
  op->waits[op->wait_count++].seq = seq;
}

uint64_t lh_op_waits_for(const struct op *op, uint32_t node) {
  for (size_t i = 0; i < op->wait_count; i++) {
    if (op->waits[i].node == node) return op->waits[i].seq;
  }
  return 0;
}

// A node that died takes its sequence with it: what it wrote is in its frozen ledger now.
static bool rows_are_here(const struct op *op) {
  for (size_t i = 0; i < op->wait_count; i++) {
    const uint32_t node = op->waits[i].node;
    if (lh_view_find(op->all, node) == NULL) continue;
    if (lh_registry_seq(op->all->registry, node) < op->waits[i].seq) return false;
  }
  return true;
}

static size_t count_done(const struct op *op) {
  size_t done = 0;
  for (size_t i = 0; i < op->count; i++) done += op->items[i].state == ITEM_DONE;
  return done;
}

// A host that died left its rows to us. Whoever has not said that it holds them is asked.
static bool is_known(const struct op *op, size_t wait) {
  const uint32_t node = op->waits[wait].node;
  return lh_view_find(op->all, node) == NULL ||
         lh_held_enough(op->all, op->hub, node, op->waits[wait].seq, op->acknowledged);
}

static bool is_acknowledged(const struct op *op) {
  bool all = true;
  if (op->kind != OP_START || op->caller == 0 || count_done(op) == 0) return true;
  for (size_t i = 0; i < op->wait_count; i++) all &= is_known(op, i);
  return all;
}

static const char *item_code(const struct op *op, const struct item *item) {
  if (item->code == LH_EEXISTS) return op->kind == OP_START ? "already_started" : "stopping";
  if (item->code == LH_ECLOSED) return "not_alive";
  if (item->code == LH_EIO) return "no_nodes";
  if (item->code == LH_EDENIED) return "partitioned";
  if (item->code == LH_EFAILED) return "child_failed";
  return lh_err_name(item->code);
}

static void write_pid(const struct op *op, lh_pid pid, struct lh_buf *out) {
  if (pid == 0)
    lh_write_bool(out, false);
  else
    lh_write_pid(out, lh_runs_at(op->all->runs, lh_pid_node(pid)), lh_pid_local(pid));
}

static void write_errors(const struct op *op, size_t failed, struct lh_buf *out) {
  lh_write_cstr(out, "errors");
  lh_write_array(out, (uint32_t)failed);
  for (size_t i = 0; i < op->count; i++) {
    const struct item *item = &op->items[i];
    if (item->state != ITEM_FAILED) continue;
    const char *code = item_code(op, item);
    lh_write_map(out, item->pid != 0 ? 5 : 4);
    lh_write_cstr(out, "code");
    lh_write_cstr(out, code);
    lh_write_cstr(out, "id");
    lh_write_str(out, item->id.data, item->id.len);
    lh_write_cstr(out, "message");
    lh_write_cstr(out, item->error != NULL ? item->error : code);
    lh_write_cstr(out, "node");
    lh_write_cstr(out, item->node != 0 ? lh_runs_name(op->all->runs, item->node) : "");
    if (item->pid != 0) {
      lh_write_cstr(out, "pid");
      write_pid(op, item->pid, out);
    }
  }
}

// What is stopped by an order alone: its host was not reached.
static void write_ordered(const struct op *op, struct lh_buf *out) {
  uint32_t count = 0;
  for (size_t i = 0; i < op->count; i++)
    count += op->items[i].state == ITEM_DONE && op->items[i].ordered;
  lh_write_cstr(out, "ordered");
  lh_write_array(out, count);
  for (size_t i = 0; i < op->count; i++) {
    const struct item *item = &op->items[i];
    if (item->state == ITEM_DONE && item->ordered) lh_write_str(out, item->id.data, item->id.len);
  }
}

// Three lists of one entry each for every instance. A child has one, but in a replicated hub.
struct done {
  uint32_t count;
  struct lh_buf ids, nodes, pids;
};

static void add_done(struct done *done, const struct op *op, const struct item *item, uint32_t node,
                     lh_pid pid) {
  done->count++;
  lh_write_str(&done->ids, item->id.data, item->id.len);
  lh_write_cstr(&done->nodes, lh_runs_name(op->all->runs, node));
  write_pid(op, pid, &done->pids);
}

// In a read section. False: no row says that it runs.
static bool add_instances(struct done *done, const struct op *op, const struct item *item) {
  const struct lh_row *rows[LH_MEMBERS_MAX];
  const uint32_t before = done->count;
  size_t count =
      lh_registry_find(op->all->registry, op->hub->index, item->id, rows, LH_MEMBERS_MAX);
  if (count > LH_MEMBERS_MAX) count = LH_MEMBERS_MAX;
  for (size_t i = 0; i < count; i++)
    if (rows[i]->pid != 0) add_done(done, op, item, rows[i]->node, rows[i]->pid);
  return done->count > before;
}

static struct done list_done(const struct op *op) {
  struct done done = {0};
  const bool several = op->kind == OP_START && op->hub != NULL && op->hub->config.replicated;
  lh_registry_read_lock();
  for (size_t i = 0; i < op->count; i++) {
    const struct item *item = &op->items[i];
    if (item->state != ITEM_DONE || (several && add_instances(&done, op, item))) continue;
    add_done(&done, op, item, item->node, item->pid);
  }
  lh_registry_read_unlock();
  return done;
}

static void write_list(const char *name, uint32_t count, struct lh_buf *list, struct lh_buf *out) {
  lh_write_cstr(out, name);
  lh_write_array(out, count);
  lh_buf_append(out, list->data, list->len);
  lh_buf_free(list);
}

static void write_done(const struct op *op, struct lh_buf *out) {
  struct done done = list_done(op);
  write_list("ids", done.count, &done.ids, out);
  write_list("nodes", done.count, &done.nodes, out);
  if (op->kind == OP_STOP) {
    write_ordered(op, out);
    lh_buf_free(&done.pids);
  } else {
    write_list("pids", done.count, &done.pids, out);
  }
}

static void write_result(const struct op *op, struct lh_buf *out) {
  const size_t failed = op->count - count_done(op);
  lh_write_map(out, 6);
  write_errors(op, failed, out);
  write_done(op, out);
  lh_write_cstr(out, "rollback");
  lh_write_bool(out, op->rolled_back);
  lh_write_cstr(out, "status");
  lh_write_cstr(out, failed > 0 ? "error" : "ok");
}

// That a child is there already, or not any more, is how it was wanted.
static bool is_worth_a_line(const struct op *op, const struct item *item) {
  const int wanted = op->kind == OP_START ? LH_EEXISTS : LH_ENOTFOUND;
  return item->state == ITEM_FAILED && item->code != wanted;
}

static void log_failures(const struct op *op) {
  size_t shown = 0;
  for (size_t i = 0; i < op->count && shown < 5; i++) {
    const struct item *item = &op->items[i];
    if (!is_worth_a_line(op, item)) continue;
    lh_log(LH_LOG_WARN, "hub", "child '%.*s' was not %s: %s", (int)item->id.len,
           (const char *)item->id.data, op->kind == OP_START ? "started" : "stopped",
           item->error != NULL ? item->error : lh_err_name(item->code));
    shown++;
  }
}

static void finish(struct op *op) {
  struct lh_hubs *hubs = op->all;
  if (op->wanted) lh_reconcile_want(op, false);
  if (op->again) lh_reconcile_ended(op);
  if (op->caller != 0) {
    struct lh_buf result = LH_BUF_EMPTY;
    write_result(op, &result);
    hubs->ops->reply(hubs->ops_self, op->caller, LH_OK, lh_bytes_of(&result), NULL);
    lh_buf_free(&result);
  } else if (!op->quiet) {
    log_failures(op);
  }
  lh_op_free(op);
}

static bool check_one(struct op *op, lh_ms now) {
  if (op->ordered > 0) lh_stop_check(op);
  if (op->open > 0 || op->undone_by != 0 || !rows_are_here(op)) return false;
  if (op->undoing != 0) {
    lh_undo_end(op);
    return true;
  }
  if (op->kind == OP_START && count_done(op) < op->count && lh_undo_begin(op, now)) return true;
  if (op->kind == OP_START && !lh_replica_started(op)) return false;
  if (!is_acknowledged(op)) return false;
  finish(op);
  return true;
}

void lh_op_check(struct lh_hubs *hubs, lh_ms now) {
  bool again = true;
  while (again) {
    again = false;
    struct lh_list *at = hubs->ops_list.next;
    while (at != &hubs->ops_list) {
      struct op *op = LH_ENTRY(at, struct op, link);
      at = at->next;
      if (check_one(op, now)) again = true;
    }
  }
}

// They run, and too few members said so far that they know of it.
static void fail_unacknowledged(struct op *op) {
  static const char text[] = "it runs, but too few members said before the deadline that they know";
  for (size_t w = 0; w < op->wait_count; w++) {
    if (is_known(op, w)) continue;
    for (size_t i = 0; i < op->count; i++) {
      struct item *item = &op->items[i];
      if (item->state != ITEM_DONE || item->node != op->waits[w].node) continue;
      item->state = ITEM_FAILED;
      item->code = LH_ETIMEOUT;
      item->error = text;
    }
  }
}

void lh_op_expire(struct op *op, lh_ms now) {
  static const char text[] = "no answer before the deadline";
  static const char undone[] = "no answer before the deadline; if it starts later, it is stopped";
  const bool unheard = op->undone_by == 0 && !is_acknowledged(op);
  if (op->kind == OP_START && (unheard || count_done(op) < op->count)) lh_undo_expired(op, now);
  if (unheard) fail_unacknowledged(op);
  if (op->kind == OP_STOP) lh_stop_expire(op);
  for (size_t i = 0; i < op->count; i++)
    lh_op_fail_item(op, i, LH_ETIMEOUT, lh_bytes_str(op->rolled_back ? undone : text));
  op->wait_count = 0;
  op->undone_by = 0;
  if (op->undoing != 0)
    lh_undo_end(op);
  else
    finish(op);
}

void lh_op_retry(struct lh_hubs *hubs, lh_ms now, lh_ms pause) {
  if (now + pause < hubs->retry_at) hubs->retry_at = now + pause;
}

enum { ANY_KIND = -1 };

static bool ask_anew(struct lh_hubs *hubs, uint32_t node, int kind) {  // of one node, or of all (0)
  bool any = false;
  for (struct lh_list *at = hubs->ops_list.next; at != &hubs->ops_list; at = at->next) {
    struct op *op = LH_ENTRY(at, struct op, link);
    for (size_t i = 0; i < op->count && (kind == ANY_KIND || kind == (int)op->kind); i++) {
      struct item *item = &op->items[i];
      if (item->state != ITEM_SENT || (node != 0 && item->node != node)) continue;
      item->state = ITEM_NEW;
      item->met = item->met || !item->looked_for;
      item->looked_for = false;
      op->unsent++;
      any = true;
    }
  }
  return any;
}

// What was asked of a node that is gone is asked again, of whoever is right now.
void lh_op_node_gone(struct lh_hubs *hubs, uint32_t node) {
  (void)ask_anew(hubs, node, ANY_KIND);
  hubs->check_ops = true;
}

// A stop that waits for a node that cannot be reached is ordered instead; a start waits.
void lh_op_unreached(struct lh_hubs *hubs, uint32_t node) {
  if (ask_anew(hubs, node, OP_STOP)) lh_stop_go(hubs);
  hubs->check_ops = true;
}

void lh_op_all_again(struct lh_hubs *hubs) { (void)ask_anew(hubs, 0, ANY_KIND); }

// The link is new: what was asked or answered over the one before may be lost.
void lh_op_link_up(struct lh_hubs *hubs, lh_ms now, uint32_t node) {
  if (ask_anew(hubs, node, ANY_KIND)) lh_op_retry(hubs, now, 0);
}

void lh_op_refuse(struct lh_hubs *hubs, uint64_t caller, int code, const char *name,
                  const char *format, ...) {
  struct lh_error error;
  va_list args;
  va_start(args, format);
  (void)snprintf(error.code, sizeof error.code, "%s", name);
  (void)vsnprintf(error.text, sizeof error.text, format, args);
  va_end(args);
  if (caller != 0)
    hubs->ops->reply(hubs->ops_self, caller, code, lh_bytes(NULL, 0), &error);
  else
    lh_log(LH_LOG_WARN, "hub", "%s", error.text);
}

void lh_hubs_load(const struct lh_hubs *hubs, size_t *operations, size_t *waiting) {
  *operations = hubs->ops_by_id.count;
  *waiting = hubs->waiting_count;
}
