// hello.h - the words of the link's own lane: HELLO, WELCOME, REFUSED. Private to csrc/link.
//
//   HELLO    [min, max, cluster digest, key id, run, name, features, boot nonce, port, greeting,
//             public key, proof, ...]
//   WELCOME  [linked, ...]    linked: the sender has another link with the receiver that is up
//   REFUSED  [by node, code, text, answer, ...]
//
// The first two fields of HELLO never change, so that any two versions can say that they do not
// match. Fields behind those named are passed over. Slices point into the bytes given. Pure.
#ifndef LH_LINK_HELLO_H
#define LH_LINK_HELLO_H

#include "link/link.h"

enum lh_word { LH_WORD_HELLO = 1, LH_WORD_WELCOME = 2, LH_WORD_REFUSED = 3 };
enum { LH_KEY_ID_BYTES = 4, LH_REFUSAL_TEXT_MAX = 256, LH_PROOF_BYTES = 64 };

struct lh_hello_word {
  uint32_t min, max;
  uint8_t cluster[16];
  uint8_t key_id[LH_KEY_ID_BYTES];
  struct lh_run run;
  char name[LH_NAME_MAX + 1];
  uint64_t features;
  uint64_t nonce;  // drawn at start: tells two processes with one identity and epoch apart
  uint16_t port;   // where the sender listens
  struct lh_bytes greeting;
  uint8_t public_key[32];         // what the id was made from
  uint8_t proof[LH_PROOF_BYTES];  // that the sender holds its other half: proof.h
};

struct lh_refusal {
  bool by_node;  // the node above said no, else the link did
  int code;
  char text[LH_REFUSAL_TEXT_MAX + 1];
  struct lh_bytes answer;
};

bool lh_name_is_valid(struct lh_bytes name);  // 1 to LH_NAME_MAX of A-Z a-z 0-9 . _ - #

void lh_hello_write(struct lh_buf *out, const struct lh_hello_word *hello);
// 0, LH_EVERSION (min and max are filled in, nothing else), LH_EFORMAT, LH_ELIMIT.
int lh_hello_read(struct lh_bytes body, struct lh_hello_word *hello);
void lh_welcome_write(struct lh_buf *out, bool linked);
int lh_welcome_read(struct lh_bytes body, bool *linked);
void lh_refusal_write(struct lh_buf *out, const struct lh_refusal *refusal);
int lh_refusal_read(struct lh_bytes body, struct lh_refusal *refusal);

#endif
