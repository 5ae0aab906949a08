// events.c - events: which members are told, and what waits while a hub is busy.
//
// An event is a name and a payload for the handlers of that name. It travels to other members in an
// EVENT frame: [hub, name, payload]. While a hub is busy recovering or moving children, events
// dispatched here wait (bounded) or are discarded, as their sender said.
#include "node/internal.h"

#include "base/log.h"
#include "base/mem.h"

struct queued {
  struct lh_list link;
  struct lh_buf hub, id, data, members;
};

static struct lh_buf copy(struct lh_bytes bytes) {
  struct lh_buf out = LH_BUF_EMPTY;
  lh_buf_append(&out, bytes.data, bytes.len);
  return out;
}

// --- to members ---
static void send_event(struct lh_node *node, uint32_t to, struct lh_bytes hub, struct lh_bytes name,
                       struct lh_bytes data) {
  struct lh_buf body = LH_BUF_EMPTY;
  if (node->links == NULL) return;
  lh_write_str(&body, hub.data, hub.len);
  lh_write_str(&body, name.data, name.len);
  if (data.len > 0)
    lh_buf_append(&body, data.data, data.len);
  else
    lh_write_nil(&body);
  (void)lh_links_send(node->links, to, LH_CLASS_STATE, FRAME_EVENT, lh_bytes_of(&body));
  lh_buf_free(&body);
}

static bool is_word(struct lh_bytes members, const char *word) {
  struct lh_reader in;
  if (members.data == NULL) return false;
  lh_reader_init_user(&in, members);
  return lh_read_peek(&in) == LH_WIRE_STR &&
         lh_bytes_equal(lh_read_str(&in, 64), lh_bytes_str(word));
}

static void deliver(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                    struct lh_bytes data, struct lh_bytes member) {
  const uint32_t to = lh_peers_by_name(node, member);
  if (to == node->self)
    lh_hooks_run(node, hub, name, data);
  else if (to != 0)
    send_event(node, to, hub, name, data);
}

static void deliver_list(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                         struct lh_bytes data, struct lh_bytes list) {
  struct lh_reader in;
  lh_reader_init_user(&in, list);
  const uint32_t count = lh_read_array(&in, LH_MEMBERS_MAX);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++)
    deliver(node, hub, name, data, lh_read_str(&in, LH_NAME_MAX));
}

static void deliver_members(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                            struct lh_bytes data, struct lh_bytes members) {
  struct lh_reader in;
  if (is_word(members, "local")) {
    lh_hooks_run(node, hub, name, data);
    return;
  }
  lh_reader_init_user(&in, members);
  if (members.data != NULL && lh_read_peek(&in) == LH_WIRE_ARRAY) {
    deliver_list(node, hub, name, data, members);
    return;
  }
  struct lh_buf names = LH_BUF_EMPTY;
  lh_hubs_nodes(node->hubs, hub, !is_word(members, "external"), &names);
  deliver_list(node, hub, name, data, lh_bytes_of(&names));
  lh_buf_free(&names);
}

const char *lh_events_dispatch(struct lh_node *node, struct lh_bytes hub, struct lh_bytes id,
                               struct lh_bytes data, struct lh_bytes members, bool discard) {
  if (!lh_hubs_state(node->hubs, hub).locked) {
    deliver_members(node, hub, id, data, members);
    return "event_dispatched";
  }
  if (discard) return "event_discarded";
  if (node->queued_event_count >= LH_EVENTS_QUEUED_MAX) {
    node->counters.events_dropped++;
    return NULL;
  }
  struct queued *queued = LH_NEW(struct queued);
  queued->hub = copy(hub);
  queued->id = copy(id);
  queued->data = copy(data);
  queued->members = copy(members);
  lh_list_push(&node->queued_events, &queued->link);
  node->queued_event_count++;
  return "event_queued";
}

static void queued_free(struct lh_node *node, struct queued *queued) {
  node->queued_event_count--;
  lh_list_remove(&queued->link);
  lh_buf_free(&queued->hub);
  lh_buf_free(&queued->id);
  lh_buf_free(&queued->data);
  lh_buf_free(&queued->members);
  lh_free(queued);
}

void lh_events_unlock(struct lh_node *node) {
  struct lh_list *at = node->queued_events.next;
  while (at != &node->queued_events) {
    struct queued *queued = LH_ENTRY(at, struct queued, link);
    at = at->next;
    const struct lh_bytes hub = lh_bytes_of(&queued->hub);
    if (lh_hubs_state(node->hubs, hub).locked) continue;
    deliver_members(node, hub, lh_bytes_of(&queued->id), lh_bytes_of(&queued->data),
                    lh_bytes_of(&queued->members));
    queued_free(node, queued);
  }
}

// --- through the hub's synchronization strategy ---
struct propagation {
  struct lh_buf hub, name, data;
};

static void targets_chosen(struct lh_node *node, int status, struct lh_bytes result,
                           const char *error, void *data) {
  struct propagation *propagation = data;
  if (status == LH_OK) {
    deliver_list(node, lh_bytes_of(&propagation->hub), lh_bytes_of(&propagation->name),
                 lh_bytes_of(&propagation->data), result);
  } else {
    node->counters.events_dropped++;
    lh_log(LH_LOG_WARN, "hub",
           "an event was not propagated, the synchronization strategy failed: %s",
           error != NULL ? error : "");
  }
  lh_buf_free(&propagation->hub);
  lh_buf_free(&propagation->name);
  lh_buf_free(&propagation->data);
  lh_free(propagation);
}

static void write_members(struct lh_node *node, struct lh_bytes hub, struct lh_bytes members,
                          struct lh_buf *out) {
  struct lh_reader in;
  lh_reader_init_user(&in, members);
  if (is_word(members, "local")) {
    lh_write_array(out, 1);
    lh_write_cstr(out, node->name);
  } else if (members.data != NULL && lh_read_peek(&in) == LH_WIRE_ARRAY) {
    lh_buf_append(out, members.data, members.len);
  } else {
    lh_hubs_nodes(node->hubs, hub, !is_word(members, "external"), out);
  }
}

static void gossip(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                   struct lh_bytes data, struct lh_bytes members) {
  struct lh_buf names = LH_BUF_EMPTY;
  write_members(node, hub, members, &names);
  lh_gossip_begin(node, hub, name, data, lh_bytes_of(&names), lh_hubs_gossips(node->hubs, hub));
  lh_buf_free(&names);
}

void lh_events_propagate(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                         struct lh_bytes data, struct lh_bytes members) {
  if (lh_hubs_gossips(node->hubs, hub) > 0 && !lh_events_speak_of_rows(name)) {
    gossip(node, hub, name, data, members);
    return;
  }
  if (!lh_hubs_asks_synchronization(node->hubs, hub)) {
    deliver_members(node, hub, name, data, members);
    return;
  }
  struct propagation *propagation = LH_NEW(struct propagation);
  struct lh_buf args = LH_BUF_EMPTY;
  propagation->hub = copy(hub);
  propagation->name = copy(name);
  propagation->data = copy(data);
  lh_write_str(&args, hub.data, hub.len);
  lh_write_str(&args, name.data, name.len);
  write_members(node, hub, members, &args);
  lh_write_cstr(&args, node->name);
  lh_ask_main(node, "propagate", &args, 4, targets_chosen, propagation);
  lh_buf_free(&args);
}

// Names that speak of rows. A peer may speak so of its own rows only.
bool lh_events_speak_of_rows(struct lh_bytes name) {
  static const char *const names[] = {"child_registered",        "child_unregistered",
                                      "child_pid_updated",       "children_registration",
                                      "children_unregistration", "child_process_pid_update"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (lh_bytes_equal(name, lh_bytes_str(names[i]))) return true;
  }
  return false;
}

// Walks the whole payload: every value of a key "node" must be the sender's name, every pid one of
// the sender's.
static bool is_own_words(struct lh_node *node, uint32_t from, struct lh_bytes data) {
  struct lh_reader in;
  const struct lh_bytes sender = lh_bytes_str(lh_runs_name(node->runs, from));
  bool after_node = false;
  lh_reader_init_user(&in, data);
  while (in.at < in.end && in.err == LH_OK) {
    const struct lh_wire_value value = lh_read_value(&in);
    if (after_node && value.type == LH_WIRE_STR && !lh_bytes_equal(value.as.bytes, sender))
      return false;
    if (value.type == LH_WIRE_PID && !lh_run_equal(&value.as.pid.run, lh_runs_at(node->runs, from)))
      return false;
    after_node = value.type == LH_WIRE_STR && lh_bytes_equal(value.as.bytes, lh_bytes_str("node"));
  }
  return in.err == LH_OK;
}

int lh_events_frame(struct lh_node *node, uint32_t from, struct lh_bytes body) {
  struct lh_reader in;
  lh_reader_init_user(&in, body);
  const struct lh_bytes hub = lh_read_str(&in, LH_HUB_ID_MAX);
  const struct lh_bytes name = lh_read_str(&in, 255);
  const struct lh_bytes data = lh_read_skip(&in);
  const int err = lh_read_end(&in);
  if (err != LH_OK) return err;
  if (lh_events_speak_of_rows(name) && !is_own_words(node, from, data)) {
    node->counters.events_refused++;
    lh_log(LH_LOG_WARN, "hub", "%s spoke of rows that are not its own; its word was refused",
           lh_runs_name(node->runs, from));
    return LH_OK;
  }
  lh_hooks_run(node, hub, name, data);
  return LH_OK;
}

void lh_events_free(struct lh_node *node) {
  while (!lh_list_empty(&node->queued_events))
    queued_free(node, LH_ENTRY(node->queued_events.next, struct queued, link));
}
