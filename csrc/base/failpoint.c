#include "base/failpoint.h"

#ifdef LH_PLANTS

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
  bool read, kills;
  char name[64];
  unsigned long times;
} wanted;

static struct {
  void (*fn)(void *self, const char *name);
  void *self;
} watch;

void lh_failpoint_watch(void (*fn)(void *self, const char *name), void *self) {
  watch.fn = fn;
  watch.self = self;
}

static void read_wanted(void) {
  const char *text = getenv("LUAHUB_FAILPOINT");
  char how[8] = "";
  wanted.read = true;
  if (text == NULL) return;
  if (sscanf(text, "%63[a-z_]:%7[a-z]:%lu", wanted.name, how, &wanted.times) != 3 ||
      (strcmp(how, "kill") != 0 && strcmp(how, "stop") != 0) || wanted.times == 0) {
    fprintf(stderr, "LUAHUB_FAILPOINT is '%s', expected NAME:kill:TIMES or NAME:stop:TIMES\n",
            text);
    abort();
  }
  wanted.kills = strcmp(how, "kill") == 0;
}

static void note(const char *name) {
  const char *path = getenv("LUAHUB_FAILPOINT_LOG");
  const int file = path != NULL ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
  if (file < 0) return;
  (void)dprintf(file, "%s - %ld %s\n", wanted.kills ? "killed" : "paused", (long)getpid(), name);
  (void)close(file);
}

void lh_failpoint(const char *name) {
  if (watch.fn != NULL) {
    watch.fn(watch.self, name);
    return;
  }
  if (!wanted.read) read_wanted();
  if (wanted.times == 0 || strcmp(name, wanted.name) != 0 || --wanted.times > 0) return;
  note(name);
  (void)raise(wanted.kills ? SIGKILL : SIGSTOP);
}

#else
typedef int lh_failpoints_are_not_built;  // a file must have something in it
#endif
