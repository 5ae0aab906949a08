// census.c - the children that have a body on this node, counted where they live.
//
// For whoever must know what runs without asking the registry, which may be wrong: the simulator.
// Without threads only: it looks into heaps that nobody runs.
#include "actor/internal.h"

struct census {
  void (*fn)(void *self, const struct lh_child_seen *child);
  void *self;
};

// For a move: it runs its init, or has, and waits for the state.
static bool is_prepared(const struct actor *actor) {
  if (actor->state != ACTOR_STARTING) return actor->state == ACTOR_HELD;
  return actor->task && actor->task->birth && actor->task->birth->prepared;
}

static bool works(const struct heap *heap, const struct actor *actor) {
  if ((actor->flags & FLAG_GIVEN_UP) || !lha_lease_holds(heap, actor)) return false;
  if (actor->state != ACTOR_STARTING) return actor->state == ACTOR_RUNNING;
  return !is_prepared(actor);
}

static void see(const struct heap *heap, const struct actor *actor, const struct census *census) {
  if (!actor || !actor->child) return;
  const struct lh_child_seen seen = {
      .hub = actor->child->hub,
      .id = actor->child->id,
      .generation = actor->child->generation,
      .pid = actor->pid,
      .works = works(heap, actor),
      .starts = actor->state == ACTOR_STARTING,
      .prepared = is_prepared(actor),
  };
  census->fn(census->self, &seen);
}

void lh_actors_each_child(const struct lh_actors *actors,
                          void (*fn)(void *self, const struct lh_child_seen *child), void *self) {
  const struct census census = {fn, self};
  for (uint32_t i = HEAP_MAIN; i < actors->next_heap; i++) {
    const struct heap *heap = atomic_load(&actors->heaps[i]);
    for (uint32_t slot = 0; heap && slot < heap->slot_count; slot++) {
      see(heap, heap->slots[slot].actor, &census);
    }
  }
}
