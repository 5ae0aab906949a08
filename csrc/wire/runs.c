// runs.c - the append-only table of node runs.
//
// An entry is complete before its index is published, and is never freed while the table lives, nor
// is any name that it had: so a reader that finds an index may use what it names without a lock.
// Adding and naming take the mutex. The index from run to entry is open addressing over twice as
// many cells as there can be entries, so it never grows and a probe always ends.
#include "wire/runs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { CELLS = LH_RUNS_MAX * 2 };

struct name {
  struct name *former;
  char text[LH_NAME_MAX + 1];
};

struct entry {
  struct lh_run run;
  _Atomic(struct name *) name;  // NULL until known
};

struct lh_runs {
  _Atomic(struct entry *) entries[LH_RUNS_MAX];
  _Atomic uint16_t cells[CELLS];  // 0 is empty, else an index into entries
  pthread_mutex_t adding;
  uint32_t count;  // under `adding`; index 0 is never given
};

_Static_assert(LH_RUNS_MAX <= UINT16_MAX + 1, "an index fits a cell");
_Static_assert(sizeof(struct lh_run) == 24, "a run has no padding, so its bytes can be hashed");

struct lh_runs *lh_runs_new(void) {
  struct lh_runs *runs = LH_NEW(struct lh_runs);
  (void)pthread_mutex_init(&runs->adding, NULL);
  runs->count = 1;
  return runs;
}

static void free_names(struct name *name) {
  while (name != NULL) {
    struct name *former = name->former;
    lh_free(name);
    name = former;
  }
}

void lh_runs_free(struct lh_runs *runs) {
  if (runs == NULL) return;
  for (uint32_t i = 1; i < runs->count; i++) {
    struct entry *entry = atomic_load(&runs->entries[i]);
    free_names(atomic_load(&entry->name));
    lh_free(entry);
  }
  (void)pthread_mutex_destroy(&runs->adding);
  lh_free(runs);
}

static struct entry *entry_at(const struct lh_runs *runs, uint32_t index) {
  if (index >= LH_RUNS_MAX) return NULL;
  return atomic_load_explicit(&runs->entries[index], memory_order_acquire);
}

// The cell that holds the run's index, or the empty one where it would go.
static uint32_t locate(const struct lh_runs *runs, const struct lh_run *run, uint32_t *index) {
  uint32_t cell = (uint32_t)lh_hash(run, sizeof *run, 0) % CELLS;
  for (;; cell = (cell + 1) % CELLS) {
    *index = atomic_load_explicit(&runs->cells[cell], memory_order_acquire);
    if (*index == 0 || lh_run_equal(&entry_at(runs, *index)->run, run)) return cell;
  }
}

static uint32_t add(struct lh_runs *runs, const struct lh_run *run) {
  uint32_t index = 0;
  const uint32_t cell = locate(runs, run, &index);
  if (index != 0 || runs->count == LH_RUNS_MAX) return index;
  struct entry *entry = LH_NEW(struct entry);
  entry->run = *run;
  index = runs->count++;
  atomic_store_explicit(&runs->entries[index], entry, memory_order_release);
  atomic_store_explicit(&runs->cells[cell], (uint16_t)index, memory_order_release);
  return index;
}

uint32_t lh_runs_index(struct lh_runs *runs, const struct lh_run *run) {
  uint32_t index = 0;
  (void)locate(runs, run, &index);
  if (index != 0) return index;
  (void)pthread_mutex_lock(&runs->adding);
  index = add(runs, run);
  (void)pthread_mutex_unlock(&runs->adding);
  return index;
}

const struct lh_run *lh_runs_at(const struct lh_runs *runs, uint32_t index) {
  const struct entry *entry = entry_at(runs, index);
  return entry != NULL ? &entry->run : NULL;
}

const char *lh_runs_name(const struct lh_runs *runs, uint32_t index) {
  const struct entry *entry = entry_at(runs, index);
  const struct name *name =
      entry != NULL ? atomic_load_explicit(&entry->name, memory_order_acquire) : NULL;
  return name != NULL ? name->text : "?";
}

void lh_runs_set_name(struct lh_runs *runs, uint32_t index, const char *text) {
  struct entry *entry = entry_at(runs, index);
  if (entry == NULL || strcmp(lh_runs_name(runs, index), text) == 0) return;
  struct name *name = LH_NEW(struct name);
  (void)snprintf(name->text, sizeof name->text, "%s", text);
  (void)pthread_mutex_lock(&runs->adding);
  name->former = atomic_load(&entry->name);
  atomic_store_explicit(&entry->name, name, memory_order_release);
  (void)pthread_mutex_unlock(&runs->adding);
}
