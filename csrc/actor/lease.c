// lease.c - children of hubs that may run only while their node holds a lease.
//
// The node says until when (lh_actors_lease); it is looked at before each turn of such a child, so
// a process that was stopped for a while and goes on runs none of them, whatever it had planned:
//
//   runs --time--> held: no init, call, cast, info, timer --ORDER_LEASE--> runs
//                    '--stop order--> what was under way is dropped, terminate runs
//
// A lease that is renewed after its end has another number, which every heap hears of by an order:
// stop orders that were given before arrive before. What init had begun under an earlier number
// fails. `until` and `number` are atomics; a heap's notes belong to its thread.
#include "actor/lease.h"

#include "actor/internal.h"

enum { LOOK_MS = 250 };

uint8_t lha_lease_find(const struct lh_actors *actors, struct lh_bytes hub) {
  const unsigned count = atomic_load(&actors->leases.count);
  for (unsigned i = 0; i < count; i++) {
    const struct lha_lease *lease = &actors->leases.of[i];
    if (lh_bytes_equal(lh_bytes(lease->hub, lease->len), hub)) return (uint8_t)(i + 1);
  }
  return 0;
}

static struct lha_lease *lease_of(struct lh_actors *actors, struct lh_bytes hub) {
  const uint8_t found = lha_lease_find(actors, hub);
  const unsigned count = atomic_load(&actors->leases.count);
  if (found > 0) return &actors->leases.of[found - 1];
  if (count == LH_LEASED_HUBS || hub.len > sizeof actors->leases.of[0].hub) return NULL;
  struct lha_lease *lease = &actors->leases.of[count];
  memcpy(lease->hub, hub.data, hub.len);
  lease->len = hub.len;
  atomic_store(&lease->number, 1);
  atomic_store(&actors->leases.count, count + 1);
  return lease;
}

static void tell_heaps(struct lh_actors *actors, uint32_t index, uint64_t number) {
  for (uint32_t i = HEAP_FIRST; i < LH_HEAPS_MAX; i++) {
    struct heap *heap = atomic_load(&actors->heaps[i]);
    if (!heap) continue;
    struct order *order = lha_order_new(ORDER_LEASE, 0);
    order->count = index;
    order->generation = number;
    lha_order_post(heap, order);
  }
}

void lh_actors_lease(struct lh_actors *actors, struct lh_bytes hub, lh_ms until) {
  struct lha_lease *lease = lease_of(actors, hub);
  if (!lease) return;
  const lh_ms now = lh_env_now(actors->config.env);
  const bool again = atomic_load(&lease->until) <= now && until > now;
  const unsigned number = atomic_load(&lease->number) + (again ? 1 : 0);
  atomic_store(&lease->number, number);
  atomic_store(&lease->until, until);
  if (again) tell_heaps(actors, (uint32_t)(lease - actors->leases.of), number);
}

static bool is_valid(const struct lh_actors *actors, const struct lha_lease *lease) {
  return lh_env_now(actors->config.env) < atomic_load(&lease->until);
}

bool lha_lease_holds(const struct heap *heap, const struct actor *actor) {
  if (!actor->child || actor->child->lease == 0) return true;
  const unsigned index = actor->child->lease - 1U;
  const struct lha_lease *lease = &heap->actors->leases.of[index];
  return heap->lease_numbers[index] == atomic_load(&lease->number) && is_valid(heap->actors, lease);
}

// --- a heap that holds some ---
static void wake(struct heap *heap) {
  for (uint32_t i = 0; i < heap->slot_count; i++) {
    struct actor *actor = heap->slots[i].actor;
    if (!actor || !(actor->flags & FLAG_HELD)) continue;
    actor->flags &= (uint16_t)~FLAG_HELD;
    lha_ready(heap, actor);
  }
}

static void look_again(struct heap *heap, struct timer *timer) {
  (void)timer;
  wake(heap);
}

static void hold(struct heap *heap, struct actor *actor) {
  actor->flags |= FLAG_HELD;
  heap->lease_timer.fire = look_again;
  lha_timer_set(heap, &heap->lease_timer, heap->now + LOOK_MS);
}

void lha_lease_order(struct heap *heap, const struct order *order) {
  heap->lease_numbers[order->count] = (unsigned)order->generation;
  wake(heap);
}

void lha_lease_begin(struct heap *heap, struct actor *actor) {
  struct child *child = actor->child;
  child->lease = lha_lease_find(heap->actors, lh_bytes(child->hub, strlen(child->hub)));
  if (child->lease == 0) return;
  unsigned *seen = &heap->lease_numbers[child->lease - 1];
  if (*seen == 0) *seen = atomic_load(&heap->actors->leases.of[child->lease - 1].number);
  child->lease_number = *seen;
}

// --- a turn ---
static bool is_birth(const struct actor *actor) { return actor->task && actor->task->birth; }

// Whoever waits for its answer hears that it will not come.
static void drop_callback(struct heap *heap, struct actor *actor) {
  struct task *task = actor->task;
  struct lh_msg *msg = task->msg;
  if (msg && msg->kind == LH_MSG_CALL)
    lha_answer_fail(heap->actors, heap, msg, "unknown_outcome",
                    "its node lost the quorum while it was carried out");
  lha_task_drop(heap, task);
}

static bool is_stale_birth(const struct heap *heap, const struct actor *actor) {
  const struct child *child = actor->child;
  return is_birth(actor) && child->lease_number != heap->lease_numbers[child->lease - 1];
}

bool lha_lease_turn(struct heap *heap, struct actor *actor) {
  if (!actor->child || actor->child->lease == 0) return false;
  const bool stale = is_stale_birth(heap, actor);
  if (!stale && !(actor->flags & FLAG_GIVEN_UP) && lha_lease_holds(heap, actor)) return false;
  if (stale) {
    lha_actor_stillborn(heap, actor, LH_EFAILED, "its node lost the quorum meanwhile");
    return true;
  }
  if (!(actor->flags & FLAG_STOP)) {
    hold(heap, actor);
    return true;
  }
  if (actor->state == ACTOR_STOPPING) return false;  // terminate runs
  if (is_birth(actor)) return true;                  // its time ends it
  if (actor->task) drop_callback(heap, actor);
  return false;
}
