// slot.c - which actor has which pid.
//
// A heap's slots are reused first in, first out, each time with the next serial, so that an old pid
// stays unknown for as long as the 18 bits of the serial allow. Only the thread that runs the heap
// comes here.
#include "actor/internal.h"

enum { SERIAL_MAX = (1 << LH_PID_SERIAL_BITS) - 1, SLOTS_MAX = 1 << LH_PID_SLOT_BITS };

static uint32_t new_slot(struct heap *heap) {
  if (heap->slot_count == heap->slot_cap) {
    heap->slot_cap = heap->slot_cap ? heap->slot_cap * 2 : 8;
    heap->slots = lh_realloc(heap->slots, heap->slot_cap * sizeof *heap->slots);
  }
  heap->slots[heap->slot_count] =
      (struct slot){.serial = heap->serial_start, .next_free = UINT32_MAX};
  return heap->slot_count++;
}

static uint32_t free_slot(struct heap *heap) {
  const uint32_t index = heap->free_first;
  heap->free_first = heap->slots[index].next_free;
  if (heap->free_first == UINT32_MAX) heap->free_last = UINT32_MAX;
  return index;
}

struct actor *lha_slot_take(struct heap *heap) {
  if (heap->free_first == UINT32_MAX && heap->slot_count == SLOTS_MAX) return NULL;
  const uint32_t index = heap->free_first != UINT32_MAX ? free_slot(heap) : new_slot(heap);
  struct slot *slot = &heap->slots[index];
  struct actor *actor = LH_NEW(struct actor);
  actor->pid = lh_pid_make(atomic_load(&heap->actors->self_node),
                           lh_pid_local_make(heap->index, index, slot->serial));
  actor->state_ref = LUA_NOREF;
  actor->module = -1;
  slot->actor = actor;
  heap->live++;
  atomic_fetch_add(&heap->actors->actors, 1);
  return actor;
}

void lha_slot_give(struct heap *heap, struct actor *actor) {
  const uint32_t index = lh_pid_slot(actor->pid);
  struct slot *slot = &heap->slots[index];
  slot->actor = NULL;
  slot->serial = slot->serial == SERIAL_MAX ? 1 : slot->serial + 1;
  if (slot->serial > heap->serial_top) heap->serial_top = slot->serial;
  slot->next_free = UINT32_MAX;
  if (heap->free_last == UINT32_MAX) {
    heap->free_first = index;
  } else {
    heap->slots[heap->free_last].next_free = index;
  }
  heap->free_last = index;
  heap->live--;
  atomic_fetch_sub(&heap->assigned, 1);
  atomic_fetch_sub(&heap->actors->actors, 1);
  lh_free(actor);
}

struct actor *lha_slot_find(const struct heap *heap, lh_pid pid) {
  const uint32_t index = lh_pid_slot(pid);
  if (index >= heap->slot_count || heap->slots[index].serial != lh_pid_serial(pid)) return NULL;
  return heap->slots[index].actor;
}
