#include "base/log.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  pthread_t writer;
  bool running, stopping;
  int fd;
  char *queue[LH_LOG_QUEUE_MAX];
  size_t head, count;
  uint64_t unreported;
  char name[72];
} log_state = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .fd = 2};

static _Atomic int threshold = LH_LOG_INFO;
static _Atomic uint64_t dropped, cut;

void lh_log_set_level(enum lh_log_level level) { atomic_store(&threshold, (int)level); }
enum lh_log_level lh_log_level(void) { return (enum lh_log_level)atomic_load(&threshold); }
uint64_t lh_log_dropped(void) { return atomic_load(&dropped); }
uint64_t lh_log_cut(void) { return atomic_load(&cut); }

void lh_log_set_name(const char *name) {
  pthread_mutex_lock(&log_state.lock);
  (void)snprintf(log_state.name, sizeof log_state.name, "%s", name);
  pthread_mutex_unlock(&log_state.lock);
}

static void write_all(int fd, const char *line) {
  size_t left = strlen(line);
  while (left > 0) {
    const ssize_t n = write(fd, line, left);
    if (n <= 0) {
      atomic_fetch_add(&dropped, 1);
      return;
    }
    line += n;
    left -= (size_t)n;
  }
}

static char *pop_line(void) {
  if (log_state.count == 0) return NULL;
  char *line = log_state.queue[log_state.head];
  log_state.head = (log_state.head + 1) % LH_LOG_QUEUE_MAX;
  log_state.count--;
  return line;
}

static void *write_lines(void *unused) {
  (void)unused;
  pthread_mutex_lock(&log_state.lock);
  for (;;) {
    char *line = pop_line();
    if (line == NULL && log_state.stopping) break;
    if (line == NULL) {
      pthread_cond_wait(&log_state.wake, &log_state.lock);
      continue;
    }
    const uint64_t lost = log_state.unreported;
    log_state.unreported = 0;
    pthread_mutex_unlock(&log_state.lock);
    write_all(log_state.fd, line);
    lh_free(line);
    if (lost > 0)
      lh_log(LH_LOG_WARN, "log", "%llu lines were dropped: the log could not keep up",
             (unsigned long long)lost);
    pthread_mutex_lock(&log_state.lock);
  }
  pthread_mutex_unlock(&log_state.lock);
  return NULL;
}

void lh_log_start(int fd) {
  pthread_mutex_lock(&log_state.lock);
  log_state.fd = fd;
  if (!log_state.running) {
    log_state.stopping = false;
    log_state.running = pthread_create(&log_state.writer, NULL, write_lines, NULL) == 0;
  }
  pthread_mutex_unlock(&log_state.lock);
}

void lh_log_stop(void) {
  pthread_mutex_lock(&log_state.lock);
  const bool running = log_state.running;
  log_state.running = false;
  log_state.stopping = true;
  pthread_cond_signal(&log_state.wake);
  pthread_mutex_unlock(&log_state.lock);
  if (running) pthread_join(log_state.writer, NULL);
}

static bool queue_line(char *line) {
  pthread_mutex_lock(&log_state.lock);
  const bool running = log_state.running;
  const bool room = log_state.count < LH_LOG_QUEUE_MAX;
  if (running && room) {
    log_state.queue[(log_state.head + log_state.count++) % LH_LOG_QUEUE_MAX] = line;
    pthread_cond_signal(&log_state.wake);
  } else if (running) {
    log_state.unreported++;
    atomic_fetch_add(&dropped, 1);
    lh_free(line);
  }
  pthread_mutex_unlock(&log_state.lock);
  return running;
}

// Control characters and DEL become \xNN; tabs and newlines inside a message too, except in
// tracebacks, whose newlines become " | ".
static void escape(char *out, size_t room, const char *text) {
  size_t at = 0;
  for (; *text != '\0' && at + 5 < room; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c == '\n' || c == '\t') {
      at += (size_t)snprintf(out + at, room - at, c == '\n' ? " | " : " ");
    } else if (c < 0x20 || c == 0x7f) {
      at += (size_t)snprintf(out + at, room - at, "\\x%02x", c);
    } else {
      out[at++] = (char)c;
    }
  }
  out[at] = '\0';
}

static size_t stamp(char *out, size_t room, enum lh_log_level level, const char *subject) {
  static const char *const names[] = {"debug", "info", "warn", "error", "none"};
  struct timespec now;
  struct tm parts;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &parts);
  size_t at = strftime(out, room, "%Y-%m-%dT%H:%M:%S", &parts);
  at += (size_t)snprintf(out + at, room - at, ".%03ldZ %-5s %s%s", now.tv_nsec / 1000000L,
                         names[level], log_state.name, log_state.name[0] != '\0' ? " " : "");
  escape(out + at, room - at, subject);
  at += strlen(out + at);
  return at + (size_t)snprintf(out + at, room - at, ": ");
}

void lh_log(enum lh_log_level level, const char *room, const char *format, ...) {
  if ((int)level < atomic_load(&threshold)) return;
  char text[LH_LOG_LINE_MAX];
  char line[LH_LOG_LINE_MAX + 256];
  va_list args;
  va_start(args, format);
  if (vsnprintf(text, sizeof text, format, args) >= (int)sizeof text) atomic_fetch_add(&cut, 1);
  va_end(args);
  const size_t at = stamp(line, sizeof line - 2, level, room);
  escape(line + at, sizeof line - at - 1, text);
  strcat(line, "\n");
  char *copy = lh_strdup(line);
  if (!queue_line(copy)) {
    write_all(log_state.fd, copy);
    lh_free(copy);
  }
}
