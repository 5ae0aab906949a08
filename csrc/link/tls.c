// tls.c - see tls.h. Owns the SSL_CTX and a copy of the key; sessions belong to their connections.
#include "link/openssl.h"

#include "link/tls.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "link/keys.h"
#include "link/random.h"

static const uint8_t suite[2] = {0x13, 0x02};  // TLS_AES_256_GCM_SHA384

struct lh_tls {
  struct lh_env *env;
  struct lh_crypto crypto;  // of these three nothing is there where the environment imitates
  SSL_CTX *ctx;
  BIO_METHOD *pipe;
  EVP_CIPHER *cipher;
  uint8_t psk[32];
  char identity[32];
};

void lh_links_prepare(void) {
  (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
}

static struct lh_tls *tls_of(SSL *ssl) { return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)); }

// A session that carries the key: how OpenSSL wants an external PSK.
static SSL_SESSION *session_new(SSL *ssl) {
  const struct lh_tls *tls = tls_of(ssl);
  const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
  SSL_SESSION *session = SSL_SESSION_new();
  if (session != NULL && cipher != NULL &&
      SSL_SESSION_set1_master_key(session, tls->psk, sizeof tls->psk) == 1 &&
      SSL_SESSION_set_cipher(session, cipher) == 1 &&
      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1) {
    return session;
  }
  SSL_SESSION_free(session);
  return NULL;
}

static int use_session(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_len,
                       SSL_SESSION **session) {
  struct lh_tls *tls = tls_of(ssl);
  *session = NULL;
  if (md != NULL && !EVP_MD_is_a(md, "SHA384")) return 1;
  *session = session_new(ssl);
  *id = (const unsigned char *)tls->identity;
  *id_len = strlen(tls->identity);
  return *session != NULL;
}

// An unknown identity is no error here: the handshake then goes on without a PSK, and fails, since
// there is no certificate to go on with.
static int find_session(SSL *ssl, const unsigned char *id, size_t id_len, SSL_SESSION **session) {
  const struct lh_tls *tls = tls_of(ssl);
  *session = NULL;
  if (id_len != strlen(tls->identity) || memcmp(id, tls->identity, id_len) != 0) return 1;
  *session = session_new(ssl);
  return *session != NULL;
}

static bool configure(SSL_CTX *ctx) {
  const uint64_t off = SSL_OP_ALLOW_NO_DHE_KEX | SSL_OP_ENABLE_MIDDLEBOX_COMPAT;
  (void)SSL_CTX_set_options(ctx,
                            SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  (void)SSL_CTX_clear_options(ctx, off);
  (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  // An idle link keeps no buffers: they are two thirds of what it takes.
  (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_psk_use_session_callback(ctx, use_session);
  SSL_CTX_set_psk_find_session_callback(ctx, find_session);
  return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384") == 1 &&
         SSL_CTX_set1_groups_list(ctx, "X25519") == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
         SSL_CTX_set_max_early_data(ctx, 0) == 1;
}

// --- pipes ---

static int pipe_read(BIO *bio, char *out, int len) {
  struct lh_pipe *pipe = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (pipe->in.len == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t got = (size_t)len < pipe->in.len ? (size_t)len : pipe->in.len;
  memcpy(out, pipe->in.data, got);
  pipe->in = lh_bytes(pipe->in.data + got, pipe->in.len - got);
  return (int)got;
}

static int pipe_write(BIO *bio, const char *data, int len) {
  struct lh_pipe *pipe = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  lh_buf_append(&pipe->out, data, (size_t)len);
  return len;
}

static long pipe_ctrl(BIO *bio, int what, long number, void *data) {
  (void)bio, (void)number, (void)data;
  return what == BIO_CTRL_FLUSH;
}

static int pipe_begin(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

static BIO_METHOD *pipe_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "pipe");
  lh_crypto_must(method != NULL && BIO_meth_set_read(method, pipe_read) == 1 &&
                     BIO_meth_set_write(method, pipe_write) == 1 &&
                     BIO_meth_set_ctrl(method, pipe_ctrl) == 1 &&
                     BIO_meth_set_create(method, pipe_begin) == 1,
                 "a way for TLS to read and write");
  return method;
}

// --- the key and what belongs to it ---

static void open_crypto(struct lh_tls *tls) {
  lh_crypto_open(&tls->crypto, tls->env);
  tls->ctx = SSL_CTX_new_ex(tls->crypto.context, NULL, TLS_method());
  lh_crypto_must(tls->ctx != NULL && configure(tls->ctx), "TLS 1.3 with TLS_AES_256_GCM_SHA384");
  SSL_CTX_set_app_data(tls->ctx, tls);
  tls->pipe = pipe_method();
}

struct lh_tls *lh_tls_new(struct lh_env *env, const uint8_t psk[32],
                          const uint8_t key_id[LH_KEY_ID_BYTES]) {
  struct lh_tls *tls = LH_NEW(struct lh_tls);
  tls->env = env;
  memcpy(tls->psk, psk, sizeof tls->psk);
  (void)snprintf(tls->identity, sizeof tls->identity, "luahub/1/%02x%02x%02x%02x", key_id[0],
                 key_id[1], key_id[2], key_id[3]);
  if (!lh_env_imitates(env)) open_crypto(tls);
  tls->cipher = EVP_CIPHER_fetch(tls->crypto.context, "AES-256-GCM", NULL);
  lh_crypto_must(tls->cipher != NULL, "AES-256-GCM");
  return tls;
}

void lh_tls_free(struct lh_tls *tls) {
  EVP_CIPHER_free(tls->cipher);
  if (tls->ctx != NULL) {
    SSL_CTX_free(tls->ctx);
    BIO_meth_free(tls->pipe);
    lh_crypto_close(&tls->crypto);
  }
  OPENSSL_cleanse(tls, sizeof *tls);
  lh_free(tls);
}

const EVP_CIPHER *lh_tls_cipher(const struct lh_tls *tls) { return tls->cipher; }

// --- sessions ---

struct tls_session {
  struct lh_session base;
  SSL *ssl;
};

static SSL *ssl_of(const struct lh_session *session) {
  return ((const struct tls_session *)session)->ssl;
}

static SSL *ssl_new(struct lh_tls *tls, bool dialled, struct lh_pipe *pipe) {
  SSL *ssl = SSL_new(tls->ctx);
  BIO *bio = BIO_new(tls->pipe);
  lh_crypto_must(ssl != NULL && bio != NULL, "a TLS session");
  BIO_set_data(bio, pipe);
  SSL_set_bio(ssl, bio, bio);
  if (dialled) {
    // Were a server to ignore the PSK and show a certificate, it must not be believed.
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_set_connect_state(ssl);
  } else {
    SSL_set_accept_state(ssl);
  }
  return ssl;
}

static void tls_session_free(struct lh_session *session) {
  SSL_free(ssl_of(session));
  lh_free(session);
}

static bool is_proven(SSL *ssl) {
  return SSL_is_init_finished(ssl) && SSL_session_reused(ssl) == 1 &&
         SSL_version(ssl) == TLS1_3_VERSION;
}

// About what went wrong in this thread's last call, for a person.
static const char *failure(void) {
  const char *reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason != NULL ? reason : "unexpected bytes";
}

static int tls_shake(struct lh_session *session, const char **reason) {
  SSL *ssl = ssl_of(session);
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl);
  if (done == 1 && is_proven(ssl)) return 1;
  if (done != 1 && SSL_get_error(ssl, done) == SSL_ERROR_WANT_READ) return 0;
  *reason = done == 1 ? "the peer does not hold it" : failure();
  return LH_EDENIED;
}

static int tls_read(struct lh_session *session, uint8_t *out, size_t cap) {
  SSL *ssl = ssl_of(session);
  ERR_clear_error();
  const int len = SSL_read(ssl, out, (int)cap);
  if (len > 0) return len;
  const int err = SSL_get_error(ssl, len);
  if (err == SSL_ERROR_WANT_READ) return 0;
  return err == SSL_ERROR_ZERO_RETURN ? LH_ECLOSED : LH_EFORMAT;
}

static bool tls_write(struct lh_session *session, struct lh_bytes record) {
  ERR_clear_error();
  return SSL_write(ssl_of(session), record.data, (int)record.len) == (int)record.len;
}

static bool tls_holds_half(const struct lh_session *session) {
  return SSL_has_pending(ssl_of(session)) == 1;
}

static void tls_renew(struct lh_session *session) {
  (void)SSL_key_update(ssl_of(session), SSL_KEY_UPDATE_NOT_REQUESTED);
}

static bool tls_export(struct lh_session *session, enum lh_export use, uint8_t *out, size_t len) {
  static const char *const labels[] = {"EXPORTER-luahub-dgram", "EXPORTER-luahub-dialler",
                                       "EXPORTER-luahub-acceptor"};
  return SSL_export_keying_material(ssl_of(session), out, len, labels[use], strlen(labels[use]),
                                    NULL, 0, 0) == 1;
}

static const struct lh_session_ops tls_ops = {tls_session_free, tls_shake, tls_read,  tls_write,
                                              tls_holds_half,   tls_renew, tls_export};

static struct lh_session *tls_session_new(struct lh_tls *tls, bool dialled, struct lh_pipe *pipe) {
  struct tls_session *session = LH_NEW(struct tls_session);
  session->base.ops = &tls_ops;
  session->ssl = ssl_new(tls, dialled, pipe);
  return &session->base;
}

struct lh_session *lh_session_new(struct lh_tls *tls, bool dialled, struct lh_pipe *pipe) {
  struct lh_session *session = lh_env_imitates(tls->env) ? lh_imitation_new(tls->env, tls->psk)
                                                         : tls_session_new(tls, dialled, pipe);
  session->pipe = pipe;
  session->dialled = dialled;
  return session;
}

void lh_session_free(struct lh_session *session) { session->ops->free(session); }

int lh_session_shake(struct lh_session *session, const char **reason) {
  return session->ops->shake(session, reason);
}

int lh_session_read(struct lh_session *session, uint8_t *out, size_t cap) {
  return session->ops->read(session, out, cap);
}

bool lh_session_write(struct lh_session *session, struct lh_bytes record) {
  return session->ops->write(session, record);
}

bool lh_session_holds_half(const struct lh_session *session) {
  return session->ops->holds_half(session);
}

void lh_session_renew(struct lh_session *session) { session->ops->renew(session); }

bool lh_session_export(struct lh_session *session, enum lh_export use, uint8_t *out, size_t len) {
  return session->ops->export(session, use, out, len);
}
