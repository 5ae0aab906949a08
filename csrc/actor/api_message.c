// api_message.c - what Lua sends and waits for: send, cast, call, reply, receive, sleep.
#include "actor/internal.h"

// The actor whose Lua runs; raises where there is none.
struct actor *lha_self(lua_State *L, struct heap **heap) {
  *heap = lha_heap_check(L);
  struct actor *self = (*heap)->current ? (*heap)->current : (*heap)->main_actor;
  if (!self) luaL_error(L, "not inside an actor");
  return self;
}

// Pushes nil and the error that the body of a FAIL message tells.
void lha_push_answer_error(lua_State *L, struct lh_bytes body) {
  struct lh_reader reader;
  lh_reader_init_user(&reader, body);
  lh_read_array(&reader, 2);
  const struct lh_bytes code = lh_read_str(&reader, CODE_MAX);
  const struct lh_bytes text = lh_read_str(&reader, LH_MESSAGE_MAX);
  lua_pushnil(L);
  if (lh_read_end(&reader) != 0) {
    lh_script_push_error(L, "invalid", "an error that cannot be decoded arrived");
    return;
  }
  const char *name = lua_pushlstring(L, (const char *)code.data, code.len);
  const char *message = lua_pushlstring(L, (const char *)text.data, text.len);
  lh_script_push_error(L, name, message);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

// --- sending ---

int lha_unsendable(lua_State *L, struct heap *heap, const struct lh_error *error) {
  const bool large = strcmp(error->code, lh_err_name(LH_ELIMIT)) == 0;
  atomic_fetch_add(&heap->actors->unsendable, 1);
  return lh_script_fail(L, large ? "too_large" : "invalid", "%s", error->text);
}

// The encoded value at `index`, or an empty slice after pushing nil and an error.
static struct lh_bytes body_of(lua_State *L, struct heap *heap, int index) {
  struct lh_error error;
  const struct lh_bytes body = lha_encode(L, heap, index, &error);
  if (body.len == 0) (void)lha_unsendable(L, heap, &error);
  return body;
}

static int send_as(lua_State *L, enum lh_msg_kind kind) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  const lh_pid pid = lh_script_check_pid(L, 1);
  luaL_checkany(L, 2);
  const struct lh_bytes body = body_of(L, heap, 2);
  if (body.len == 0) return 2;
  lha_send(heap->actors, heap, lh_msg_new(kind, pid, self->pid, 0, body));
  lua_pushboolean(L, 1);
  return 1;
}

static int send_message(lua_State *L) { return send_as(L, LH_MSG_SEND); }
static int cast(lua_State *L) { return send_as(L, LH_MSG_CAST); }

static int reply(lua_State *L) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_rawgeti(L, 1, 1);
  const lh_pid pid = lh_script_to_pid(L, -1);
  lua_rawgeti(L, 1, 2);
  int has_ref;
  const uint64_t ref = (uint64_t)lua_tointegerx(L, -1, &has_ref);
  luaL_argcheck(L, pid != 0 && has_ref, 1, "the third argument of a server's call expected");
  if (lua_isnone(L, 2)) lua_pushnil(L);
  const struct lh_bytes body = body_of(L, heap, 2);
  if (body.len == 0) return 2;
  lha_send(heap->actors, heap, lh_msg_new(LH_MSG_REPLY, pid, self->pid, ref, body));
  lua_pushboolean(L, 1);
  return 1;
}

// --- waiting ---

static int call_k(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct heap *heap = lha_heap_of(L);
  const struct lh_msg *answer = lha_wait_end(L, heap, (struct wait *)context);
  if (!answer) {
    atomic_fetch_add(&heap->actors->timeouts, 1);
    return lh_script_fail(L, "timeout", "no answer in time");
  }
  const struct lh_bytes body = lh_bytes(answer->body, answer->len);
  if (answer->kind == LH_MSG_FAIL) {
    lha_push_answer_error(L, body);
    lha_hold(heap, NULL);
    return 2;
  }
  lha_push_body(L, heap, body);
  lha_hold(heap, NULL);
  return 1;
}

// Sends a CALL whose body is at `index` (or in `body`) and waits for its answer.
int lha_call(lua_State *L, struct heap *heap, lh_pid pid, struct lh_bytes body, lh_ms until) {
  struct wait local;
  struct lh_msg *msg = lh_msg_new(LH_MSG_CALL, pid, 0, lha_heap_ref(heap), body);
  lha_hold(heap, msg);  // freed there if waiting is refused
  struct wait *wait = lha_wait_begin(L, heap, &local, WAIT_ANSWER, until);
  heap->held = NULL;
  wait->ref = msg->ref;
  wait->pid = pid;
  msg->from = wait->actor->pid;
  lha_send(heap->actors, heap, msg);
  return lha_wait_finish(L, heap, wait, call_k);
}

static int call(lua_State *L) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  const lh_pid pid = lh_script_check_pid(L, 1);
  luaL_checkany(L, 2);
  const lh_ms until = lha_deadline(L, heap, 3, LH_CALL_MS);
  const struct lh_bytes body = body_of(L, heap, 2);
  if (body.len == 0) return 2;
  if (lha_same_actor(heap->actors, pid, self->pid)) {
    return lh_script_fail(L, "invalid", "an actor cannot call itself");
  }
  return lha_call(L, heap, pid, body, until);
}

static int push_received(lua_State *L, struct heap *heap, struct lh_msg *msg) {
  if (!msg) return lh_script_fail(L, "timeout", "no message in time");
  lha_push_message(L, heap, msg);
  lha_hold(heap, NULL);
  return 1;
}

static int receive_k(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct heap *heap = lha_heap_of(L);
  return push_received(L, heap, lha_wait_end(L, heap, (struct wait *)context));
}

static int receive(lua_State *L) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  const lh_ms until = lha_deadline(L, heap, 1, LH_NEVER);
  struct lh_msg *msg = lha_mailbox_take_info(heap, self);
  if (msg) {
    lha_hold(heap, msg);
    return push_received(L, heap, msg);
  }
  struct wait local;
  struct wait *wait = lha_wait_begin(L, heap, &local, WAIT_MESSAGE, until);
  return lha_wait_finish(L, heap, wait, receive_k);
}

static int sleep_k(lua_State *L, int status, lua_KContext context) {
  (void)status;
  lha_wait_end(L, lha_heap_of(L), (struct wait *)context);
  lua_pushboolean(L, 1);
  return 1;
}

static int sleep_for(lua_State *L) {
  struct heap *heap;
  lha_self(L, &heap);
  luaL_checknumber(L, 1);
  const lh_ms until = lha_deadline(L, heap, 1, 0);
  struct wait local;
  struct wait *wait = lha_wait_begin(L, heap, &local, WAIT_SLEEP, until);
  return lha_wait_finish(L, heap, wait, sleep_k);
}

// --- the node's service ---

// The encoded pair of a kind and a value, in the scratch buffer.
static struct lh_bytes question(lua_State *L, struct heap *heap) {
  size_t len;
  const char *kind = luaL_checklstring(L, 1, &len);
  struct lh_error error;
  lh_buf_clear(&heap->scratch);
  lh_write_array(&heap->scratch, 2);
  lh_write_str(&heap->scratch, kind, len);
  if (lh_value_encode(L, 2, &heap->scratch, LH_MESSAGE_MAX, heap->actors->config.runs, &error) !=
      0) {
    (void)lha_unsendable(L, heap, &error);
    return lh_bytes(NULL, 0);
  }
  return lh_bytes_of(&heap->scratch);
}

static int request(lua_State *L) {
  struct heap *heap;
  lha_self(L, &heap);
  if (lua_gettop(L) < 2) lua_settop(L, 2);
  const lh_ms until = lha_deadline(L, heap, 3, LH_CALL_MS);
  const struct lh_bytes body = question(L, heap);
  if (body.len == 0) return 2;
  return lha_call(L, heap, lha_service_pid(heap->actors), body, until);
}

static int request_async(lua_State *L) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  if (lua_gettop(L) < 2) lua_settop(L, 2);
  const struct lh_bytes body = question(L, heap);
  if (body.len == 0) return 2;
  const uint64_t ref = lha_heap_ref(heap);
  const lh_pid service = lha_service_pid(heap->actors);
  if (!lha_future_new(self, ref, service)) {
    atomic_fetch_add(&heap->actors->futures_full, 1);
    return lh_script_fail(L, "limit", "%d requests are waiting to be awaited", (int)FUTURES_MAX);
  }
  lha_send(heap->actors, heap, lh_msg_new(LH_MSG_CALL, service, self->pid, ref, body));
  lua_pushinteger(L, (lua_Integer)ref);
  return 1;
}

static int push_answer(lua_State *L, struct heap *heap, const struct lh_msg *answer) {
  const struct lh_bytes body = lh_bytes(answer->body, answer->len);
  int count = 1;
  if (answer->kind == LH_MSG_FAIL) {
    lha_push_answer_error(L, body);
    count = 2;
  } else {
    lha_push_body(L, heap, body);
  }
  lha_hold(heap, NULL);
  return count;
}

// After the deadline the request can be awaited again.
static int await_k(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  struct wait *wait = (struct wait *)context;
  struct future *future = lha_future_find(self, wait->ref);
  const struct lh_msg *answer = lha_wait_end(L, heap, wait);
  if (!answer) return lh_script_fail(L, "timeout", "no answer in time");
  if (future) lha_future_free(self, future);
  return push_answer(L, heap, answer);
}

static int await_answer(lua_State *L) {
  struct heap *heap;
  struct actor *self = lha_self(L, &heap);
  const uint64_t ref = (uint64_t)luaL_checkinteger(L, 1);
  const lh_ms until = lha_deadline(L, heap, 2, LH_CALL_MS);
  struct future *future = lha_future_find(self, ref);
  if (!future)
    return lh_script_fail(L, "not_found", "no request %d is waiting to be awaited", (int)ref);
  if (future->answer) {
    struct lh_msg *answer = future->answer;
    future->answer = NULL;
    lha_hold(heap, answer);
    lha_future_free(self, future);
    return push_answer(L, heap, answer);
  }
  struct wait local;
  struct wait *wait = lha_wait_begin(L, heap, &local, WAIT_ANSWER, until);
  wait->ref = ref;
  wait->pid = future->pid;
  return lha_wait_finish(L, heap, wait, await_k);
}

const luaL_Reg lha_api_message[] = {{"send", send_message},  {"cast", cast},
                                    {"call", call},          {"reply", reply},
                                    {"receive", receive},    {"sleep", sleep_for},
                                    {"request", request},    {"request_async", request_async},
                                    {"await", await_answer}, {NULL, NULL}};
