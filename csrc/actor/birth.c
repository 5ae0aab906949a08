// birth.c - actors begin: the module is found, init runs or the function starts, the asker is
// answered.
//
// Runs on the thread of the heap. Results for lh_actors_start are collected and handed over in
// arrays, at the end of the slice at the latest.
#include "actor/internal.h"

// --- answers ---

void lha_birth_flush(struct heap *heap) {
  const size_t count = heap->started_count;
  if (count == 0) return;
  heap->started_count = 0;
  heap->actors->ops.child_started(heap->actors->self, heap->started, count);
  for (size_t i = 0; i < count; i++) lh_free((char *)heap->started[i].error);
}

static void add_started(struct heap *heap, const struct birth *birth, lh_pid pid, int status,
                        const char *error) {
  if (heap->started_count == STARTED_BATCH) lha_birth_flush(heap);
  if (!heap->started) heap->started = lh_alloc(STARTED_BATCH * sizeof *heap->started);
  heap->started[heap->started_count++] =
      (struct lh_child_started){.token = birth->token,
                                .status = status,
                                .pid = pid,
                                .error = error ? lh_strdup(error) : NULL};
  if (status == 0) atomic_fetch_add(&heap->actors->starts, 1);
}

static void answer_spawn(struct heap *heap, const struct birth *birth, lh_pid pid, int status,
                         const char *error) {
  const struct lh_msg call = {.to = pid, .from = birth->asker, .ref = birth->ref};
  if (status != 0) {
    char line[REASON_MAX];  // the rest is the places where a module was looked for, or a traceback
    snprintf(line, sizeof line, "%.*s", (int)strcspn(error, "\n"), error);
    lha_answer_fail(heap->actors, heap, &call, lh_err_name(status), line);
    return;
  }
  struct lh_buf body = LH_BUF_EMPTY;
  const struct lh_run *run = lh_runs_at(heap->actors->config.runs, lh_pid_node(pid));
  if (run) {
    lh_write_pid(&body, run, lh_pid_local(pid));
  } else {
    lh_write_nil(&body);
  }
  lha_send(heap->actors, heap,
           lh_msg_new(LH_MSG_REPLY, birth->asker, pid, birth->ref, lh_bytes_of(&body)));
  lh_buf_free(&body);
}

// Outside Lua, or inside an entry: raises nothing. Forgets the birth.
void lha_birth_over(struct heap *heap, struct birth *birth, lh_pid pid, int status,
                    const char *error) {
  struct lh_actors *actors = heap->actors;
  if (status != 0) atomic_fetch_add(&actors->start_failures, 1);
  switch (birth->kind) {
  case BIRTH_CHILD:
    add_started(heap, birth, pid, status, error);
    break;
  case BIRTH_SPAWN:
    answer_spawn(heap, birth, pid, status, error);
    break;
  case BIRTH_RUN:
    if (status != 0)
      actors->ops.ran(actors->self, birth->token, LH_EFAILED, lh_bytes(NULL, 0), error);
    break;
  case BIRTH_SESSION:
    if (status != 0) lh_log(LH_LOG_ERROR, "actor", "a session did not start: %s", error);
    break;
  case BIRTH_PROCESS:
    if (status != 0) lh_log(LH_LOG_WARN, "actor", "a process did not start: %s", error);
    break;
  }
  if (--birth->batch->open == 0) lha_batch_free(birth->batch);
}

// --- the module ---

static bool call_wants_from(lua_State *L, int index) {
  lua_Debug debug;
  lua_getfield(L, index, "call");
  if (!lua_isfunction(L, -1) || lua_iscfunction(L, -1)) {
    lua_pop(L, 1);
    return true;
  }
  lua_getinfo(L, ">u", &debug);
  return debug.nparams > 2 || debug.isvararg;
}

// Raises when what the module says is no version.
static uint64_t version_of(lua_State *L, const char *name) {
  lua_getfield(L, -1, "version");
  const lua_Integer version = lua_isnil(L, -1) ? 0 : lua_tointeger(L, -1);
  if (!lua_isnil(L, -1) && (!lua_isinteger(L, -1) || version < 0)) {
    luaL_error(L, "the version of module '%s' is %s (a whole number from 0 on expected)", name,
               luaL_tolstring(L, -1, NULL));
  }
  lua_pop(L, 1);
  return (uint64_t)version;
}

static bool has_function(lua_State *L, int index, const char *name) {
  if (!lua_istable(L, index)) return false;
  lua_getfield(L, index, name);
  const bool has = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return has;
}

static void require_module(lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}

static int remember(lua_State *L, struct heap *heap, const char *name, bool server) {
  const bool wants_from = server && call_wants_from(L, lua_gettop(L));
  const bool consents = server && has_function(L, lua_gettop(L), "consent");
  const uint64_t version = server ? version_of(L, name) : 0;
  lua_pushvalue(L, -1);
  const int ref = luaL_ref(L, LUA_REGISTRYINDEX);
  const int index = heap->module_count++;
  heap->modules = lh_realloc(heap->modules, (size_t)heap->module_count * sizeof *heap->modules);
  heap->modules[index] =
      (struct module){lh_strdup(name), ref, server, wants_from, consents, version};
  lh_map_put(&heap->module_index, name, strlen(name), (void *)(intptr_t)(index + 1));
  return index;
}

// Pushes what the module is, a server's table or a function; answers its index.
static int push_module(lua_State *L, struct heap *heap, const char *name) {
  const int known = (int)(intptr_t)lh_map_get(&heap->module_index, name, strlen(name));
  if (known > 0) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, heap->modules[known - 1].ref);
    return known - 1;
  }
  require_module(L, name);
  const bool server = has_function(L, lua_gettop(L), "init");
  if (!server && !lua_isfunction(L, -1)) {
    luaL_error(L, "module '%s' gave a %s (a table with a function 'init', or a function, expected)",
               name, luaL_typename(L, -1));
  }
  return remember(L, heap, name, server);
}

// --- the entry ---

static int refuse(struct heap *heap, const char *text) {
  lh_buf_clear(&heap->text);
  lh_buf_append(&heap->text, text, strlen(text));
  heap->current->task->status = LH_EFAILED;
  return 0;
}

static int finish_init(lua_State *L, int status, lua_KContext context) {
  (void)status;
  struct heap *heap = (struct heap *)context;
  struct actor *actor = heap->current;
  const char *name = heap->modules[actor->module].name;
  if (lua_istable(L, -2)) {
    lua_pop(L, 1);
    actor->state_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
  }
  if (!lua_isnil(L, -2) || lua_isnil(L, -1)) {
    const char *article = lua_isnil(L, -2) ? "" : "a ";
    const char *what = lua_isnil(L, -2) ? "nothing" : luaL_typename(L, -2);
    lua_pushfstring(L, "init of module '%s' returned %s%s (a table, or nil and a reason, expected)",
                    name, article, what);
    return refuse(heap, lua_tostring(L, -1));
  }
  return refuse(heap, lua_pushfstring(L, "init refused: %s", luaL_tolstring(L, -1, NULL)));
}

static void push_args(lua_State *L, struct heap *heap, const struct birth *birth) {
  const int count = (int)birth->arg_count;
  luaL_checkstack(L, count + 4, "arguments");
  if (count > 0 && lh_value_decode(L, birth->args, count, heap->actors->config.runs) != count) {
    luaL_error(L, "arguments that cannot be decoded");
  }
}

// From here on the actor is a plain process, and alive.
static int become_process(lua_State *L, struct heap *heap, struct birth *birth) {
  struct actor *actor = heap->current;
  struct task *task = actor->task;
  if (birth->prepared)
    return luaL_error(L, "a plain process cannot be handed over; only a server can");
  push_args(L, heap, birth);
  actor->kind = ACTOR_PROCESS;
  actor->state = ACTOR_RUNNING;
  task->phase = PHASE_BODY;
  task->birth = NULL;
  lh_ms limit = LH_NEVER;
  if (birth->kind == BIRTH_RUN) {
    struct cold *cold = lha_cold(actor);
    cold->runs = true;
    cold->run_token = birth->token;
    limit = heap->now + birth->limit_ms;
  }
  lha_task_limit(heap, task, limit);
  lha_birth_over(heap, birth, actor->pid, 0, NULL);
  return lha_process_entry(L);
}

static void push_function(lua_State *L, const struct birth *birth) {
  const char *name = lua_pushlstring(L, (const char *)birth->function.data, birth->function.len);
  if (!lua_istable(L, 1))
    luaL_error(L, "a module that is a table expected, got %s", luaL_typename(L, 1));
  lua_pushvalue(L, -1);
  lua_gettable(L, 1);
  if (lua_isnil(L, -1)) luaL_error(L, "the module has no function '%s'", name);
  lua_replace(L, 1);
  lua_settop(L, 1);
}

// A function of the main program, as bytecode: it was dumped in this process.
static void load_chunk(lua_State *L, const struct birth *birth) {
  if (luaL_loadbufferx(L, (const char *)birth->function.data, birth->function.len, "=spawned",
                       "b") != LUA_OK) {
    lua_error(L);
  }
}

int lha_birth_entry(lua_State *L) {
  struct heap *heap = lh_script_owner(L);
  struct actor *actor = heap->current;
  struct birth *birth = actor->task->birth;
  char name[MODULE_NAME_MAX + 1];
  if (birth->error.len > 0) {
    snprintf(name, sizeof name, "%.*s", (int)birth->error.len, (const char *)birth->error.data);
    return refuse(heap, name);
  }
  if (birth->module.len == 0) {
    load_chunk(L, birth);
    return become_process(L, heap, birth);
  }
  snprintf(name, sizeof name, "%.*s", (int)birth->module.len, (const char *)birth->module.data);
  if (birth->kind == BIRTH_RUN) {
    require_module(L, name);
    push_function(L, birth);
    return become_process(L, heap, birth);
  }
  actor->module = push_module(L, heap, name);
  if (!heap->modules[actor->module].server) return become_process(L, heap, birth);
  actor->kind = ACTOR_SERVER;
  lua_getfield(L, -1, "init");
  lua_replace(L, 1);
  lua_settop(L, 1);
  push_args(L, heap, birth);
  lua_callk(L, (int)birth->arg_count, 2, (lua_KContext)heap, finish_init);
  return finish_init(L, LUA_OK, (lua_KContext)heap);
}

// --- one by one ---

static const char *hub_name(struct heap *heap, struct lh_bytes hub) {
  char *name = lh_map_get(&heap->hubs, hub.data, hub.len);
  if (name) return name;
  name = lh_alloc(hub.len + 1);
  if (hub.len > 0) memcpy(name, hub.data, hub.len);
  name[hub.len] = '\0';
  lh_map_put(&heap->hubs, hub.data, hub.len, name);
  return name;
}

static struct child *child_of(struct heap *heap, const struct birth *birth) {
  struct child *child = lh_alloc(sizeof *child + birth->id.len + 1);
  *child = (struct child){
      .token = birth->token, .generation = birth->generation, .hub = hub_name(heap, birth->hub)};
  if (birth->metadata.len > 0) {
    child->metadata =
        lh_bytes(lh_memdup(birth->metadata.data, birth->metadata.len), birth->metadata.len);
  }
  if (birth->id.len > 0) memcpy(child->id, birth->id.data, birth->id.len);
  child->id[birth->id.len] = '\0';
  return child;
}

// Without an actor, which would give the place back.
static void cannot_begin(struct heap *heap, struct birth *birth, int status, const char *text) {
  atomic_fetch_sub(&heap->assigned, 1);
  lha_birth_over(heap, birth, 0, status, text);
}

static void begin(struct heap *heap, struct birth *birth) {
  struct lh_error error;
  if (lha_heap_open(heap, &error) != 0) {
    cannot_begin(heap, birth, LH_ELIMIT, error.text);
    return;
  }
  struct actor *actor = lha_slot_take(heap);
  if (!actor) {
    cannot_begin(heap, birth, LH_ELIMIT, "the heap has no slot left");
    return;
  }
  struct task *task = lha_task_take(heap, actor, PHASE_INIT);
  if (!task) {
    lha_slot_give(heap, actor);
    lha_birth_over(heap, birth, 0, LH_ELIMIT, "no memory for a coroutine");
    return;
  }
  if (birth->kind == BIRTH_CHILD) {
    actor->child = child_of(heap, birth);
    lha_lease_begin(heap, actor);
  }
  task->birth = birth;
  lha_task_limit(heap, task, heap->now + LH_INIT_MS);
  lua_pushcfunction(task->co, lha_birth_entry);
  if (lha_lease_holds(heap, actor))
    lha_actor_run(heap, actor);
  else
    lha_ready(heap, actor);
}

void lha_birth_next(struct heap *heap) {
  struct batch *batch = heap->births_first;
  struct birth *birth = &batch->births[batch->begun++];
  if (batch->begun == batch->count) {
    heap->births_first = batch->next;
    if (!heap->births_first) heap->births_last = NULL;
  }
  begin(heap, birth);
  if (heap->started_count >= STARTED_BATCH / 2) lha_birth_flush(heap);
}
