// proof.h - that a peer holds the key of the node id it names. Private to csrc/link.
//
// Each end signs bytes that only this TLS session exports, under a label for its side of it, so
// that neither another session's proof nor the other end's own can be shown again (channel binding
// as in RFC 9266). Pure but for OpenSSL; owns nothing.
#ifndef LH_LINK_PROOF_H
#define LH_LINK_PROOF_H

#include "link/tls.h"

// False: the session exports nothing (its handshake is not over).
bool lh_proof_make(struct lh_session *session, const struct lh_identity *identity,
                   uint8_t proof[LH_PROOF_BYTES]);
// Whether `hello` came from who holds the key that its id was made from.
bool lh_proof_holds(struct lh_session *session, const struct lh_hello_word *hello);

#endif
