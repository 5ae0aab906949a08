// file.c - small files of the machine, whole, and safe against a crash in the middle.
//
// A write goes to PATH.new beside the file: written, synced, renamed over it, and then the
// directory is synced, because a rename that is not on disk can be undone by losing power.
// Blocking: off the loop.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "env/ops.h"

static int fail(struct lh_error *error, const char *what, const char *path, int number) {
  return lh_fail(error, lh_env_code(number), "cannot %s %s: %s", what, path, lh_env_reason(number));
}

// Everything behind the file's position, up to `max` bytes. 0, or an errno.
static int read_all(int fd, size_t max, struct lh_buf *out) {
  size_t total = 0;
  while (total <= max) {
    lh_buf_reserve(out, 4096);
    const ssize_t got = read(fd, out->data + out->len, out->cap - out->len);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? errno : 0;
    out->len += (size_t)got;
    total += (size_t)got;
  }
  return EFBIG;
}

int lh_env_file_read(struct lh_env *env, const char *path, size_t max, struct lh_buf *out,
                     struct lh_error *error) {
  (void)env;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(error, "read", path, errno);
  const size_t before = out->len;
  const int number = read_all(fd, max, out);
  (void)close(fd);
  if (number == 0) return 0;
  out->len = before;
  if (number == EFBIG) return lh_fail(error, LH_ELIMIT, "%s is larger than %zu bytes", path, max);
  return fail(error, "read", path, number);
}

static int write_all(int fd, struct lh_bytes data) {
  while (data.len > 0) {
    const ssize_t put = write(fd, data.data, data.len);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    data.data += put;
    data.len -= (size_t)put;
  }
  return fsync(fd) == 0 ? 0 : errno;
}

static int write_beside(const char *path, struct lh_bytes data, int mode) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
  if (fd < 0) return errno;
  int number = fchmod(fd, (mode_t)mode) == 0 ? write_all(fd, data) : errno;
  if (close(fd) != 0 && number == 0) number = errno;
  return number;
}

static int sync_directory_of(const char *path) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  const size_t len = slash == NULL ? 0 : (size_t)(slash - path) + 1;
  if (len >= sizeof directory) return ENAMETOOLONG;
  memcpy(directory, path, len);
  directory[len] = '\0';
  const int fd = open(len > 0 ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int number = fsync(fd) == 0 ? 0 : errno;
  (void)close(fd);
  return number;
}

int lh_env_file_write(struct lh_env *env, const char *path, struct lh_bytes data, int mode,
                      struct lh_error *error) {
  (void)env;
  char beside[PATH_MAX];
  const int len = snprintf(beside, sizeof beside, "%s.new", path);
  if (len < 0 || (size_t)len >= sizeof beside) return fail(error, "write", path, ENAMETOOLONG);
  int number = write_beside(beside, data, mode);
  if (number == 0 && rename(beside, path) != 0) number = errno;
  if (number != 0) {
    (void)unlink(beside);
    return fail(error, "write", path, number);
  }
  number = sync_directory_of(path);
  return number == 0 ? 0 : fail(error, "sync the directory of", path, number);
}
