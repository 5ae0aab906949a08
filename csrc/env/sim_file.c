// sim_file.c - the files of a simulated host: bytes by path, kept over crashes and restarts.
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

int lh_sim_file_write(struct lh_env *env, const char *path, struct lh_bytes data, int mode,
                      struct lh_error *error) {
  (void)mode;
  struct sim_host *host = sim_env_of(env)->host;
  if (sim_env_of(env)->dead)
    return lh_fail(error, LH_EIO, "cannot write %s: the host is down", path);
  if (host->disk_full) {
    return lh_fail(error, LH_EIO, "cannot write %s: no space left on device", path);
  }
  struct lh_buf *file = lh_map_get(&host->files, path, strlen(path));
  if (file == NULL) {
    file = LH_NEW(struct lh_buf);
    (void)lh_map_put(&host->files, path, strlen(path), file);
  }
  lh_buf_clear(file);
  lh_buf_append(file, data.data, data.len);
  return 0;
}

void lh_sim_files_free(struct sim_host *host) {
  for (size_t i = 0; i < host->files.count; i++) {
    lh_buf_free(host->files.entries[i].value);
    lh_free(host->files.entries[i].value);
  }
  lh_map_free(&host->files);
}
