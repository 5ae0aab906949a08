// rooms:
//
// luahub_test.pty: a program on a terminal of its own, for specs of what a person types and sees.
//
//   pty.spawn{ "lua5.4", "file.lua", TERM = "xterm" } -> terminal    (string keys: its environment,
//   added) terminal:send(text) terminal:expect(text, ms) -> all output since the last match, up to
//   and with the text; raises at the
//                                deadline or at the program's end, with what came instead
//   terminal:finish(ms) -> the output that is left, and the exit status (128 + signal); kills it at
//   the deadline
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TERMINAL_TYPE "luahub_test.pty"

enum { ARGUMENTS_MAX = 15, OUTPUT_MAX = 65536 };

struct terminal {
  int fd;  // -1: closed
  pid_t pid;
  size_t length;
  char output[OUTPUT_MAX];
};

static int64_t now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct terminal *check(lua_State *L) { return luaL_checkudata(L, 1, TERMINAL_TYPE); }

static void set_environment(lua_State *L) {
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING) (void)setenv(lua_tostring(L, -2), lua_tostring(L, -1), 1);
  }
}

static int spawn(lua_State *L) {
  char *arguments[ARGUMENTS_MAX + 1] = {NULL};
  const struct winsize size = {.ws_row = 24, .ws_col = 80};
  luaL_checktype(L, 1, LUA_TTABLE);
  for (int i = 0; i < ARGUMENTS_MAX && lua_geti(L, 1, i + 1) == LUA_TSTRING; i++) {
    arguments[i] = (char *)(uintptr_t)lua_tostring(L, -1);
  }
  luaL_argcheck(L, arguments[0] != NULL, 1, "no program");
  struct terminal *terminal = lua_newuserdatauv(L, sizeof *terminal, 0);
  terminal->fd = -1;
  terminal->length = 0;
  luaL_setmetatable(L, TERMINAL_TYPE);
  terminal->pid = forkpty(&terminal->fd, NULL, NULL, &size);
  if (terminal->pid < 0) return luaL_error(L, "forkpty: %s", strerror(errno));
  if (terminal->pid == 0) {
    set_environment(L);
    (void)execvp(arguments[0], arguments);
    _exit(127);
  }
  return 1;
}

static int terminal_send(lua_State *L) {
  struct terminal *terminal = check(L);
  size_t length = 0;
  const char *text = luaL_checklstring(L, 2, &length);
  if (write(terminal->fd, text, length) != (ssize_t)length)
    return luaL_error(L, "send: %s", strerror(errno));
  return 0;
}

// Adds what comes until the deadline: 1, 0 at the deadline, -1 at the program's end.
static int fill(struct terminal *terminal, int64_t deadline) {
  struct pollfd wait = {.fd = terminal->fd, .events = POLLIN};
  const int64_t left = deadline - now_ms();
  if (left <= 0 || poll(&wait, 1, (int)left) <= 0) return 0;
  if (terminal->length == OUTPUT_MAX) return -1;
  const ssize_t n =
      read(terminal->fd, terminal->output + terminal->length, OUTPUT_MAX - terminal->length);
  if (n <= 0) return -1;
  terminal->length += (size_t)n;
  return 1;
}

static int terminal_expect(lua_State *L) {
  struct terminal *terminal = check(L);
  size_t length = 0;
  const char *text = luaL_checklstring(L, 2, &length);
  const int64_t deadline = now_ms() + luaL_optinteger(L, 3, 5000);
  int more = 1;
  for (;;) {
    const char *found = memmem(terminal->output, terminal->length, text, length);
    if (found != NULL) {
      const size_t used = (size_t)(found - terminal->output) + length;
      lua_pushlstring(L, terminal->output, used);
      terminal->length -= used;
      memmove(terminal->output, found + length, terminal->length);
      return 1;
    }
    if (more != 1) break;
    more = fill(terminal, deadline);
  }
  lua_pushlstring(L, terminal->output, terminal->length);
  return luaL_error(L, "%s before \"%s\" was seen; it said: %s",
                    more == 0 ? "the time was over" : "the program ended", text,
                    lua_tostring(L, -1));
}

static int terminal_finish(lua_State *L) {
  struct terminal *terminal = check(L);
  const int64_t deadline = now_ms() + luaL_optinteger(L, 2, 5000);
  int status = 0;
  if (terminal->fd < 0) return 0;
  int more = 1;
  while (more == 1) more = fill(terminal, deadline);
  if (more == 0) (void)kill(terminal->pid, SIGKILL);
  (void)close(terminal->fd);
  terminal->fd = -1;
  (void)waitpid(terminal->pid, &status, 0);
  lua_pushlstring(L, terminal->output, terminal->length);
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 2;
}

static int terminal_gc(lua_State *L) {
  struct terminal *terminal = check(L);
  if (terminal->fd >= 0) (void)kill(terminal->pid, SIGKILL);
  return terminal_finish(L);
}

static const luaL_Reg methods[] = {
    {"send", terminal_send},
    {"expect", terminal_expect},
    {"finish", terminal_finish},
    {"__gc", terminal_gc},
    {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_luahub_test_pty(lua_State *L);

int luaopen_luahub_test_pty(lua_State *L) {
  if (luaL_newmetatable(L, TERMINAL_TYPE)) {
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, spawn);
  lua_setfield(L, -2, "spawn");
  return 1;
}
