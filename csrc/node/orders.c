// orders.c - between the hubs, which decide, and the actors, which run: orders one way, words back
// the other.
//
// The actors speak on scheduler threads; what they say is copied into a note and taken up by the
// protocol thread.
#include "node/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

// --- what the hubs ask for ---
static void hub_send(void *self, uint32_t peer, uint8_t type, struct lh_bytes body) {
  struct lh_node *node = self;
  // never behind rows
  const bool lease = type == LH_FRAME_LEASE || type == LH_FRAME_LEASED || type == LH_FRAME_SET;
  if (node->links != NULL)
    (void)lh_links_send(node->links, peer, lease ? LH_CLASS_CONTROL : LH_CLASS_STATE, type, body);
}

static void hub_start(void *self, const struct lh_order *orders, size_t count) {
  struct lh_node *node = self;
  struct lh_child_start *starts = lh_alloc(count * sizeof(struct lh_child_start));
  for (size_t i = 0; i < count; i++) {
    starts[i] = (struct lh_child_start){
        .token = orders[i].token,
        .hub = orders[i].hub,
        .id = orders[i].id,
        .spec = orders[i].spec,
        .metadata = orders[i].metadata,
        .generation = orders[i].generation,
        .prepared = orders[i].prepared,
    };
  }
  lh_actors_start(node->actors, starts, count);
  lh_free(starts);
}

static void hub_stop(void *self, uint64_t token, lh_pid pid, const char *reason, lh_ms shutdown_ms,
                     lh_pid forward) {
  const struct lh_node *node = self;
  lh_actors_stop(node->actors, token, pid, reason, shutdown_ms, forward);
}

static void hub_freeze(void *self, uint64_t token, lh_pid pid) {
  const struct lh_node *node = self;
  lh_actors_freeze(node->actors, token, pid);
}

static void hub_thaw(void *self, lh_pid pid, uint64_t generation) {
  const struct lh_node *node = self;
  lh_actors_thaw(node->actors, pid, generation);
}

static void hub_describe(void *self, lh_pid pid, struct lh_bytes metadata) {
  const struct lh_node *node = self;
  lh_actors_describe(node->actors, pid, metadata);
}

static void hub_tell_role(void *self, uint64_t token, lh_pid pid, bool active) {
  const struct lh_node *node = self;
  lh_actors_tell_role(node->actors, token, pid, active);
}

static void hub_consent(void *self, uint64_t token, lh_pid pid) {
  const struct lh_node *node = self;
  lh_actors_ask_consent(node->actors, token, pid);
}

static void hub_activate(void *self, uint64_t token, lh_pid pid, struct lh_bytes state,
                         uint64_t generation) {
  const struct lh_node *node = self;
  lh_actors_activate(node->actors, token, pid, state, generation);
}

static void hub_ask(void *self, uint64_t question, const char *kind, struct lh_bytes args,
                    uint32_t count) {
  struct lh_node *node = self;
  if (strcmp(kind, "alter") == 0)
    lh_alter_children(node, question, args);
  else if (strcmp(kind, "conflict") == 0)
    lh_alter_conflict(node, question, args);
  else
    lh_actors_ask(node->actors, question, kind, args, count);
}

static void hub_reply(void *self, uint64_t caller, int status, struct lh_bytes result,
                      const struct lh_error *error) {
  lh_service_reply(self, caller, status, result, error);
}

static bool hub_wants(void *self, struct lh_bytes hub, const char *key) {
  return lh_hooks_wanted(self, hub, key);
}

static void hub_event(void *self, struct lh_bytes hub, const char *key, struct lh_bytes payload) {
  lh_hooks_run(self, hub, lh_bytes_str(key), payload);
}

static void hub_record_changed(void *self) {
  struct lh_node *node = self;
  lh_peers_record_changed(node);
  lh_node_touch(node);
}

static void hub_fence(void *self, const struct lh_run *run) {
  struct lh_node *node = self;
  if (node->members != NULL) lh_members_fence(node->members, run);
}

static void hub_lease(void *self, struct lh_bytes hub, lh_ms until) {
  const struct lh_node *node = self;
  lh_actors_lease(node->actors, hub, until);
}

static int hub_keep(void *self, struct lh_bytes hub, struct lh_bytes state) {
  return lh_kept_write(self, hub, state);
}

static void hub_closed(void *self, struct lh_bytes hub) { lh_leave_closed(self, hub); }
static void hub_drained(void *self) { lh_leave_drained(self); }

static uint32_t hub_pressure(void *self) {
  const struct lh_node *node = self;
  return lh_actors_pressure(node->actors);
}

const struct lh_hubs_ops lh_node_hubs_ops = {
    .send = hub_send,
    .start = hub_start,
    .stop = hub_stop,
    .freeze = hub_freeze,
    .thaw = hub_thaw,
    .describe = hub_describe,
    .tell_role = hub_tell_role,
    .activate = hub_activate,
    .consent = hub_consent,
    .ask = hub_ask,
    .reply = hub_reply,
    .wants = hub_wants,
    .event = hub_event,
    .record_changed = hub_record_changed,
    .fence = hub_fence,
    .lease = hub_lease,
    .keep = hub_keep,
    .closed = hub_closed,
    .drained = hub_drained,
    .pressure = hub_pressure,
};

// --- what the actors say --- one word about one child, question or run; `text` and `bytes` belong
// to it.
struct word {
  uint64_t token;
  lh_pid pid;
  int status;
  char *text;
  struct lh_buf bytes;
};

static struct word *word_new(uint64_t token, lh_pid pid, int status, struct lh_bytes bytes,
                             const char *text) {
  struct word *word = LH_NEW(struct word);
  word->token = token;
  word->pid = pid;
  word->status = status;
  word->text = text != NULL ? lh_strdup(text) : NULL;
  lh_buf_append(&word->bytes, bytes.data, bytes.len);
  return word;
}

static void word_free(void *data) {
  struct word *word = data;
  lh_free(word->text);
  lh_buf_free(&word->bytes);
  lh_free(word);
}

static void post(void *self, void (*fn)(struct lh_node *node, void *data), struct word *word) {
  lh_node_post(self, fn, word, word_free);
}
static lh_ms now_of(struct lh_node *node) { return lh_env_now(node->env); }

struct starts {
  size_t count;
  struct word words[];
};

static void starts_free(void *data) {
  struct starts *starts = data;
  for (size_t i = 0; i < starts->count; i++) lh_free(starts->words[i].text);
  lh_free(starts);
}

static void take_started(struct lh_node *node, void *data) {
  const struct starts *starts = data;
  const lh_ms now = now_of(node);
  for (size_t i = 0; i < starts->count; i++) {
    const struct word *word = &starts->words[i];
    lh_hubs_started(node->hubs, now, word->token, word->status, word->pid,
                    word->text != NULL ? word->text : "");
  }
  starts_free(data);
}

static void child_started(void *self, const struct lh_child_started *results, size_t count) {
  struct starts *starts = lh_zalloc(sizeof(struct starts) + count * sizeof(struct word));
  starts->count = count;
  for (size_t i = 0; i < count; i++) {
    starts->words[i] = (struct word){
        .token = results[i].token, .pid = results[i].pid, .status = results[i].status};
    if (results[i].error != NULL) starts->words[i].text = lh_strdup(results[i].error);
  }
  lh_node_post(self, take_started, starts, starts_free);
}

static void take_ended(struct lh_node *node, void *data) {
  const struct word *word = data;
  lh_hubs_ended(node->hubs, now_of(node), word->token, word->status == LH_ENDED_ABNORMAL,
                word->text != NULL ? word->text : "");
  word_free(data);
}

static void child_ended(void *self, const struct lh_child_ended *ended) {
  post(self, take_ended,
       word_new(ended->token, ended->pid, (int)ended->how, lh_bytes(NULL, 0), ended->reason));
}

static void take_stopped(struct lh_node *node, void *data) {
  const struct word *word = data;
  lh_hubs_stopped(node->hubs, now_of(node), word->token);
  word_free(data);
}

static void child_stopped(void *self, uint64_t token, lh_pid pid, bool killed) {
  post(self, take_stopped, word_new(token, pid, killed, lh_bytes(NULL, 0), NULL));
}

static void take_frozen(struct lh_node *node, void *data) {
  const struct word *word = data;
  lh_hubs_frozen(node->hubs, now_of(node), word->token, word->status, lh_bytes_of(&word->bytes),
                 word->text);
  word_free(data);
}

static void child_frozen(void *self, uint64_t token, lh_pid pid, int status, struct lh_bytes state,
                         const char *error) {
  post(self, take_frozen, word_new(token, pid, status, state, error));
}

static void take_activated(struct lh_node *node, void *data) {
  const struct word *word = data;
  lh_hubs_activated(node->hubs, now_of(node), word->token, word->status, word->text);
  word_free(data);
}

static void child_activated(void *self, uint64_t token, lh_pid pid, int status, const char *error) {
  post(self, take_activated, word_new(token, pid, status, lh_bytes(NULL, 0), error));
}

static void take_consented(struct lh_node *node, void *data) {
  const struct word *word = data;
  lh_hubs_consented(node->hubs, now_of(node), word->token, word->pid, word->status);
  word_free(data);
}

static void child_consented(void *self, uint64_t token, lh_pid pid, int status) {
  post(self, take_consented, word_new(token, pid, status, lh_bytes(NULL, 0), NULL));
}

static void take_told(struct lh_node *node, void *data) {
  const struct word *word = data;
  lh_hubs_told(node->hubs, now_of(node), word->token, word->pid);
  word_free(data);
}

static void child_told(void *self, uint64_t token, lh_pid pid, int status) {
  post(self, take_told, word_new(token, pid, status, lh_bytes(NULL, 0), NULL));
}

static void take_ran(struct lh_node *node, void *data) {
  const struct word *word = data;
  const struct lh_bytes result = lh_bytes_of(&word->bytes);
  if (!lh_ask_answered(node, word->token, word->status, result, word->text))
    (void)lh_hooks_ran(node, word->token, word->status, result, word->text);
  word_free(data);
}

static void ran(void *self, uint64_t token, int status, struct lh_bytes result, const char *error) {
  post(self, take_ran, word_new(token, 0, status, result, error));
}

static void take_answered(struct lh_node *node, void *data) {
  const struct word *word = data;
  const struct lh_bytes result = lh_bytes_of(&word->bytes);
  if (!lh_ask_answered(node, word->token, word->status, result, word->text) &&
      !lh_hooks_ran(node, word->token, word->status, result, word->text)) {
    lh_hubs_answered(node->hubs, now_of(node), word->token, word->status, result, word->text);
  }
  word_free(data);
}

static void answered(void *self, uint64_t token, int status, struct lh_bytes result,
                     const char *error) {
  post(self, take_answered, word_new(token, 0, status, result, error));
}

// --- messages ---
static void take_service(struct lh_node *node, void *data) { lh_service_message(node, data, true); }
static void drop_message(void *data) { lh_msg_free(data); }

static void service(void *self, struct lh_msg *msg) {
  lh_node_post(self, take_service, msg, drop_message);
}
static void route(void *self, struct lh_msg *msg) { lh_remote_send(self, msg); }

static void watched(void *self, uint64_t ref) { lh_node_watched(self, ref); }

const struct lh_actors_ops lh_node_actors_ops = {
    .route = route,
    .service = service,
    .child_started = child_started,
    .child_ended = child_ended,
    .child_stopped = child_stopped,
    .child_frozen = child_frozen,
    .child_activated = child_activated,
    .child_told = child_told,
    .child_consented = child_consented,
    .watched = watched,
    .ran = ran,
    .answered = answered,
};
