// openssl.h - OpenSSL for this room. Its hash table claims names that are ours; they are given back
// here, so this is included before any header of luahub.
#ifndef LH_LINK_OPENSSL_H
#define LH_LINK_OPENSSL_H

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#undef lh_error
#undef lh_free
#undef lh_new

#endif
