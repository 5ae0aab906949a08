// link.c - greetings, links that come and go, frames that arrive, and links that are missing.
//
// A greeting is the peer's signed record; a link that carries it is the only way into the table.
// Who is believed alive, or dead but not departed, and has no link is dialled again and again with
// growing pauses (jittered): so the mesh mends, and the halves of a split cluster find each other.
#include "member/internal.h"

enum {
  DIAL_FIRST = 300,
  DIAL_MAX = 8 * 1000,
};

// Dialling

void lh_member_want_link_soon(struct lh_members *members, struct member *member, lh_ms pause) {
  if (members->over) return;
  member->dial_pause = DIAL_FIRST;
  lh_member_timer_set(members, &member->dial, members->now + pause);
}

void lh_member_dial_fire(struct lh_members *members, void *owner) {
  struct member *member = owner;
  if (member->linked || member->state == LH_MEMBER_LEFT) return;
  if (LH_PLANTED(dialled_once) && member->dial_pause > DIAL_FIRST) return;
  members->ops->want_link(members->ops_self, &member->record);
  lh_ms jitter = (lh_ms)lh_random_below(&members->random, (uint64_t)member->dial_pause);
  lh_member_timer_set(members, &member->dial, members->now + member->dial_pause + jitter);
  member->dial_pause =
      member->dial_pause * 2 < DIAL_MAX / 2 ? member->dial_pause * 2 : DIAL_MAX / 2;
}

// It lives by its own word, which may be old, and we have no link to it: both want a dial.
void lh_member_alive_noticed(struct lh_members *members, struct member *member) {
  if (member->linked) return;
  lh_member_evidence_ask(members, member);
  if (!lh_due_is_set(&member->dial.due)) lh_member_want_link_soon(members, member, DIAL_FIRST);
}

// Greetings

void lh_members_greeting(struct lh_members *members, struct lh_buf *out) {
  lh_buf_append(out, members->self->encoded.data, members->self->encoded.len);
}

// Of two nodes with one name: who was ready goes before who just starts, then the lower id.
bool lh_member_outnames(const struct lh_member_record *a, const struct lh_member_record *b) {
  if (strcmp(a->name, b->name) != 0 || lh_node_id_equal(&a->run.id, &b->run.id)) return false;
  if (a->settled != b->settled) return a->settled;
  return lh_node_id_compare(&a->run.id, &b->run.id) < 0;
}

static int check_name(const struct lh_members *members, const struct lh_member_record *record,
                      struct lh_error *error) {
  for (size_t i = 0; i < members->met.count; i++) {
    const struct member *member = members->met.items[i];
    if (!lh_member_is_live(member)) continue;
    if (lh_member_outnames(&member->record, record))
      return lh_fail(error, LH_EEXISTS, "the name %s is held by another live node", record->name);
    if (lh_member_outnames(record, &member->record))
      return lh_fail(error, LH_EAGAIN, "the name %s is held by a node that must give it up",
                     record->name);
  }
  return 0;
}

// Another process has our identity.
static int check_ourselves(const struct lh_members *members, uint64_t epoch,
                           struct lh_error *error) {
  if (epoch > members->self->record.run.epoch)
    return lh_fail(error, LH_EAGAIN, "the peer has this node's own id, with a later epoch");
  return lh_fail(error, LH_EDISPLACED, "the peer has this node's own id, with an earlier epoch");
}

static int check_known(const struct lh_members *members, const struct lh_member_record *record,
                       struct lh_error *error) {
  const struct member *known = lh_member_find(&members->met, &record->run.id);
  unsigned long long epoch = record->run.epoch;
  if (known == members->self) return check_ourselves(members, epoch, error);
  if (known && epoch < known->record.run.epoch && lh_member_is_live(known))
    return lh_fail(error, LH_EDISPLACED, "epoch %llu of this node lives, this is epoch %llu",
                   (unsigned long long)known->record.run.epoch, epoch);
  if (known && epoch < known->record.run.epoch)
    return lh_fail(error, LH_EDENIED, "epoch %llu of %s is fenced: epoch %llu is known", epoch,
                   record->name, (unsigned long long)known->record.run.epoch);
  if (known && epoch == known->record.run.epoch && known->fenced && !LH_PLANTED(fence_forgotten))
    return lh_fail(error, LH_EDENIED, "epoch %llu of %s is fenced: its children were taken over",
                   epoch, record->name);
  if (known && epoch == known->record.run.epoch && known->state == LH_MEMBER_LEFT)
    return lh_fail(error, LH_EDENIED, "epoch %llu of %s has left", epoch, record->name);
  int err = check_name(members, record, error);
  if (err) return err;
  bool more = !known || !lh_member_is_live(known);
  if (more && members->live >= LH_MEMBERS_MAX)
    return lh_fail(error, LH_ELIMIT, "the cluster is full: %d members", LH_MEMBERS_MAX);
  return 0;
}

// On 0 `record` belongs to the caller.
static int read_greeting(struct lh_members *members, const struct lh_run *run,
                         struct lh_bytes greeting, struct lh_member_record *record,
                         struct lh_error *error) {
  uint8_t signature[SIGNATURE_LEN];
  struct lh_bytes body;
  int err = lh_member_record_decode(record, signature, &body, greeting);
  if (err) {
    members->counters.malformed++;
    return lh_fail(error, err, "the greeting is not a member record");
  }
  if (!lh_run_equal(&record->run, run))
    err = lh_fail(error, LH_EDENIED, "the greeting of %s names another run than its link",
                  record->name);
  else if (!lh_member_verify(members, record, body, signature))
    err = lh_fail(error, LH_EDENIED, "the greeting of %s has a bad signature", record->name);
  else
    err = check_known(members, record, error);
  if (err) lh_member_record_free(record);
  return err;
}

int lh_members_check(struct lh_members *members, const struct lh_run *run, struct lh_bytes greeting,
                     struct lh_error *error) {
  struct lh_member_record record;
  int err = read_greeting(members, run, greeting, &record, error);
  if (!err) lh_member_record_free(&record);
  if (err == LH_ELIMIT) members->counters.full++;
  return err;
}

// Who must give way hears of the rival from us, dials it, and is refused by it.
void lh_members_rival(struct lh_members *members, lh_ms now, struct lh_bytes greeting) {
  struct lh_member_record record;
  uint8_t signature[SIGNATURE_LEN];
  struct lh_bytes body;
  members->now = now;
  if (members->over || lh_member_record_decode(&record, signature, &body, greeting) != 0) return;
  if (members->ops->outnamed && lh_member_outnames(&record, &members->self->record))
    members->ops->outnamed(members->ops_self, &record);
  lh_member_record_free(&record);
  (void)lh_member_take_record(members, greeting);
}

uint64_t lh_members_epoch(const struct lh_members *members, const struct lh_node_id *id) {
  const struct member *known = lh_member_find(&members->met, id);
  return known ? known->record.run.epoch : 0;
}

// The same run again: its link is back, or it was dead to us and is not. It has yet to sign the
// incarnation that we give it here; we tell it what we held, and its answer is that signature.
static void greet_again(struct lh_members *members, struct member *member,
                        struct lh_member_record *record, struct lh_bytes greeting) {
  bool newer = record->version > member->record.version;
  bool risen = member->state == LH_MEMBER_DEAD;
  if (newer) lh_member_replace_record(members, member, record, greeting);
  if (!risen) {
    if (newer) lh_member_changed(members, member);
    return;
  }
  struct fact death = member->fact;
  bool told = member->has_fact;
  if (member->incarnation == UINT32_MAX) return;
  lh_member_set_state(members, member, LH_MEMBER_ALIVE, member->incarnation + 1);
  if (told) lh_member_send_fact(members, &member->record.run, &death);
}

static struct member *greet_new(struct lh_members *members, struct lh_member_record *record,
                                struct lh_bytes greeting) {
  struct member *old = lh_member_find(&members->met, &record->run.id);
  if (old) {
    if (lh_member_is_live(old)) lh_member_set_state(members, old, LH_MEMBER_DEAD, old->incarnation);
    lh_member_remove(members, &members->met, old);
  }
  struct member *member = lh_member_new(members, record, greeting);
  lh_member_enter(members, member);
  lh_member_spread_record(members, member);
  return member;
}

int lh_members_link_up(struct lh_members *members, lh_ms now, const struct lh_run *run,
                       struct lh_bytes greeting) {
  members->now = now;
  struct lh_member_record record;
  int err = members->over ? LH_ECLOSED : read_greeting(members, run, greeting, &record, NULL);
  if (err) return err;
  struct member *heard = lh_member_find(&members->heard, &run->id);
  uint32_t incarnation = 0;
  if (heard && heard->record.run.epoch <= run->epoch) {
    if (heard->record.run.epoch == run->epoch) incarnation = heard->incarnation;
    lh_member_remove(members, &members->heard, heard);
  }
  struct member *member = lh_member_find_run(&members->met, run);
  if (member) {
    greet_again(members, member, &record, greeting);
  } else {
    member = greet_new(members, &record, greeting);
    member->incarnation = incarnation;
  }
  lh_member_record_free(&record);
  member->linked = true;
  member->last_heard = now;
  lh_member_timer_cancel(members, &member->dial);
  lh_member_evidence_lapse(members, member);
  lh_member_send_digest(members, member);
  lh_member_evidence_repeat(members, member);
  return 0;
}

void lh_members_link_down(struct lh_members *members, lh_ms now, const struct lh_run *run) {
  members->now = now;
  struct member *member = lh_member_find_run(&members->met, run);
  if (!member || !member->linked || members->over) return;
  member->linked = false;
  if (member->state == LH_MEMBER_LEFT) return;
  lh_member_want_link_soon(members, member, DIAL_FIRST);
  if (!lh_member_is_live(member)) return;
  member->evidence.asked = LH_NEVER;
  lh_member_evidence_ask(members, member);
  lh_member_probe(members, member);
}

// Frames

static struct member *note_life(struct lh_members *members, lh_ms now, const struct lh_run *run) {
  members->now = now;
  struct member *member = lh_member_find_run(&members->met, run);
  if (!member) return NULL;
  member->last_heard = now;
  lh_member_evidence_heard(members, member);
  return member;
}

void lh_members_heard(struct lh_members *members, lh_ms now, const struct lh_run *run) {
  note_life(members, now, run);
}

// What both ways have in common. False: the kind is not one of these.
static bool take_common(struct lh_members *members, const struct lh_run *from,
                        const struct message *message, bool control) {
  switch (message->kind) {
  case PING:
    lh_member_on_ping(members, from, message, control);
    return true;
  case ACK:
    lh_member_on_ack(members, from, message, control);
    return true;
  case ITEMS:
    return true;
  case FENCED:
    if (message->has_target && lh_run_equal(&message->target, &members->self->record.run))
      lh_member_over(members, LH_EDENIED);
    return true;
  default:
    return false;
  }
}

static bool read(struct lh_members *members, const struct lh_run *from, struct lh_bytes body,
                 struct message *message) {
  if (members->over) return false;
  if (lh_node_id_equal(&from->id, &members->self->record.run.id) ||
      lh_member_message_decode(message, body) != 0) {
    members->counters.malformed++;
    return false;
  }
  return true;
}

void lh_members_datagram(struct lh_members *members, lh_ms now, const struct lh_run *from,
                         struct lh_bytes body) {
  struct message message;
  note_life(members, now, from);
  if (!read(members, from, body, &message)) return;
  lh_member_take_items(members, from, &message, false);
  if (members->over || take_common(members, from, &message, false)) return;
  if (message.kind == PING_REQ)
    lh_member_on_ping_req(members, from, &message);
  else if (message.kind == NACK)
    lh_member_on_nack(members, &message);
  else
    members->counters.malformed++;
}

void lh_members_control(struct lh_members *members, lh_ms now, const struct lh_run *from,
                        struct lh_bytes body) {
  struct message message;
  if (!LH_PLANTED(streams_prove_nothing)) note_life(members, now, from);
  if (!read(members, from, body, &message)) return;
  lh_member_take_items(members, from, &message, true);
  if (members->over || take_common(members, from, &message, true)) return;
  struct member *member = lh_member_find_run(&members->met, from);
  if (!member || !lh_member_is_live(member)) return;
  switch (message.kind) {
  case DIGEST:
    lh_member_on_digest(members, member, message.sequence);
    break;
  case PULL:
    lh_member_send_view(members, member);
    break;
  case GONE:
  case NOT_GONE:
    if (message.has_target) lh_member_on_report(members, from, &message);
    break;
  default:
    members->counters.malformed++;
  }
}
