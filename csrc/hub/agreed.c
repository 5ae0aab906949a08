// agreed.c - the member set that a hub's quorums are counted in: what it is, which of two goes
// before, how it is kept on disk. How the next one is agreed: ballot.c; which it is to be:
// propose.c.
//
// A set has a version; each follows from the one before by one node that comes or goes, agreed by a
// majority of both. So majorities of two neighbours have a node in common, and every lease and
// every change goes by one of them. A node that hears of a later set of the same founder takes it
// over at once. Sets of two founders are two clusters: only a set of one node gives way to another.
//
//   none --founded, or heard of--> version 1 --agreed, or heard of--> version 2 ...
//   any --an operator begins anew--> version 1 of the next term, which goes before all before
//
// Owns what hub->agreed points to. What this node promised and accepted is on disk before it is
// said.
#include "hub/agreed.h"

#include "base/log.h"
#include "base/mem.h"
#include "hub/quorum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- sets ---
void lh_set_free(struct agreed_set *set) {
  lh_free(set->members);
  *set = (struct agreed_set){0};
}

void lh_set_copy(struct agreed_set *to, const struct agreed_set *from) {
  struct agreed_member *members =
      lh_memdup(from->members, from->count * sizeof(struct agreed_member));
  lh_free(to->members);
  *to = *from;
  to->members = members;
}

bool lh_set_has(const struct agreed_set *set, const struct lh_node_id *id) {
  for (size_t i = 0; i < set->count; i++) {
    if (lh_node_id_equal(&set->members[i].id, id)) return true;
  }
  return false;
}

void lh_set_add(struct agreed_set *set, const struct lh_node_id *id, const char *name) {
  struct agreed_member member = {.id = *id};
  if (lh_set_has(set, id)) return;
  (void)snprintf(member.name, sizeof member.name, "%s", name);
  set->members = lh_realloc(set->members, (set->count + 1) * sizeof(struct agreed_member));
  size_t at = set->count++;
  for (; at > 0 && lh_node_id_compare(&set->members[at - 1].id, id) > 0; at--)
    set->members[at] = set->members[at - 1];
  set->members[at] = member;
}

void lh_set_remove(struct agreed_set *set, const struct lh_node_id *id) {
  size_t at = 0;
  while (at < set->count && !lh_node_id_equal(&set->members[at].id, id)) at++;
  if (at == set->count) return;
  set->count--;
  memmove(&set->members[at], &set->members[at + 1],
          (set->count - at) * sizeof(struct agreed_member));
}

static bool is_of(const struct agreed_set *set, uint64_t term, const struct lh_run *founder) {
  return set->term == term && lh_run_equal(&set->founder, founder);
}

bool lh_set_same(const struct agreed_set *a, const struct agreed_set *b) {
  if (a->version != b->version) return false;
  return a->version == 0 || is_of(a, b->term, &b->founder);
}

static int compare_founders(const struct lh_run *a, const struct lh_run *b) {
  const int order = lh_node_id_compare(&a->id, &b->id);
  if (order != 0 || a->epoch == b->epoch) return order;
  return a->epoch < b->epoch ? -1 : 1;
}

bool lh_set_goes_before(const struct agreed_set *other, const struct agreed_set *ours) {
  if (other->version == 0) return false;
  if (ours->version == 0) return true;
  if (other->term != ours->term) return other->term > ours->term;
  const int order = compare_founders(&other->founder, &ours->founder);
  if (order == 0) return other->version > ours->version;
  if (ours->term > 0) return order < 0;
  return ours->count == 1 && (other->count > 1 || order < 0);
}

void lh_set_write(struct lh_buf *out, const struct agreed_set *set) {
  lh_write_array(out, 5 + 2 * (uint32_t)set->count);
  lh_write_uint(out, set->term);
  lh_write_run(out, &set->founder);
  lh_write_uint(out, set->version);
  lh_write_uint(out, set->shrunk);
  lh_write_uint(out, set->count);
  for (size_t i = 0; i < set->count; i++) {
    lh_write_bin(out, set->members[i].id.bytes, sizeof set->members[i].id.bytes);
    lh_write_cstr(out, set->members[i].name);
  }
}

static void read_id(struct lh_reader *in, struct lh_node_id *id) {
  const struct lh_bytes bytes = lh_read_bin(in, sizeof id->bytes);
  if (in->err != LH_OK || bytes.len != sizeof id->bytes)
    lh_read_fail(in, LH_EFORMAT);
  else
    memcpy(id->bytes, bytes.data, sizeof id->bytes);
}

static void read_member(struct lh_reader *in, struct agreed_set *set) {
  struct lh_node_id id = {{0}};
  char name[LH_NAME_MAX + 1];
  read_id(in, &id);
  const struct lh_bytes text = lh_read_str(in, LH_NAME_MAX);
  (void)snprintf(name, sizeof name, "%.*s", (int)text.len, (const char *)text.data);
  if (in->err == LH_OK) lh_set_add(set, &id, name);
}

void lh_set_read(struct lh_reader *in, struct agreed_set *set) {
  *set = (struct agreed_set){0};
  const uint32_t fields = lh_read_array(in, 5 + 2 * LH_MEMBERS_MAX);
  set->term = lh_read_uint(in, INT64_MAX);
  lh_read_run(in, &set->founder);
  set->version = lh_read_uint(in, INT64_MAX);
  set->shrunk = lh_read_uint(in, INT64_MAX);
  const uint64_t count = lh_read_uint(in, LH_MEMBERS_MAX);
  if (fields != 5 + 2 * count) lh_read_fail(in, LH_EFORMAT);
  for (uint64_t i = 0; i < count && in->err == LH_OK; i++) read_member(in, set);
  if (in->err == LH_OK && (set->count != count || (set->version > 0) != (count > 0)))
    lh_read_fail(in, LH_EFORMAT);
  if (in->err != LH_OK) lh_set_free(set);
}

// --- ballots ---
int lh_ballot_compare(const struct ballot *a, const struct ballot *b) {
  if (a->round != b->round) return a->round < b->round ? -1 : 1;
  return a->round == 0 ? 0 : lh_node_id_compare(&a->by, &b->by);
}

void lh_ballot_write(struct lh_buf *out, const struct ballot *ballot) {
  lh_write_uint(out, ballot->round);
  lh_write_bin(out, ballot->by.bytes, sizeof ballot->by.bytes);
}

void lh_ballot_read(struct lh_reader *in, struct ballot *ballot) {
  ballot->round = lh_read_uint(in, INT64_MAX - 1);
  read_id(in, &ballot->by);
}

// --- what is kept ---
int lh_agreed_keep(const struct hub *hub) {
  const struct agreed *agreed = &hub->agreed;
  struct lh_buf out = LH_BUF_EMPTY;
  if (hub->all->ops->keep == NULL) return LH_OK;
  lh_set_write(&out, &agreed->set);
  lh_ballot_write(&out, &agreed->promised);
  lh_ballot_write(&out, &agreed->accepted);
  lh_set_write(&out, &agreed->value);
  const int err = hub->all->ops->keep(hub->all->ops_self, hub->config.id, lh_bytes_of(&out));
  lh_buf_free(&out);
  return err;
}

int lh_agreed_open(struct hub *hub, lh_ms now, struct lh_error *error) {
  struct agreed *agreed = &hub->agreed;
  struct lh_reader in;
  agreed->since = now;
  const struct lh_bytes kept = hub->config.kept;
  hub->config.kept = lh_bytes(NULL, 0);
  if (!lh_quorum_is_agreed(hub) || kept.len == 0 || LH_PLANTED(kept_set_ignored)) return LH_OK;
  lh_reader_init(&in, kept);
  lh_set_read(&in, &agreed->set);
  lh_ballot_read(&in, &agreed->promised);
  lh_ballot_read(&in, &agreed->accepted);
  lh_set_read(&in, &agreed->value);
  agreed->round = agreed->promised.round;
  if (lh_read_end(&in) != LH_OK) {
    return lh_fail(error, LH_EFORMAT, "what is kept of the member set of hub '%.*s' is damaged",
                   (int)hub->config.id.len, (const char *)hub->config.id.data);
  }
  if (agreed->set.shrunk > 0) agreed->shrunk_at = now;
  return LH_OK;
}

void lh_agreed_free(struct hub *hub) {
  lh_set_free(&hub->agreed.set);
  lh_set_free(&hub->agreed.value);
  lh_ballot_end(&hub->agreed);
}

static void keep_gone(const struct agreed_set *before, const struct agreed_set *after) {
  for (size_t i = 0; i < after->count; i++) {
    after->members[i].gone_at = 0;
    for (size_t k = 0; k < before->count; k++) {
      if (lh_node_id_equal(&before->members[k].id, &after->members[i].id))
        after->members[i].gone_at = before->members[k].gone_at;
    }
  }
}

// What was accepted for the version that is here now, or was said of another founder's, is void.
void lh_agreed_adopt(struct hub *hub, lh_ms now, const struct agreed_set *set) {
  struct agreed *agreed = &hub->agreed;
  const bool kin = is_of(set, agreed->set.term, &agreed->set.founder);
  const bool shrunk = set->shrunk != agreed->set.shrunk || (agreed->set.version > 0 && !kin);
  struct agreed_set before = agreed->set;
  agreed->set = (struct agreed_set){0};
  lh_set_copy(&agreed->set, set);
  keep_gone(&before, &agreed->set);
  lh_set_free(&before);
  lh_set_free(&agreed->value);
  lh_ballot_end(agreed);
  agreed->promised = agreed->accepted = (struct ballot){0};
  agreed->since = now;
  (void)lh_agreed_keep(hub);  // whoever starts without it hears of it again
  lh_log(LH_LOG_INFO, "hub", "hub '%.*s': %zu nodes are its agreed members, %zu of them a quorum",
         (int)hub->config.id.len, (const char *)hub->config.id.data, set->count,
         lh_quorum_needed(hub));
  if (shrunk) agreed->shrunk_at = now;
  hub->barred = hub->barred || shrunk;
  hub->all->check_lease = true;
}

bool lh_agreed_has_self(const struct hub *hub) {
  const struct lh_run *self = lh_runs_at(hub->all->runs, hub->all->self);
  return lh_set_has(&hub->agreed.set, &self->id);
}

static void tell_alien(struct hub *hub, const struct agreed_set *set) {
  if (hub->agreed.told_alien || set->version == 0 || lh_set_same(set, &hub->agreed.set) ||
      is_of(set, hub->agreed.set.term, &hub->agreed.set.founder) ||
      set->term != hub->agreed.set.term)
    return;
  hub->agreed.told_alien = true;
  lh_log(LH_LOG_WARN, "hub",
         "hub '%.*s' was founded twice, here with %zu members and elsewhere with %zu; the two stay "
         "apart until one of them is begun anew (reset_quorum)",
         (int)hub->config.id.len, (const char *)hub->config.id.data, hub->agreed.set.count,
         set->count);
}

void lh_agreed_hear(struct hub *hub, lh_ms now, const struct agreed_set *set) {
  if (lh_set_goes_before(set, &hub->agreed.set))
    lh_agreed_adopt(hub, now, set);
  else
    tell_alien(hub, set);
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t lh_hubs_agreed(struct lh_hubs *hubs, struct lh_bytes id, struct lh_buf *out) {
  const struct hub *hub = lh_hub_find(hubs, id);
  const struct agreed_set none = {0};
  const struct agreed_set *set = hub != NULL ? &hub->agreed.set : &none;
  const char **names = lh_alloc((set->count + 1) * sizeof(const char *));
  for (size_t i = 0; i < set->count; i++) names[i] = set->members[i].name;
  qsort((void *)names, set->count, sizeof(const char *),
        by_name);  // NOLINT(bugprone-sizeof-expression): pointers
  lh_write_array(out, (uint32_t)set->count);
  for (size_t i = 0; i < set->count; i++) lh_write_cstr(out, names[i]);
  lh_free((void *)names);
  return set->version > 0 ? lh_quorum_needed(hub) : 0;
}
