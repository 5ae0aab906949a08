// notes.c - queues of children that were stopped: in one piece of memory, [struct note, id] one
// after the other, oldest first. A stop costs a copy of its id.
//
// What they are for is said by those that keep them: lately.c and asked.c. A queue belongs to
// `struct lh_hubs`.
#include "hub/internal.h"

#include <string.h>

struct note lh_note_at(const struct notes *notes, size_t at) {
  struct note note;
  memcpy(&note, notes->bytes.data + at, sizeof note);
  return note;
}

struct lh_bytes lh_note_id(const struct notes *notes, size_t at) {
  return lh_bytes(notes->bytes.data + at + sizeof(struct note), lh_note_at(notes, at).id_len);
}

size_t lh_note_next(const struct notes *notes, size_t at) {
  return at + sizeof(struct note) + lh_note_at(notes, at).id_len;
}

void lh_note_add(struct notes *notes, struct note note, struct lh_bytes id) {
  note.id_len = (uint32_t)id.len;
  lh_buf_append(&notes->bytes, &note, sizeof note);
  lh_buf_append(&notes->bytes, id.data, id.len);
  notes->count++;
}

void lh_notes_tidy(struct notes *notes) {
  if (notes->count == 0) {
    lh_buf_free(&notes->bytes);
    notes->first = 0;
  } else if (notes->first > notes->bytes.len / 2) {
    lh_buf_consume(&notes->bytes, notes->first);
    notes->first = 0;
  }
}

void lh_note_drop_first(struct notes *notes) {
  notes->first = lh_note_next(notes, notes->first);
  notes->count--;
}

void lh_note_order(struct lh_hubs *hubs, const struct notes *notes, size_t at) {
  const struct note note = lh_note_at(notes, at);
  struct hub *hub = lh_hub_at(hubs, note.hub);
  if (hub != NULL) (void)lh_order_write(hub, lh_note_id(notes, at), note.born);
}
