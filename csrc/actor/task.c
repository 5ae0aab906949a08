// task.c - callbacks in progress: a pooled coroutine, what it is for, and its time limit.
//
//   take --resume--> running --> DONE --> give (back to the pool)
//                     ^    |---> WAITS, PREEMPTED: the actor keeps it
//                     +----'---> drop: closed where it stands, never resumed again
#include "actor/internal.h"

static void limit_passed(struct heap *heap, struct timer *timer) {
  struct task *task = LH_ENTRY(timer, struct task, limit);
  task->late = true;
  lha_ready(heap, task->actor);
}

static void new_thread(lua_State *L, void *data) {
  struct task *task = data;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  task->co = lua_newthread(L);
  task->ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

static struct task *make(struct heap *heap) {
  struct task *task = LH_NEW(struct task);
  task->ref = LUA_NOREF;
  task->limit.fire = limit_passed;
  if (lh_script_guard(heap->L, new_thread, task, NULL) == 0) return task;
  lh_free(task);
  return NULL;
}

// NULL when the heap's memory limit is reached.
struct task *lha_task_take(struct heap *heap, struct actor *actor, enum phase phase) {
  struct task *task = heap->pool;
  if (task) {
    heap->pool = task->next;
    heap->pool_count--;
  } else {
    task = make(heap);
    if (!task) return NULL;
  }
  task->next = NULL;
  task->nargs = 0;
  task->runnable = true;
  task->late = false;
  task->phase = phase;
  task->status = 0;
  task->limit_at = LH_NEVER;
  task->actor = actor;
  actor->task = task;
  return task;
}

void lha_task_limit(struct heap *heap, struct task *task, lh_ms at) {
  task->limit_at = at;
  lha_timer_set(heap, &task->limit, at);
}

static void clear(struct heap *heap, struct task *task) {
  lha_wait_cancel(heap, &task->wait);
  lha_timer_cancel(heap, &task->limit);
  if (task->msg) lh_msg_free(task->msg);
  task->msg = NULL;
  task->actor->task = NULL;
  task->actor = NULL;
}

static void destroy(struct heap *heap, struct task *task) {
  luaL_unref(heap->L, LUA_REGISTRYINDEX, task->ref);
  lh_free(task);
}

// After DONE, FAILED or EXITED.
void lha_task_give(struct heap *heap, struct task *task) {
  const bool fit = lh_script_reset(task->co);
  clear(heap, task);
  if (!fit || heap->pool_count >= POOL_MAX) {
    destroy(heap, task);
    return;
  }
  task->next = heap->pool;
  heap->pool = task;
  heap->pool_count++;
}

// A suspended task: what it had to close is closed, as its actor.
void lha_task_drop(struct heap *heap, struct task *task) {
  struct actor *outer = heap->current;
  heap->current = task->actor;
  lh_script_reset(task->co);
  heap->current = outer;
  clear(heap, task);
  destroy(heap, task);
}

void lha_task_abandon(struct heap *heap, struct task *task) {
  clear(heap, task);
  lh_free(task);
}

void lha_task_pool_free(struct heap *heap) {
  while (heap->pool) {
    struct task *task = heap->pool;
    heap->pool = task->next;
    destroy(heap, task);
  }
  heap->pool_count = 0;
}

enum lh_script_end lha_task_resume(struct heap *heap, struct actor *actor, struct lh_error *error) {
  struct task *task = actor->task;
  const int nargs = task->nargs;
  task->nargs = 0;
  task->runnable = false;
  if (actor->flags & FLAG_INTERRUPT) {
    actor->flags &= (uint16_t)~FLAG_INTERRUPT;
    lh_script_raise_in(task->co, "interrupted!", false);
  }
  heap->current = actor;
  lha_turn_begin(heap, actor, task->limit_at);
  const enum lh_script_end end = lh_script_resume(task->co, heap->L, nargs, NULL, error);
  lha_turn_end(heap);
  heap->current = NULL;
  return end;
}
