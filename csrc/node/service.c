// service.c - requests from Lua to this node: a call to the node's service pid with { kind, value
// }.
//
// Each kind is one function in a table. A request is answered with a REPLY or a FAIL, now or later;
// callers that wait for later are in a bounded table. Requests from another node's actors are
// carried out only where the table says so.
#include "node/request.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

// --- answers ---
static void answer(struct lh_node *node, const struct caller *caller, enum lh_msg_kind kind,
                   struct lh_bytes body) {
  if (caller->from == 0) return;
  lh_remote_deliver(node,
                    lh_msg_new(kind, caller->from, lh_pid_make(node->self, 0), caller->ref, body));
}

void lh_service_answer(struct lh_node *node, const struct caller *caller, struct lh_bytes value) {
  answer(node, caller, LH_MSG_REPLY, value);
}

void lh_service_fail(struct lh_node *node, const struct caller *caller, const char *code,
                     const char *text) {
  struct lh_buf body = LH_BUF_EMPTY;
  node->counters.requests_failed++;
  lh_write_array(&body, 2);
  lh_write_cstr(&body, code);
  lh_write_cstr(&body, text);
  answer(node, caller, LH_MSG_FAIL, lh_bytes_of(&body));
  lh_buf_free(&body);
}

void lh_service_reply(struct lh_node *node, uint64_t id, int status, struct lh_bytes value,
                      const struct lh_error *error) {
  struct caller *caller = lh_map_remove(&node->callers, &id, sizeof id);
  if (caller == NULL) return;
  if (status == LH_OK)
    lh_service_answer(node, caller, value);
  else
    lh_service_fail(node, caller, error->code, error->text);
  lh_free(caller);
}

// --- the node itself ---
static void do_ready(struct request *request) {
  lh_leave_wait_ready(request->node, &request->caller);
}
// The hubs that the program was to start run: commands may come.
static void do_serve(struct request *request) {
  request->node->hubs_to_come = false;
  lh_control_ready(request->node);
  answer_true(request);
}

static void do_wait(struct request *request) { lh_leave_wait_end(request->node, &request->caller); }

static void do_leave(struct request *request) {
  lh_leave_wait_end(request->node, &request->caller);
  lh_leave_begin(request->node);
}

static void do_facts(struct request *request) {
  if (lh_service_facts(request->node, field(request->value, "weight"),
                       text_field(request->value, "labels")) == LH_OK)
    answer_true(request);
  else
    fail(request, "invalid", "facts: expected { weight, labels }");
}

static void do_info(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  lh_service_info(request->node, &out);
  answer_buf(request, &out);
}

static void do_counters(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  lh_service_counters(request->node, &out);
  answer_buf(request, &out);
}

static void do_members(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  lh_service_members(request->node, &out);
  answer_buf(request, &out);
}

// The list of ids as it is now in the allow_file.
static void do_allow(struct request *request) {
  struct lh_error error;
  struct lh_reader in;
  lh_reader_init_user(&in, field(request->value, "ids"));
  const struct lh_bytes ids = lh_read_str(&in, LH_SPEC_MAX * 4);
  if (in.err != LH_OK || request->node->allow_file == NULL) {
    fail(request, "invalid_config", "this node was started without an allow_file");
  } else if (lh_allow_set(request->node, ids, &error) != LH_OK) {
    fail(request, "invalid_config", error.text);
  } else {
    lh_allow_enforce(request->node);
    answer_true(request);
  }
}

static void do_control_send(struct request *request) {
  struct lh_reader in;
  lh_reader_init_user(&in, field(request->value, "connection"));
  const uint64_t connection = lh_read_uint(&in, UINT64_MAX);
  if (lh_control_send(request->node, connection, field(request->value, "message")) == LH_OK)
    answer_true(request);
  else
    fail(request, "closed", "the client of this session is gone or does not read");
}

// --- hubs ---
static uint32_t recipients_of(struct lh_bytes synchronization) {
  struct lh_reader in;
  lh_reader_init_user(&in, field(synchronization, "recipients"));
  const uint64_t recipients = lh_read_uint(&in, LH_RECIPIENTS_MOST);
  return in.err == LH_OK && recipients > 0 ? (uint32_t)recipients : LH_RECIPIENTS_MOST;
}

static uint64_t count_field(struct lh_bytes value, const char *name, uint64_t most) {
  struct lh_reader in;
  lh_reader_init_user(&in, field(value, name));
  const uint64_t count = lh_read_uint(&in, most);
  return in.err == LH_OK ? count : 0;
}

static void read_quorum(struct lh_quorum *quorum, struct lh_bytes value) {
  static const char *const kinds[] = {[LH_QUORUM_STATIC] = "static_quorum",
                                      [LH_QUORUM_MAJORITY] = "majority_quorum",
                                      [LH_QUORUM_DYNAMIC] = "dynamic_quorum"};
  for (size_t i = LH_QUORUM_STATIC; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (lh_bytes_equal(text_field(value, "kind"), lh_bytes_str(kinds[i])))
      quorum->kind = (enum lh_quorum_kind)i;
  }
  const bool fixed = quorum->kind == LH_QUORUM_STATIC;
  quorum->size = (uint32_t)count_field(value, fixed ? "size" : "initial_size", LH_MEMBERS_MAX);
  quorum->of = (uint32_t)count_field(value, "of", LH_MEMBERS_MAX);
  quorum->percent = fixed ? 0 : (uint32_t)count_field(value, "percent", 100);
  quorum->threshold = (lh_ms)count_field(value, "threshold", INT64_MAX / 2);
}

// Where the members agree on who they are, each has to remember it.
static bool lacks_disk(const struct request *request, const struct lh_quorum *quorum) {
  return quorum->kind > LH_QUORUM_STATIC && request->node->data_dir == NULL;
}

static lh_ms ms_field(struct lh_bytes map, const char *name) {
  struct lh_reader in;
  lh_reader_init_user(&in, field(map, name));
  const uint64_t ms = lh_read_uint(&in, INT32_MAX);
  return in.err == LH_OK ? (lh_ms)ms : 0;
}

static void read_consent(struct lh_consent *consent, struct lh_bytes value) {
  consent->timeout_ms = ms_field(value, "timeout");
  consent->retry_ms = ms_field(value, "retry_interval");
  consent->limit_ms = ms_field(value, "max_defer_time");
}

static void read_budget(struct lh_budget *budget, struct lh_bytes migration) {
  budget->children = (uint32_t)ms_field(migration, "children_per_second");
  budget->bytes = (uint32_t)ms_field(migration, "bytes_per_second");
}

static enum lh_migration migration_of(struct lh_bytes kind) {
  if (lh_bytes_equal(kind, lh_bytes_str("custom"))) return LH_MIGRATION_CUSTOM;
  if (lh_bytes_equal(kind, lh_bytes_str("hot"))) return LH_MIGRATION_HOT;
  if (lh_bytes_equal(kind, lh_bytes_str("autonomous"))) return LH_MIGRATION_AUTONOMOUS;
  return LH_MIGRATION_COLD;
}

static void do_hub_start(struct request *request) {
  const struct lh_bytes value = request->value;
  struct lh_error error;
  struct lh_hub_config config = {.id = text_field(value, "id")};
  const struct lh_bytes distribution = field(value, "distribution");
  lh_hub_config_read(&config, distribution);
  lh_hub_config_redundancy(&config, field(value, "redundancy"));
  config.migration = migration_of(text_field(field(value, "migration"), "kind"));
  config.handover = flag_field(field(value, "migration"), "handover", false);
  read_consent(&config.consent, field(field(value, "migration"), "consent"));
  read_budget(&config.budget, field(value, "migration"));
  config.quiet_ms = ms_field(field(value, "migration"), "quiet_time");
  config.custom_partition = word_is(value, "partition", "kind", "custom");
  read_quorum(&config.quorum, field(value, "partition"));
  config.custom_synchronization = word_is(value, "synchronization", "kind", "custom");
  if (word_is(value, "synchronization", "kind", "gossip"))
    config.gossip_recipients = recipients_of(field(value, "synchronization"));
  config.kept = lh_kept_of(request->node, config.id);
  lh_digest(request->node->secret.bytes, distribution, config.digest);
  if (lacks_disk(request, &config.quorum))
    fail(request, "invalid_config",
         "its partition strategy keeps the set of members on disk: set node.data_dir");
  else if (lh_hubs_open(request->node->hubs, request->now, &config, &error) == LH_OK)
    answer_true(request);
  else
    fail(request, error.code, error.text);
}

static void do_hub_stop(struct request *request) {
  struct lh_node *node = request->node;
  const struct lh_bytes hub = text_field(request->value, "hub");
  const int err = lh_hubs_close(node->hubs, request->now, hub);
  if (err == LH_ENOTFOUND)
    fail(request, "not_alive", "no such hub runs on this node");
  else
    lh_leave_wait_closed(node, hub, &request->caller);
}

static void do_hubs(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  const struct lh_hubs *hubs = request->node->hubs;
  lh_write_array(&out, (uint32_t)lh_hubs_count(hubs));
  for (size_t i = 0; i < lh_hubs_count(hubs); i++) {
    const struct lh_bytes id = lh_hubs_id(hubs, i);
    lh_write_str(&out, id.data, id.len);
  }
  answer_buf(request, &out);
}

static void do_start_or_stop(struct request *request,
                             void (*fn)(struct lh_hubs *, lh_ms, uint64_t, struct lh_bytes)) {
  const uint64_t caller = remember(request);
  if (caller == 0)
    fail(request, "limit", "too many requests wait for an answer on this node");
  else
    fn(request->node->hubs, request->now, caller, request->value);
}

static void do_start(struct request *request) { do_start_or_stop(request, lh_hubs_start); }
static void do_stop(struct request *request) { do_start_or_stop(request, lh_hubs_stop); }

// A request that another node is to carry out goes there as it is; that node answers the caller
// itself.
bool lh_service_pass_to(struct request *request, struct lh_bytes name) {
  struct lh_node *node = request->node;
  const uint32_t to = name.data != NULL ? lh_peers_by_name(node, name) : node->self;
  if (to == node->self) return false;
  if (to == 0) {
    fail(request, "not_found", "no live node has that name");
    return true;
  }
  const struct lh_msg *msg = request->msg;
  lh_remote_deliver(node, lh_msg_new(LH_MSG_CALL, lh_pid_make(to, 0), msg->from, msg->ref,
                                     lh_bytes(msg->body, msg->len)));
  return true;
}

// The child's host carries it out.
static void do_describe(struct request *request) {
  if (!lh_service_pass_to(request, text_field(request->value, "node")))
    do_start_or_stop(request, lh_hubs_describe);
}

static void answer_moved(struct request *request, int err) {
  char text[LH_ERROR_TEXT_MAX];
  const struct lh_bytes to = text_field(request->value, "to");
  (void)snprintf(text, sizeof text, "no node '%.*s' takes children of the hub",
                 to.len <= LH_NAME_MAX ? (int)to.len : LH_NAME_MAX, (const char *)to.data);
  if (err == LH_OK)
    answer_true(request);
  else if (err == LH_EINVAL)
    fail(request, "not_a_member", text);
  else if (err == LH_EDENIED)
    fail(request, "replicated", "an instance of a replicated child is not moved by hand");
  else
    fail(request, "not_here", "it does not run on that node just now");
}

static void do_migrate(struct request *request) {
  char name[LH_NAME_MAX + 1];
  if (lh_service_pass_to(request, text_field(request->value, "node"))) return;
  const struct lh_bytes to = text_field(request->value, "to");
  (void)snprintf(name, sizeof name, "%.*s", (int)to.len, (const char *)to.data);
  answer_moved(request,
               lh_hubs_move(request->node->hubs, request->now, text_field(request->value, "hub"),
                            text_field(request->value, "id"), name, true));
}

static void do_release(struct request *request) {
  if (lh_service_pass_to(request, text_field(request->value, "node"))) return;
  answer_moved(request,
               lh_hubs_release(request->node->hubs, request->now, text_field(request->value, "hub"),
                               text_field(request->value, "id")));
}

static void do_terminate(struct request *request) {
  struct lh_node *node = request->node;
  const uint64_t caller = remember(request);
  if (caller == 0) {
    fail(request, "limit", "too many requests wait for an answer on this node");
    return;
  }
  const int err =
      lh_hubs_terminate(node->hubs, request->now, caller, text_field(request->value, "hub"),
                        text_field(request->value, "id"));
  struct lh_error error;
  if (err == LH_OK) return;
  (void)snprintf(error.code, sizeof error.code, "%s",
                 err == LH_ENOTFOUND ? "not_found"
                 : err == LH_EAGAIN  ? "restarting"
                                     : "running");
  (void)snprintf(error.text, sizeof error.text, "%s",
                 err == LH_ENOTFOUND ? "no such child runs here"
                 : err == LH_EAGAIN  ? "the child is being restarted"
                                     : "the child is being started, stopped or moved");
  lh_service_reply(node, caller, err, lh_bytes(NULL, 0), &error);
}

static void do_nodes(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  lh_hubs_nodes(request->node->hubs, text_field(request->value, "hub"),
                flag_field(request->value, "include_local", false), &out);
  answer_buf(request, &out);
}

static void do_hub_state(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  const struct lh_hub_state state =
      lh_hubs_state(request->node->hubs, text_field(request->value, "hub"));
  lh_write_map(&out, 3);
  lh_write_cstr(&out, "alive");
  lh_write_bool(&out, state.alive);
  lh_write_cstr(&out, "locked");
  lh_write_bool(&out, state.locked);
  lh_write_cstr(&out, "partitioned");
  lh_write_bool(&out, state.partitioned);
  answer_buf(request, &out);
}

// --- nodes that take no children ---
static void do_drain(struct request *request) {
  struct lh_reader in;
  lh_reader_init_user(&in, field(request->value, "deadline"));
  const lh_ms deadline = (lh_ms)lh_read_uint(&in, 24 * 3600 * 1000);
  const uint64_t caller = in.err == LH_OK ? remember(request) : 0;
  if (in.err != LH_OK)
    fail(request, "invalid", "expected a deadline in ms");
  else if (caller == 0)
    fail(request, "limit", "too many requests wait for an answer on this node");
  else
    lh_hubs_drain(request->node->hubs, request->now, caller, text_field(request->value, "hub"),
                  deadline);
}

static void answer_cordon(struct request *request, int err) {
  if (err == LH_OK)
    answer_true(request);
  else if (err == LH_EAGAIN)
    fail(request, "draining", "this node is being drained: undrain it first");
  else
    fail(request, "not_alive", "no such hub runs on this node");
}

static void do_cordon(struct request *request) {
  answer_cordon(request, lh_hubs_cordon(request->node->hubs, text_field(request->value, "hub")));
}

static void do_uncordon(struct request *request) {
  answer_cordon(request, lh_hubs_uncordon(request->node->hubs, text_field(request->value, "hub")));
}

static void do_quorum_forget(struct request *request) {
  const uint64_t caller = remember(request);
  if (caller != 0)
    lh_hubs_forget(request->node->hubs, request->now, caller, text_field(request->value, "hub"),
                   text_field(request->value, "node"));
  else
    fail(request, "limit", "too many requests wait for an answer on this node");
}

static void do_quorum_reset(struct request *request) {
  const uint64_t caller = remember(request);
  if (caller != 0)
    lh_hubs_reset_quorum(request->node->hubs, request->now, caller,
                         text_field(request->value, "hub"));
  else
    fail(request, "limit", "too many requests wait for an answer on this node");
}

static void do_quorum_members(struct request *request) {
  struct lh_buf names = LH_BUF_EMPTY;
  struct lh_buf out = LH_BUF_EMPTY;
  const size_t needed =
      lh_hubs_agreed(request->node->hubs, text_field(request->value, "hub"), &names);
  lh_write_map(&out, 2);
  lh_write_cstr(&out, "members");
  lh_buf_append(&out, names.data, names.len);
  lh_write_cstr(&out, "needed");
  lh_write_uint(&out, needed);
  lh_buf_free(&names);
  answer_buf(request, &out);
}

static void do_drain_state(struct request *request) {
  static const char *const words[] = {"open", "cordoned", "draining", "forcing", "drained"};
  struct lh_hub_drain drain;
  struct lh_buf out = LH_BUF_EMPTY;
  const struct lh_bytes hub = text_field(request->value, "hub");
  if (lh_hubs_openness(request->node->hubs, hub, &drain) != LH_OK) {
    answer_cordon(request, LH_ENOTFOUND);
    return;
  }
  lh_write_map(&out, 4);
  lh_write_cstr(&out, "forced");
  lh_write_uint(&out, drain.forced);
  lh_write_cstr(&out, "left");
  lh_write_uint(&out, drain.left);
  lh_write_cstr(&out, "moved");
  lh_write_uint(&out, drain.moved);
  lh_write_cstr(&out, "state");
  lh_write_cstr(&out, words[drain.state]);
  answer_buf(request, &out);
}

static void do_which_children(struct request *request) {
  struct lh_buf out = LH_BUF_EMPTY;
  if (lh_service_pass_to(request, text_field(request->value, "node"))) return;
  lh_write_map(&out, 2);
  lh_write_cstr(&out, "children");
  lh_hubs_which(request->node->hubs, text_field(request->value, "hub"), &out);
  lh_write_cstr(&out, "node");
  lh_write_cstr(&out, request->node->name);
  answer_buf(request, &out);
}

// --- actors ---
static void do_spawn(struct request *request) {
  struct lh_node *node = request->node;
  struct lh_reader in;
  if (lh_service_pass_to(request, text_field(request->value, "node"))) return;
  lh_reader_init_user(&in, field(request->value, "start"));
  const uint32_t count = lh_read_array(&in, 65536);
  const struct lh_bytes module = lh_read_str(&in, 4096);
  if (in.err != LH_OK || count == 0) {
    fail(request, "invalid", "spawn: expected a list { \"module\", args... }");
    return;
  }
  const lh_pid pid = lh_actors_spawn_process(node->actors, module,
                                             lh_bytes(in.at, (size_t)(in.end - in.at)), count - 1);
  if (pid == 0) {
    fail(request, "limit", "no more actors can be started on that node");
    return;
  }
  struct lh_buf out = LH_BUF_EMPTY;
  lh_write_pid(&out, lh_runs_at(node->runs, lh_pid_node(pid)), lh_pid_local(pid));
  answer_buf(request, &out);
}

static void write_start_at(struct lh_bytes hub, struct lh_bytes spec, struct lh_bytes node,
                           struct lh_buf *out) {
  lh_write_map(out, 3);
  lh_write_cstr(out, "hub");
  lh_write_str(out, hub.data, hub.len);
  lh_write_cstr(out, "children");
  lh_write_array(out, 1);
  lh_buf_append(out, spec.data, spec.len);
  lh_write_cstr(out, "options");
  lh_write_map(out, 3);
  lh_write_cstr(out, "given");
  lh_write_bool(out, true);
  lh_write_cstr(out, "node");
  lh_write_str(out, node.data, node.len);
  lh_write_cstr(out, "quiet");
  lh_write_bool(out, true);
}

// A child that runs here moves to that node; one that runs nowhere is started there.
static void redistribute_one(struct request *request, struct lh_bytes hub, struct lh_bytes spec,
                             struct lh_bytes node, const char *name) {
  struct lh_buf start = LH_BUF_EMPTY;
  struct lh_hubs *hubs = request->node->hubs;
  if (lh_hubs_move(hubs, request->now, hub, text_field(spec, "id"), name, false) != LH_ENOTFOUND)
    return;
  write_start_at(hub, spec, node, &start);
  lh_hubs_start(hubs, request->now, 0, lh_bytes_of(&start));
  lh_buf_free(&start);
}

static void do_redistribute(struct request *request) {
  struct lh_reader in;
  char name[LH_NAME_MAX + 1];
  const struct lh_bytes hub = text_field(request->value, "hub");
  const struct lh_bytes node = text_field(request->value, "node");
  lh_reader_init_user(&in, field(request->value, "specs"));
  const struct lh_wire_value list = lh_read_value(&in);
  if (list.type != LH_WIRE_ARRAY || list.as.count == 0) {
    answer_word(request, "no_children_to_redistribute");
    return;
  }
  if (lh_peers_by_name(request->node, node) == 0) {
    fail(request, "not_found", "no live node has that name");
    return;
  }
  (void)snprintf(name, sizeof name, "%.*s", (int)node.len, (const char *)node.data);
  for (uint32_t i = 0; i < list.as.count && in.err == LH_OK; i++)
    redistribute_one(request, hub, lh_read_skip(&in), node, name);
  answer_word(request, "redistribution_initiated");
}

static const struct request_kind kinds[] = {
    {"allow", do_allow, false},
    {"control_send", do_control_send, false},
    {"counters", do_counters, false},
    {"cordon", do_cordon, false},
    {"describe", do_describe, true},
    {"drain", do_drain, false},
    {"drain_state", do_drain_state, false},
    {"facts", do_facts, false},
    {"hub_start", do_hub_start, false},
    {"hub_state", do_hub_state, false},
    {"hub_stop", do_hub_stop, false},
    {"hubs", do_hubs, false},
    {"info", do_info, false},
    {"leave", do_leave, false},
    {"members", do_members, false},
    {"migrate", do_migrate, true},
    {"nodes", do_nodes, false},
    {"quorum_forget", do_quorum_forget, false},
    {"quorum_members", do_quorum_members, false},
    {"quorum_reset", do_quorum_reset, false},
    {"ready", do_ready, false},
    {"redistribute", do_redistribute, false},
    {"release", do_release, true},
    {"serve", do_serve, false},
    {"spawn", do_spawn, true},
    {"start", do_start, false},
    {"stop", do_stop, false},
    {"terminate", do_terminate, false},
    {"uncordon", do_uncordon, false},
    {"wait", do_wait, false},
    {"which_children", do_which_children, true},
};

static const struct request_kind *find_kind(struct lh_bytes name) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (lh_bytes_equal(name, lh_bytes_str(kinds[i].name))) return &kinds[i];
  }
  for (const struct request_kind *kind = lh_script_kinds; kind->name != NULL; kind++) {
    if (lh_bytes_equal(name, lh_bytes_str(kind->name))) return kind;
  }
  for (const struct request_kind *kind = lh_moves_kinds; kind->name != NULL; kind++) {
    if (lh_bytes_equal(name, lh_bytes_str(kind->name))) return kind;
  }
  return NULL;
}

static void carry_out(struct request *request, struct lh_bytes name) {
  const struct request_kind *kind = find_kind(name);
  if (kind == NULL)
    fail(request, "invalid", "unknown kind of request");
  else if (!kind->from_others && !request->own)
    fail(request, "denied", "that request is not taken from other nodes");
  else
    kind->fn(request);
}

void lh_service_message(struct lh_node *node, struct lh_msg *msg, bool own) {
  struct lh_reader in;
  struct request request = {.node = node,
                            .msg = msg,
                            .caller = {msg->from, msg->ref},
                            .own = own,
                            .now = lh_env_now(node->env)};
  if (msg->kind == LH_MSG_DOWN && own && !lh_watcher_end(node, 0, msg->ref))
    lh_control_session_ended(node, msg->ref, lh_bytes(msg->body, msg->len));
  if (msg->kind == LH_MSG_CALL) {
    node->counters.requests++;
    lh_reader_init_user(&in, lh_bytes(msg->body, msg->len));
    const uint32_t count = lh_read_array(&in, 2);
    const struct lh_bytes kind = lh_read_str(&in, 64);
    request.value = count == 2 ? lh_read_skip(&in) : lh_bytes(NULL, 0);
    if (lh_read_end(&in) != LH_OK)
      fail(&request, "invalid", "a request must be { kind, value }");
    else
      carry_out(&request, kind);
  }
  lh_msg_free(msg);
}
