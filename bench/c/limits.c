// limits.c - what the machine itself allows: the yardsticks beside which luahub's figures stand.
//
//   limits ping ROUNDS   two programs, one blocking TCP connection over loopback, 64 bytes there
//   and back:
//                        prints p50, p99 and p99.9 of a round trip in nanoseconds
//   limits wake ROUNDS   two threads that wake each other by condition variables: p50 of a wake-up
//   (half a round)
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE = 64, WARM_UP = 200 };

static void must(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "limits: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void report(int64_t *times, long count, int parts) {
  qsort(times, (size_t)count, sizeof *times, compare);
  printf("%lld %lld %lld\n", (long long)times[count / 2] / parts,
         (long long)times[count * 99 / 100] / parts, (long long)times[count * 999 / 1000] / parts);
}

// --- ping ---

static void transfer(int fd, bool out) {
  char bytes[MESSAGE] = {0};
  for (size_t done = 0; done < MESSAGE;) {
    const ssize_t n =
        out ? write(fd, bytes + done, MESSAGE - done) : read(fd, bytes + done, MESSAGE - done);
    if (n == 0) exit(0);
    must(n > 0, "transfer");
    done += (size_t)n;
  }
}

static void no_delay(int fd) {
  const int on = 1;
  must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}

static void echo(int listener) {
  const int fd = accept(listener, NULL, NULL);
  must(fd >= 0, "accept");
  no_delay(fd);
  for (;;) {
    transfer(fd, false);
    transfer(fd, true);
  }
}

static void ping(int64_t *times, long rounds) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  must(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0, "listen");
  must(getsockname(listener, (struct sockaddr *)&address, &len) == 0, "getsockname");
  const pid_t child = fork();
  must(child >= 0, "fork");
  if (child == 0) echo(listener);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(connect(fd, (struct sockaddr *)&address, len) == 0, "connect");
  no_delay(fd);
  for (long i = -WARM_UP; i < rounds; i++) {
    const int64_t began = now_ns();
    transfer(fd, true);
    transfer(fd, false);
    if (i >= 0) times[i] = now_ns() - began;
  }
  close(fd);
  waitpid(child, NULL, 0);
}

// --- wake ---

static struct {
  pthread_mutex_t lock;
  pthread_cond_t turned;
  long turn;  // odd: the other thread's
  long last;
} shared = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

static void take_turn(long parity) {
  pthread_mutex_lock(&shared.lock);
  while (shared.turn % 2 != parity) pthread_cond_wait(&shared.turned, &shared.lock);
  shared.turn++;
  pthread_cond_signal(&shared.turned);
  pthread_mutex_unlock(&shared.lock);
}

static void *other(void *rounds) {
  for (long i = 0; i < *(long *)rounds; i++) take_turn(1);
  return NULL;
}

static void wake(int64_t *times, long rounds) {
  pthread_t thread;
  must(pthread_create(&thread, NULL, other, &rounds) == 0, "pthread_create");
  for (long i = 0; i < rounds; i++) {
    const int64_t began = now_ns();
    take_turn(0);
    times[i] = now_ns() - began;
  }
  pthread_join(thread, NULL);
}

int main(int argc, char **argv) {
  const long rounds = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
  if (rounds < 1) {
    fprintf(stderr, "usage: limits ping|wake ROUNDS\n");
    return 2;
  }
  int64_t *times = calloc((size_t)rounds, sizeof *times);
  must(times != NULL, "memory");
  if (strcmp(argv[1], "ping") == 0) {
    ping(times, rounds);
    report(times, rounds, 1);
  } else {
    wake(times, rounds);
    report(times, rounds, 2);
  }
  free(times);
  return 0;
}
