// api_actor.c - what Lua knows and does about actors themselves: spawn, self, exit, context, log.
#include "actor/internal.h"

static int self_pid(lua_State *L) {
  struct heap *heap;
  lh_script_push_pid(L, lha_self(L, &heap)->pid);
  return 1;
}

static int exit_actor(lua_State *L) {
  struct heap *heap;
  const struct actor *self = lha_self(L, &heap);
  if (self->kind == ACTOR_MAIN)
    return luaL_error(L, "the main program is not an actor that can exit");
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_pushliteral(L, "normal");
    lua_replace(L, 1);
  }
  return lh_script_exit(L);
}

static void set_text(lua_State *L, const char *field, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, field);
}

static int context(lua_State *L) {
  struct heap *heap;
  const struct actor *self = lha_self(L, &heap);
  const struct child *child = self->child;
  lua_createtable(L, 0, 5);
  set_text(L, "node",
           lh_runs_name(heap->actors->config.runs, atomic_load(&heap->actors->self_node)));
  if (!child) return 1;
  set_text(L, "hub", child->hub);
  set_text(L, "id", child->id);
  lua_pushinteger(L, (lua_Integer)child->generation);
  lua_setfield(L, -2, "generation");
  lha_push_body(L, heap, child->metadata);
  lua_setfield(L, -2, "metadata");
  return 1;
}

// --- log ---

static int write_log(lua_State *L) {
  static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
  const enum lh_log_level level = (enum lh_log_level)luaL_checkoption(L, 1, NULL, levels);
  struct heap *heap = lha_heap_of(L);
  const struct actor *self = heap ? heap->current : NULL;
  char label[LABEL_MAX] = "program";
  luaL_Buffer text;
  if (self) lha_actor_label(self, label);
  const int count = lua_gettop(L);  // before the buffer, which may stand on the stack
  luaL_buffinit(L, &text);
  for (int i = 2; i <= count; i++) {
    if (i > 2) luaL_addchar(&text, '\t');
    luaL_tolstring(L, i, NULL);
    luaL_addvalue(&text);
  }
  luaL_pushresult(&text);
  lh_log(level, label, "%s", lua_tostring(L, -1));
  return 0;
}

// --- spawn ---

// A function of an actor runs beside it, in the same heap.
static int spawn_here(lua_State *L, struct heap *heap) {
  if (heap->L == NULL) return luaL_error(L, "not inside an actor");
  struct actor *actor = lha_slot_take(heap);
  if (!actor) return lh_script_fail(L, "limit", "the heap has no slot left");
  atomic_fetch_add(&heap->assigned, 1);
  struct task *task = lha_task_take(heap, actor, PHASE_BODY);
  if (!task) {
    lha_slot_give(heap, actor);
    return lh_script_fail(L, "limit", "no memory for a coroutine");
  }
  actor->kind = ACTOR_PROCESS;
  actor->state = ACTOR_RUNNING;
  lua_pushcfunction(task->co, lha_process_entry);
  lua_pushvalue(L, 1);
  lua_xmove(L, task->co, 1);
  task->nargs = 1;
  lha_ready(heap, actor);
  lh_script_push_pid(L, actor->pid);
  return 1;
}

static int write_chunk(lua_State *L, const void *data, size_t size, void *out) {
  (void)L;
  lh_buf_append(out, data, size);
  return 0;
}

// A function of the main program runs in a heap of the schedulers, so it is copied; it takes
// nothing along.
static void dump_function(lua_State *L, struct heap *heap) {
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, 1, i)) != NULL; i++) {
    lua_pop(L, 1);
    if (strcmp(name, "_ENV") == 0) continue;
    luaL_error(
        L,
        "a function that the main program spawns runs in another heap and cannot use its local "
        "variable '%s'; pass { \"module\", arguments... } instead",
        name);
  }
  lua_pushvalue(L, 1);
  lh_buf_clear(&heap->scratch);
  if (lua_dump(L, write_chunk, &heap->scratch, 0) != 0)
    luaL_error(L, "unable to dump a C function");
  lua_pop(L, 1);
}

struct options {
  bool dedicated, isolated, elsewhere;
};

static bool option(lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  const bool value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

static struct options read_options(lua_State *L, const struct heap *heap) {
  struct options options = {false, false, false};
  if (lua_isnoneornil(L, 2)) return options;
  luaL_checktype(L, 2, LUA_TTABLE);
  options.dedicated = option(L, "dedicated");
  options.isolated = option(L, "isolated");
  lua_getfield(L, 2, "node");
  if (!lua_isnil(L, -1)) {
    const char *node = luaL_checkstring(L, -1);
    const uint32_t self = atomic_load(&heap->actors->self_node);
    options.elsewhere = strcmp(node, lh_runs_name(heap->actors->config.runs, self)) != 0;
  }
  lua_pop(L, 1);
  return options;
}

// The node carries it out: a request "spawn" with { start = { module, args... }, node = name }.
static int spawn_elsewhere(lua_State *L, struct heap *heap) {
  struct lh_error error;
  const lh_ms until = lha_deadline(L, heap, 3, LH_INIT_MS);
  lua_settop(L, 2);
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "start");
  lua_getfield(L, 2, "node");
  lua_setfield(L, -2, "node");
  lh_buf_clear(&heap->scratch);
  lh_write_array(&heap->scratch, 2);
  lh_write_cstr(&heap->scratch, "spawn");
  if (lh_value_encode(L, 3, &heap->scratch, LH_MESSAGE_MAX, heap->actors->config.runs, &error) !=
      0) {
    return lh_script_fail(L, "invalid", "%s", error.text);
  }
  return lha_call(L, heap, lha_service_pid(heap->actors), lh_bytes_of(&heap->scratch), until);
}

static int spawn_k(lua_State *L, int status, lua_KContext wait_context) {
  (void)status;
  struct heap *heap = lha_heap_of(L);
  const struct lh_msg *answer = lha_wait_end(L, heap, (struct wait *)wait_context);
  if (!answer) return lh_script_fail(L, "timeout", "init did not end in time");
  if (answer->kind == LH_MSG_FAIL) {
    lha_push_answer_error(L, lh_bytes(answer->body, answer->len));
  } else {
    lh_script_push_pid(L, answer->from);
  }
  const int count = answer->kind == LH_MSG_FAIL ? 2 : 1;
  lha_hold(heap, NULL);
  return count;
}

// Starts in some other heap and waits until init is over.
static int spawn_placed(lua_State *L, struct heap *heap, struct birth *birth,
                        struct options options) {
  struct wait local;
  struct wait *wait = lha_wait_begin(
      L, heap, &local, WAIT_ANSWER, lh_env_now(heap->actors->config.env) + LH_INIT_MS + LH_CALL_MS);
  struct heap *target = options.dedicated  ? lha_place_own(heap->actors, KIND_DEDICATED)
                        : options.isolated ? lha_place_own(heap->actors, KIND_ISOLATED)
                                           : lha_place_shared(heap->actors);
  if (!target) {
    lha_wait_end(L, heap, wait);
    return lh_script_fail(L, "limit", "no heap or thread left for an isolated or dedicated actor");
  }
  wait->ref = birth->ref = lha_heap_ref(heap);
  birth->asker = wait->actor->pid;
  lha_batch_post(target, lha_batch_one(birth));
  return lha_wait_finish(L, heap, wait, spawn_k);
}

// Encodes the arguments behind the module's name, one after another.
static void encode_start(lua_State *L, struct heap *heap, struct birth *birth) {
  struct lh_error error;
  size_t len;
  lua_rawgeti(L, 1, 1);
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_argerror(L, 1, "a function or { \"module\", arguments... } expected");
  birth->module.data = (const uint8_t *)lua_tolstring(L, -1, &len);
  birth->module.len = len;
  if (len == 0 || len > MODULE_NAME_MAX)
    luaL_argerror(L, 1, "a module's name is empty or too long");
  const lua_Integer count = luaL_len(L, 1);
  lh_buf_clear(&heap->scratch);
  for (lua_Integer i = 2; i <= count; i++) {
    lua_rawgeti(L, 1, i);
    const size_t left = LH_MESSAGE_MAX - heap->scratch.len;
    if (lh_value_encode(L, -1, &heap->scratch, left, heap->actors->config.runs, &error) != 0) {
      luaL_error(L, "argument %d of module: %s", (int)i - 1, error.text);
    }
    lua_pop(L, 1);
  }
  birth->arg_count = (uint32_t)(count - 1);
  birth->args = lh_bytes_of(&heap->scratch);
}

static int spawn(lua_State *L) {
  struct heap *heap;
  const struct actor *self = lha_self(L, &heap);
  struct birth birth = {.kind = BIRTH_SPAWN};
  if (lua_isfunction(L, 1)) {
    const struct options options = read_options(L, heap);
    if (options.elsewhere || options.dedicated || options.isolated) {
      return luaL_error(
          L, "a function runs in its caller's heap; pass { \"module\", arguments... } instead");
    }
    if (self->kind != ACTOR_MAIN) return spawn_here(L, heap);
    dump_function(L, heap);
    birth.function = lh_bytes_of(&heap->scratch);
    return spawn_placed(L, heap, &birth, options);
  }
  if (!lua_istable(L, 1))
    luaL_argerror(L, 1, "a function or { \"module\", arguments... } expected");
  const struct options options = read_options(L, heap);
  if (options.elsewhere) return spawn_elsewhere(L, heap);
  encode_start(L, heap, &birth);
  return spawn_placed(L, heap, &birth, options);
}

// --- opening ---

const luaL_Reg lha_api_actor[] = {
    {"self", self_pid}, {"exit", exit_actor},           {"context", context}, {"log", write_log},
    {"spawn", spawn},   {"set_policy", lha_set_policy}, {NULL, NULL}};

void lh_actor_open(lua_State *L) {
  luaL_setfuncs(L, lha_api_message, 0);
  luaL_setfuncs(L, lha_api_link, 0);
  luaL_setfuncs(L, lha_api_actor, 0);
  luaL_setfuncs(L, lha_api_delayed, 0);
  lua_pushcfunction(L, lha_later);
  lua_setfield(L, -2, "later");
}

struct lh_actors *lh_actors_of(lua_State *L) {
  struct heap *heap = lha_heap_of(L);
  return heap ? heap->actors : NULL;
}

struct lh_env *lh_actor_env(lua_State *L) {
  struct heap *heap = lha_heap_of(L);
  return heap ? heap->actors->config.env : NULL;
}
