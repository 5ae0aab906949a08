// control.c - the client of a node's control socket: connect, send a table, wait for one.
//
// Each client has a small loop of its own that runs only while it waits, on the thread that waits.
// Ctrl-C during a wait ends the wait with the code "interrupted". The userdata owns all of it;
// close and __gc may both come.
#include "lua/internal.h"

#include "base/mem.h"
#include "env/env.h"
#include "script/script.h"
#include "wire/wire.h"

#include <signal.h>
#include <string.h>

#define CLIENT "luahub.core.control"

struct client {
  struct lh_env *env;
  struct lh_stream *stream;
  struct lh_timer *timer;
  struct lh_buf in, out;
  bool connected, closed, interrupted, timed_out;
  char reason[128];
};

static bool has_frame(const struct client *client, size_t *len) {
  const uint8_t *p = client->in.data;
  if (client->in.len < 4) return false;
  *len = ((size_t)p[0] << 24) | ((size_t)p[1] << 16) | ((size_t)p[2] << 8) | p[3];
  return client->in.len >= 4 + *len;
}

static void drain(struct client *client) {
  while (client->out.len > 0 && client->connected && !client->closed) {
    const ssize_t n = lh_stream_send(client->stream, client->out.data, client->out.len);
    if (n < 0) return;
    if (n == 0) {
      lh_stream_want_write(client->stream);
      return;
    }
    lh_buf_consume(&client->out, (size_t)n);
  }
  if (client->out.len == 0) lh_env_stop(client->env);
}

static void on_connected(void *self) {
  struct client *client = self;
  client->connected = true;
  lh_env_stop(client->env);
}

static void on_data(void *self, const uint8_t *data, size_t len) {
  struct client *client = self;
  size_t frame = 0;
  lh_buf_append(&client->in, data, len);
  if (has_frame(client, &frame)) lh_env_stop(client->env);
}

static void on_writable(void *self) { drain(self); }

static void on_closed(void *self, int err, const char *reason) {
  struct client *client = self;
  (void)err;
  client->closed = true;
  (void)strncpy(client->reason, reason, sizeof client->reason - 1);
  lh_env_stop(client->env);
}

static const struct lh_stream_ops stream_ops = {.on_connected = on_connected,
                                                .on_data = on_data,
                                                .on_writable = on_writable,
                                                .on_closed = on_closed};

static void on_timer(void *self, lh_ms now) {
  struct client *client = self;
  (void)now;
  client->timed_out = true;
  lh_env_stop(client->env);
}

static void on_signal(void *self, int number) {
  struct client *client = self;
  (void)number;
  client->interrupted = true;
  lh_env_stop(client->env);
}

static void run(struct client *client, lua_Integer ms) {
  client->timed_out = client->interrupted = false;
  lh_timer_set(client->timer, ms >= 0 ? lh_env_now(client->env) + ms : LH_NEVER);
  lh_env_run(client->env);
  lh_timer_set(client->timer, LH_NEVER);
}

static struct client *check(lua_State *L) {
  struct client *client = luaL_checkudata(L, 1, CLIENT);
  if (client->env == NULL) luaL_error(L, "the connection is closed");
  return client;
}

static int client_close(lua_State *L) {
  struct client *client = luaL_checkudata(L, 1, CLIENT);
  if (client->env == NULL) return 0;
  if (client->stream != NULL) lh_stream_close(client->stream);
  lh_timer_free(client->timer);
  lh_env_free(client->env);
  lh_buf_free(&client->in);
  lh_buf_free(&client->out);
  client->env = NULL;
  return 0;
}

static int client_send(lua_State *L) {
  struct client *client = check(L);
  struct lh_error error;
  struct lh_buf *body = lh_core_buffer(L);
  if (lh_value_encode(L, 2, body, LH_CONTROL_FRAME_MAX, NULL, &error) != LH_OK)
    return lh_script_fail_with(L, &error);
  const uint8_t head[4] = {(uint8_t)(body->len >> 24), (uint8_t)(body->len >> 16),
                           (uint8_t)(body->len >> 8), (uint8_t)body->len};
  lh_buf_append(&client->out, head, sizeof head);
  lh_buf_append(&client->out, body->data, body->len);
  drain(client);
  while (client->out.len > 0 && !client->closed) run(client, -1);
  if (client->closed)
    return lh_script_fail(L, "closed", "the node closed the connection (%s)", client->reason);
  lua_pushboolean(L, 1);
  return 1;
}

static int client_receive(lua_State *L) {
  struct client *client = check(L);
  const lua_Integer ms = luaL_optinteger(L, 2, -1);
  size_t len = 0;
  while (!has_frame(client, &len)) {
    if (client->closed) return lh_script_fail(L, "closed", "the node closed the connection");
    run(client, ms);
    if (has_frame(client, &len)) break;
    if (client->interrupted) return lh_script_fail(L, "interrupted", "interrupted");
    if (client->timed_out) return lh_script_fail(L, "timeout", "no answer within %d ms", (int)ms);
  }
  struct lh_buf *frame = lh_core_buffer(L);
  lh_buf_append(frame, client->in.data + 4, len);
  lh_buf_consume(&client->in, 4 + len);
  if (lh_value_decode(L, lh_bytes_of(frame), 1, NULL) != 1)
    return lh_script_fail(L, "format", "the node sent what cannot be read");
  return 1;
}

// control(path) -> client | nil, err
static int control(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  struct client *client = lua_newuserdatauv(L, sizeof(struct client), 0);
  memset(client, 0, sizeof *client);
  luaL_setmetatable(L, CLIENT);
  client->env = lh_env_uv_new();
  client->timer = lh_timer_new(client->env, on_timer, client);
  lh_env_on_signal(client->env, SIGINT, on_signal, client);
  client->stream = lh_stream_dial_unix(client->env, path, &stream_ops, client);
  if (client->stream != NULL && !client->connected && !client->closed) run(client, 5000);
  if (client->connected) return 1;
  return lh_script_fail(L, "unreachable", "%s: %s", path,
                        client->reason[0] != '\0' ? client->reason : "no answer");
}

void lh_core_open_control(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"close", client_close}, {"receive", client_receive}, {"send", client_send}, {NULL, NULL}};
  if (luaL_newmetatable(L, CLIENT)) {
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, client_close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, client_close);
    lua_setfield(L, -2, "__close");
  }
  lua_pop(L, 1);
  lua_pushcfunction(L, control);
  lua_setfield(L, -2, "control");
}
