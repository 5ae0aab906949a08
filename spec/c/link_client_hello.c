// rooms: base env wire link
// link_client_hello.c (spec) - the first flight of a peer that holds the secret, over a key share
// of the spec's choice: what no TLS library sends. The binder is computed anew (RFC 8446, 4.2.11.2
// and 7.1), so that nothing but the share can be what is refused. Lua's thread; owns nothing.
#include "link/openssl.h"

#include <lauxlib.h>
#include <lua.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/buf.h"
#include "link/keys.h"
#include "link/tls.h"

enum { HASH = 48, SHARE = 32, RECORD_HEAD = 5, BINDERS = 2 + 1 + HASH };

static void hmac(const uint8_t key[HASH], struct lh_bytes data, uint8_t out[HASH]) {
  unsigned len = HASH;
  (void)HMAC(EVP_sha384(), key, HASH, data.data, data.len, out, &len);
}

// HKDF-Expand-Label for one hash's length. The context has at most HASH bytes.
static void expand(const uint8_t key[HASH], const char *label, struct lh_bytes context,
                   uint8_t out[HASH]) {
  uint8_t info[2 + 1 + 32 + 1 + HASH + 1];
  size_t len = 0;
  const size_t label_len = strlen(label);
  info[len++] = 0;
  info[len++] = HASH;
  info[len++] = (uint8_t)label_len;
  memcpy(info + len, label, label_len);
  len += label_len;
  info[len++] = (uint8_t)context.len;
  if (context.len > 0) memcpy(info + len, context.data, context.len);
  len += context.len;
  info[len++] = 1;
  hmac(key, lh_bytes(info, len), out);
}

static struct lh_bytes hash(struct lh_bytes data, uint8_t out[HASH]) {
  (void)EVP_Digest(data.data, data.len, out, NULL, EVP_sha384(), NULL);
  return lh_bytes(out, HASH);
}

// The message's last bytes prove that its sender holds the PSK and wrote all bytes before them.
static void write_binder(uint8_t *message, size_t len, const uint8_t psk[32]) {
  static const uint8_t zeros[HASH];
  uint8_t early[HASH], key[HASH], finished[HASH], digest[HASH];
  unsigned early_len = HASH;
  (void)HMAC(EVP_sha384(), zeros, HASH, psk, 32, early, &early_len);
  expand(early, "tls13 ext binder", hash(lh_bytes("", 0), digest), key);
  expand(key, "tls13 finished", lh_bytes("", 0), finished);
  hmac(finished, hash(lh_bytes(message, len - BINDERS), digest), message + len - HASH);
}

// Where the one X25519 share of a first flight lies, NULL if it has none.
static uint8_t *find_share(uint8_t *bytes, size_t len) {
  static const uint8_t before[] = {0x00, 0x33, 0x00, 0x26, 0x00, 0x24, 0x00, 0x1d, 0x00, SHARE};
  for (size_t at = 0; at + sizeof before + SHARE <= len; at++) {
    if (memcmp(bytes + at, before, sizeof before) == 0) return bytes + at + sizeof before;
  }
  return NULL;
}

static void write_flight(struct lh_buf *out, const struct lh_cluster_keys *keys) {
  struct lh_env *env = lh_env_uv_new();
  struct lh_tls *tls = lh_tls_new(env, keys->psk, keys->key_id);
  struct lh_pipe pipe = {0};
  struct lh_session *session = lh_session_new(tls, true, &pipe);
  const char *reason;
  (void)lh_session_shake(session, &reason);
  lh_buf_append(out, pipe.out.data, pipe.out.len);
  lh_session_free(session);
  lh_buf_free(&pipe.out);
  lh_tls_free(tls);
  lh_env_free(env);
}

// client_hello(secret, share): the bytes to be sent; share is 32 bytes, or nil for one that is in
// order.
static int client_hello(lua_State *L) {
  struct lh_secret secret;
  struct lh_error error;
  struct lh_cluster_keys keys;
  size_t share_len;
  const char *share = luaL_optlstring(L, 2, NULL, &share_len);
  luaL_argcheck(L, share == NULL || share_len == SHARE, 2, "32 bytes expected");
  if (lh_secret_parse(&secret, luaL_checkstring(L, 1), &error) != 0)
    return luaL_error(L, "%s", error.text);
  lh_cluster_keys_derive(&keys, &secret, "");
  struct lh_buf flight = LH_BUF_EMPTY;
  write_flight(&flight, &keys);
  uint8_t *place = find_share(flight.data, flight.len);
  if (place != NULL && share != NULL) memcpy(place, share, SHARE);
  write_binder(flight.data + RECORD_HEAD, flight.len - RECORD_HEAD, keys.psk);
  if (place != NULL)
    lua_pushlstring(L, (const char *)flight.data, flight.len);
  else
    lua_pushnil(L);
  lh_buf_free(&flight);
  return 1;
}

__attribute__((visibility("default"))) int luaopen_luahub_test_link_client_hello(lua_State *L);

int luaopen_luahub_test_link_client_hello(lua_State *L) {
  lua_pushcfunction(L, client_hello);
  return 1;
}
