// rooms: base wire registry
//
// luahub_test.registry_readers - threads that read one registry while its writer changes it.
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "registry/registry.h"

enum { CHURN_IDS = 64, READERS_MAX = 4, WRITES_A_FLUSH = 64 };

struct reader {
  const struct lh_registry *registry;
  uint32_t hub;
  struct lh_random random;
  const atomic_bool *stop;
  uint64_t reads;
  uint64_t wrong;
};

// What the writer puts: generation, pid and spec all say the same number.
static bool is_whole(const struct lh_row *row) {
  uint64_t number = 0;
  if (row->spec_len != sizeof number) return false;
  memcpy(&number, lh_row_spec(row).data, sizeof number);
  return row->generation == number && lh_pid_local(row->pid) == number && row->id_len == 2;
}

static bool check_row(void *self, const struct lh_row *row) {
  struct reader *reader = self;
  reader->reads++;
  reader->wrong += !is_whole(row);
  return true;
}

static void read_one(struct reader *reader, struct lh_bytes id) {
  const struct lh_row *row = NULL;
  lh_registry_read_lock();
  if (lh_registry_find(reader->registry, reader->hub, id, &row, 1) > 0) lh_row_ref(row);
  lh_registry_read_unlock();
  if (row == NULL) return;
  (void)check_row(reader, row);  // pinned: after the section
  lh_row_unref(row);
}

static void *read_on(void *self) {
  struct reader *reader = self;
  lh_registry_thread_enter();
  while (!atomic_load(reader->stop)) {
    const uint64_t drawn = lh_random_next(&reader->random);
    const char name[2] = {'a', (char)('0' + drawn % CHURN_IDS)};
    read_one(reader, lh_bytes(name, sizeof name));
    (void)lh_registry_pid(reader->registry, reader->hub, lh_bytes(name, sizeof name));
    if (drawn % 16 == 0) lh_registry_scan(reader->registry, reader->hub, check_row, reader);
    if (drawn % 16 == 1)
      lh_registry_scan_tag(reader->registry, reader->hub, lh_bytes_str("t"), check_row, reader);
    if (drawn % 16 == 2) {
      (void)lh_registry_page(reader->registry, reader->hub, lh_bytes(name, sizeof name), 8,
                             check_row, reader);
    }
  }
  lh_registry_thread_leave();
  return NULL;
}

static void write_one(struct lh_registry *registry, uint32_t hub_index, uint64_t number,
                      uint64_t drawn) {
  static const uint8_t tagged[] = {0x81, 0xa3, 't', 'a', 'g', 0xa1, 't'};
  const char name[2] = {'a', (char)('0' + drawn % CHURN_IDS)};
  const struct lh_bytes id = lh_bytes(name, sizeof name);
  if (drawn % 5 == 0) {
    (void)lh_registry_remove(registry, hub_index, id);
    return;
  }
  const struct lh_row_in in = {
      .hub = hub_index,
      .id = id,
      .spec = lh_bytes(&number, sizeof number),
      .metadata = lh_bytes(tagged, drawn % 3 == 0 ? sizeof tagged : 0),
      .generation = number,
      .pid_local = number,
      .state = LH_ROW_RUNNING,
  };
  (void)lh_registry_put(registry, &in);
}

static void on_row_changed(void *self, const struct lh_row *before, const struct lh_row *after) {
  (void)self, (void)before, (void)after;
}
static void on_ordered(void *self, uint32_t hub, struct lh_bytes id, uint64_t born) {
  (void)self, (void)hub, (void)id, (void)born;
}
static void on_send(void *self, uint32_t to, uint8_t type, struct lh_bytes body) {
  (void)self, (void)to, (void)type, (void)body;
}
static void on_advanced(void *self, uint32_t node, uint64_t seq) {
  (void)self, (void)node, (void)seq;
}

static void write_all(struct lh_registry *registry, uint32_t hub, lua_Integer writes) {
  struct lh_random random = {1};
  for (lua_Integer i = 1; i <= writes; i++) {
    write_one(registry, hub, (uint64_t)i, lh_random_next(&random));
    if (i % WRITES_A_FLUSH == 0) lh_registry_flush(registry);
  }
}

// Rows read, and rows that were wrong; false when there is no thread to be had.
static bool run(struct lh_registry *registry, uint32_t hub, int threads, lua_Integer writes,
                uint64_t *reads, uint64_t *wrong) {
  atomic_bool stop = false;
  struct reader readers[READERS_MAX];
  pthread_t ids[READERS_MAX];
  int started = 0;
  for (; started < threads; started++) {
    readers[started] = (struct reader){
        .registry = registry, .hub = hub, .random = {(uint64_t)started}, .stop = &stop};
    if (pthread_create(&ids[started], NULL, read_on, &readers[started]) != 0) break;
  }
  write_all(registry, hub, writes);
  atomic_store(&stop, true);
  for (int i = 0; i < started; i++) {
    (void)pthread_join(ids[i], NULL);
    *reads += readers[i].reads;
    *wrong += readers[i].wrong;
  }
  return started == threads;
}

struct fixture {
  struct lh_runs *runs;
  struct lh_registry *registry;
};

static void fixture_open(struct fixture *fixture) {
  static const struct lh_registry_ops OPS = {.row_changed = on_row_changed,
                                             .ordered = on_ordered,
                                             .send = on_send,
                                             .advanced = on_advanced};
  static const uint8_t KEY[32] = "the key of a cluster under test";
  const struct lh_run self = {{{1}}, 1};
  lh_registry_thread_enter();
  fixture->runs = lh_runs_new();
  fixture->registry =
      lh_registry_new(fixture->runs, lh_runs_index(fixture->runs, &self), KEY, &OPS, NULL);
}

static void fixture_close(struct fixture *fixture) {
  lh_registry_free(fixture->registry);
  lh_runs_free(fixture->runs);
  lh_registry_thread_leave();
}

// churn(readers, writes): how many rows were read, and how many of them were not what the writer
// wrote.
static int churn(lua_State *L) {
  const lua_Integer threads = luaL_checkinteger(L, 1), writes = luaL_checkinteger(L, 2);
  luaL_argcheck(L, threads >= 1 && threads <= READERS_MAX, 1, "one to four readers expected");
  uint64_t reads = 0, wrong = 0;
  struct fixture fixture;
  fixture_open(&fixture);
  const bool ran = run(fixture.registry, lh_registry_hub(fixture.registry, lh_bytes_str("web")),
                       (int)threads, writes, &reads, &wrong);
  fixture_close(&fixture);
  if (!ran) return luaL_error(L, "no thread to be had");
  lua_pushinteger(L, (lua_Integer)reads);
  lua_pushinteger(L, (lua_Integer)wrong);
  return 2;
}

// --- a crowd: rows that come and stay, and readers of all that are there ---

struct crowd {
  struct lh_registry *registry;
  uint32_t hub;
  _Atomic uint64_t written;  // rows 0 to here may be read
  uint64_t rows;
  _Atomic uint64_t missed;
};

static bool crowd_has(struct crowd *crowd, uint64_t number) {
  const struct lh_row *row = NULL;
  const struct lh_bytes id = lh_bytes(&number, sizeof number);
  lh_registry_read_lock();
  const bool there = lh_registry_find(crowd->registry, crowd->hub, id, &row, 1) == 1 &&
                     row->generation == number + 1;
  lh_registry_read_unlock();
  return there;
}

static void *read_crowd(void *self) {
  struct crowd *crowd = self;
  struct lh_random random = {7};
  uint64_t written;
  lh_registry_thread_enter();
  while ((written = atomic_load(&crowd->written)) < crowd->rows) {
    if (written > 0 && !crowd_has(crowd, lh_random_next(&random) % written))
      atomic_fetch_add(&crowd->missed, 1);
  }
  lh_registry_thread_leave();
  return NULL;
}

static void write_crowd(struct crowd *crowd) {
  for (uint64_t number = 0; number < crowd->rows; number++) {
    const struct lh_row_in in = {.hub = crowd->hub,
                                 .id = lh_bytes(&number, sizeof number),
                                 .generation = number + 1,
                                 .pid_local = number + 1,
                                 .state = LH_ROW_RUNNING};
    (void)lh_registry_put(crowd->registry, &in);
    if (number % WRITES_A_FLUSH == 0) lh_registry_flush(crowd->registry);
    atomic_store(&crowd->written, number + 1);
  }
}

// crowd(rows): how many lookups, of a reader meanwhile and of the writer at the end, missed a row.
static int crowd(lua_State *L) {
  struct fixture fixture;
  fixture_open(&fixture);
  struct crowd all = {.registry = fixture.registry,
                      .hub = lh_registry_hub(fixture.registry, lh_bytes_str("web")),
                      .rows = (uint64_t)luaL_checkinteger(L, 1)};
  pthread_t reader;
  const bool reads = pthread_create(&reader, NULL, read_crowd, &all) == 0;
  write_crowd(&all);
  if (reads) (void)pthread_join(reader, NULL);
  for (uint64_t number = 0; number < all.rows; number++) {
    if (!crowd_has(&all, number)) atomic_fetch_add(&all.missed, 1);
  }
  fixture_close(&fixture);
  if (!reads) return luaL_error(L, "no thread to be had");
  lua_pushinteger(L, (lua_Integer)atomic_load(&all.missed));
  return 1;
}

static const luaL_Reg FUNCTIONS[] = {{"churn", churn}, {"crowd", crowd}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_luahub_test_registry_readers(lua_State *L);

int luaopen_luahub_test_registry_readers(lua_State *L) {
  luaL_newlib(L, FUNCTIONS);
  return 1;
}
