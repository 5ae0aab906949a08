// exchange.c - whole views: one number compares them, and only when it differs everything is sent,
// both ways.
//
// The number covers what must be equal everywhere: every run believed alive or heard of, with the
// version of its record and its incarnation, and whether it is suspected is left out since that
// passes by itself. Tombstones are sent with their age, but not compared: nodes forget them at
// different times.
#include "base/mem.h"
#include "member/internal.h"
#include "wire/wire.h"

// A sum: it does not matter in which order the two sets are walked.
static uint64_t hash_member(const struct member *member, struct lh_buf *line) {
  lh_buf_clear(line);
  lh_write_run(line, &member->record.run);
  lh_write_uint(line, member->record.version);
  lh_write_uint(line, member->incarnation);
  return lh_hash(line->data, line->len, 0);
}

static uint64_t digest(const struct lh_members *members) {
  uint64_t sum = 0;
  struct lh_buf line = LH_BUF_EMPTY;
  for (size_t i = 0; i < members->met.count; i++)
    if (lh_member_is_live(members->met.items[i])) sum += hash_member(members->met.items[i], &line);
  for (size_t i = 0; i < members->heard.count; i++)
    sum += hash_member(members->heard.items[i], &line);
  lh_buf_free(&line);
  return sum;
}

void lh_member_send_digest(struct lh_members *members, const struct member *to) {
  lh_member_send_control(members, to, DIGEST, digest(members), NULL);
}

void lh_member_on_digest(struct lh_members *members, struct member *from, uint64_t theirs) {
  if (theirs == digest(members) || LH_PLANTED(views_not_exchanged)) return;
  lh_member_send_view(members, from);
  lh_member_send_control(members, from, PULL, 0, NULL);
}

static void flush(struct lh_members *members, const struct member *to, struct message *message,
                  struct lh_buf *items) {
  if (message->item_count == 0) return;
  message->items = lh_bytes_of(items);
  struct lh_buf out = LH_BUF_EMPTY;
  lh_member_message_encode(message, &out);
  members->ops->send_control(members->ops_self, &to->record.run, lh_bytes_of(&out));
  lh_buf_free(&out);
  lh_buf_clear(items);
  message->item_count = 0;
}

static bool author_lives(const struct lh_members *members, const struct fact *fact) {
  const struct member *author = lh_member_find_run(&members->met, &fact->author);
  return author != NULL && lh_member_is_live(author);
}

// Who declared it dead may be gone, too: whoever was away meanwhile never met that one, and cannot
// check its word. So this node gives its own.
static void vouch(struct lh_members *members, struct member *member) {
  if (member->state == LH_MEMBER_DEAD && !author_lives(members, &member->fact))
    lh_member_state_fact(members, member, LH_MEMBER_DEAD, &member->fact);
}

static uint32_t describe(struct lh_members *members, struct member *member, struct lh_buf *items) {
  uint32_t count = 1;
  lh_member_record_item(lh_bytes_of(&member->encoded), items);
  if (member->has_fact) {
    vouch(members, member);
    member->fact.age = lh_member_is_live(member) ? 0 : members->now - member->ended_at;
    lh_member_fact_encode(&member->fact, items);
    count++;
  }
  return count;
}

void lh_member_send_view(struct lh_members *members, const struct member *to) {
  struct lh_buf items = LH_BUF_EMPTY;
  struct message message = {.kind = ITEMS};
  for (size_t i = 0; i < members->met.count; i++) {
    struct member *member = members->met.items[i];
    if (member == to && !member->has_fact) continue;
    // A run that is over and whose end nobody signed would only be dialled in vain.
    if (!lh_member_is_live(member) && !member->has_fact) continue;
    message.item_count += describe(members, member, &items);
    if (items.len > ITEMS_MAX - LH_MEMBER_RECORD_MAX) flush(members, to, &message, &items);
  }
  flush(members, to, &message, &items);
  lh_buf_free(&items);
}

static bool is_reachable(const struct member *member) {
  return lh_member_is_live(member) && member->linked;
}

void lh_member_exchange_fire(struct lh_members *members, void *owner) {
  (void)owner;
  struct member *to;
  if (lh_member_choose(members, 1, NULL, is_reachable, &to) == 1)
    lh_member_send_digest(members, to);
  lh_member_timer_set(members, &members->exchange, members->now + members->profile.exchange_every);
}
