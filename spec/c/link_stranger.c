// rooms: base env wire link
// link_stranger.c (spec) - whoever else may be on the network: strangers, eavesdroppers, and peers
// that hold the secret but break the rules. Plain blocking sockets, on Lua's thread; a tap has a
// thread of its own.
#include "link/openssl.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "link/frame.h"
#include "link/keys.h"
#include "link/proof.h"
#include "link/seal.h"
#include "link/tls.h"

enum { PATIENCE_S = 30, POLL_MS = 20, BYTES = 64 * 1024 };
#define SPEAKER "luahub_test.link_stranger.speaker"
#define TAP "luahub_test.link_stranger.tap"

static struct lh_bytes check_bytes(lua_State *L, int arg) {
  size_t len;
  const char *data = luaL_optlstring(L, arg, "", &len);
  return lh_bytes(data, len);
}

static struct lh_addr check_addr(lua_State *L, int arg) {
  struct lh_addr addr = {0};
  luaL_argcheck(L, lh_addr_parse(&addr, luaL_checkstring(L, arg)) == 0, arg, "not an address");
  return addr;
}

static struct lh_secret check_secret(lua_State *L, int arg) {
  struct lh_secret secret;
  struct lh_error error;
  if (lh_secret_parse(&secret, luaL_checkstring(L, arg), &error) != 0)
    (void)luaL_error(L, "%s", error.text);
  return secret;
}

static int connect_to(const struct lh_addr *addr) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const struct timeval patience = {.tv_sec = PATIENCE_S};
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (const struct sockaddr *)&addr->storage, addr->len) == 0) return fd;
  (void)close(fd);
  return -1;
}

// --- strangers ---

static int connect_unix(const char *path) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  const struct timeval patience = {.tv_sec = PATIENCE_S};
  (void)strncpy(to.sun_path, path, sizeof to.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0) return fd;
  (void)close(fd);
  return -1;
}

// To "host:port", or to the unix socket of a path.
static int stranger_connect(lua_State *L) {
  const char *to = luaL_checkstring(L, 1);
  if (to[0] == '/') {
    lua_pushinteger(L, connect_unix(to));
    return 1;
  }
  const struct lh_addr addr = check_addr(L, 1);
  lua_pushinteger(L, connect_to(&addr));
  return 1;
}

static int stranger_write(lua_State *L) {
  const struct lh_bytes bytes = check_bytes(L, 2);
  const ssize_t put = send((int)luaL_checkinteger(L, 1), bytes.data, bytes.len, MSG_NOSIGNAL);
  lua_pushboolean(L, put == (ssize_t)bytes.len);
  return 1;
}

// Reads until the other end closes; answers whether it did, and the bytes.
static int stranger_drain(lua_State *L) {
  char bytes[4096];
  luaL_Buffer all;
  ssize_t got;
  luaL_buffinit(L, &all);
  while ((got = recv((int)luaL_checkinteger(L, 1), bytes, sizeof bytes, 0)) > 0)
    luaL_addlstring(&all, bytes, (size_t)got);
  const int err = errno;
  luaL_pushresult(&all);
  lua_pushboolean(L, got == 0 || err != EAGAIN);
  lua_insert(L, -2);
  return 2;
}

static int stranger_hang_up(lua_State *L) {
  (void)close((int)luaL_checkinteger(L, 1));
  return 0;
}

static int stranger_packet(lua_State *L) {
  const struct lh_addr addr = check_addr(L, 1);
  const struct lh_bytes bytes = check_bytes(L, 2);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  (void)sendto(fd, bytes.data, bytes.len, 0, (const struct sockaddr *)&addr.storage, addr.len);
  (void)close(fd);
  return 0;
}

// The first bytes of a TLS client that has no PSK.
static int stranger_client_hello(lua_State *L) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  SSL *ssl = SSL_new(ctx);
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl);
  (void)SSL_do_handshake(ssl);
  char *data;
  const long len = BIO_get_mem_data(SSL_get_wbio(ssl), &data);
  lua_pushlstring(L, data, (size_t)len);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  return 1;
}

// --- taps: between two nodes, TCP passed on and kept, datagrams kept; one byte may be changed ---

struct tap {
  int listener, udp, ends[2];
  struct lh_addr target;
  char address[LH_ADDR_TEXT_MAX];
  pthread_t thread;
  pthread_mutex_t lock;
  atomic_bool end;
  struct lh_buf bytes, packets;  // packets: u32 length, bytes
  bool closed;
  lua_Integer until_spoiled;  // bytes that the dialler says before the one that is changed
};

static void keep(struct tap *tap, struct lh_buf *where, const uint8_t *data, size_t len,
                 bool framed) {
  const uint32_t size = (uint32_t)len;
  (void)pthread_mutex_lock(&tap->lock);
  if (framed) lh_buf_append(where, &size, sizeof size);
  lh_buf_append(where, data, len);
  (void)pthread_mutex_unlock(&tap->lock);
}

static void tap_accept(struct tap *tap) {
  tap->ends[0] = accept(tap->listener, NULL, NULL);
  tap->ends[1] = connect_to(&tap->target);
}

static void spoil(struct tap *tap, uint8_t *bytes, ssize_t len) {
  const lua_Integer at = tap->until_spoiled;
  if (at >= 0 && at < len) bytes[at] ^= 1;
  tap->until_spoiled -= len;
}

static void pass_on(struct tap *tap, int from, int to) {
  static _Thread_local uint8_t bytes[BYTES];
  const ssize_t got = recv(from, bytes, sizeof bytes, 0);
  if (got > 0) {
    keep(tap, &tap->bytes, bytes, (size_t)got, false);
    if (from == tap->ends[0]) spoil(tap, bytes, got);
    (void)send(to, bytes, (size_t)got, MSG_NOSIGNAL);
    return;
  }
  for (int i = 0; i < 2; i++) {
    (void)close(tap->ends[i]);
    tap->ends[i] = -1;
  }
}

static void *run_tap(void *data) {
  struct tap *tap = data;
  uint8_t packet[2048];
  while (!atomic_load(&tap->end)) {
    struct pollfd fds[] = {{tap->udp, POLLIN, 0},
                           {tap->ends[0], POLLIN, 0},
                           {tap->ends[1], POLLIN, 0},
                           {tap->listener, POLLIN, 0}};
    (void)poll(fds, tap->ends[0] < 0 ? 4 : 3, POLL_MS);
    if (fds[0].revents != 0) {
      const ssize_t got = recv(tap->udp, packet, sizeof packet, 0);
      if (got >= 0) keep(tap, &tap->packets, packet, (size_t)got, true);
    }
    if (fds[1].revents != 0)
      pass_on(tap, tap->ends[0], tap->ends[1]);
    else if (fds[2].revents != 0)
      pass_on(tap, tap->ends[1], tap->ends[0]);
    if (fds[3].revents != 0 && tap->ends[0] < 0) tap_accept(tap);
  }
  return NULL;
}

// stranger.tap(target, which byte of what the dialler says is changed, from 0; none unless told)
static int stranger_tap(lua_State *L) {
  struct lh_addr at = {0};
  const struct lh_addr target = check_addr(L, 1);
  const lua_Integer spoiled = luaL_optinteger(L, 2, -1);
  (void)lh_addr_parse(&at, "127.0.0.1:0");
  struct tap *tap = lua_newuserdatauv(L, sizeof(struct tap), 0);
  memset(tap, 0, sizeof *tap);
  tap->target = target;
  tap->until_spoiled = spoiled;
  tap->ends[0] = tap->ends[1] = -1;
  tap->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  tap->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  (void)bind(tap->listener, (const struct sockaddr *)&at.storage, at.len);
  (void)listen(tap->listener, 4);
  (void)getsockname(tap->listener, (struct sockaddr *)&at.storage, &at.len);
  (void)bind(tap->udp, (const struct sockaddr *)&at.storage, at.len);
  lh_addr_format(&at, tap->address);
  (void)pthread_mutex_init(&tap->lock, NULL);
  (void)pthread_create(&tap->thread, NULL, run_tap, tap);
  luaL_setmetatable(L, TAP);
  return 1;
}

static struct tap *check_tap(lua_State *L) { return luaL_checkudata(L, 1, TAP); }

static int tap_address(lua_State *L) {
  lua_pushstring(L, check_tap(L)->address);
  return 1;
}

static int tap_bytes(lua_State *L) {
  struct tap *tap = check_tap(L);
  (void)pthread_mutex_lock(&tap->lock);
  lua_pushlstring(L, (const char *)tap->bytes.data, tap->bytes.len);
  (void)pthread_mutex_unlock(&tap->lock);
  return 1;
}

// All datagrams that came, as a list.
static int tap_packets(lua_State *L) {
  struct tap *tap = check_tap(L);
  lua_newtable(L);
  (void)pthread_mutex_lock(&tap->lock);
  size_t at = 0;
  for (lua_Integer i = 1; at < tap->packets.len; i++) {
    uint32_t len;
    memcpy(&len, tap->packets.data + at, sizeof len);
    lua_pushlstring(L, (const char *)tap->packets.data + at + sizeof len, len);
    lua_seti(L, -2, i);
    at += sizeof len + len;
  }
  (void)pthread_mutex_unlock(&tap->lock);
  return 1;
}

static int tap_gc(lua_State *L) {
  struct tap *tap = check_tap(L);
  if (tap->closed) return 0;
  tap->closed = true;
  atomic_store(&tap->end, true);
  (void)pthread_join(tap->thread, NULL);
  for (int i = 0; i < 2; i++) {
    if (tap->ends[i] >= 0) (void)close(tap->ends[i]);
  }
  (void)close(tap->listener);
  (void)close(tap->udp);
  lh_buf_free(&tap->bytes);
  lh_buf_free(&tap->packets);
  (void)pthread_mutex_destroy(&tap->lock);
  return 0;
}

// --- speakers: right secret, whatever words ---

struct speaker {
  int fd;
  struct lh_cluster_keys keys;
  struct lh_env *env;  // for its random bytes
  struct lh_tls *tls;
  struct lh_session *session;
  struct lh_pipe pipe;
  uint8_t received[4096];  // what the pipe's input points to
};

static void speaker_flush(struct speaker *speaker) {
  const struct lh_buf *out = &speaker->pipe.out;
  if (out->len > 0) (void)send(speaker->fd, out->data, out->len, MSG_NOSIGNAL);
  lh_buf_clear(&speaker->pipe.out);
}

static bool speaker_fill(struct speaker *speaker) {
  const ssize_t got = recv(speaker->fd, speaker->received, sizeof speaker->received, 0);
  if (got <= 0) return false;
  speaker->pipe.in = lh_bytes(speaker->received, (size_t)got);
  return true;
}

static bool speaker_shake(struct speaker *speaker) {
  for (;;) {
    const char *reason;
    const int done = lh_session_shake(speaker->session, &reason);
    speaker_flush(speaker);
    if (done != 0) return done == 1;
    if (!speaker_fill(speaker)) return false;
  }
}

// stranger.speak(address, secret): after TLS, or nil.
static int stranger_speak(lua_State *L) {
  const struct lh_addr addr = check_addr(L, 1);
  const struct lh_secret secret = check_secret(L, 2);
  struct speaker *speaker = lua_newuserdatauv(L, sizeof(struct speaker), 0);
  lh_cluster_keys_derive(&speaker->keys, &secret, "");
  speaker->fd = connect_to(&addr);
  speaker->env = lh_env_uv_new();
  speaker->tls = lh_tls_new(speaker->env, speaker->keys.psk, speaker->keys.key_id);
  speaker->pipe = (struct lh_pipe){0};
  speaker->session = lh_session_new(speaker->tls, true, &speaker->pipe);
  luaL_setmetatable(L, SPEAKER);
  if (!speaker_shake(speaker)) lua_pushnil(L);
  return 1;
}

static struct speaker *check_speaker(lua_State *L) { return luaL_checkudata(L, 1, SPEAKER); }

// speaker:say(type, lane, flags, body): one record.
static int speaker_say(lua_State *L) {
  struct speaker *speaker = check_speaker(L);
  const struct lh_bytes body = check_bytes(L, 5);
  uint8_t record[LH_RECORD_MAX];
  luaL_argcheck(L, body.len <= LH_CHUNK_MAX, 5, "too long for a record");
  record[0] = (uint8_t)luaL_checkinteger(L, 2);
  record[1] = (uint8_t)(luaL_checkinteger(L, 3) << LH_PIECE_LANE_SHIFT | luaL_checkinteger(L, 4));
  record[2] = (uint8_t)(body.len >> 8);
  record[3] = (uint8_t)body.len;
  if (body.len > 0) memcpy(record + LH_PIECE_HEAD, body.data, body.len);
  (void)lh_session_write(speaker->session, lh_bytes(record, LH_PIECE_HEAD + body.len));
  speaker_flush(speaker);
  return 0;
}

// speaker:record(bytes): these bytes as one record, whatever they say.
static int speaker_record(lua_State *L) {
  struct speaker *speaker = check_speaker(L);
  const struct lh_bytes bytes = check_bytes(L, 2);
  (void)lh_session_write(speaker->session, bytes);
  speaker_flush(speaker);
  return 0;
}

// The plaintext of the next record, nil when the node hung up.
static int speaker_listen(lua_State *L) {
  struct speaker *speaker = check_speaker(L);
  uint8_t record[LH_RECORD_MAX];
  int got;
  while ((got = lh_session_read(speaker->session, record, sizeof record)) <= 0) {
    if (got < 0 || !speaker_fill(speaker)) return 0;
  }
  lua_pushlstring(L, (const char *)record, (size_t)got);
  return 1;
}

static int speaker_gc(lua_State *L) {
  struct speaker *speaker = check_speaker(L);
  if (speaker->session == NULL) return 0;
  lh_session_free(speaker->session);
  lh_buf_free(&speaker->pipe.out);
  lh_tls_free(speaker->tls);
  lh_env_free(speaker->env);
  if (speaker->fd >= 0) (void)close(speaker->fd);
  speaker->session = NULL;
  return 0;
}

static lua_Integer field(lua_State *L, const char *name, lua_Integer otherwise) {
  lua_getfield(L, 2, name);
  const lua_Integer value = luaL_optinteger(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

static struct lh_bytes bytes_field(lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  return check_bytes(L, -1);  // stays on the stack, so the bytes live until the call ends
}

// speaker:hello{ id = 16 bytes, epoch, min, max, nonce, greeting }: the body of a HELLO with the
// proof of this connection. The id is that of a key which every speaker has, unless told.
static int speaker_hello(lua_State *L) {
  static const uint8_t private_key[32] = {77};
  struct speaker *speaker = check_speaker(L);
  struct lh_hello_word hello = {.name = "stranger"};
  struct lh_identity identity;
  (void)lh_identity_restore(&identity, private_key);
  memcpy(hello.cluster, speaker->keys.digest, sizeof hello.cluster);
  memcpy(hello.key_id, speaker->keys.key_id, sizeof hello.key_id);
  memcpy(hello.public_key, identity.public_key, sizeof hello.public_key);
  (void)lh_proof_make(speaker->session, &identity, hello.proof);
  const struct lh_bytes id = bytes_field(L, "id");
  hello.run.id = identity.id;
  if (id.len == sizeof hello.run.id.bytes) memcpy(hello.run.id.bytes, id.data, id.len);
  hello.run.epoch = (uint64_t)field(L, "epoch", 1);
  hello.min = (uint32_t)field(L, "min", LH_PROTOCOL_MIN);
  hello.max = (uint32_t)field(L, "max", LH_PROTOCOL_MAX);
  hello.nonce = (uint64_t)field(L, "nonce", 77);
  hello.greeting = bytes_field(L, "greeting");
  struct lh_buf body = LH_BUF_EMPTY;
  lh_hello_write(&body, &hello);
  lua_pushlstring(L, (const char *)body.data, body.len);
  lh_buf_free(&body);
  return 1;
}

// --- secrets, identities, windows ---

static int stranger_generate(lua_State *L) {
  struct lh_secret secret;
  char text[LH_SECRET_TEXT_MAX];
  lh_secret_generate(&secret);
  lh_secret_format(&secret, text);
  lua_pushstring(L, text);
  return 1;
}

// stranger.parse(text) -> the same secret as text, or nil and the error
static int stranger_parse(lua_State *L) {
  struct lh_secret secret;
  struct lh_error error;
  char text[LH_SECRET_TEXT_MAX];
  if (lh_secret_parse(&secret, luaL_checkstring(L, 1), &error) != 0) {
    lua_pushnil(L);
    lua_pushstring(L, error.text);
    return 2;
  }
  lh_secret_format(&secret, text);
  lua_pushstring(L, text);
  return 1;
}

// stranger.derive(secret, label) -> 32 bytes
static int stranger_derive(lua_State *L) {
  const struct lh_secret secret = check_secret(L, 1);
  uint8_t key[32];
  lh_secret_derive(&secret, luaL_checkstring(L, 2), key);
  lua_pushlstring(L, (const char *)key, sizeof key);
  return 1;
}

// stranger.sign(private key, data) -> public key, signature, id
static int stranger_sign(lua_State *L) {
  struct lh_identity identity;
  uint8_t signature[64];
  (void)lh_identity_restore(&identity, (const uint8_t *)luaL_checkstring(L, 1));
  lh_identity_sign(&identity, check_bytes(L, 2), signature);
  lua_pushlstring(L, (const char *)identity.public_key, sizeof identity.public_key);
  lua_pushlstring(L, (const char *)signature, sizeof signature);
  lua_pushlstring(L, (const char *)identity.id.bytes, sizeof identity.id.bytes);
  return 3;
}

static int stranger_verify(lua_State *L) {
  const uint8_t *public_key = (const uint8_t *)luaL_checkstring(L, 1);
  lua_pushboolean(L, lh_identity_verify(public_key, check_bytes(L, 2),
                                        (const uint8_t *)luaL_checkstring(L, 3)));
  return 1;
}

// stranger.window{ counters... } -> which of them a fresh window takes
static int stranger_window(lua_State *L) {
  struct lh_window window = {0};
  const lua_Integer count = luaL_len(L, 1);
  lua_newtable(L);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_geti(L, 1, i);
    const uint64_t counter = (uint64_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    const bool is_new = lh_window_is_new(&window, counter);
    if (is_new) lh_window_mark(&window, counter);
    lua_pushboolean(L, is_new);
    lua_seti(L, -2, i);
  }
  return 1;
}

// stranger.last_counters() -> lengths of what is opened of the last datagrams under one key, or the
// code that the sealer answers instead
static int stranger_last_counters(lua_State *L) {
  static const uint8_t key[32];
  const struct lh_run run = {.epoch = 1};
  const struct lh_seal_context context = {.to = run};
  struct lh_sealer sealer = {0};
  struct lh_opener opener = {0};
  uint8_t out[LH_PACKET_MAX], body[LH_DATAGRAM_BODY_MAX];
  lh_sealer_init(&sealer, EVP_aes_256_gcm(), LH_PACKET_PAIR, &run, key);
  lh_opener_init(&opener, EVP_aes_256_gcm(), key);
  sealer.counter = UINT64_MAX - 3;
  lua_newtable(L);
  for (int i = 1; i <= 4; i++) {
    struct lh_packet packet;
    int got = lh_seal(&sealer, &context, lh_bytes("last", 4), out);
    if (got > 0 && lh_packet_parse(lh_bytes(out, (size_t)got), &packet) == 0)
      got = lh_open(&opener, &packet, &context, body);
    lua_pushinteger(L, got);
    lua_seti(L, -2, i);
  }
  lh_sealer_free(&sealer);
  lh_opener_free(&opener);
  return 1;
}

static const luaL_Reg tap_methods[] = {{"address", tap_address},
                                       {"bytes", tap_bytes},
                                       {"close", tap_gc},
                                       {"packets", tap_packets},
                                       {NULL, NULL}};

static const luaL_Reg speaker_methods[] = {{"hang_up", speaker_gc},    {"hello", speaker_hello},
                                           {"listen", speaker_listen}, {"say", speaker_say},
                                           {"record", speaker_record}, {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"client_hello", stranger_client_hello},
    {"connect", stranger_connect},
    {"derive", stranger_derive},
    {"drain", stranger_drain},
    {"generate", stranger_generate},
    {"hang_up", stranger_hang_up},
    {"packet", stranger_packet},
    {"parse", stranger_parse},
    {"sign", stranger_sign},
    {"speak", stranger_speak},
    {"tap", stranger_tap},
    {"verify", stranger_verify},
    {"window", stranger_window},
    {"last_counters", stranger_last_counters},
    {"write", stranger_write},
    {NULL, NULL},
};

static void make_type(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc) {
  if (luaL_newmetatable(L, name)) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
}

__attribute__((visibility("default"))) int luaopen_luahub_test_link_stranger(lua_State *L);

int luaopen_luahub_test_link_stranger(lua_State *L) {
  make_type(L, TAP, tap_methods, tap_gc);
  make_type(L, SPEAKER, speaker_methods, speaker_gc);
  luaL_newlib(L, functions);
  return 1;
}
