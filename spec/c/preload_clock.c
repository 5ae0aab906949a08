// Not a Lua module: specs preload it into a node. While the file that LUAHUB_CLOCK_BACK names is
// there, the clock on the wall shows one day less; other clocks go on as they were.
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

enum { DAY = 86400 };

static const char *file;

__attribute__((constructor)) static void read_orders(void) {
  file = getenv("LUAHUB_CLOCK_BACK");
  (void)unsetenv("LD_PRELOAD");
}

SHOWN int clock_gettime(clockid_t clock, struct timespec *out) {
  const int err = (int)syscall(SYS_clock_gettime, clock, out);
  if (err == 0 && clock == CLOCK_REALTIME && file != NULL && access(file, F_OK) == 0)
    out->tv_sec -= DAY;
  return err;
}

SHOWN time_t time(time_t *out) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}

SHOWN int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  (void)zone;
  *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return 0;
}
