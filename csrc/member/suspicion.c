// suspicion.c - accusations, the window in which they can be answered, verdicts, and our own
// refutations.
//
// The window of Lifeguard: between min = mult * max(1, log10 n) * period and max = max_mult * min,
// shorter with every accuser after the first:  max - (max - min) * ln(c + 1) / ln(k + 1),  k =
// min(mult - 2, n - 2). Below two accusers it is the full window. Two nodes alone have neither
// helper nor confirmer: there the window is fixed, and several probes in a row must have failed.
//
// The window counts from the last sign of life: who still hears a suspect gives no verdict on it;
// but for one that is heard over two full windows and answers no accusation: it is deaf, and may go
// on for long with others that it takes for alive. Who has no link to it tells a few others, who
// have one, by stream; and asks them again before the window ends: they may have its refutation.
#include <math.h>

#include "member/internal.h"

enum {
  LONE_WINDOW_PERIODS = 7,
  LONE_FAILURES = 3,
  CONFIRMERS = 8,
  ASKED_MAX = 3,
  DEAF_WINDOWS = 2
};

static lh_ms window(const struct lh_members *members, int accusers) {
  const struct lh_member_profile *profile = &members->profile;
  size_t n = members->live;
  if (n <= 2) return LONE_WINDOW_PERIODS * profile->period;
  double scale = fmax(1.0, log10((double)n));
  double least = profile->suspicion_mult * scale * (double)profile->period;
  double most = profile->suspicion_max_mult * least;
  double k = fmin(fmax(profile->suspicion_mult - 2, 1), (double)n - 2);
  double others = fmin(accusers - 1, k);
  return (lh_ms)(most - (most - least) * log(others + 1) / log(k + 1));
}

void lh_member_state_fact(struct lh_members *members, struct member *subject,
                          enum lh_member_state state, struct fact *fact) {
  *fact = (struct fact){.state = state,
                        .subject = subject->record.run,
                        .incarnation = subject->incarnation,
                        .author = members->self->record.run};
  struct lh_buf body = LH_BUF_EMPTY;
  lh_member_fact_body(fact, &body);
  members->ops->sign(members->ops_self, lh_bytes_of(&body), fact->signature);
  lh_buf_free(&body);
}

static void set_deadline(struct lh_members *members, struct member *member) {
  lh_ms at = member->suspicion.since + window(members, member->suspicion.accuser_count);
  if (!member->linked && !member->suspicion.asked) at -= members->profile.period;
  lh_member_timer_set(members, &member->suspicion.timer, at > members->now ? at : members->now);
}

static bool is_accuser(const struct suspicion *suspicion, const struct lh_run *run) {
  for (int i = 0; i < suspicion->accuser_count; i++)
    if (lh_run_equal(&suspicion->accusers[i], run)) return true;
  return false;
}

// Others looked away from a suspect that only one of them probes: a few look now. In a large
// cluster not all.
static void look_too(struct lh_members *members, struct member *member,
                     const struct lh_run *accuser) {
  if (lh_run_equal(accuser, &members->self->record.run)) return;
  if (lh_random_below(&members->random, members->live) < CONFIRMERS)
    lh_member_probe(members, member);
}

// Takes an accusation in; false when it says nothing new.
bool lh_member_suspect(struct lh_members *members, struct member *member, uint32_t incarnation,
                       const struct lh_run *accuser) {
  struct suspicion *suspicion = &member->suspicion;
  bool begins = member->state != LH_MEMBER_SUSPECT || incarnation != member->incarnation;
  if (!begins && (is_accuser(suspicion, accuser) || suspicion->accuser_count == ACCUSERS_MAX))
    return false;
  if (begins) {
    suspicion->began = suspicion->since = members->now;
    suspicion->accuser_count = 0;
    suspicion->asked = false;
    lh_member_set_state(members, member, LH_MEMBER_SUSPECT, incarnation);
    // The dial after the break may have come to nothing; by now it can be refused.
    if (!member->linked) lh_member_evidence_ask(members, member);
  }
  suspicion->accusers[suspicion->accuser_count++] = *accuser;
  set_deadline(members, member);
  look_too(members, member, accuser);
  return true;
}

static bool can_say(const struct member *member) {
  return member->state == LH_MEMBER_ALIVE && member->linked;
}

static void ask_others(struct lh_members *members, const struct member *member) {
  struct member *others[ASKED_MAX];
  if (member->linked || LH_PLANTED(others_not_asked)) return;
  size_t count = lh_member_choose(members, ASKED_MAX, member, can_say, others);
  for (size_t i = 0; i < count; i++)
    lh_member_send_fact(members, &others[i]->record.run, &member->fact);
}

// Our own probe failed. The subject hears it first, on its stream.
void lh_member_accuse(struct lh_members *members, struct member *member) {
  if (!lh_member_suspect(members, member, member->incarnation, &members->self->record.run)) return;
  members->counters.suspicions++;
  lh_member_state_fact(members, member, LH_MEMBER_SUSPECT, &member->fact);
  member->has_fact = true;
  lh_member_send_fact(members, &member->record.run, &member->fact);
  ask_others(members, member);
  lh_member_spread_fact(members, &member->fact);
}

void lh_member_die(struct lh_members *members, struct member *member, bool hard) {
  struct fact fact;
  lh_member_state_fact(members, member, LH_MEMBER_DEAD, &fact);
  lh_member_set_state(members, member, LH_MEMBER_DEAD, member->incarnation);
  member->fact = fact;
  member->has_fact = true;
  members->counters.deaths++;
  if (hard) members->counters.hard_deaths++;
  // Whoever knows the evidence to be complete tells all; after a timeout all are about to know
  // anyway.
  if (hard) lh_member_broadcast_fact(members, &fact);
  lh_member_spread_fact(members, &fact);
  lh_member_want_link_soon(members, member, members->profile.period);
}

static bool must_wait(const struct lh_members *members, const struct member *member) {
  return member->probation || (members->live <= 2 && member->failures < LONE_FAILURES);
}

// Says to the suspect what it is accused of, so that it answers. Whoever declared it dead may be
// gone, or unknown to it: then the accusation is ours.
static void ask_suspect(struct lh_members *members, struct member *member) {
  if (!member->has_fact) {
    lh_member_state_fact(members, member, LH_MEMBER_SUSPECT, &member->fact);
    member->has_fact = true;
  }
  lh_member_send_fact(members, &member->record.run, &member->fact);
  if (!member->suspicion.asked) ask_others(members, member);
  member->suspicion.asked = true;
}

static lh_ms end_of(const struct lh_members *members, const struct suspicion *suspicion) {
  lh_ms end = suspicion->since + window(members, suspicion->accuser_count);
  lh_ms latest = suspicion->began + DEAF_WINDOWS * window(members, 1);
  return end < latest ? end : latest;
}

// The window is over: the verdict, unless the subject was heard meanwhile or we did not look
// properly.
void lh_member_suspicion_fire(struct lh_members *members, void *owner) {
  struct member *member = owner;
  struct suspicion *suspicion = &member->suspicion;
  if (member->last_heard > suspicion->since) suspicion->since = member->last_heard;
  lh_ms end = end_of(members, suspicion);
  if (end <= members->now && !must_wait(members, member)) {
    lh_member_die(members, member, false);
    lh_member_judge(members);
    return;
  }
  lh_ms soon = members->now + members->profile.period;
  ask_suspect(members, member);
  lh_member_timer_set(members, &suspicion->timer, end > soon ? end : soon);
  lh_member_probe(members, member);
}

// We are suspected or declared dead in `incarnation`: we say that we live in the next one.
void lh_member_refute(struct lh_members *members, uint32_t incarnation) {
  if (members->over || LH_PLANTED(never_refutes)) return;
  if (incarnation == UINT32_MAX) {
    lh_member_over(members, LH_ELIMIT);
    return;
  }
  struct member *self = members->self;
  self->incarnation = incarnation + 1;
  lh_member_state_fact(members, self, LH_MEMBER_ALIVE, &self->fact);
  self->has_fact = true;
  members->counters.refutations++;
  lh_member_health(members, 1);
  lh_member_broadcast_fact(members, &self->fact);
  lh_member_spread_fact(members, &self->fact);
}

void lh_members_declare_dead(struct lh_members *members, const struct lh_run *run, lh_ms now) {
  members->now = now;
  struct member *member = lh_member_find_run(&members->met, run);
  if (members->over || !member || member == members->self || !lh_member_is_live(member)) return;
  lh_member_die(members, member, false);
  lh_member_judge(members);
}

void lh_members_fence(struct lh_members *members, const struct lh_run *run) {
  struct member *member = lh_member_find_run(&members->met, run);
  if (members->over || !member || member == members->self) return;
  // It may have refuted just before: its children run elsewhere all the same.
  if (lh_member_is_live(member)) lh_member_die(members, member, false);
  if (member->state != LH_MEMBER_DEAD) return;
  member->fenced = true;
  if (member->linked) lh_member_send_control(members, member, FENCED, 0, &member->record.run);
}

bool lh_members_is_fenced(const struct lh_members *members, const struct lh_run *run) {
  const struct member *member = lh_member_find(&members->met, &run->id);
  if (!member) return false;
  return run->epoch < member->record.run.epoch ||
         (run->epoch == member->record.run.epoch && member->fenced);
}
