// hook_runs.c - calls hook handlers: each takes what happened one event after another, in batches.
//
// A waiting handler's batch is one process in the heap of hooks (luahub.hook_runner); it says after
// each event how far it is (lh_node_hook_done), so that the end of a process costs that event
// alone. An immediate handler's batch is one question to the main program, whose answer says how
// far it came; it waits as long as the program does not wait. What cannot be taken any more (events
// of one handler, bytes of all) is dropped and counted. Protocol thread, but for lh_node_hook_done.
#include "node/hooks.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { BATCH_EVENTS = 256, BATCH_BYTES = 256 * 1024, TOKEN_BIT = 61 };

struct waiting {
  struct lh_list link;
  struct payload *payload;
};

// --- what waits ---
void lh_payload_drop(struct lh_node *node, struct payload *payload) {
  if (--payload->users > 0) return;
  node->hook_bytes -= payload->bytes.len;
  lh_buf_free(&payload->bytes);
  lh_free(payload);
}

static struct payload *payload_at(const struct lh_list *at) {
  return LH_ENTRY(at, struct waiting, link)->payload;
}

static void drop_first(struct lh_node *node, struct handler *handler, size_t count) {
  for (size_t i = 0; i < count && handler->waiting_count > 0; i++) {
    struct waiting *waiting = LH_ENTRY(lh_list_pop(&handler->waiting), struct waiting, link);
    lh_payload_drop(node, waiting->payload);
    lh_free(waiting);
    handler->waiting_count--;
  }
}

static void log_of(const struct handler *handler, const char *what, const char *text) {
  lh_log(LH_LOG_WARN, "hook", "hub %.*s: handler '%.*s' of %.*s %s%s", (int)handler->hub.len,
         (const char *)handler->hub.data, (int)handler->id.len, (const char *)handler->id.data,
         (int)handler->key.len, (const char *)handler->key.data, what, text);
}

static void refuse(struct lh_node *node, struct handler *handler) {
  node->counters.hooks_dropped++;
  if (!handler->full) log_of(handler, "is too slow: events for it are dropped and counted", "");
  handler->full = true;
}

// --- batches ---
static bool fits(const struct handler *handler, uint32_t count, size_t bytes) {
  const uint32_t most = handler->slot >= 0 || handler->immediate ? BATCH_EVENTS : 1;
  return count < most && (count == 0 || bytes <= BATCH_BYTES);
}

// Writes a list of the first payloads; answers how many.
static uint32_t write_batch(const struct handler *handler, struct lh_buf *out) {
  uint32_t count = 0;
  size_t bytes = 0;
  for (const struct lh_list *at = handler->waiting.next; at != &handler->waiting; at = at->next) {
    bytes += payload_at(at)->bytes.len;
    if (!fits(handler, count, bytes)) break;
    count++;
  }
  lh_write_array(out, count);
  const struct lh_list *at = handler->waiting.next;
  for (uint32_t i = 0; i < count; i++, at = at->next)
    lh_buf_append(out, payload_at(at)->bytes.data, payload_at(at)->bytes.len);
  return count;
}

static void ask_main(struct lh_node *node, struct handler *handler) {
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_str(&args, handler->hub.data, handler->hub.len);
  lh_write_str(&args, handler->key.data, handler->key.len);
  lh_write_str(&args, handler->id.data, handler->id.len);
  handler->given = write_batch(handler, &args);
  lh_write_uint(&args, handler->given);
  lh_actors_ask(node->actors, handler->run, "hook", lh_bytes_of(&args), 5);
  lh_buf_free(&args);
}

static void forget_progress(struct lh_node *node, int slot) {
  if (slot < 0) return;
  atomic_store(&node->hook_progress[slot].done, 0);
  atomic_store(&node->hook_progress[slot].failed, 0);
  lh_free(atomic_exchange(&node->hook_progress[slot].text, NULL));
}

static void run_process(struct lh_node *node, struct handler *handler) {
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_str(&args, handler->module.data, handler->module.len);
  lh_write_str(&args, handler->function.data, handler->function.len);
  lh_write_array(&args, handler->arg_count);
  lh_buf_append(&args, handler->args.data, handler->args.len);
  handler->given = write_batch(handler, &args);
  lh_write_uint(&args, handler->given);
  lh_write_int(&args, handler->slot);
  forget_progress(node, handler->slot);
  lh_actors_run(node->actors, handler->run, lh_bytes_str("luahub.hook_runner"),
                lh_bytes_str("each"), lh_bytes_of(&args), 6, LH_HOOK_MS);
  lh_buf_free(&args);
}

static void begin(struct lh_node *node, struct handler *handler) {
  if (handler->run != 0 || handler->waiting_count == 0) return;
  handler->run = (UINT64_C(1) << TOKEN_BIT) | ++node->next_hook_run;
  (void)lh_map_put(&node->hook_runs, &handler->run, sizeof handler->run, handler);
  if (handler->immediate)
    ask_main(node, handler);
  else
    run_process(node, handler);
}

void lh_hook_runs_give(struct lh_node *node, struct handler *handler, struct payload *payload) {
  if (handler->waiting_count >= LH_HOOK_EVENTS_MAX || node->hook_bytes > LH_HOOK_BYTES_MAX) {
    refuse(node, handler);
    return;
  }
  struct waiting *waiting = LH_NEW(struct waiting);
  waiting->payload = payload;
  payload->users++;
  lh_list_push(&handler->waiting, &waiting->link);
  handler->waiting_count++;
  begin(node, handler);
}

// --- handlers come and go ---
static int take_slot(struct lh_node *node) {
  for (int i = 0; i < HOOK_SLOTS; i++) {
    if (node->hook_slots[i]) continue;
    node->hook_slots[i] = true;
    return i;
  }
  return -1;
}

void lh_hook_runs_adopt(struct lh_node *node, struct handler *handler) {
  lh_list_init(&handler->waiting);
  handler->slot = handler->immediate ? -1 : take_slot(node);
}

static void free_if_over(struct lh_node *node, struct handler *handler) {
  if (!handler->over || handler->run != 0 || handler->waiting_count > 0) return;
  forget_progress(node, handler->slot);
  if (handler->slot >= 0) node->hook_slots[handler->slot] = false;
  lh_handler_free(handler);
}

void lh_hook_runs_leave(struct lh_node *node, struct handler *handler, bool drop) {
  handler->over = true;
  if (drop) drop_first(node, handler, handler->waiting_count);
  free_if_over(node, handler);
}

// --- how a run ended ---
struct outcome {
  uint64_t done, failed;
  struct lh_bytes text;  // of the first that failed
};

static bool read_outcome(struct lh_bytes result, const struct handler *handler,
                         struct outcome *out) {
  struct lh_reader in;
  lh_reader_init_user(&in, result);
  out->done = lh_read_uint(&in, handler->given);
  out->failed = lh_read_uint(&in, out->done);
  if (!lh_read_nil(&in)) out->text = lh_read_str(&in, LH_MESSAGE_MAX);
  return in.err == LH_OK && out->done > 0;
}

// The process ended in the middle: by luahub.exit, which is its right, or by an error or its limit.
static struct outcome broken_off(struct lh_node *node, const struct handler *handler, int status,
                                 const char *error) {
  struct outcome out = {.text = lh_bytes_str(error != NULL ? error : "")};
  const bool left = status == LH_ECLOSED || lh_bytes_equal(out.text, lh_bytes_str("normal"));
  if (handler->slot >= 0) {
    const char *text = atomic_load(&node->hook_progress[handler->slot].text);
    out.done = atomic_load(&node->hook_progress[handler->slot].done);
    out.failed = atomic_load(&node->hook_progress[handler->slot].failed);
    if (left && text != NULL) out.text = lh_bytes_str(text);
  }
  out.done += out.done < handler->given;
  out.failed += left ? 0 : 1;
  return out;
}

static void tell_failures(const struct handler *handler, const struct outcome *outcome) {
  char text[LH_ERROR_TEXT_MAX];
  const int len = outcome->text.len > 400 ? 400 : (int)outcome->text.len;
  if (outcome->failed > 1)
    (void)snprintf(text, sizeof text, "%.*s (and %llu more like it)", len,
                   (const char *)outcome->text.data, (unsigned long long)outcome->failed - 1);
  else
    (void)snprintf(text, sizeof text, "%.*s", len, (const char *)outcome->text.data);
  log_of(handler, "failed: ", text);
}

bool lh_hooks_ran(struct lh_node *node, uint64_t token, int status, struct lh_bytes result,
                  const char *error) {
  struct outcome outcome = {0};
  if ((token >> TOKEN_BIT) != 1) return false;
  struct handler *handler = lh_map_remove(&node->hook_runs, &token, sizeof token);
  if (handler == NULL) return true;
  if (status != LH_OK || !read_outcome(result, handler, &outcome))
    outcome = broken_off(node, handler, status, error);
  node->counters.hooks_run += outcome.done;
  node->counters.hooks_failed += outcome.failed;
  if (outcome.failed > 0) tell_failures(handler, &outcome);
  drop_first(node, handler, outcome.done);
  handler->run = 0;
  if (handler->waiting_count == 0) handler->full = false;
  begin(node, handler);
  free_if_over(node, handler);
  return true;
}

void lh_node_hook_done(struct lh_node *node, uint32_t slot, uint32_t done, uint32_t failed,
                       const char *text) {
  if (slot >= HOOK_SLOTS) return;
  atomic_store(&node->hook_progress[slot].done, done);
  atomic_store(&node->hook_progress[slot].failed, failed);
  if (text != NULL && atomic_load(&node->hook_progress[slot].text) == NULL)
    atomic_store(&node->hook_progress[slot].text, lh_strdup(text));
}

void lh_hook_runs_free(struct lh_node *node) {
  for (size_t i = 0; i < node->hook_runs.count; i++) {
    struct handler *handler = node->hook_runs.entries[i].value;
    handler->run = 0;
    drop_first(node, handler, handler->waiting_count);
    free_if_over(node, handler);
  }
  lh_map_free(&node->hook_runs);
  for (int i = 0; i < HOOK_SLOTS; i++) forget_progress(node, i);
}
