// proof.c - see proof.h.
#include "link/proof.h"

enum { BOUND_BYTES = 32 };

// What one end of the session has to sign.
static bool bound_to(struct lh_session *session, bool dialler, uint8_t out[BOUND_BYTES]) {
  return lh_session_export(session, dialler ? LH_EXPORT_DIALLER : LH_EXPORT_ACCEPTOR, out,
                           BOUND_BYTES);
}

bool lh_proof_make(struct lh_session *session, const struct lh_identity *identity,
                   uint8_t proof[LH_PROOF_BYTES]) {
  uint8_t bound[BOUND_BYTES];
  if (!bound_to(session, session->dialled, bound)) return false;
  lh_identity_sign(identity, lh_bytes(bound, sizeof bound), proof);
  return true;
}

bool lh_proof_holds(struct lh_session *session, const struct lh_hello_word *hello) {
  uint8_t bound[BOUND_BYTES];
  struct lh_node_id id;
  lh_identity_id(hello->public_key, &id);
  if (!lh_node_id_equal(&id, &hello->run.id)) return false;
  if (!bound_to(session, !session->dialled, bound)) return false;
  return lh_identity_verify(hello->public_key, lh_bytes(bound, sizeof bound), hello->proof);
}
