// rooms: base env
// link_certificate.c (spec) - somebody who listens where a node should, without the cluster's key,
// and shows a certificate that has expired. Plain blocking sockets, on Lua's thread; owns the
// socket until it has served.
#include <lauxlib.h>
#include <lua.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include "env/env.h"

enum { DAY_S = 24 * 60 * 60, PATIENCE_S = 30 };

// listen() -> the socket, "127.0.0.1:port"
static int certificate_listen(lua_State *L) {
  struct lh_addr at = {0};
  char text[LH_ADDR_TEXT_MAX];
  (void)lh_addr_parse(&at, "127.0.0.1:0");
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const struct timeval patience = {.tv_sec = PATIENCE_S};
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  (void)bind(fd, (const struct sockaddr *)&at.storage, at.len);
  (void)listen(fd, 4);
  (void)getsockname(fd, (struct sockaddr *)&at.storage, &at.len);
  lh_addr_format(&at, text);
  lua_pushinteger(L, fd);
  lua_pushstring(L, text);
  return 2;
}

// Signed by its own key; its last day was yesterday.
static X509 *make_expired(EVP_PKEY *key) {
  X509 *certificate = X509_new();
  X509_NAME *name = X509_get_subject_name(certificate);
  (void)X509_set_version(certificate, X509_VERSION_3);
  (void)X509_gmtime_adj(X509_getm_notBefore(certificate), -30L * DAY_S);
  (void)X509_gmtime_adj(X509_getm_notAfter(certificate), -1L * DAY_S);
  (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"n1", -1, -1,
                                   0);
  (void)X509_set_issuer_name(certificate, name);
  (void)X509_set_pubkey(certificate, key);
  (void)X509_sign(certificate, key, NULL);
  return certificate;
}

// serve(socket): lets one come, closes the socket; answers whether the other end was content with
// the certificate.
static int certificate_serve(lua_State *L) {
  const int listener = (int)luaL_checkinteger(L, 1);
  const int fd = accept(listener, NULL, NULL);
  EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
  X509 *certificate = make_expired(key);
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  (void)SSL_CTX_use_certificate(ctx, certificate);
  (void)SSL_CTX_use_PrivateKey(ctx, key);
  SSL *ssl = SSL_new(ctx);
  (void)SSL_set_fd(ssl, fd);
  lua_pushboolean(L, SSL_accept(ssl) == 1);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  X509_free(certificate);
  EVP_PKEY_free(key);
  (void)close(fd);
  (void)close(listener);
  return 1;
}

static const luaL_Reg functions[] = {
    {"listen", certificate_listen}, {"serve", certificate_serve}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_luahub_test_link_certificate(lua_State *L);

int luaopen_luahub_test_link_certificate(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
