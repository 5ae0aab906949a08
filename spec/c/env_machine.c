// rooms: base env
// env_machine.c - luahub_test.env_machine: what a machine does to a process, for specs of env_uv:
// stopped and continued processes, many threads, no descriptors left, sockets of dead processes.
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "env/env.h"

// --- a process that is stopped over a deadline ---

enum { DEADLINE_MS = 400, PAST_MS = 100 };

struct told {
  struct lh_addr addr;
  lh_ms deadline;
};

struct child {
  struct lh_env *env;
  int out;
  struct told told;
};

static void say(struct child *child, char what) {
  if (write(child->out, &what, 1) != 1) _exit(1);
}

static void child_read(void *self, const struct lh_addr *from, const uint8_t *data, size_t len) {
  (void)from;
  (void)data;
  (void)len;
  say(self, 'r');
}

static void child_stalled(void *self, lh_ms now, lh_ms gap) {
  (void)now;
  (void)gap;
  say(self, 's');
}

static void child_deadline(void *self, lh_ms now) {
  (void)now;
  struct child *child = self;
  say(child, 't');
  lh_env_stop(child->env);
}

// From inside the loop, so that the process cannot be stopped before it began.
static void child_tells(void *data) {
  const struct child *child = data;
  if (write(child->out, &child->told, sizeof child->told) != (ssize_t)sizeof child->told) _exit(1);
}

static void child_main(int out) {
  struct child child = {.env = lh_env_uv_new(), .out = out};
  struct lh_addr *addr = &child.told.addr;
  child.told.deadline = lh_env_now(child.env) + DEADLINE_MS;
  (void)lh_addr_parse(addr, "127.0.0.1:0");
  struct lh_dgram *dgram = lh_dgram_open(child.env, addr, child_read, &child, NULL);
  if (dgram == NULL) _exit(1);
  lh_dgram_addr(dgram, addr);
  lh_timer_set(lh_timer_new(child.env, child_deadline, &child), child.told.deadline);
  lh_env_on_stall(child.env, child_stalled, &child);
  (void)lh_env_post(child.env, child_tells, &child);
  lh_env_run(child.env);
  lh_env_free(child.env);
  _exit(0);
}

static lh_ms now_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_BOOTTIME, &now);
  return (lh_ms)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_until(lh_ms at) {
  const struct timespec then = {.tv_sec = (time_t)(at / 1000), .tv_nsec = (at % 1000) * 1000000};
  while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &then, NULL) == EINTR) {
  }
}

static void send_ack(const struct lh_addr *to) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  (void)sendto(fd, "ack", 3, 0, (const struct sockaddr *)&to->storage, to->len);
  (void)close(fd);
}

// Stops the child before its deadline, lets that pass, sends the packet it waits for, and continues
// it. True when the child was stopped in time.
static bool stop_over_deadline(pid_t child, const struct told *told) {
  int status = 0;
  (void)kill(child, SIGSTOP);
  (void)waitpid(child, &status, WUNTRACED);
  const bool in_time = now_ms() < told->deadline;
  send_ack(&told->addr);
  wait_until(told->deadline + LH_STALL_MIN_MS + PAST_MS);
  (void)kill(child, SIGCONT);
  return in_time;
}

// The order in which a continued process did things: r read the packet, s was told of the stall, t
// ran the deadline. nil when the machine was too busy to stop it in time.
static int stopped(lua_State *L) {
  int ends[2];
  char order[16];
  struct told told;
  if (pipe2(ends, O_CLOEXEC) != 0) return luaL_error(L, "no pipe");
  const pid_t child = fork();
  if (child == 0) child_main(ends[1]);
  (void)close(ends[1]);
  const bool started = read(ends[0], &told, sizeof told) == (ssize_t)sizeof told;
  const bool in_time = started && stop_over_deadline(child, &told);
  size_t len = 0;
  while (len < sizeof order && read(ends[0], order + len, 1) == 1) len++;
  (void)close(ends[0]);
  (void)waitpid(child, NULL, 0);
  if (!in_time) return 0;
  lua_pushlstring(L, order, len);
  return 1;
}

// --- many threads that post ---

enum { POSTERS = 4, POSTS = 20000 };

struct poster {
  pthread_t thread;
  struct lh_env *env;
  struct storm *storm;
  int next;  // the number that must run next
};

struct storm {
  struct lh_env *env;
  struct poster posters[POSTERS];
  int left;
  bool in_order;
};

struct numbered {
  struct poster *poster;
  int number;
};

static void numbered_runs(void *data) {
  struct numbered *numbered = data;
  struct poster *poster = numbered->poster;
  struct storm *storm = poster->storm;
  if (numbered->number != poster->next++) storm->in_order = false;
  lh_free(numbered);
  if (--storm->left == 0) lh_env_stop(storm->env);
}

static void *poster_main(void *data) {
  struct poster *poster = data;
  for (int i = 0; i < POSTS; i++) {
    struct numbered *numbered = LH_NEW(struct numbered);
    *numbered = (struct numbered){poster, i};
    if (lh_env_post(poster->env, numbered_runs, numbered) != 0) lh_free(numbered);
  }
  return NULL;
}

// Runs the environment until all posts of all threads ran: true when each thread's ran in their
// order.
static int storm(lua_State *L) {
  struct lh_env *env = lua_touserdata(L, 1);
  struct storm storm = {.env = env, .left = POSTERS * POSTS, .in_order = true};
  for (int i = 0; i < POSTERS; i++) {
    storm.posters[i] = (struct poster){.env = env, .storm = &storm};
    (void)pthread_create(&storm.posters[i].thread, NULL, poster_main, &storm.posters[i]);
  }
  lh_env_run(env);
  for (int i = 0; i < POSTERS; i++) (void)pthread_join(storm.posters[i].thread, NULL);
  lua_pushboolean(L, storm.in_order && storm.left == 0);
  return 1;
}

// --- a thread that writes to a stream ---

struct flood {
  pthread_t thread;
  struct lh_stream *stream;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool writable;
  size_t left;
  size_t received;
  struct lh_env *env;
};

static void flood_connected(void *self);

static void flood_writable(void *self) {
  struct flood *flood = self;
  (void)pthread_mutex_lock(&flood->lock);
  flood->writable = true;
  (void)pthread_cond_signal(&flood->changed);
  (void)pthread_mutex_unlock(&flood->lock);
}

static void flood_closed(void *self, int err, const char *reason) {
  (void)err;
  (void)reason;
  lh_env_stop(((struct flood *)self)->env);
}

static void flood_data(void *self, const uint8_t *data, size_t len) {
  (void)data;
  struct flood *flood = self;
  flood->received += len;
  if (flood->received == flood->left) lh_env_stop(flood->env);
}

static const struct lh_stream_ops flood_ops = {flood_connected, flood_data, flood_writable,
                                               flood_closed};

static void *flood_main(void *data) {
  struct flood *flood = data;
  static const uint8_t block[64 * 1024];
  for (size_t sent = 0; sent < flood->left;) {
    const size_t len = flood->left - sent < sizeof block ? flood->left - sent : sizeof block;
    const ssize_t taken = lh_stream_send(flood->stream, block, len);
    if (taken < 0) return NULL;
    sent += (size_t)taken;
    if (taken > 0) continue;
    lh_stream_want_write(flood->stream);
    (void)pthread_mutex_lock(&flood->lock);
    while (!flood->writable) (void)pthread_cond_wait(&flood->changed, &flood->lock);
    flood->writable = false;
    (void)pthread_mutex_unlock(&flood->lock);
  }
  return NULL;
}

static void flood_connected(void *self) {
  struct flood *flood = self;
  (void)pthread_create(&flood->thread, NULL, flood_main, flood);
}

static void flood_accept(void *self, struct lh_stream *stream) {
  lh_stream_set_ops(stream, &flood_ops, self);
}

// flood(env, bytes): a thread of its own sends so many over loopback; how many came out.
static int flood(lua_State *L) {
  struct flood flood = {.env = lua_touserdata(L, 1), .left = (size_t)luaL_checkinteger(L, 2)};
  struct lh_addr addr;
  (void)pthread_mutex_init(&flood.lock, NULL);
  (void)pthread_cond_init(&flood.changed, NULL);
  (void)lh_addr_parse(&addr, "127.0.0.1:0");
  struct lh_listener *listener = lh_listen(flood.env, &addr, flood_accept, &flood, NULL);
  if (listener == NULL) return luaL_error(L, "cannot listen");
  lh_listener_addr(listener, &addr);
  flood.stream = lh_stream_dial(flood.env, &addr, &flood_ops, &flood);
  lh_env_run(flood.env);
  (void)pthread_join(flood.thread, NULL);
  lh_stream_close(flood.stream);
  lua_pushinteger(L, (lua_Integer)flood.received);
  return 1;
}

// --- no descriptors left ---

enum { FDS_MAX = 512 };

static int taken[FDS_MAX];
static int taken_count;
static struct rlimit limit_before;

// Takes every descriptor that the process may have.
static int take_descriptors(lua_State *L) {
  (void)getrlimit(RLIMIT_NOFILE, &limit_before);
  const int highest = dup(0);
  struct rlimit limit = limit_before;
  limit.rlim_cur = (rlim_t)highest + 16;
  (void)close(highest);
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  while (taken_count < FDS_MAX && (taken[taken_count] = dup(0)) >= 0) taken_count++;
  lua_pushboolean(L, errno == EMFILE);
  return 1;
}

static int return_descriptors(lua_State *L) {
  (void)L;
  while (taken_count > 0) (void)close(taken[--taken_count]);
  (void)setrlimit(RLIMIT_NOFILE, &limit_before);
  return 0;
}

// A client without an environment: its descriptor.
static int connect_raw(lua_State *L) {
  struct lh_addr addr;
  luaL_argcheck(L, lh_addr_parse(&addr, luaL_checkstring(L, 1)) == 0, 1, "address");
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, (const struct sockaddr *)&addr.storage, addr.len) != 0) return 0;
  lua_pushinteger(L, fd);
  return 1;
}

// Whether the other end closed the connection already; closes it here.
static int was_closed(lua_State *L) {
  const int fd = (int)luaL_checkinteger(L, 1);
  char byte;
  struct pollfd readable = {.fd = fd, .events = POLLIN};
  lua_pushboolean(L, poll(&readable, 1, 0) == 1 && read(fd, &byte, 1) <= 0);
  (void)close(fd);
  return 1;
}

// --- addresses ---

// Reads an address and writes it again, and whether it means any; nil when it is not one.
static int read_addr(lua_State *L) {
  struct lh_addr addr;
  char text[LH_ADDR_TEXT_MAX];
  if (lh_addr_parse(&addr, luaL_checkstring(L, 1)) != 0) return 0;
  lh_addr_format(&addr, text);
  lua_pushstring(L, text);
  lua_pushboolean(L, lh_addr_is_any(&addr));
  return 2;
}

static int same_addr(lua_State *L) {
  struct lh_addr a;
  struct lh_addr b;
  const bool known = lh_addr_parse(&a, luaL_checkstring(L, 1)) == 0 &&
                     lh_addr_parse(&b, luaL_checkstring(L, 2)) == 0;
  lua_pushboolean(L, known && lh_addr_equal(&a, &b));
  return 1;
}

// --- files ---

// The socket that a process leaves behind when it is killed.
static int leave_socket(lua_State *L) {
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  size_t len = 0;
  const char *path = luaL_checklstring(L, 1, &len);
  luaL_argcheck(L, len < sizeof addr.sun_path, 1, "too long");
  memcpy(addr.sun_path, path, len);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  lua_pushboolean(L, bind(fd, (const struct sockaddr *)&addr, sizeof addr) == 0);
  (void)close(fd);
  return 1;
}

static int mode(lua_State *L) {
  struct stat found;
  if (stat(luaL_checkstring(L, 1), &found) != 0) return 0;
  lua_pushinteger(L, found.st_mode & 0777);
  return 1;
}

static int directory(lua_State *L) {
  char path[] = "/tmp/luahub_env_XXXXXX";
  if (mkdtemp(path) == NULL) return luaL_error(L, "no directory");
  lua_pushstring(L, path);
  return 1;
}

static int uid(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)getuid());
  return 1;
}

static int send_signal(lua_State *L) {
  (void)kill(getpid(), (int)luaL_checkinteger(L, 1));
  return 0;
}

// (name, value): of the environment of this process; nil takes the name out.
static int set_variable(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const char *value = luaL_optstring(L, 2, NULL);
  (void)(value != NULL ? setenv(name, value, 1) : unsetenv(name));
  return 0;
}

__attribute__((visibility("default"))) int luaopen_luahub_test_env_machine(lua_State *L);

int luaopen_luahub_test_env_machine(lua_State *L) {
  static const luaL_Reg functions[] = {{"stopped", stopped},
                                       {"storm", storm},
                                       {"flood", flood},
                                       {"take_descriptors", take_descriptors},
                                       {"return_descriptors", return_descriptors},
                                       {"connect", connect_raw},
                                       {"was_closed", was_closed},
                                       {"addr", read_addr},
                                       {"same_addr", same_addr},
                                       {"leave_socket", leave_socket},
                                       {"mode", mode},
                                       {"directory", directory},
                                       {"uid", uid},
                                       {"signal", send_signal},
                                       {"set_variable", set_variable},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
