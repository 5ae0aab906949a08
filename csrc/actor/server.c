// server.c - the C functions at the bottom of every callback.
//
// A callback runs as: entry (here) -> the module's function -> finish (here). Entry decodes the
// message and finish encodes the reply inside the task, so that an error there, of memory for
// example, is an error of that callback and of nothing else. Results for the code outside Lua go to
// task->status, heap->scratch and heap->text.
#include "actor/internal.h"

#include <string.h>

int lha_later(lua_State *L) {
  return luaL_error(L, "luahub.later is a value to return from call, not a function");
}

struct lh_bytes lha_encode(lua_State *L, struct heap *heap, int index, struct lh_error *error) {
  lh_buf_clear(&heap->scratch);
  const int status =
      lh_value_encode(L, index, &heap->scratch, LH_MESSAGE_MAX, heap->actors->config.runs, error);
  if (status != 0) lh_buf_clear(&heap->scratch);
  return lh_bytes_of(&heap->scratch);
}

void lha_push_body(lua_State *L, struct heap *heap, struct lh_bytes body) {
  if (body.len == 0) {
    lua_pushnil(L);
  } else if (lh_value_decode(L, body, 1, heap->actors->config.runs) != 1) {
    luaL_error(L, "a message that cannot be decoded arrived");
  }
}

// --- messages as receive() and info() see them ---

static void push_from(lua_State *L, const struct lh_msg *msg) {
  lua_createtable(L, 2, 0);
  lh_script_push_pid(L, msg->from);
  lua_rawseti(L, -2, 1);
  lua_pushinteger(L, (lua_Integer)msg->ref);
  lua_rawseti(L, -2, 2);
}

static void push_table(lua_State *L, const char *type, lh_pid pid) {
  lua_createtable(L, 0, 4);
  lua_pushstring(L, type);
  lua_setfield(L, -2, "type");
  lh_script_push_pid(L, pid);
  lua_setfield(L, -2, "pid");
}

void lha_push_message(lua_State *L, struct heap *heap, const struct lh_msg *msg) {
  const struct lh_bytes body = lh_bytes(msg->body, msg->len);
  luaL_checkstack(L, 4, "message");
  switch (msg->kind) {
  case LH_MSG_DOWN:
    push_table(L, "down", msg->from);
    lua_pushinteger(L, (lua_Integer)msg->ref);
    lua_setfield(L, -2, "ref");
    lha_push_body(L, heap, body);
    lua_setfield(L, -2, "reason");
    break;
  case LH_MSG_EXIT:
    push_table(L, "exit", msg->from);
    lha_push_body(L, heap, body);
    lua_setfield(L, -2, "reason");
    break;
  case LH_MSG_CALL:  // to a plain process, which answers with luahub.reply
    push_table(L, "call", msg->from);
    push_from(L, msg);
    lua_setfield(L, -2, "from");
    lha_push_body(L, heap, body);
    lua_setfield(L, -2, "request");
    break;
  case LH_MSG_WATCH:
    heap->actors->ops.watched(heap->actors->self, msg->ref);
    lha_push_body(L, heap, body);
    break;
  default:
    lha_push_body(L, heap, body);
  }
}

// --- entries ---

// Pushes the callback of the running server and its state. False, and nothing pushed, without such
// a callback.
static bool push_callback(lua_State *L, struct heap *heap, const char *name) {
  const struct actor *actor = heap->current;
  lua_rawgeti(L, LUA_REGISTRYINDEX, heap->modules[actor->module].ref);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return false;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, actor->state_ref);
  return true;
}

static const char *module_name(const struct heap *heap) {
  return heap->modules[heap->current->module].name;
}

static int finish_nothing(lua_State *L, int status, lua_KContext context) {
  (void)L, (void)status, (void)context;
  return 0;
}

static int finish_call(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct heap *heap = (struct heap *)context;
  struct lh_msg *msg = heap->current->task->msg;
  if (lua_tocfunction(L, -1) == lha_later) {
    lh_msg_free(msg);
    heap->current->task->msg = NULL;
    return 0;
  }
  struct lh_error error;
  const struct lh_bytes body = lha_encode(L, heap, -1, &error);
  if (body.len == 0) {
    char text[LH_ERROR_TEXT_MAX + MODULE_NAME_MAX];
    atomic_fetch_add(&heap->actors->unsendable, 1);
    snprintf(text, sizeof text, "module '%s' answered what cannot be sent: %s", module_name(heap),
             error.text);
    lha_answer_fail(heap->actors, heap, msg, "invalid", text);
  } else if (msg->from != 0) {
    lha_send(heap->actors, heap, lh_msg_new(LH_MSG_REPLY, msg->from, msg->to, msg->ref, body));
  }
  lh_msg_free(msg);
  heap->current->task->msg = NULL;
  return 0;
}

static int no_call(struct heap *heap, struct lh_msg *msg) {
  char text[REASON_MAX];
  snprintf(text, sizeof text, "module '%s' has no function 'call'", module_name(heap));
  lha_answer_fail(heap->actors, heap, msg, "invalid", text);
  return 0;
}

static int enter_call(lua_State *L) {
  struct heap *heap = lh_script_owner(L);
  struct lh_msg *msg = heap->current->task->msg;
  if (!push_callback(L, heap, "call")) {
    no_call(heap, msg);
    lh_msg_free(msg);
    heap->current->task->msg = NULL;
    return 0;
  }
  lha_push_body(L, heap, lh_bytes(msg->body, msg->len));
  const bool wants_from = heap->modules[heap->current->module].wants_from;
  if (wants_from) push_from(L, msg);
  lua_callk(L, wants_from ? 3 : 2, 1, (lua_KContext)heap, finish_call);
  return finish_call(L, LUA_OK, (lua_KContext)heap);
}

static int enter_message(lua_State *L) {
  struct heap *heap = lh_script_owner(L);
  struct task *task = heap->current->task;
  if (!push_callback(L, heap, task->phase == PHASE_CAST ? "cast" : "info")) {
    atomic_fetch_add(&heap->actors->dropped, 1);
    return 0;
  }
  lha_push_message(L, heap, task->msg);
  lua_callk(L, 2, 0, 0, finish_nothing);
  return 0;
}

static int enter_metadata(lua_State *L) {
  struct heap *heap = lh_script_owner(L);
  if (!push_callback(L, heap, "metadata")) return 0;
  lha_push_body(L, heap, heap->current->child->metadata);
  lua_callk(L, 2, 0, 0, finish_nothing);
  return 0;
}

static int enter_role(lua_State *L) {
  struct heap *heap = lh_script_owner(L);
  if (!push_callback(L, heap, "redundancy")) return 0;
  lua_pushstring(L, heap->current->cold->active ? "active" : "passive");
  lua_callk(L, 2, 0, 0, finish_nothing);
  return 0;
}

// "ready", or it puts its move off.
static int finish_consent(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct heap *heap = (struct heap *)context;
  const char *answer = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  if (strcmp(answer, "ready") != 0) heap->current->task->status = LH_EAGAIN;
  return 0;
}

static int enter_consent(lua_State *L) {
  struct heap *heap = lh_script_owner(L);
  if (!push_callback(L, heap, "consent")) return 0;
  lua_callk(L, 1, 1, (lua_KContext)heap, finish_consent);
  return finish_consent(L, LUA_OK, (lua_KContext)heap);
}

// Notes why handover or takeover cannot be.
static int refuse(struct heap *heap, int status, const char *text) {
  heap->current->task->status = status;
  lh_buf_clear(&heap->text);
  lh_buf_append(&heap->text, text, strlen(text));
  return 0;
}

static int refuse_missing(struct heap *heap, const char *name) {
  char text[REASON_MAX];
  snprintf(text, sizeof text, "module '%s' has no function '%s'", module_name(heap), name);
  return refuse(heap, LH_EINVAL, text);
}

static int refuse_large(struct heap *heap, size_t len) {
  char text[REASON_MAX];
  snprintf(text, sizeof text, "the state is too large to be sent: %zu bytes, %d at most", len,
           LH_STATE_MAX);
  return refuse(heap, LH_EFAILED, text);
}

static uint64_t version_of(const struct heap *heap) {
  return heap->modules[heap->current->module].version;
}

// What goes along is the state, and behind it the version of the module that made it.
static int finish_handover(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct heap *heap = (struct heap *)context;
  struct lh_error error;
  const struct lh_bytes state = lha_encode(L, heap, -1, &error);
  if (state.len == 0) return refuse(heap, LH_EFAILED, error.text);
  if (state.len > LH_STATE_MAX) return refuse_large(heap, state.len);
  lh_write_uint(&heap->scratch, version_of(heap));
  return 0;
}

static int enter_handover(lua_State *L) {
  struct heap *heap = lh_script_owner(L);
  if (!push_callback(L, heap, "handover")) return refuse_missing(heap, "handover");
  lua_callk(L, 1, 1, (lua_KContext)heap, finish_handover);
  return finish_handover(L, LUA_OK, (lua_KContext)heap);
}

// What takeover answers is the state from now on; nothing: it has changed the one that init made.
static int finish_takeover(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct heap *heap = (struct heap *)context;
  if (lua_isnil(L, -1)) return 0;
  if (lua_istable(L, -1)) {
    lua_rawseti(L, LUA_REGISTRYINDEX, heap->current->state_ref);
    return 0;
  }
  char text[REASON_MAX];
  snprintf(text, sizeof text,
           "takeover of module '%s' returned a %s (a table, or nothing, expected)",
           module_name(heap), luaL_typename(L, -1));
  return refuse(heap, LH_EFAILED, text);
}

// No module knows what its later versions made.
static int refuse_later(struct heap *heap, uint64_t version) {
  char text[REASON_MAX];
  snprintf(text, sizeof text,
           "module '%s' is version %llu here and takes over no state of version %llu",
           module_name(heap), (unsigned long long)version_of(heap), (unsigned long long)version);
  return refuse(heap, LH_EVERSION, text);
}

static int enter_takeover(lua_State *L) {
  struct heap *heap = lh_script_owner(L);
  struct lh_reader in;
  lh_reader_init_user(&in, lh_bytes_of(&heap->current->cold->handed));
  const struct lh_bytes state = lh_read_skip(&in);
  const uint64_t version = in.at < in.end ? lh_read_uint(&in, INT64_MAX) : 0;
  if (version > version_of(heap)) return refuse_later(heap, version);
  if (!push_callback(L, heap, "takeover")) return refuse_missing(heap, "takeover");
  lha_push_body(L, heap, state);
  lua_pushinteger(L, (lua_Integer)version);
  lua_callk(L, 3, 1, (lua_KContext)heap, finish_takeover);
  return finish_takeover(L, LUA_OK, (lua_KContext)heap);
}

static int enter_terminate(lua_State *L) {
  struct heap *heap = lh_script_owner(L);
  const char *reason = heap->current->cold->stop_reason;
  if (!push_callback(L, heap, "terminate")) return 0;
  lua_pushstring(L, reason);
  lua_callk(L, 2, 0, 0, finish_nothing);
  return 0;
}

lua_CFunction lha_server_entry(enum phase phase) {
  switch (phase) {
  case PHASE_CALL:
    return enter_call;
  case PHASE_HANDOVER:
    return enter_handover;
  case PHASE_TAKEOVER:
    return enter_takeover;
  case PHASE_TERMINATE:
    return enter_terminate;
  case PHASE_METADATA:
    return enter_metadata;
  case PHASE_ROLE:
    return enter_role;
  case PHASE_CONSENT:
    return enter_consent;
  default:
    return enter_message;
  }
}

// --- processes ---

// The results of lh_actors_run, one after another.
static int finish_process(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct heap *heap = (struct heap *)context;
  const struct cold *cold = heap->current->cold;
  if (!cold || !cold->runs) return 0;
  struct lh_buf *out = &heap->scratch;
  struct lh_error error;
  lh_buf_clear(out);
  if (lua_gettop(L) == 0) lh_write_nil(out);
  for (int i = 1; i <= lua_gettop(L); i++) {
    const size_t left = LH_MESSAGE_MAX > out->len ? LH_MESSAGE_MAX - out->len : 0;
    if (lh_value_encode(L, i, out, left, heap->actors->config.runs, &error) != 0) {
      return luaL_error(L, "result %d: %s", i, error.text);
    }
  }
  return 0;
}

// The stack holds a function and its arguments.
int lha_process_entry(lua_State *L) {
  struct heap *heap = lh_script_owner(L);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, (lua_KContext)heap, finish_process);
  return finish_process(L, LUA_OK, (lua_KContext)heap);
}
