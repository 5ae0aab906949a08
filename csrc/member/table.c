// table.c - the members, their states and the clockwork; the frame in which the other files work.
//
// Every public event sets `now` first; timers fire from lh_members_tick only. Members are freed
// when they are forgotten or replaced by a newer run, and never while an event still holds them.
#include "base/mem.h"
#include "member/internal.h"

enum { STALL_HEALTH = 4, STALL_PROBES = 64 };

const char *lh_member_state_name(enum lh_member_state state) {
  static const char *const names[] = {"alive", "suspect", "leaving", "dead", "left"};
  return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

struct lh_member_profile lh_member_profile_lan(void) {
  return (struct lh_member_profile){
      .period = 500,
      .timeout = 200,
      .indirect = 3,
      .gossip_every = 100,
      .gossip_fanout = 3,
      .suspicion_mult = 4,
      .suspicion_max_mult = 4,
      .exchange_every = 10 * 1000,
      .forget_after = 24LL * 60 * 60 * 1000,
  };
}

// Sets

static size_t place_of(const struct member_set *set, const struct lh_node_id *id, bool *found) {
  size_t low = 0;
  size_t high = set->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = lh_node_id_compare(&set->items[middle]->record.run.id, id);
    if (order == 0) {
      *found = true;
      return middle;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *found = false;
  return low;
}

struct member *lh_member_find(const struct member_set *set, const struct lh_node_id *id) {
  bool found;
  size_t place = place_of(set, id, &found);
  return found ? set->items[place] : NULL;
}

struct member *lh_member_find_run(const struct member_set *set, const struct lh_run *run) {
  struct member *member = lh_member_find(set, &run->id);
  return member && member->record.run.epoch == run->epoch ? member : NULL;
}

void lh_member_insert(struct member_set *set, struct member *member) {
  if (set->count == set->cap) {
    set->cap = set->cap ? set->cap * 2 : 16;
    set->items = lh_realloc(set->items, set->cap * sizeof(struct member *));
  }
  bool found;
  size_t place = place_of(set, &member->record.run.id, &found);
  memmove(&set->items[place + 1], &set->items[place],
          (set->count - place) * sizeof(struct member *));
  set->items[place] = member;
  set->count++;
}

static void take_out(struct member_set *set, const struct member *member) {
  bool found;
  size_t place = place_of(set, &member->record.run.id, &found);
  if (!found || set->items[place] != member) return;
  set->count--;
  memmove(&set->items[place], &set->items[place + 1],
          (set->count - place) * sizeof(struct member *));
}

// Timers

void lh_member_timer_set(struct lh_members *members, struct timer *timer, lh_ms at) {
  lh_heap_set(&members->timers, &timer->due, at);
}

void lh_member_timer_cancel(struct lh_members *members, struct timer *timer) {
  lh_heap_cancel(&members->timers, &timer->due);
}

lh_ms lh_members_due(const struct lh_members *members) { return lh_heap_next(&members->timers); }

void lh_members_tick(struct lh_members *members, lh_ms now) {
  members->now = now;
  struct lh_due *due;
  while ((due = lh_heap_pop(&members->timers, now))) {
    struct timer *timer = LH_ENTRY(due, struct timer, due);
    timer->fire(members, timer->owner);
  }
}

// Members

enum lh_member_state lh_member_shown(const struct member *member) {
  bool leaving = member->state == LH_MEMBER_ALIVE && member->record.leaving;
  return leaving ? LH_MEMBER_LEAVING : member->state;
}

static void forget_fire(struct lh_members *members, void *owner) {
  struct member *member = owner;
  lh_member_remove(members, &members->met, member);
}

struct member *lh_member_new(struct lh_members *members, struct lh_member_record *take,
                             struct lh_bytes encoded) {
  struct member *member = LH_NEW(struct member);
  member->record = *take;
  take->hubs = NULL;
  take->hub_count = 0;
  lh_buf_append(&member->encoded, encoded.data, encoded.len);
  member->last_heard = member->told_at = members->now - 60 * 1000;
  member->evidence.asked = LH_NEVER;
  member->suspicion.timer = (struct timer){.fire = lh_member_suspicion_fire, .owner = member};
  member->dial = (struct timer){.fire = lh_member_dial_fire, .owner = member};
  member->forget = (struct timer){.fire = forget_fire, .owner = member};
  return member;
}

static void free_member(struct member *member) {
  lh_member_record_free(&member->record);
  lh_buf_free(&member->encoded);
  lh_free(member->evidence.reports);
  lh_free(member);
}

static void order_add(struct lh_members *members, struct member *member) {
  if (members->order_count == members->order_cap) {
    members->order_cap = members->order_cap ? members->order_cap * 2 : 16;
    members->order = lh_realloc(members->order, members->order_cap * sizeof(struct member *));
  }
  // At a random place, so that not all nodes probe a newcomer at the same time.
  size_t place = (size_t)lh_random_below(&members->random, members->order_count + 1);
  memmove(&members->order[place + 1], &members->order[place],
          (members->order_count - place) * sizeof(struct member *));
  members->order[place] = member;
  members->order_count++;
  if (place < members->order_next) members->order_next++;
}

static void order_drop(struct lh_members *members, const struct member *member) {
  for (size_t i = 0; i < members->order_count; i++) {
    if (members->order[i] != member) continue;
    members->order_count--;
    memmove(&members->order[i], &members->order[i + 1],
            (members->order_count - i) * sizeof(struct member *));
    if (members->order_next > i) members->order_next--;
    return;
  }
}

void lh_member_changed(struct lh_members *members, const struct member *member) {
  if (member != members->self)
    members->ops->changed(members->ops_self, &member->record, lh_member_shown(member));
}

static void became_live(struct lh_members *members, struct member *member) {
  members->live++;
  lh_member_timer_cancel(members, &member->forget);
  if (member != members->self) order_add(members, member);
}

static void ended(struct lh_members *members, struct member *member) {
  members->live--;
  member->ended_at = members->now;
  order_drop(members, member);
  lh_member_probe_drop(members, member);
  lh_member_evidence_lapse(members, member);
  lh_member_timer_set(members, &member->forget, members->now + members->profile.forget_after);
}

// The one place where states change. Nothing is said about it to other nodes here.
void lh_member_set_state(struct lh_members *members, struct member *member,
                         enum lh_member_state state, uint32_t incarnation) {
  bool was_live = lh_member_is_live(member);
  bool change = member->state != state;
  member->state = state;
  member->incarnation = incarnation;
  if (member->has_fact && (member->fact.state != state || member->fact.incarnation != incarnation))
    member->has_fact = false;
  if (state != LH_MEMBER_SUSPECT) lh_member_timer_cancel(members, &member->suspicion.timer);
  if (!was_live && lh_member_is_live(member)) became_live(members, member);
  if (was_live && !lh_member_is_live(member)) ended(members, member);
  if (change) lh_member_changed(members, member);
}

// The tombstone that ended first makes room; live members are never dropped.
static void bound_tombstones(struct lh_members *members) {
  if (members->met.count - members->live < TOMBSTONES_MAX) return;
  members->counters.full++;
  struct member *oldest = NULL;
  for (size_t i = 0; i < members->met.count; i++) {
    struct member *member = members->met.items[i];
    if (!lh_member_is_live(member) && (!oldest || member->ended_at < oldest->ended_at))
      oldest = member;
  }
  if (oldest) lh_member_remove(members, &members->met, oldest);
}

// A new, alive entry of `met`.
void lh_member_enter(struct lh_members *members, struct member *member) {
  bound_tombstones(members);
  lh_member_insert(&members->met, member);
  became_live(members, member);
  lh_member_changed(members, member);
}

void lh_member_remove(struct lh_members *members, struct member_set *set, struct member *member) {
  take_out(set, member);
  if (set == &members->met) {
    if (lh_member_is_live(member)) members->live--;
    order_drop(members, member);
    lh_member_probe_drop(members, member);
  }
  lh_member_timer_cancel(members, &member->suspicion.timer);
  lh_member_timer_cancel(members, &member->dial);
  lh_member_timer_cancel(members, &member->forget);
  free_member(member);
}

// Up to `want` members that pass `filter`, evenly drawn; never us, never `except`.
size_t lh_member_choose(struct lh_members *members, size_t want, const struct member *except,
                        lh_member_filter *filter, struct member **out) {
  size_t seen = 0;
  for (size_t i = 0; i < members->met.count && want > 0; i++) {
    struct member *member = members->met.items[i];
    if (member == members->self || member == except || !filter(member)) continue;
    size_t place = seen < want ? seen : (size_t)lh_random_below(&members->random, seen + 1);
    if (place < want) out[place] = member;
    seen++;
  }
  return seen < want ? seen : want;
}

bool lh_member_verify(struct lh_members *members, const struct lh_member_record *by,
                      struct lh_bytes data, const uint8_t signature[SIGNATURE_LEN]) {
  bool good = members->ops->verify(members->ops_self, by->public_key, &by->run.id, data, signature);
  if (!good) members->counters.bad_signature++;
  return good;
}

// Ourselves

static void sign_self(struct lh_members *members) {
  struct member *self = members->self;
  struct lh_buf body = LH_BUF_EMPTY;
  uint8_t signature[SIGNATURE_LEN];
  lh_member_record_encode(&self->record, NULL, &body);
  members->ops->sign(members->ops_self, lh_bytes_of(&body), signature);
  lh_buf_clear(&self->encoded);
  lh_member_record_encode(&self->record, signature, &self->encoded);
  lh_buf_free(&body);
}

struct lh_members *lh_members_new(const struct lh_member_record *self,
                                  const struct lh_member_profile *profile, uint64_t seed,
                                  const struct lh_member_ops *ops, void *ops_self, lh_ms now) {
  struct lh_members *members = LH_NEW(struct lh_members);
  members->profile = *profile;
  members->ops = ops;
  members->ops_self = ops_self;
  members->random.state = seed;
  members->now = now;
  members->gossiped_at = now - profile->gossip_every;
  lh_list_init(&members->probes);
  lh_list_init(&members->relays);
  struct lh_member_record copy;
  lh_member_record_copy(&copy, self);
  members->self = lh_member_new(members, &copy, (struct lh_bytes){0});
  sign_self(members);
  lh_member_insert(&members->met, members->self);
  became_live(members, members->self);
  members->round.fire = lh_member_round_fire;
  members->gossip.fire = lh_member_gossip_fire;
  members->exchange.fire = lh_member_exchange_fire;
  lh_ms phase = (lh_ms)lh_random_below(&members->random, (uint64_t)profile->period);
  lh_member_timer_set(members, &members->round, now + 1 + phase);
  phase = (lh_ms)lh_random_below(&members->random, (uint64_t)profile->exchange_every);
  lh_member_timer_set(members, &members->exchange, now + 1 + phase);
  return members;
}

void lh_members_free(struct lh_members *members) {
  if (!members) return;
  lh_member_probes_clear(members);
  lh_member_rumours_clear(members);
  for (size_t i = 0; i < members->met.count; i++) free_member(members->met.items[i]);
  for (size_t i = 0; i < members->heard.count; i++) free_member(members->heard.items[i]);
  lh_free(members->met.items);
  lh_free(members->heard.items);
  lh_free(members->order);
  lh_heap_free(&members->timers);
  lh_free(members);
}

void lh_members_update_self(struct lh_members *members, const struct lh_member_record *record,
                            lh_ms now) {
  members->now = now;
  struct member *self = members->self;
  uint64_t version = self->record.version;
  struct lh_run run = self->record.run;
  lh_member_record_free(&self->record);
  lh_member_record_copy(&self->record, record);
  self->record.run = run;
  if (self->record.version <= version) self->record.version = version + 1;
  sign_self(members);
  if (!members->over) lh_member_spread_record(members, self);
}

// Nothing is pending any more: this run speaks for nobody.
void lh_member_over(struct lh_members *members, int err) {
  if (members->over) return;
  members->over = true;
  lh_member_probes_clear(members);
  lh_member_rumours_clear(members);
  while (members->timers.count) lh_heap_cancel(&members->timers, members->timers.items[0]);
  if (err && members->ops->ended) members->ops->ended(members->ops_self, err);
}

void lh_members_left(struct lh_members *members, lh_ms now) {
  members->now = now;
  if (members->over) return;
  struct fact fact;
  members->self->state = LH_MEMBER_LEFT;
  lh_member_state_fact(members, members->self, LH_MEMBER_LEFT, &fact);
  lh_member_broadcast_fact(members, &fact);
  lh_member_spread_fact(members, &fact);
  lh_member_gossip_fire(members, NULL);
  lh_member_over(members, 0);
}

// After a stall the answers that we waited for may lie unread: nobody is at fault but us. Waiting
// suspicions begin again, and every member's next failed probe is forgiven.
void lh_members_stalled(struct lh_members *members, lh_ms now, lh_ms gap) {
  members->now = now;
  members->counters.stalls++;
  if (members->over || LH_PLANTED(stall_guard)) return;
  for (size_t i = 0; i < members->timers.count; i++) {
    lh_ms *at = &members->timers.items[i]->at;
    *at = *at > LH_NEVER - gap ? LH_NEVER : *at + gap;
  }
  lh_member_probes_clear(members);
  for (size_t i = 0; i < members->met.count; i++) {
    struct member *member = members->met.items[i];
    member->probation = true;
    member->failures = 0;
    if (member->state == LH_MEMBER_SUSPECT) member->suspicion.began = member->suspicion.since = now;
    lh_member_evidence_lapse(members, member);
    if (lh_member_is_live(member) && !member->linked && member != members->self)
      lh_member_evidence_ask(members, member);
  }
  // Half the scale at most: a pause that is over should not slow the next verdicts down for long.
  lh_ms missed = gap / members->profile.period;
  int room = STALL_HEALTH - members->health;
  if (room > 0) lh_member_health(members, missed < 1 ? 1 : missed > room ? room : (int)missed);
  for (size_t i = 0; i < members->order_count && i < STALL_PROBES; i++)
    lh_member_probe(members, members->order[i]);
}

// Reading

size_t lh_members_count(const struct lh_members *members) { return members->met.count; }

const struct lh_member_record *lh_members_at(const struct lh_members *members, size_t index,
                                             enum lh_member_state *state) {
  if (index >= members->met.count) return NULL;
  const struct member *member = members->met.items[index];
  if (state) *state = lh_member_shown(member);
  return &member->record;
}

static const struct member *find(const struct lh_members *members, const struct lh_node_id *id) {
  return lh_member_find(&members->met, id);
}

const struct lh_member_record *lh_members_find(const struct lh_members *members,
                                               const struct lh_node_id *id,
                                               enum lh_member_state *state) {
  const struct member *member = find(members, id);
  if (!member) return NULL;
  if (state) *state = lh_member_shown(member);
  return &member->record;
}

uint32_t lh_members_incarnation(const struct lh_members *members, const struct lh_node_id *id) {
  const struct member *member = find(members, id);
  return member ? member->incarnation : 0;
}

void lh_members_counters(const struct lh_members *members, struct lh_members_counters *out) {
  *out = members->counters;
}
