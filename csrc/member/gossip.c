// gossip.c - what is spread by piggyback: each item rides on a limited number of datagrams, the
// least sent first.
//
// Datagrams that are sent anyway (pings, answers) carry what fits into 1200 bytes; while something
// waits, a few members also get a datagram of their own every gossip interval. A newer item about a
// run takes the place of the older; only accusations by different members stand side by side, since
// each confirms.
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "member/internal.h"

enum { FANOUT_MAX = 16, HEAD_ROOM = 64 };

static int sends_wanted(const struct lh_members *members) {
  double size = ceil(log10((double)members->live + 1));
  return (int)(members->profile.suspicion_mult * fmax(1.0, size));
}

static void drop_at(struct lh_members *members, size_t place) {
  lh_buf_free(&members->rumours[place].item);
  members->rumour_count--;
  memmove(&members->rumours[place], &members->rumours[place + 1],
          (members->rumour_count - place) * sizeof *members->rumours);
}

void lh_member_rumours_clear(struct lh_members *members) {
  while (members->rumour_count > 0) drop_at(members, members->rumour_count - 1);
  lh_free(members->rumours);
  members->rumours = NULL;
}

static bool replaces(const struct rumour *newer, const struct rumour *old) {
  if (!lh_node_id_equal(&newer->subject, &old->subject) || newer->is_record != old->is_record)
    return false;
  bool both_accuse = newer->state == LH_MEMBER_SUSPECT && old->state == LH_MEMBER_SUSPECT;
  return newer->is_record || !both_accuse || lh_run_equal(&newer->author, &old->author);
}

static int by_sent(const void *a, const void *b) {
  const struct rumour *first = a;
  const struct rumour *second = b;
  if (first->sent != second->sent) return first->sent < second->sent ? -1 : 1;
  return first->order > second->order ? -1 : first->order < second->order;
}

static void add(struct lh_members *members, struct rumour *rumour) {
  for (size_t i = members->rumour_count; i-- > 0;)
    if (replaces(rumour, &members->rumours[i])) drop_at(members, i);
  if (!members->rumours) members->rumours = lh_alloc(RUMOURS_MAX * sizeof *members->rumours);
  if (members->rumour_count == RUMOURS_MAX) {
    members->counters.rumours_dropped++;
    qsort(members->rumours, members->rumour_count, sizeof *members->rumours, by_sent);
    drop_at(members, members->rumour_count - 1);
  }
  rumour->order = ++members->rumour_order;
  members->rumours[members->rumour_count++] = *rumour;
  if (lh_due_is_set(&members->gossip.due)) return;
  // After a silence at once (but together with what else this event brings).
  lh_ms next = members->gossiped_at + members->profile.gossip_every;
  lh_member_timer_set(members, &members->gossip, next > members->now ? next : members->now + 1);
}

void lh_member_spread_fact(struct lh_members *members, const struct fact *fact) {
  struct rumour rumour = {
      .subject = fact->subject.id, .state = fact->state, .author = fact->author};
  lh_member_fact_encode(fact, &rumour.item);
  add(members, &rumour);
}

// A record too large for a datagram goes by the streams: those who greet us later get it in the
// exchange.
static void send_large(struct lh_members *members, struct lh_bytes item) {
  struct message message = {.kind = ITEMS, .item_count = 1, .items = item};
  struct lh_buf out = LH_BUF_EMPTY;
  lh_member_message_encode(&message, &out);
  for (size_t i = 0; i < members->met.count; i++) {
    const struct member *to = members->met.items[i];
    if (to != members->self && to->linked)
      members->ops->send_control(members->ops_self, &to->record.run, lh_bytes_of(&out));
  }
  lh_buf_free(&out);
}

void lh_member_spread_record(struct lh_members *members, const struct member *member) {
  struct rumour rumour = {.subject = member->record.run.id, .is_record = true};
  lh_member_record_item(lh_bytes_of(&member->encoded), &rumour.item);
  bool large = rumour.item.len > DATAGRAM_MAX - HEAD_ROOM;
  // Our own news goes by the streams as well: it should be known at once.
  if (large || member == members->self) send_large(members, lh_bytes_of(&rumour.item));
  if (large)
    lh_buf_free(&rumour.item);
  else
    add(members, &rumour);
}

// Sends `message` with `first` and as many rumours as fit.
void lh_member_send_datagram(struct lh_members *members, const struct lh_run *to,
                             struct message *message, const struct fact *first) {
  struct lh_buf items = LH_BUF_EMPTY;
  message->item_count = first ? 1 : 0;
  if (first) lh_member_fact_encode(first, &items);
  if (members->rumour_count > 1)
    qsort(members->rumours, members->rumour_count, sizeof *members->rumours, by_sent);
  for (size_t i = 0; i < members->rumour_count; i++) {
    struct rumour *rumour = &members->rumours[i];
    if (items.len + rumour->item.len > DATAGRAM_MAX - HEAD_ROOM) continue;
    lh_buf_append(&items, rumour->item.data, rumour->item.len);
    message->item_count++;
    rumour->sent++;
  }
  int enough = sends_wanted(members);
  for (size_t i = members->rumour_count; i-- > 0;)
    if (members->rumours[i].sent >= enough) drop_at(members, i);
  message->items = lh_bytes_of(&items);
  struct lh_buf out = LH_BUF_EMPTY;
  lh_member_message_encode(message, &out);
  members->ops->send_datagram(members->ops_self, to, lh_bytes_of(&out));
  lh_buf_free(&out);
  lh_buf_free(&items);
}

static bool worth_telling(const struct member *member) { return lh_member_is_live(member); }

void lh_member_gossip_fire(struct lh_members *members, void *owner) {
  (void)owner;
  members->gossiped_at = members->now;
  struct member *to[FANOUT_MAX];
  int want =
      members->profile.gossip_fanout < FANOUT_MAX ? members->profile.gossip_fanout : FANOUT_MAX;
  size_t count = lh_member_choose(members, (size_t)want, NULL, worth_telling, to);
  for (size_t i = 0; i < count && members->rumour_count > 0; i++) {
    struct message message = {.kind = ITEMS};
    lh_member_send_datagram(members, &to[i]->record.run, &message, NULL);
  }
  // Alone there is nobody to tell; who comes later gets the whole view.
  while (count == 0 && members->rumour_count > 0) drop_at(members, members->rumour_count - 1);
  if (members->rumour_count > 0)
    lh_member_timer_set(members, &members->gossip, members->now + members->profile.gossip_every);
}
