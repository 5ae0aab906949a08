// stops.h - what the files of this room share about stops that must hold: stop orders (order.c),
// and who remembers what was stopped until no order is needed (lately.c, asked.c, notes.c).
#ifndef LH_HUB_STOPS_H
#define LH_HUB_STOPS_H

#include "base/buf.h"
#include "hub/hub.h"

struct child;
struct hub;
struct item;
struct op;
struct peer;

struct note {    // a child that was stopped; its id follows
  uint64_t seq;  // the ledger of its host went so far when it was gone
  uint64_t born;
  lh_ms until;
  uint32_t hub, ledger;
  uint32_t id_len;
};
struct notes {  // see notes.c
  struct lh_buf bytes;
  size_t first, count;  // where the oldest is, and how many there are
};
struct lately {  // children that were stopped here a short while ago, see lately.c
  struct notes notes;
  lh_ms ask_at;
};

// notes.c
struct note lh_note_at(const struct notes *notes, size_t at);
struct lh_bytes lh_note_id(const struct notes *notes, size_t at);
size_t lh_note_next(const struct notes *notes, size_t at);
void lh_note_add(struct notes *notes, struct note note, struct lh_bytes id);
void lh_note_drop_first(struct notes *notes);
void lh_notes_tidy(struct notes *notes);  // what was dropped goes from the memory
void lh_note_order(struct lh_hubs *hubs, const struct notes *notes, size_t at);

// asked.c
void lh_asked_add(struct op *op, lh_ms now, const struct item *item, uint32_t host);
void lh_asked_died(struct lh_hubs *hubs, const struct peer *peer, bool may_return);
void lh_asked_all(struct lh_hubs *hubs);  // each becomes an order
lh_ms lh_asked_due(const struct lh_hubs *hubs);
void lh_asked_tick(struct lh_hubs *hubs, lh_ms now);

// lately.c
void lh_lately_add(struct lh_hubs *hubs, const struct child *child);
void lh_lately_died(struct lh_hubs *hubs, const struct peer *peer);
void lh_lately_all(struct lh_hubs *hubs);  // each becomes an order
void lh_lately_tick(struct lh_hubs *hubs, lh_ms now);
void lh_lately_flush(struct lh_hubs *hubs, lh_ms now);

// order.c
// How far the rows known of a child reach, in all ledgers; 0: there is none.
uint64_t lh_order_born(const struct hub *hub, struct lh_bytes id);
// Whether some ledger has a row of it that was born by then.
bool lh_order_names(const struct hub *hub, struct lh_bytes id, uint64_t born);
// The oldest start of it that nobody stopped, behind `ended`: a child that is started while its
// dead node's row waits goes on as that one. 0: there is none.
uint64_t lh_order_oldest(const struct hub *hub, struct lh_bytes id, uint64_t ended);
uint64_t lh_order_write(struct hub *hub, struct lh_bytes id, uint64_t born);
bool lh_order_covers(const struct hub *hub, struct lh_bytes id, uint64_t born);
void lh_order_stopped(struct child *child);  // here, because somebody wanted it
void lh_order_new_epoch(struct lh_hubs *hubs);
// The orders of a ledger that ends: by us if we are the first of the hub's members, or in any case.
void lh_order_take_over(struct lh_hubs *hubs, uint32_t ledger, bool anyway);
void lh_order_tick(struct lh_hubs *hubs, lh_ms now);

#endif
