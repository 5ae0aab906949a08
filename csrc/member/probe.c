// probe.c - the round of pings, the helpers that ping for others, and our own health.
//
//   ping by datagram --timeout--> ping through helpers, and on the stream --period--> verdict of
//   this probe
//
// Any authenticated frame that came from the target since the probe began is as good as an answer;
// a link on which that happens again and again has broken datagrams, which is counted and said
// once. Every time is stretched by our own health (Lifeguard): who is slow waits longer before it
// accuses.
//
// A probe lives from lh_member_probe to its verdict, at most one per member; a relay (a ping for
// another) until its answer or the nack.
#include "base/log.h"
#include "base/mem.h"
#include "member/internal.h"

enum {
  UDP_BROKEN_AFTER = 3,
  TELL_EVERY = 200,
  NACK_PERCENT = 80,
  HELPERS_MAX = 16,
  LOOK_AHEAD = 10
};

struct probe {
  struct lh_list node;
  struct member *target;
  uint64_t sequence;
  lh_ms started;
  lh_ms ends;
  int nacks_wanted;
  int nacks;
  struct timer timer;
};

struct relay {
  struct lh_list node;
  struct lh_run asked_by;
  uint64_t asked_sequence;
  struct lh_run target;
  uint64_t sequence;
  lh_ms started;
  struct timer timer;
};

void lh_member_health(struct lh_members *members, int change) {
  int health = members->health + change;
  members->health = health < 0 ? 0 : health > HEALTH_MAX ? HEALTH_MAX : health;
}

static lh_ms stretched(const struct lh_members *members, lh_ms time) {
  return time * (1 + members->health);
}

// Probes

static void free_probe(struct lh_members *members, struct probe *probe) {
  lh_member_timer_cancel(members, &probe->timer);
  lh_list_remove(&probe->node);
  probe->target->probe = NULL;
  lh_free(probe);
}

static void free_relay(struct lh_members *members, struct relay *relay) {
  lh_member_timer_cancel(members, &relay->timer);
  lh_list_remove(&relay->node);
  members->relay_count--;
  lh_free(relay);
}

void lh_member_probe_drop(struct lh_members *members, struct member *member) {
  if (member->probe) free_probe(members, member->probe);
}

void lh_member_probes_clear(struct lh_members *members) {
  while (!lh_list_empty(&members->probes))
    free_probe(members, LH_ENTRY(members->probes.next, struct probe, node));
  while (!lh_list_empty(&members->relays))
    free_relay(members, LH_ENTRY(members->relays.next, struct relay, node));
}

static void note_datagrams(struct lh_members *members, struct member *member, bool by_datagram) {
  member->unanswered = by_datagram ? 0 : member->unanswered + 1;
  if (member->unanswered != UDP_BROKEN_AFTER) return;
  members->counters.udp_broken++;
  lh_log(LH_LOG_WARN, "member",
         "%s answers on its stream but not by datagram: is UDP blocked between us?",
         member->record.name);
}

static void succeed(struct lh_members *members, struct probe *probe, bool by_datagram) {
  struct member *member = probe->target;
  member->failures = 0;
  member->probation = false;
  lh_member_health(members, -1);
  note_datagrams(members, member, by_datagram);
  free_probe(members, probe);
}

static void fail(struct lh_members *members, struct probe *probe) {
  struct member *member = probe->target;
  bool forgiven = member->probation;
  members->counters.probe_failures++;
  if (probe->nacks < probe->nacks_wanted) lh_member_health(members, 1);
  member->failures++;
  member->probation = false;
  free_probe(members, probe);
  if (forgiven)
    lh_member_probe(members, member);
  else
    lh_member_accuse(members, member);
}

static void probe_ends(struct lh_members *members, void *owner) {
  struct probe *probe = owner;
  if (probe->target->last_heard >= probe->started)
    succeed(members, probe, false);
  else
    fail(members, probe);
}

static bool can_help(const struct member *member) { return member->state == LH_MEMBER_ALIVE; }

static void ask_helpers(struct lh_members *members, struct probe *probe) {
  struct member *helpers[HELPERS_MAX];
  int want = members->profile.indirect < HELPERS_MAX ? members->profile.indirect : HELPERS_MAX;
  size_t count = lh_member_choose(members, (size_t)want, probe->target, can_help, helpers);
  for (size_t i = 0; i < count; i++) {
    struct message message = {.kind = PING_REQ,
                              .sequence = probe->sequence,
                              .has_target = true,
                              .target = probe->target->record.run};
    lh_member_send_datagram(members, &helpers[i]->record.run, &message, NULL);
  }
  probe->nacks_wanted = (int)count;
}

static void direct_timeout(struct lh_members *members, void *owner) {
  struct probe *probe = owner;
  if (probe->target->last_heard >= probe->started) {
    succeed(members, probe, false);
    return;
  }
  ask_helpers(members, probe);
  if (!LH_PLANTED(streams_prove_nothing))
    lh_member_send_control(members, probe->target, PING, probe->sequence, NULL);
  probe->timer.fire = probe_ends;
  lh_member_timer_set(members, &probe->timer, probe->ends);
}

// Starts a probe unless one is under way. A suspect is told with the ping what it is suspected of.
void lh_member_probe(struct lh_members *members, struct member *member) {
  if (member->probe || members->over || !lh_member_is_live(member)) return;
  struct probe *probe = LH_NEW(struct probe);
  probe->target = member;
  probe->sequence = ++members->sequence;
  // What was heard in this very millisecond may be older than the ping.
  probe->started = members->now + 1;
  probe->ends = members->now + stretched(members, members->profile.period);
  probe->timer = (struct timer){.fire = direct_timeout, .owner = probe};
  member->probe = probe;
  lh_list_push(&members->probes, &probe->node);
  members->counters.probes++;
  struct message message = {.kind = PING, .sequence = probe->sequence};
  bool tell = member->state == LH_MEMBER_SUSPECT && member->has_fact;
  lh_member_send_datagram(members, &member->record.run, &message, tell ? &member->fact : NULL);
  lh_member_timer_set(members, &probe->timer,
                      members->now + stretched(members, members->profile.timeout));
}

static void swap(struct member **a, struct member **b) {
  struct member *held = *a;
  *a = *b;
  *b = held;
}

static void shuffle(struct lh_members *members) {
  for (size_t i = members->order_count; i > 1; i--)
    swap(&members->order[i - 1], &members->order[lh_random_below(&members->random, i)]);
  members->order_next = 0;
}

// Of those not yet probed in this round the one that was silent longest: everybody gets a turn, and
// who stopped speaking gets it soon.
static struct member *next_target(struct lh_members *members) {
  if (members->order_next >= members->order_count) shuffle(members);
  if (members->order_count == 0) return NULL;
  size_t silent = members->order_next;
  size_t end =
      silent + LOOK_AHEAD < members->order_count ? silent + LOOK_AHEAD : members->order_count;
  for (size_t i = silent + 1; i < end; i++)
    if (members->order[i]->last_heard < members->order[silent]->last_heard) silent = i;
  swap(&members->order[members->order_next], &members->order[silent]);
  return members->order[members->order_next++];
}

void lh_member_round_fire(struct lh_members *members, void *owner) {
  (void)owner;
  struct member *target = next_target(members);
  if (target) lh_member_probe(members, target);
  lh_member_timer_set(members, &members->round,
                      members->now + stretched(members, members->profile.period));
}

// Answers

static struct probe *find_probe(struct lh_members *members, uint64_t sequence) {
  for (struct lh_list *at = members->probes.next; at != &members->probes; at = at->next) {
    struct probe *probe = LH_ENTRY(at, struct probe, node);
    if (probe->sequence == sequence) return probe;
  }
  return NULL;
}

static struct relay *find_relay(struct lh_members *members, uint64_t sequence) {
  for (struct lh_list *at = members->relays.next; at != &members->relays; at = at->next) {
    struct relay *relay = LH_ENTRY(at, struct relay, node);
    if (relay->sequence == sequence) return relay;
  }
  return NULL;
}

static void answer_relay(struct lh_members *members, struct relay *relay, enum message_kind kind) {
  struct message message = {
      .kind = kind, .sequence = relay->asked_sequence, .has_target = true, .target = relay->target};
  lh_member_send_datagram(members, &relay->asked_by, &message, NULL);
}

// A run that we hold dead gets no answer to its pings, only the news.
void lh_member_tell_dead(struct lh_members *members, struct member *member) {
  if (members->now - member->told_at < TELL_EVERY) return;
  member->told_at = members->now;
  if (member->fenced) {
    struct message message = {.kind = FENCED, .has_target = true, .target = member->record.run};
    lh_member_send_datagram(members, &member->record.run, &message, NULL);
    lh_member_send_control(members, member, FENCED, 0, &member->record.run);
  } else if (member->has_fact) {
    lh_member_send_fact(members, &member->record.run, &member->fact);
  }
}

static void tell_outlived(struct lh_members *members, const struct lh_run *run) {
  struct message message = {.kind = FENCED, .has_target = true, .target = *run};
  lh_member_send_datagram(members, run, &message, NULL);
}

void lh_member_on_ping(struct lh_members *members, const struct lh_run *from,
                       const struct message *message, bool control) {
  struct member *member = lh_member_find(&members->met, &from->id);
  if (member && from->epoch < member->record.run.epoch) {
    tell_outlived(members, from);
    return;
  }
  bool known = member && from->epoch == member->record.run.epoch;
  if (known && !lh_member_is_live(member)) {
    if (member->state == LH_MEMBER_DEAD) lh_member_tell_dead(members, member);
    return;
  }
  if (control) {
    if (known) lh_member_send_control(members, member, ACK, message->sequence, NULL);
    return;
  }
  struct message answer = {.kind = ACK, .sequence = message->sequence};
  bool tell = known && member->state == LH_MEMBER_SUSPECT && member->has_fact;
  lh_member_send_datagram(members, from, &answer, tell ? &member->fact : NULL);
}

void lh_member_on_ack(struct lh_members *members, const struct lh_run *from,
                      const struct message *message, bool control) {
  struct probe *probe = find_probe(members, message->sequence);
  struct relay *relay = find_relay(members, message->sequence);
  const struct lh_run *about = message->has_target ? &message->target : from;
  if (probe && lh_run_equal(about, &probe->target->record.run))
    succeed(members, probe, !control && !message->has_target);
  if (relay && lh_run_equal(from, &relay->target)) {
    answer_relay(members, relay, ACK);
    free_relay(members, relay);
  }
}

void lh_member_on_nack(struct lh_members *members, const struct message *message) {
  struct probe *probe = find_probe(members, message->sequence);
  if (probe && probe->nacks < probe->nacks_wanted) probe->nacks++;
}

static void relay_fire(struct lh_members *members, void *owner) {
  struct relay *relay = owner;
  const struct member *target = lh_member_find_run(&members->met, &relay->target);
  bool heard = target && target->last_heard >= relay->started;
  answer_relay(members, relay, heard ? ACK : NACK);
  free_relay(members, relay);
}

void lh_member_on_ping_req(struct lh_members *members, const struct lh_run *from,
                           const struct message *message) {
  if (!message->has_target) return;
  if (members->relay_count >= RELAYS_MAX) {
    members->counters.full++;
    return;
  }
  if (!lh_member_find_run(&members->met, from)) return;
  const struct member *target = lh_member_find_run(&members->met, &message->target);
  if (!target || target == members->self) return;
  struct relay *relay = LH_NEW(struct relay);
  relay->asked_by = *from;
  relay->asked_sequence = message->sequence;
  relay->target = message->target;
  relay->sequence = ++members->sequence;
  relay->started = members->now;
  relay->timer = (struct timer){.fire = relay_fire, .owner = relay};
  lh_list_push(&members->relays, &relay->node);
  members->relay_count++;
  struct message ping = {.kind = PING, .sequence = relay->sequence};
  lh_member_send_datagram(members, &target->record.run, &ping, NULL);
  lh_member_timer_set(members, &relay->timer,
                      members->now + members->profile.timeout * NACK_PERCENT / 100);
}
