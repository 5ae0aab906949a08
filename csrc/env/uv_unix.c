// uv_unix.c - binding a unix socket that only its owner can reach.
//
// The mode is set on the socket before it is bound, so that the file never exists with another. A
// file nobody answers on was left by a dead process and is replaced; anything but a socket is left
// alone.
#include "env/uv_env.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64, MODE = 0600, DIRECTORY_MODE = 0700 };

int lh_uv_unix_addr(struct lh_addr *addr, const char *path) {
  *addr = (struct lh_addr){0};
  struct sockaddr_un *un = (struct sockaddr_un *)(void *)&addr->storage;
  const size_t len = strlen(path);
  if (len >= sizeof un->sun_path) return LH_EINVAL;
  un->sun_family = AF_UNIX;
  memcpy(un->sun_path, path, len + 1);
  addr->len = sizeof *un;
  return 0;
}

static int new_socket(void) {
  return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// Whether a process listens there. A full backlog is one that does.
static bool is_alive(const struct lh_addr *addr) {
  const int fd = new_socket();
  if (fd < 0) return true;
  const int result = connect(fd, (const struct sockaddr *)&addr->storage, addr->len);
  const bool alive = result == 0 || errno != ECONNREFUSED;
  (void)close(fd);
  return alive;
}

static bool is_socket(const char *path) {
  struct stat stat;
  return lstat(path, &stat) == 0 && S_ISSOCK(stat.st_mode);
}

static void make_directory_of(const char *path) {
  struct lh_addr addr;
  if (lh_uv_unix_addr(&addr, path) != 0) return;
  char *directory = ((struct sockaddr_un *)(void *)&addr.storage)->sun_path;
  char *slash = strrchr(directory, '/');
  if (slash == NULL || slash == directory) return;
  *slash = '\0';
  (void)mkdir(directory, DIRECTORY_MODE);  // when it fails, bind says why
}

// 0, or an errno.
static int bind_to(int fd, const struct lh_addr *addr, const char *path) {
  const struct sockaddr *to = (const struct sockaddr *)&addr->storage;
  if (fchmod(fd, MODE) != 0) return errno;
  if (bind(fd, to, addr->len) == 0) return 0;
  if (errno != EADDRINUSE) return errno;
  if (!is_socket(path) || is_alive(addr)) return EADDRINUSE;
  if (unlink(path) != 0) return errno;
  return bind(fd, to, addr->len) == 0 ? 0 : errno;
}

static int bind_and_listen(int fd, const struct lh_addr *addr, const char *path) {
  const int number = bind_to(fd, addr, path);
  if (number != 0) return number;
  return listen(fd, BACKLOG) == 0 ? 0 : errno;
}

int lh_uv_unix_bind(const char *path, struct lh_error *error) {
  struct lh_addr addr;
  if (lh_uv_unix_addr(&addr, path) != 0) {
    return lh_fail(error, LH_EINVAL, "the socket path %s is too long: at most %zu bytes", path,
                   sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
  }
  make_directory_of(path);
  const int fd = new_socket();
  const int number = fd < 0 ? errno : bind_and_listen(fd, &addr, path);
  if (number == 0) return fd;
  if (fd >= 0) (void)close(fd);
  return lh_fail(error, lh_env_code(number), "cannot listen on %s: %s", path,
                 number == EADDRINUSE ? "another process does, or it is not a socket"
                                      : lh_env_reason(number));
}
