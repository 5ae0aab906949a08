// proof.c - see proof.h.
#include "link/proof.h"

#include <string.h>

#include "base/hash.h"

enum { BOUND_BYTES = 32 };

// What one end of the session has to sign.
static bool bound_to(struct lh_session *session, bool dialler, uint8_t out[BOUND_BYTES]) {
  return lh_session_export(session, dialler ? LH_EXPORT_DIALLER : LH_EXPORT_ACCEPTOR, out,
                           BOUND_BYTES);
}

// Of an imitated session: as much to send and as hard to mistake, and cheap.
static void imitate(const uint8_t bound[BOUND_BYTES], const uint8_t public_key[32],
                    uint8_t proof[LH_PROOF_BYTES]) {
  struct lh_random random = {lh_hash(public_key, 32, lh_hash(bound, BOUND_BYTES, 0))};
  for (size_t i = 0; i < LH_PROOF_BYTES; i++) proof[i] = (uint8_t)lh_random_next(&random);
}

bool lh_proof_make(struct lh_session *session, const struct lh_identity *identity,
                   uint8_t proof[LH_PROOF_BYTES]) {
  uint8_t bound[BOUND_BYTES];
  if (!bound_to(session, session->dialled, bound)) return false;
  if (session->ops->imitates)
    imitate(bound, identity->public_key, proof);
  else
    lh_identity_sign(identity, lh_bytes(bound, sizeof bound), proof);
  return true;
}

bool lh_proof_holds(struct lh_session *session, const struct lh_hello_word *hello) {
  uint8_t bound[BOUND_BYTES];
  uint8_t expected[LH_PROOF_BYTES];
  struct lh_node_id id;
  lh_identity_id(hello->public_key, &id);
  if (!lh_node_id_equal(&id, &hello->run.id)) return false;
  if (!bound_to(session, !session->dialled, bound)) return false;
  if (!session->ops->imitates)
    return lh_identity_verify(hello->public_key, lh_bytes(bound, sizeof bound), hello->proof);
  imitate(bound, hello->public_key, expected);
  return memcmp(expected, hello->proof, sizeof expected) == 0;
}
