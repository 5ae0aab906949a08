// os.c - what os, io and print mean inside an actor.
//
// os.exit ends the actor, not the node. os.execute and io.popen start the shell with posix_spawn:
// no fork of a program with many threads, no descriptor and no blocked signal of ours in the child.
// They wait on the heap's thread; other heaps go on. print writes to the log, under the child's
// name.
#include "actor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <lualib.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

// --- the shell ---

// Starts `sh -c command`; `own` becomes its descriptor `as` unless that is -1. 0, or an errno.
static int start_shell(const char *command, int own, int as, pid_t *pid) {
  char *argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  sigset_t none, defaults;
  sigemptyset(&none);
  sigfillset(&defaults);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawn_file_actions_init(&actions);
  if (as >= 0) posix_spawn_file_actions_adddup2(&actions, own, as);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  const int status = posix_spawn(pid, "/bin/sh", &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return status;
}

static int wait_for(pid_t pid) {
  int status;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  errno = 0;  // luaL_execresult takes a nonzero status with an errno for a failure of waitpid
  return status;
}

static int execute(lua_State *L) {
  const char *command = luaL_optstring(L, 1, NULL);
  pid_t pid;
  if (!command) {
    lua_pushboolean(L, access("/bin/sh", X_OK) == 0);
    return 1;
  }
  const int failed = start_shell(command, -1, -1, &pid);
  if (failed != 0) {
    errno = failed;
    return luaL_fileresult(L, 0, NULL);
  }
  return luaL_execresult(L, wait_for(pid));
}

// --- pipes --- a file of the io library that knows its process

struct pipe_file {
  luaL_Stream stream;  // first: the io library takes it for its own
  pid_t pid;
};

static int close_pipe(lua_State *L) {
  struct pipe_file *file = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  fclose(file->stream.f);
  return luaL_execresult(L, wait_for(file->pid));
}

static int fail_pipe(lua_State *L, int error, const char *command) {
  errno = error;
  return luaL_fileresult(L, 0, command);
}

static int open_pipe(lua_State *L) {
  const char *command = luaL_checkstring(L, 1);
  const char *mode = luaL_optstring(L, 2, "r");
  luaL_argcheck(L, (mode[0] == 'r' || mode[0] == 'w') && mode[1] == '\0', 2, "invalid mode");
  const int reads = mode[0] == 'r';
  struct pipe_file *file = lua_newuserdatauv(L, sizeof *file, 0);
  file->stream.closef = NULL;  // a closed file, until all is there
  luaL_setmetatable(L, LUA_FILEHANDLE);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail_pipe(L, errno, command);
  const int ours = reads ? ends[0] : ends[1];
  const int theirs = reads ? ends[1] : ends[0];
  const int failed = start_shell(command, theirs, reads ? STDOUT_FILENO : STDIN_FILENO, &file->pid);
  close(theirs);
  file->stream.f = failed == 0 ? fdopen(ours, mode) : NULL;
  if (!file->stream.f) {
    const int error = failed != 0 ? failed : errno;
    close(ours);
    return fail_pipe(L, error, command);
  }
  file->stream.closef = close_pipe;
  return 1;
}

// --- exit and print ---

static int exit_actor(lua_State *L) {
  if (lua_isnoneornil(L, 1) || (lua_isboolean(L, 1) && lua_toboolean(L, 1)) ||
      (lua_isinteger(L, 1) && lua_tointeger(L, 1) == 0)) {
    lua_pushliteral(L, "normal");
  } else {
    lua_pushfstring(L, "os.exit(%s)", luaL_tolstring(L, 1, NULL));
  }
  return lh_script_exit(L);
}

static int print(lua_State *L) {
  struct heap *heap = lha_heap_of(L);
  char label[LABEL_MAX] = "actor";
  luaL_Buffer text;
  const int count = lua_gettop(L);
  if (heap && heap->current) lha_actor_label(heap->current, label);
  luaL_buffinit(L, &text);
  for (int i = 1; i <= count; i++) {
    if (i > 1) luaL_addchar(&text, '\t');
    luaL_tolstring(L, i, NULL);
    luaL_addvalue(&text);
  }
  luaL_pushresult(&text);
  lh_log(LH_LOG_INFO, label, "%s", lua_tostring(L, -1));
  return 0;
}

void lha_os_open(lua_State *L) {
  lua_getglobal(L, LUA_OSLIBNAME);
  lua_pushcfunction(L, exit_actor);
  lua_setfield(L, -2, "exit");
  lua_pushcfunction(L, execute);
  lua_setfield(L, -2, "execute");
  lua_getglobal(L, LUA_IOLIBNAME);
  lua_pushcfunction(L, open_pipe);
  lua_setfield(L, -2, "popen");
  lua_pushcfunction(L, print);
  lua_setglobal(L, "print");
  lua_pop(L, 2);
}
