// message.c - facts and messages as bytes, the same on datagrams and on control streams.
//
//   message = [ kind, sequence, run or nil, item... ]       kind 0..9, see enum message_kind
//   item    = bin (a signed record)
//           | [ state, subject, incarnation, author, age in ms, signature ]
//   signed part of a fact = [ "fact", state, subject, incarnation, author ]
//
// A datagram is at most 1200 bytes, a control message about 48 KiB; whoever has more to say says it
// in parts.
#include "member/internal.h"
#include "wire/wire.h"

enum { FACT_FIELDS = 6, MESSAGE_HEAD = 3, MESSAGE_FIELDS_MAX = 8192 };

void lh_member_fact_body(const struct fact *fact, struct lh_buf *out) {
  lh_write_array(out, 5);
  lh_write_cstr(out, "fact");
  lh_write_uint(out, fact->state);
  lh_write_run(out, &fact->subject);
  lh_write_uint(out, fact->incarnation);
  lh_write_run(out, &fact->author);
}

void lh_member_fact_encode(const struct fact *fact, struct lh_buf *out) {
  lh_write_array(out, FACT_FIELDS);
  lh_write_uint(out, fact->state);
  lh_write_run(out, &fact->subject);
  lh_write_uint(out, fact->incarnation);
  lh_write_run(out, &fact->author);
  lh_write_uint(out, fact->age > 0 ? (uint64_t)fact->age : 0);
  lh_write_bin(out, fact->signature, sizeof fact->signature);
}

void lh_member_record_item(struct lh_bytes encoded, struct lh_buf *out) {
  lh_write_bin(out, encoded.data, encoded.len);
}

static int fact_decode(struct lh_reader *reader, struct fact *fact) {
  memset(fact, 0, sizeof *fact);
  if (lh_read_array(reader, FACT_FIELDS) != FACT_FIELDS) lh_read_fail(reader, LH_EFORMAT);
  fact->state = (enum lh_member_state)lh_read_uint(reader, LH_MEMBER_LEFT);
  lh_read_run(reader, &fact->subject);
  fact->incarnation = (uint32_t)lh_read_uint(reader, UINT32_MAX);
  lh_read_run(reader, &fact->author);
  fact->age = (lh_ms)lh_read_uint(reader, INT64_MAX / 2);
  struct lh_bytes signature = lh_read_bin(reader, sizeof fact->signature);
  if (signature.len != sizeof fact->signature || fact->state == LH_MEMBER_LEAVING)
    lh_read_fail(reader, LH_EFORMAT);
  if (reader->err) return reader->err;
  memcpy(fact->signature, signature.data, signature.len);
  bool own_word = fact->state == LH_MEMBER_ALIVE || fact->state == LH_MEMBER_LEFT;
  if (own_word != lh_run_equal(&fact->subject, &fact->author)) lh_read_fail(reader, LH_EFORMAT);
  return reader->err;
}

void lh_member_message_encode(const struct message *message, struct lh_buf *out) {
  lh_write_array(out, MESSAGE_HEAD + message->item_count);
  lh_write_uint(out, message->kind);
  lh_write_uint(out, message->sequence);
  if (message->has_target)
    lh_write_run(out, &message->target);
  else
    lh_write_nil(out);
  lh_buf_append(out, message->items.data, message->items.len);
}

int lh_member_message_decode(struct message *message, struct lh_bytes input) {
  memset(message, 0, sizeof *message);
  struct lh_reader reader;
  lh_reader_init(&reader, input);
  uint32_t fields = lh_read_array(&reader, MESSAGE_FIELDS_MAX);
  if (fields < MESSAGE_HEAD) lh_read_fail(&reader, LH_EFORMAT);
  message->kind = (enum message_kind)lh_read_uint(&reader, MESSAGE_KINDS - 1);
  message->sequence = lh_read_uint(&reader, UINT64_MAX);
  message->has_target = !lh_read_nil(&reader);
  if (message->has_target && !reader.err) lh_read_run(&reader, &message->target);
  if (reader.err) return reader.err;
  message->item_count = fields - MESSAGE_HEAD;
  message->items = lh_bytes(reader.at, (size_t)(reader.end - reader.at));
  // The shape of all items is checked before the first is believed.
  for (uint32_t i = 0; i < message->item_count && !reader.err; i++) lh_read_skip(&reader);
  return lh_read_end(&reader);
}

int lh_member_item_decode(struct lh_bytes *rest, struct fact *fact, struct lh_bytes *record) {
  struct lh_reader reader;
  lh_reader_init(&reader, *rest);
  bool is_record = lh_read_peek(&reader) == LH_WIRE_BIN;
  if (is_record)
    *record = lh_read_bin(&reader, LH_MEMBER_RECORD_MAX);
  else
    fact_decode(&reader, fact);
  if (reader.err) return reader.err;
  *rest = lh_bytes(reader.at, (size_t)(reader.end - reader.at));
  return is_record ? 2 : 1;
}

static bool send(struct lh_members *members, const struct lh_run *to,
                 const struct message *message) {
  struct lh_buf out = LH_BUF_EMPTY;
  lh_member_message_encode(message, &out);
  bool sent = members->ops->send_control(members->ops_self, to, lh_bytes_of(&out));
  lh_buf_free(&out);
  return sent;
}

void lh_member_send_control(struct lh_members *members, const struct member *to,
                            enum message_kind kind, uint64_t sequence,
                            const struct lh_run *target) {
  struct message message = {.kind = kind, .sequence = sequence, .has_target = target != NULL};
  if (target) message.target = *target;
  send(members, &to->record.run, &message);
}

// By the stream if there is one, or else by datagram.
void lh_member_send_fact(struct lh_members *members, const struct lh_run *to,
                         const struct fact *fact) {
  struct lh_buf item = LH_BUF_EMPTY;
  lh_member_fact_encode(fact, &item);
  struct message message = {.kind = ITEMS, .item_count = 1, .items = lh_bytes_of(&item)};
  if (!send(members, to, &message)) {
    struct message alone = {.kind = ITEMS};
    lh_member_send_datagram(members, to, &alone, fact);
  }
  lh_buf_free(&item);
}

void lh_member_broadcast_fact(struct lh_members *members, const struct fact *fact) {
  struct lh_buf item = LH_BUF_EMPTY;
  lh_member_fact_encode(fact, &item);
  struct message message = {.kind = ITEMS, .item_count = 1, .items = lh_bytes_of(&item)};
  for (size_t i = 0; i < members->met.count; i++) {
    const struct member *to = members->met.items[i];
    if (to != members->self && to->linked) send(members, &to->record.run, &message);
  }
  lh_buf_free(&item);
}
