// sim_file.c - the files of a simulated host: bytes by path, kept over crashes and restarts.
//
// A write is whole and lasting, as that of the machine is (file.c), but for a disk that is not
// good.
#include <string.h>

#include "base/mem.h"
#include "env/sim_env.h"

int lh_sim_file_read(struct lh_env *env, const char *path, size_t max, struct lh_buf *out,
                     struct lh_error *error) {
  const struct sim_host *host = sim_env_of(env)->host;
  const struct lh_buf *file = lh_map_get(&host->files, path, strlen(path));
  if (file == NULL) {
    return lh_fail(error, LH_ENOTFOUND, "cannot read %s: no such file or directory", path);
  }
  if (file->len > max) return lh_fail(error, LH_ELIMIT, "%s is larger than %zu bytes", path, max);
  lh_buf_append(out, file->data, file->len);
  return 0;
}

static void put(struct sim_host *host, const char *path, struct lh_bytes data) {
  struct lh_buf *file = lh_map_get(&host->files, path, strlen(path));
  if (file == NULL) {
    file = LH_NEW(struct lh_buf);
    (void)lh_map_put(&host->files, path, strlen(path), file);
  }
  lh_buf_clear(file);
  lh_buf_append(file, data.data, data.len);
}

// The power goes while this is written.
static void tear(struct sim_host *host, const char *path, struct lh_bytes data) {
  struct lh_random *random = &host->sim->random;
  const size_t len = (size_t)lh_random_below(random, data.len + 1);
  if (lh_random_below(random, 3) > 0) put(host, path, lh_bytes(data.data, len));
  host->disk = LH_SIM_DISK_GOOD;
  lh_sim_lose_power(host);
}

int lh_sim_file_write(struct lh_env *env, const char *path, struct lh_bytes data, int mode,
                      struct lh_error *error) {
  (void)mode;
  struct sim_host *host = sim_env_of(env)->host;
  if (sim_env_of(env)->dead)
    return lh_fail(error, LH_EIO, "cannot write %s: the host is down", path);
  switch (host->disk) {
  case LH_SIM_DISK_FULL:
    return lh_fail(error, LH_EIO, "cannot write %s: no space left on device", path);
  case LH_SIM_DISK_UNSYNCED:
    if (lh_random_below(&host->sim->random, 2) == 0) put(host, path, data);
    return lh_fail(error, LH_EIO, "cannot sync %s: input/output error", path);
  case LH_SIM_DISK_TEARING:
    tear(host, path, data);
    return lh_fail(error, LH_EIO, "cannot write %s: the host is down", path);
  default:
    put(host, path, data);
    return 0;
  }
}

void lh_sim_files_free(struct sim_host *host) {
  for (size_t i = 0; i < host->files.count; i++) {
    lh_buf_free(host->files.entries[i].value);
    lh_free(host->files.entries[i].value);
  }
  lh_map_free(&host->files);
}

void lh_sim_wipe(struct lh_sim *sim, const char *address) {
  struct sim_host *host = lh_sim_host_named(sim, address);
  if (host == NULL || host->env != NULL) return;
  lh_sim_files_free(host);
  host->files = (struct lh_map){0};
}

void lh_sim_move(struct lh_sim *sim, const char *from, const char *to) {
  struct sim_host *a = lh_sim_host_named(sim, from);
  struct sim_host *b = lh_sim_host_named(sim, to);
  if (a == NULL || b == NULL || a == b || a->env != NULL) return;
  lh_sim_wipe(sim, to);
  b->files = a->files;
  a->files = (struct lh_map){0};
}

void lh_sim_copy(struct lh_sim *sim, const char *from, const char *to) {
  const struct sim_host *a = lh_sim_host_named(sim, from);
  struct sim_host *b = lh_sim_host_named(sim, to);
  if (a == NULL || b == NULL || a == b || b->env != NULL) return;
  lh_sim_wipe(sim, to);
  for (size_t i = 0; i < a->files.count; i++) {
    const struct lh_map_entry *entry = &a->files.entries[i];
    const struct lh_buf *file = entry->value;
    struct lh_buf *copy = LH_NEW(struct lh_buf);
    lh_buf_append(copy, file->data, file->len);
    (void)lh_map_put(&b->files, entry->key, entry->key_len, copy);
  }
}
