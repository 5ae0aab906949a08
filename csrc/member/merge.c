// merge.c - which word beats which, and what it changes here.
//
// Per node id the higher epoch wins. In one epoch LEFT absorbs; else the higher incarnation wins;
// in one incarnation DEAD beats SUSPECT beats ALIVE. Three guards stand before that:
//
//   - hearsay never makes a live member: an unknown run is only remembered, and a link to it asked
//   for;
//   - DEAD about a run that speaks to us is taken for a suspicion, and the run is told;
//   - a signature is checked before anything changes, and not before something would.
#include "base/mem.h"
#include "member/internal.h"

enum { HEARD_FOR = 60 * 1000 };

// Records

void lh_member_replace_record(struct lh_members *members, struct member *member,
                              struct lh_member_record *take, struct lh_bytes encoded) {
  lh_member_record_free(&member->record);
  member->record = *take;
  take->hubs = NULL;
  take->hub_count = 0;
  lh_buf_clear(&member->encoded);
  lh_buf_append(&member->encoded, encoded.data, encoded.len);
  lh_member_spread_record(members, member);
}

static void heard_fire(struct lh_members *members, void *owner) {
  lh_member_remove(members, &members->heard, owner);
}

static void hear_of(struct lh_members *members, struct lh_member_record *take,
                    struct lh_bytes encoded) {
  if (LH_PLANTED(hearsay_lives) && !lh_member_find(&members->met, &take->run.id)) {
    lh_member_enter(members, lh_member_new(members, take, encoded));
    return;
  }
  struct member *heard = lh_member_find(&members->heard, &take->run.id);
  if (heard) lh_member_remove(members, &members->heard, heard);
  if (members->heard.count >= HEARD_MAX) {
    members->counters.full++;
    return;
  }
  heard = lh_member_new(members, take, encoded);
  heard->forget.fire = heard_fire;
  lh_member_insert(&members->heard, heard);
  lh_member_timer_set(members, &heard->forget, members->now + HEARD_FOR);
  lh_member_want_link_soon(members, heard, 0);
  lh_member_spread_record(members, heard);
}

// A record with our own id: with a higher epoch it is our successor, or a copy of our identity.
static void about_our_id(struct lh_members *members, const struct lh_member_record *record,
                         struct lh_bytes body, const uint8_t signature[SIGNATURE_LEN]) {
  if (record->run.epoch <= members->self->record.run.epoch) return;
  if (lh_member_verify(members, record, body, signature)) lh_member_over(members, LH_EEXISTS);
}

static void newer_record(struct lh_members *members, struct lh_member_record *record,
                         struct lh_bytes input, struct lh_bytes body,
                         const uint8_t signature[SIGNATURE_LEN]) {
  struct member *met = lh_member_find(&members->met, &record->run.id);
  struct member *heard = lh_member_find(&members->heard, &record->run.id);
  const struct member *known =
      heard && (!met || heard->record.run.epoch > met->record.run.epoch) ? heard : met;
  if (known) {
    uint64_t epoch = known->record.run.epoch;
    if (record->run.epoch < epoch && !LH_PLANTED(older_epoch_taken)) return;
    if (record->run.epoch == epoch && record->version <= known->record.version) {
      if (known == heard) lh_member_timer_set(members, &heard->forget, members->now + HEARD_FOR);
      return;
    }
  }
  if (!lh_member_verify(members, record, body, signature)) return;
  if (met && met->record.run.epoch == record->run.epoch) {
    lh_member_replace_record(members, met, record, input);
    lh_member_changed(members, met);
    return;
  }
  // Its own signature on a newer epoch ends the older run.
  if (met && lh_member_is_live(met))
    lh_member_set_state(members, met, LH_MEMBER_DEAD, met->incarnation);
  hear_of(members, record, input);
}

// False: it is malformed.
bool lh_member_take_record(struct lh_members *members, struct lh_bytes input) {
  struct lh_member_record record;
  uint8_t signature[SIGNATURE_LEN];
  struct lh_bytes body;
  if (lh_member_record_decode(&record, signature, &body, input) != 0) return false;
  if (lh_node_id_equal(&record.run.id, &members->self->record.run.id))
    about_our_id(members, &record, body, signature);
  else
    newer_record(members, &record, input, body, signature);
  lh_member_record_free(&record);
  return true;
}

// Facts

static bool signed_by_author(struct lh_members *members, const struct fact *fact) {
  if (LH_PLANTED(unsigned_facts)) return true;
  const struct member *author = lh_member_find(&members->met, &fact->author.id);
  if (!author || fact->author.epoch > author->record.run.epoch) return false;
  struct lh_buf body = LH_BUF_EMPTY;
  lh_member_fact_body(fact, &body);
  bool good = lh_member_verify(members, &author->record, lh_bytes_of(&body), fact->signature);
  lh_buf_free(&body);
  return good;
}

static bool beats(const struct fact *fact, const struct member *member) {
  if (member->state == LH_MEMBER_LEFT) return false;
  if (fact->state == LH_MEMBER_LEFT) return true;
  if (member->fenced && !LH_PLANTED(fence_forgotten)) return false;
  if (fact->incarnation != member->incarnation && !LH_PLANTED(incarnation_order))
    return fact->incarnation > member->incarnation;
  return fact->state > member->state;  // ALIVE < SUSPECT < DEAD in the enum as well
}

// We believed a greeting before the run's signed refutation reached us: this is that refutation.
static bool completes(const struct fact *fact, const struct member *member) {
  return fact->state == LH_MEMBER_ALIVE && member->state == LH_MEMBER_ALIVE && !member->has_fact &&
         fact->incarnation == member->incarnation && fact->incarnation > 0;
}

static bool confirms(const struct fact *fact, const struct member *member) {
  if (fact->state != LH_MEMBER_SUSPECT || member->state != LH_MEMBER_SUSPECT) return false;
  if (fact->incarnation != member->incarnation) return false;
  for (int i = 0; i < member->suspicion.accuser_count; i++)
    if (lh_run_equal(&member->suspicion.accusers[i], &fact->author)) return false;
  return member->suspicion.accuser_count < ACCUSERS_MAX;
}

// Does the run itself contradict its death to us?
static bool speaks_to_us(const struct member *member) {
  if (!member->linked || !lh_member_is_live(member)) return false;
  return member->state == LH_MEMBER_ALIVE || member->last_heard > member->suspicion.since;
}

static void keep(struct lh_members *members, struct member *member, const struct fact *fact) {
  member->fact = *fact;
  member->has_fact = true;
  lh_member_spread_fact(members, fact);
}

static void take_death(struct lh_members *members, struct member *member, const struct fact *fact) {
  if (speaks_to_us(member)) {
    lh_member_suspect(members, member, fact->incarnation, &fact->author);
    lh_member_send_fact(members, &member->record.run, fact);
    lh_member_probe(members, member);
    return;
  }
  bool was_live = lh_member_is_live(member);
  lh_member_set_state(members, member, LH_MEMBER_DEAD, fact->incarnation);
  if (was_live) {
    members->counters.deaths++;
    lh_member_want_link_soon(members, member, members->profile.period);
  }
  keep(members, member, fact);
}

static void take_end(struct lh_members *members, struct member *member, const struct fact *fact) {
  if (fact->state == LH_MEMBER_DEAD) {
    take_death(members, member, fact);
  } else {
    // It may not have answered an accusation that we took for answered, when it greeted us.
    const uint32_t least = member->incarnation;
    lh_member_set_state(members, member, LH_MEMBER_LEFT,
                        fact->incarnation > least ? fact->incarnation : least);
    lh_member_timer_cancel(members, &member->dial);
    keep(members, member, fact);
  }
  if (lh_member_is_live(member)) return;
  member->ended_at = members->now - fact->age;
  lh_member_timer_set(members, &member->forget, member->ended_at + members->profile.forget_after);
  lh_member_judge(members);
}

static void apply(struct lh_members *members, struct member *member, const struct fact *fact,
                  bool control) {
  switch (fact->state) {
  case LH_MEMBER_ALIVE:
    lh_member_set_state(members, member, LH_MEMBER_ALIVE, fact->incarnation);
    keep(members, member, fact);
    lh_member_alive_noticed(members, member);
    break;
  case LH_MEMBER_SUSPECT:
    if (!lh_member_suspect(members, member, fact->incarnation, &fact->author)) break;
    keep(members, member, fact);
    // Who tells us by stream may have none to the suspect.
    if (control && member->linked) lh_member_send_fact(members, &member->record.run, fact);
    break;
  default:
    take_end(members, member, fact);
  }
}

// Whoever passes on an accusation believes it, also one by a run that we never met: unanswered it
// would stand there for ever.
static bool is_to_be_answered(struct lh_members *members, const struct fact *fact) {
  const struct member *author = lh_member_find(&members->met, &fact->author.id);
  const bool stranger = !author || fact->author.epoch > author->record.run.epoch;
  return stranger || signed_by_author(members, fact);
}

static void about_us(struct lh_members *members, const struct lh_run *from,
                     const struct fact *fact) {
  const struct member *self = members->self;
  bool accused = fact->state == LH_MEMBER_SUSPECT || fact->state == LH_MEMBER_DEAD;
  if (!accused || fact->subject.epoch != self->record.run.epoch) return;
  if (fact->incarnation >= self->incarnation) {
    if (is_to_be_answered(members, fact)) lh_member_refute(members, fact->incarnation);
  } else if (self->has_fact) {
    lh_member_send_fact(members, from, &self->fact);  // this one missed our answer
  }
}

static void about_heard(struct lh_members *members, struct member *heard, const struct fact *fact) {
  if (fact->state == LH_MEMBER_SUSPECT || fact->incarnation < heard->incarnation) return;
  if (fact->state == LH_MEMBER_ALIVE) {
    struct lh_buf body = LH_BUF_EMPTY;
    lh_member_fact_body(fact, &body);
    if (lh_member_verify(members, &heard->record, lh_bytes_of(&body), fact->signature))
      heard->incarnation = fact->incarnation;
    lh_buf_free(&body);
  } else if (signed_by_author(members, fact)) {
    lh_member_remove(members, &members->heard, heard);
  }
}

// Who accuses a member that answered since has missed the answer.
static bool is_answered(const struct fact *fact, const struct member *member) {
  return fact->state == LH_MEMBER_SUSPECT && member->state == LH_MEMBER_ALIVE && member->has_fact &&
         fact->incarnation < member->incarnation;
}

static void take_fact(struct lh_members *members, const struct lh_run *from,
                      const struct fact *fact, bool control) {
  if (fact->age >= members->profile.forget_after) return;
  if (lh_node_id_equal(&fact->subject.id, &members->self->record.run.id)) {
    about_us(members, from, fact);
    return;
  }
  struct member *heard = lh_member_find_run(&members->heard, &fact->subject);
  struct member *member = lh_member_find_run(&members->met, &fact->subject);
  if (heard) about_heard(members, heard, fact);
  if (!member) return;
  if (control && is_answered(fact, member)) lh_member_send_fact(members, from, &member->fact);
  if (!beats(fact, member) && !confirms(fact, member) && !completes(fact, member)) return;
  if (signed_by_author(members, fact)) apply(members, member, fact, control);
}

void lh_member_take_items(struct lh_members *members, const struct lh_run *from,
                          const struct message *message, bool control) {
  struct lh_bytes rest = message->items;
  for (uint32_t i = 0; i < message->item_count && !members->over; i++) {
    struct fact fact;
    struct lh_bytes record;
    int kind = lh_member_item_decode(&rest, &fact, &record);
    bool good = kind == 1 || (kind == 2 && lh_member_take_record(members, record));
    if (kind == 1) take_fact(members, from, &fact, control);
    if (!good) members->counters.malformed++;
    if (kind < 0) return;
  }
}
