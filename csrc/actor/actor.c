// actor.c - turns of actors, and their end.
//
// A turn does one thing: ends the actor, goes on with its callback, carries out a stop, freeze or
// activate order, or begins the callback for the next message. An actor's end never happens while
// its own Lua runs.
#include "actor/internal.h"

struct cold *lha_cold(struct actor *actor) {
  if (!actor->cold) {
    actor->cold = LH_NEW(struct cold);
    actor->cold->actor = actor;
  }
  return actor->cold;
}

void lha_ready(struct heap *heap, struct actor *actor) {
  if ((actor->flags & FLAG_READY) || actor->kind == ACTOR_MAIN) return;
  actor->flags |= FLAG_READY;
  actor->next = NULL;
  if (heap->ready_last) {
    heap->ready_last->next = actor;
  } else {
    heap->ready_first = actor;
  }
  heap->ready_last = actor;
}

void lha_actor_label(const struct actor *actor, char *out) {
  if (actor->child) {
    snprintf(out, LABEL_MAX, "child %s", actor->child->id);
  } else {
    snprintf(out, LABEL_MAX, "actor %u.%u.%u", lh_pid_heap(actor->pid), lh_pid_slot(actor->pid),
             lh_pid_serial(actor->pid));
  }
}

// An encoded reason as one line for people: strings as they are, the rest by kind.
void lha_reason_text(struct lh_bytes reason, char *out, size_t size) {
  struct lh_reader reader;
  lh_reader_init_user(&reader, reason);
  const struct lh_wire_value value = lh_read_value(&reader);
  switch (value.type) {
  case LH_WIRE_STR:
    snprintf(out, size, "%.*s", (int)(value.as.bytes.len < size ? value.as.bytes.len : size - 1),
             (const char *)value.as.bytes.data);
    break;
  case LH_WIRE_INT:
    snprintf(out, size, "%lld", (long long)value.as.integer);
    break;
  case LH_WIRE_BOOL:
    snprintf(out, size, "%s", value.as.boolean ? "true" : "false");
    break;
  case LH_WIRE_END:
  case LH_WIRE_NIL:
    snprintf(out, size, "normal");
    break;
  default:
    snprintf(out, size, "a table");
  }
}

// --- the end ---

void lha_child_free(struct child *child) {
  if (!child) return;
  lh_free((void *)child->metadata.data);
  lh_free(child);
}

static void free_cold(struct heap *heap, struct actor *actor) {
  struct cold *cold = actor->cold;
  if (!cold) return;
  lha_future_free_all(actor);
  lha_link_free(cold);
  lha_timer_cancel(heap, &cold->stop_timer);
  lh_buf_free(&cold->reason);
  lh_buf_free(&cold->handed);
  lh_free(cold->stop_reason);
  lh_free(cold);
}

// Frees all that an actor has; its coroutine and state go with the lua_State or are let go before.
static void release(struct heap *heap, struct actor *actor) {
  struct lh_msg *msg;
  while ((msg = lha_mailbox_take(heap, actor)) != NULL) lh_msg_free(msg);
  if (actor->kind == ACTOR_MAIN && actor->wait) lha_wait_cancel(heap, actor->wait);
  free_cold(heap, actor);
  lha_child_free(actor->child);
}

// Of a heap that is being closed: nothing is told, nothing runs.
void lha_actor_free(struct heap *heap, struct actor *actor) {
  struct task *task = actor->task;
  if (task) {
    struct birth *birth = task->birth;
    if (birth && --birth->batch->open == 0) lha_batch_free(birth->batch);
    lha_task_abandon(heap, task);
  }
  release(heap, actor);
  atomic_fetch_sub(&heap->actors->actors, 1);
  if (actor->kind != ACTOR_MAIN) atomic_fetch_sub(&heap->assigned, 1);
  lh_free(actor);
}

static void unready(struct heap *heap, struct actor *actor) {
  if (!(actor->flags & FLAG_READY)) return;
  struct actor *before = NULL;
  for (struct actor *at = heap->ready_first; at != actor; at = at->next) before = at;
  if (before) {
    before->next = actor->next;
  } else {
    heap->ready_first = actor->next;
  }
  if (heap->ready_last == actor) heap->ready_last = before;
  actor->flags &= (uint16_t)~FLAG_READY;
}

void lha_actor_end(struct heap *heap, struct actor *actor, enum lh_ended how,
                   struct lh_bytes reason, const char *text) {
  struct cold *cold = actor->cold;
  const bool stops = cold && cold->stops;
  const lh_pid pid = actor->pid;
  const lh_pid forward = stops ? cold->forward : 0;
  char why[REASON_MAX + LABEL_MAX];
  if (actor->task) {
    struct lh_msg *msg = actor->task->msg;
    if (msg && msg->kind == LH_MSG_CALL) {
      lha_answer_fail(heap->actors, heap, msg, stops ? "not_here" : "crashed", text);
    }
    lha_task_drop(heap, actor->task);
  }
  if (stops) lha_forward_keep(heap, pid, forward);
  snprintf(why, sizeof why, "the actor ended before it took the call: %.*s", REASON_MAX, text);
  lha_mailbox_empty(heap, actor, stops ? "not_here" : "not_found", why, forward);
  lha_link_end(heap, actor, reason);
  lha_child_ended(heap, actor, pid, how, text);
  luaL_unref(heap->L, LUA_REGISTRYINDEX, actor->state_ref);
  unready(heap, actor);
  release(heap, actor);
  lha_slot_give(heap, actor);
}

void lha_actor_kill(struct heap *heap, struct actor *actor, struct lh_bytes reason) {
  (void)heap;
  if (actor->flags & FLAG_ENDING) return;
  struct cold *cold = lha_cold(actor);
  actor->flags |= FLAG_ENDING;
  lh_buf_clear(&cold->reason);
  lh_buf_append(&cold->reason, reason.data, reason.len);
  lha_ready(heap, actor);
}

static bool is_normal(const char *text) {
  return strcmp(text, "normal") == 0 || strcmp(text, "shutdown") == 0;
}

// For the encoded reason, which may stand in the scratch buffer or in the actor's cold part.
static void end_with(struct heap *heap, struct actor *actor, struct lh_bytes reason) {
  char text[REASON_MAX];
  lha_reason_text(reason, text, sizeof text);
  uint8_t *copy = lh_memdup(reason.data, reason.len);
  const enum lh_ended how = is_normal(text) ? LH_ENDED_NORMAL : LH_ENDED_ABNORMAL;
  lha_actor_end(heap, actor, how, lh_bytes(copy, reason.len), text);
  lh_free(copy);
}

static void end_with_text(struct heap *heap, struct actor *actor, const char *text) {
  struct lh_buf reason = LH_BUF_EMPTY;
  lh_write_cstr(&reason, text);
  end_with(heap, actor, lh_bytes_of(&reason));
  lh_buf_free(&reason);
}

// --- what a resume ended with ---

static void first_line(const char *text, char *out) {
  snprintf(out, REASON_MAX, "%.*s", (int)strcspn(text, "\n"), text);
}

static bool is_birth(const struct task *task) { return task->birth != NULL; }

// An actor that was never started: nobody knows its pid yet.
void lha_actor_stillborn(struct heap *heap, struct actor *actor, int status, const char *text) {
  struct task *task = actor->task;
  struct birth *birth = task->birth;
  task->birth = NULL;
  lha_task_drop(heap, task);
  lha_child_free(actor->child);
  actor->child = NULL;
  lha_birth_over(heap, birth, 0, status, text);
  end_with_text(heap, actor, text);
}

static const char *const phase_names[] = {"init",     "its function", "call",     "cast",
                                          "info",     "handover",     "takeover", "terminate",
                                          "metadata", "redundancy",   "consent"};

static void too_late(struct heap *heap, struct actor *actor) {
  struct task *task = actor->task;
  char text[REASON_MAX];
  atomic_fetch_add(&heap->actors->overdue, 1);
  snprintf(text, sizeof text, "%s did not end in its time", phase_names[task->phase]);
  if (is_birth(task)) {
    lha_actor_stillborn(heap, actor, LH_ETIMEOUT, text);
  } else if (task->phase == PHASE_HANDOVER || task->phase == PHASE_TAKEOVER) {
    const enum phase phase = task->phase;
    lha_task_drop(heap, task);
    lha_child_done(heap, actor, phase, LH_ETIMEOUT, lh_bytes(NULL, 0), text);
  } else {
    if (actor->cold && actor->cold->stops) actor->cold->killed = true;
    end_with_text(heap, actor, text);
  }
}

static void crashed(struct heap *heap, struct actor *actor, const struct lh_error *error) {
  struct task *task = actor->task;
  char reason[REASON_MAX], label[LABEL_MAX];
  first_line(error->text, reason);
  lha_actor_label(actor, label);
  const enum phase phase = task->phase;
  if (task->limit_at <= lh_env_now(heap->actors->config.env)) {
    too_late(heap, actor);
    return;
  }
  if (is_birth(task)) {
    lha_actor_stillborn(heap, actor, LH_EFAILED, error->text);
    return;
  }
  lh_log(LH_LOG_ERROR, label, "%s raised: %s", phase_names[phase], error->text);
  atomic_fetch_add(&heap->actors->crashes, 1);
  if (phase == PHASE_HANDOVER || phase == PHASE_TAKEOVER) {
    lha_task_give(heap, task);
    lha_child_done(heap, actor, phase, LH_EFAILED, lh_bytes(NULL, 0), reason);
  } else if (phase == PHASE_CONSENT) {  // no reason to end it: it puts its move off
    lha_task_give(heap, task);
    lha_child_consented(heap, actor, LH_EAGAIN);
    lha_ready(heap, actor);
  } else {
    end_with_text(heap, actor, reason);
  }
}

static void exited(struct heap *heap, struct actor *actor) {
  struct task *task = actor->task;
  struct lh_error error;
  struct lh_bytes reason = lha_encode(task->co, heap, -1, &error);
  if (reason.len == 0) {
    lh_buf_clear(&heap->scratch);
    lh_write_cstr(&heap->scratch, error.text);
    reason = lh_bytes_of(&heap->scratch);
  }
  if (!is_birth(task)) {
    end_with(heap, actor, reason);
    return;
  }
  char text[REASON_MAX];
  lha_reason_text(reason, text, sizeof text);
  lha_actor_stillborn(heap, actor, LH_EFAILED, text);
}

// After init: a server that was refused, or one that is there.
static void born(struct heap *heap, struct actor *actor) {
  struct task *task = actor->task;
  struct birth *birth = task->birth;
  if (task->status != 0) {
    char text[LH_ERROR_TEXT_MAX];
    snprintf(text, sizeof text, "%.*s", (int)heap->text.len, (const char *)heap->text.data);
    lha_actor_stillborn(heap, actor, task->status, text);
    return;
  }
  task->birth = NULL;
  lha_task_give(heap, task);
  actor->state = birth->prepared ? ACTOR_HELD : ACTOR_RUNNING;
  lha_birth_over(heap, birth, actor->pid, 0, NULL);
  lha_ready(heap, actor);
}

static void done(struct heap *heap, struct actor *actor) {
  struct task *task = actor->task;
  const enum phase phase = task->phase;
  switch (phase) {
  case PHASE_INIT:
    born(heap, actor);
    break;
  case PHASE_BODY:
    lha_task_give(heap, task);
    lha_child_ran(heap, actor, 0, lh_bytes_of(&heap->scratch), NULL);
    end_with_text(heap, actor, "normal");
    break;
  case PHASE_TERMINATE:
    lha_task_give(heap, task);
    end_with_text(heap, actor, actor->cold->stop_reason);
    break;
  case PHASE_HANDOVER:
  case PHASE_TAKEOVER: {
    const int status = task->status;
    char text[LH_ERROR_TEXT_MAX];
    snprintf(text, sizeof text, "%.*s", (int)heap->text.len, (const char *)heap->text.data);
    lha_task_give(heap, task);
    lha_child_done(heap, actor, phase, status, lh_bytes_of(&heap->scratch), text);
    break;
  }
  default: {
    const int status = task->status;
    lha_task_give(heap, task);
    if (phase == PHASE_CONSENT) lha_child_consented(heap, actor, status);
    if (phase == PHASE_ROLE) lha_child_told(heap, actor, LH_OK);
    if (actor->head || (actor->flags & FLAGS_ORDERED)) lha_ready(heap, actor);
  }
  }
}

void lha_actor_run(struct heap *heap, struct actor *actor) {
  struct lh_error error;
  error.text[0] = '\0';
  switch (lha_task_resume(heap, actor, &error)) {
  case LH_SCRIPT_DONE:
    done(heap, actor);
    break;
  case LH_SCRIPT_WAITS:
    break;
  case LH_SCRIPT_PREEMPTED:
    atomic_fetch_add(&heap->actors->preemptions, 1);
    actor->task->runnable = true;
    lha_ready(heap, actor);
    break;
  case LH_SCRIPT_FAILED:
    crashed(heap, actor, &error);
    break;
  case LH_SCRIPT_EXITED:
    exited(heap, actor);
    break;
  }
}

static enum phase phase_for(const struct lh_msg *msg) {
  if (msg->kind == LH_MSG_CALL) return PHASE_CALL;
  return msg->kind == LH_MSG_CAST ? PHASE_CAST : PHASE_INFO;
}

static enum phase phase_of(uint16_t told) {
  return told == FLAG_ROLE ? PHASE_ROLE : told == FLAG_DESCRIBED ? PHASE_METADATA : PHASE_CONSENT;
}

// What it is told of its role, then of its metadata, and what it is asked comes before the next
// message.
static void next_callback(struct heap *heap, struct actor *actor) {
  const uint16_t told = actor->flags & FLAG_ROLE        ? FLAG_ROLE
                        : actor->flags & FLAG_DESCRIBED ? FLAG_DESCRIBED
                                                        : actor->flags & FLAG_CONSENT;
  if (actor->state != ACTOR_RUNNING || actor->kind != ACTOR_SERVER) return;
  if (told == 0 && !actor->head) return;
  actor->flags &= (uint16_t)~told;
  struct lh_msg *msg = told != 0 ? NULL : lha_mailbox_take(heap, actor);
  const enum phase phase = msg != NULL ? phase_for(msg) : phase_of(told);
  struct task *task = lha_task_take(heap, actor, phase);
  if (!task) {
    if (msg)
      lha_undeliverable(heap->actors, heap, msg, "crashed", "the heap's memory limit is reached");
    end_with_text(heap, actor, "the heap's memory limit is reached");
    return;
  }
  task->msg = msg;
  lua_pushcfunction(task->co, lha_server_entry(task->phase));
  lha_actor_run(heap, actor);
}

void lha_actor_turn(struct heap *heap, struct actor *actor) {
  const struct task *task = actor->task;
  if (actor->flags & FLAG_ENDING) {
    if (task && is_birth(task)) {
      char text[REASON_MAX];
      lha_reason_text(lh_bytes_of(&actor->cold->reason), text, sizeof text);
      lha_actor_stillborn(heap, actor, LH_EFAILED, text);
    } else {
      end_with(heap, actor, lh_bytes_of(&actor->cold->reason));
    }
  } else if (task && task->late) {
    too_late(heap, actor);
  } else if (lha_lease_turn(heap, actor)) {
    return;  // it may not run now
  } else if (actor->task) {
    if (actor->task->runnable) lha_actor_run(heap, actor);
  } else if (!lha_child_step(heap, actor)) {
    next_callback(heap, actor);
  }
}
