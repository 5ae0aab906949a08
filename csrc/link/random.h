// random.h - an OpenSSL of our own, whose random bytes come from the environment. Private to
// csrc/link.
//
// Keys too are part of a simulated history: with the library's own generator no seed would replay
// one. On a real machine the bytes come from the kernel.
#ifndef LH_LINK_RANDOM_H
#define LH_LINK_RANDOM_H

#include "link/openssl.h"

#include "env/env.h"

struct lh_crypto {
  OSSL_LIB_CTX *context;
  OSSL_PROVIDER *random;
  OSSL_PROVIDER *algorithms;
};

void lh_crypto_open(struct lh_crypto *crypto, struct lh_env *env);
void lh_crypto_close(struct lh_crypto *crypto);  // after all that was made with its context

#endif
