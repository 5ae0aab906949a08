// consent.h - what a hub keeps of the children that were asked whether they may be moved.
#ifndef LH_HUB_CONSENT_H
#define LH_HUB_CONSENT_H

#include "base/buf.h"
#include "base/heap.h"
#include "base/map.h"

struct consents {
  struct lh_map asked;  // id -> struct consent: those that are asked, or put off
  lh_ms due;            // when they are to be looked at; counts while there are any
  uint64_t pass;        // of the balance: one that a later pass does not name need not move
  struct lh_buf fresh;  // put off in this turn: ids, encoded
  uint32_t fresh_count;
  struct lh_buf forced;  // moved against their will in this pass: ids, for the log
  size_t forced_count;
};

struct child;
struct hub;
struct lh_hubs;

// Whether a child that belongs to `target` may go there now; asks it when that is not known.
bool lh_consent_may(struct child *child, lh_ms now, uint32_t target, bool cold);
bool lh_consent_is_put_off(const struct child *child);  // by its own word
void lh_consent_forget(const struct child *child);
uint64_t lh_consent_begin(struct hub *hub);           // of a pass: its number
void lh_consent_end(struct hub *hub, uint64_t pass);  // what it did not name is forgotten
void lh_consent_tick(struct lh_hubs *hubs, lh_ms now);
lh_ms lh_consent_due(const struct lh_hubs *hubs);
void lh_consent_turn(struct lh_hubs *hubs);  // tells of those that were put off
void lh_consent_free(struct consents *consents);

#endif
