// random.c - see random.h. A provider with one algorithm: a generator that asks the environment.
//
// A generator's memory belongs to the library, which frees it with its context; the environment
// must live longer than that. Any thread: the environment's randomness is.
#include "link/random.h"

#include <openssl/core_dispatch.h>

#include "base/mem.h"
#include "link/keys.h"

#define RANDOM_NAME "luahub-random"

enum { STRENGTH_BITS = 256, REQUEST_MAX = 65536 };

struct generator {
  struct lh_env *env;
  int state;
};

// The provider's entry point gets no argument of ours: the environment waits here while it is
// loaded.
static _Thread_local struct lh_env *loading;

static void *generator_new(void *provider, void *parent, const OSSL_DISPATCH *parent_calls) {
  (void)parent;
  (void)parent_calls;
  struct generator *generator = LH_NEW(struct generator);
  generator->env = provider;
  generator->state = EVP_RAND_STATE_UNINITIALISED;
  return generator;
}

static void generator_free(void *generator) { lh_free(generator); }

static int instantiate(void *self, unsigned strength, int resistance, const unsigned char *text,
                       size_t len, const OSSL_PARAM *params) {
  struct generator *generator = self;
  (void)resistance, (void)text, (void)len, (void)params;
  if (strength > STRENGTH_BITS) return 0;
  generator->state = EVP_RAND_STATE_READY;
  return 1;
}

static int uninstantiate(void *self) {
  struct generator *generator = self;
  generator->state = EVP_RAND_STATE_UNINITIALISED;
  return 1;
}

static int generate(void *self, unsigned char *out, size_t len, unsigned strength, int resistance,
                    const unsigned char *more, size_t more_len) {
  struct generator *generator = self;
  (void)resistance, (void)more, (void)more_len;
  if (strength > STRENGTH_BITS) return 0;
  lh_env_random(generator->env, out, len);
  return 1;
}

static int nothing_to_do(void *self) {
  (void)self;
  return 1;
}

static void nothing_to_undo(void *self) { (void)self; }

static int get_params(void *self, OSSL_PARAM *params) {
  const struct generator *generator = self;
  OSSL_PARAM *param = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);
  if (param != NULL && OSSL_PARAM_set_int(param, generator->state) != 1) return 0;
  param = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
  if (param != NULL && OSSL_PARAM_set_uint(param, STRENGTH_BITS) != 1) return 0;
  param = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);
  return param == NULL || OSSL_PARAM_set_size_t(param, REQUEST_MAX) == 1;
}

typedef void (*entry)(void);

static const OSSL_DISPATCH generator_calls[] = {
    {OSSL_FUNC_RAND_NEWCTX, (entry)generator_new},
    {OSSL_FUNC_RAND_FREECTX, (entry)generator_free},
    {OSSL_FUNC_RAND_INSTANTIATE, (entry)instantiate},
    {OSSL_FUNC_RAND_UNINSTANTIATE, (entry)uninstantiate},
    {OSSL_FUNC_RAND_GENERATE, (entry)generate},
    {OSSL_FUNC_RAND_ENABLE_LOCKING, (entry)nothing_to_do},
    {OSSL_FUNC_RAND_LOCK, (entry)nothing_to_do},
    {OSSL_FUNC_RAND_UNLOCK, (entry)nothing_to_undo},
    {OSSL_FUNC_RAND_GET_CTX_PARAMS, (entry)get_params},
    {0, NULL},
};

static const OSSL_ALGORITHM generators[] = {
    {RANDOM_NAME, "provider=" RANDOM_NAME, generator_calls, "the environment's randomness"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache) {
  (void)provider;
  *no_cache = 0;
  return operation == OSSL_OP_RAND ? generators : NULL;
}

static const OSSL_DISPATCH provider_calls[] = {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (entry)query},
                                               {0, NULL}};

static int provider_open(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **out, void **provider) {
  (void)handle;
  (void)in;
  *out = provider_calls;
  *provider = loading;
  return 1;
}

void lh_crypto_open(struct lh_crypto *crypto, struct lh_env *env) {
  crypto->context = OSSL_LIB_CTX_new();
  lh_crypto_must(crypto->context != NULL, "a library context");
  lh_crypto_must(OSSL_PROVIDER_add_builtin(crypto->context, RANDOM_NAME, provider_open) == 1,
                 "a random generator");
  loading = env;
  crypto->random = OSSL_PROVIDER_load(crypto->context, RANDOM_NAME);
  loading = NULL;
  crypto->algorithms = OSSL_PROVIDER_load(crypto->context, "default");
  lh_crypto_must(crypto->random != NULL && crypto->algorithms != NULL &&
                     RAND_set_DRBG_type(crypto->context, RANDOM_NAME, NULL, NULL, NULL) == 1,
                 "a random generator");
}

void lh_crypto_close(struct lh_crypto *crypto) {
  (void)OSSL_PROVIDER_unload(crypto->algorithms);
  (void)OSSL_PROVIDER_unload(crypto->random);
  OSSL_LIB_CTX_free(crypto->context);
  *crypto = (struct lh_crypto){0};
}
