// evidence.c - hard evidence: the verdict that refused connections allow, quicker than any timeout.
//
//   link breaks --> ask for a dial --> refused, or another run answers: "gone" --> told to all live
//   members
//
// A run is dead when every live member, except those that are themselves under our evidence, says
// gone. A process that only stands still accepts the dial, so it never comes to this. Evidence
// lapses when the run is heard again or greets again, and a report alone after a while.
#include "base/mem.h"
#include "member/internal.h"

enum { REPORT_FOR = 10 * 1000, ASK_EVERY = 500, UNDER_WAY = 100, AN_ANSWER = 1 };

static void tell(struct lh_members *members, const struct lh_run *run, enum message_kind kind) {
  for (size_t i = 0; i < members->met.count; i++) {
    const struct member *to = members->met.items[i];
    if (to != members->self && to->linked && lh_member_is_live(to))
      lh_member_send_control(members, to, kind, 0, run);
  }
}

// For a peer that was not linked when we told the others.
void lh_member_evidence_repeat(struct lh_members *members, const struct member *to) {
  for (size_t i = 0; i < members->met.count; i++) {
    const struct member *member = members->met.items[i];
    if (member->evidence.own && lh_member_is_live(member))
      lh_member_send_control(members, to, GONE, 0, &member->record.run);
  }
}

void lh_member_evidence_ask(struct lh_members *members, struct member *member) {
  struct evidence *evidence = &member->evidence;
  bool again = evidence->asked != LH_NEVER;
  if (again && members->now - evidence->asked < ASK_EVERY) return;
  evidence->asked = members->now;
  members->ops->want_evidence(members->ops_self, &member->record);
}

void lh_member_evidence_lapse(struct lh_members *members, struct member *member) {
  struct evidence *evidence = &member->evidence;
  bool retract = evidence->own && lh_member_is_live(member);
  if (LH_PLANTED(evidence_never_lapses)) return;
  evidence->own = false;
  evidence->count = 0;
  if (retract) tell(members, &member->record.run, NOT_GONE);
}

// What was under way when it died may still arrive: only a later word is against the evidence.
void lh_member_evidence_heard(struct lh_members *members, struct member *member) {
  const struct evidence *evidence = &member->evidence;
  if (!evidence->own && evidence->count == 0) return;
  if (members->now - evidence->at > UNDER_WAY) lh_member_evidence_lapse(members, member);
}

static bool reported_by(const struct lh_members *members, const struct member *member,
                        const struct lh_run *by) {
  const struct evidence *evidence = &member->evidence;
  for (size_t i = 0; i < evidence->count; i++)
    if (lh_run_equal(&evidence->reports[i].by, by) &&
        members->now - evidence->reports[i].at < REPORT_FOR)
      return true;
  return false;
}

static bool is_proven(const struct lh_members *members, const struct member *member) {
  if (LH_PLANTED(lone_evidence)) return true;
  for (size_t i = 0; i < members->met.count; i++) {
    const struct member *witness = members->met.items[i];
    if (witness == members->self || !lh_member_is_live(witness) || witness->evidence.own) continue;
    if (!reported_by(members, member, &witness->record.run)) return false;
  }
  return true;
}

// Gives every verdict that the evidence allows now. One death can complete the evidence against
// another.
void lh_member_judge(struct lh_members *members) {
  bool again = !members->over;
  while (again) {
    again = false;
    for (size_t i = 0; i < members->met.count; i++) {
      struct member *member = members->met.items[i];
      bool proven = lh_member_is_live(member) && member->evidence.own && is_proven(members, member);
      if (proven) lh_member_die(members, member, true);
      again = again || proven;
    }
  }
}

void lh_members_evidence(struct lh_members *members, lh_ms now, const struct lh_run *run,
                         bool gone) {
  members->now = now;
  struct member *member = lh_member_find_run(&members->met, run);
  if (members->over || !member || member == members->self || !lh_member_is_live(member)) return;
  if (!gone) {
    lh_member_evidence_lapse(members, member);
    return;
  }
  if (member->linked) return;
  member->evidence.own = true;
  member->evidence.at = now;
  tell(members, run, GONE);
  lh_member_judge(members);
}

static void drop_report(struct evidence *evidence, const struct lh_run *by) {
  for (size_t i = evidence->count; i-- > 0;)
    if (lh_run_equal(&evidence->reports[i].by, by))
      evidence->reports[i] = evidence->reports[--evidence->count];
}

static void add_report(struct lh_members *members, struct evidence *evidence,
                       const struct lh_run *by) {
  if (evidence->count >= LH_MEMBERS_MAX) return;
  if (evidence->count == evidence->cap) {
    evidence->cap = evidence->cap ? evidence->cap * 2 : 8;
    evidence->reports = lh_realloc(evidence->reports, evidence->cap * sizeof *evidence->reports);
  }
  evidence->at = members->now;
  evidence->reports[evidence->count++] = (struct report){.by = *by, .at = members->now};
}

// A report about a run that does not live here: false when it does.
static bool answer_without(struct lh_members *members, const struct lh_run *by,
                           const struct message *message) {
  const struct member *member = lh_member_find_run(&members->met, &message->target);
  if (member && lh_member_is_live(member)) return false;
  const struct member *reporter = lh_member_find_run(&members->met, by);
  if (message->kind != GONE || message->sequence == AN_ANSWER || !reporter) return true;
  if (member && member->has_fact)
    lh_member_send_fact(members, by, &member->fact);  // it missed the verdict
  else if (!member)
    lh_member_send_control(members, reporter, GONE, AN_ANSWER, &message->target);
  return true;
}

// Who never met the run, or knows a newer one, has nothing to say for it and answers with the same
// report.
void lh_member_on_report(struct lh_members *members, const struct lh_run *by,
                         const struct message *message) {
  if (answer_without(members, by, message)) return;
  struct member *member = lh_member_find_run(&members->met, &message->target);
  if (member == members->self) return;
  drop_report(&member->evidence, by);
  if (message->kind == NOT_GONE) return;
  add_report(members, &member->evidence, by);
  // With a link of our own we look for ourselves: if the report is true, the link will break.
  lh_member_probe(members, member);
  if (member->linked) return;
  if (member->evidence.own)
    lh_member_judge(members);
  else
    lh_member_evidence_ask(members, member);
}
