// word.c - what goes with the questions and answers of leases: for each hub of an agreed member
// set, which one its sender has, and since when it knows of one that is smaller. Who asks with an
// earlier one hears the later one before the answer.
#include "base/mem.h"
#include "hub/quorum.h"

enum { WORD_FIELDS = 6 };

const struct set_word *lh_word_of(const struct peer *peer, uint32_t hub) {
  for (size_t i = 0; i < peer->word.set_count; i++) {
    if (peer->word.sets[i].hub == hub) return &peer->word.sets[i];
  }
  return NULL;
}

bool lh_word_is_ours(const struct hub *hub, const struct set_word *word) {
  const struct agreed_set *set = &hub->agreed.set;
  if (word->version == 0) return true;
  return word->term == set->term && lh_run_equal(&word->founder, &set->founder) &&
         word->version <= set->version;
}

bool lh_word_counts(const struct hub *hub, const struct peer *peer) {
  const struct set_word *word = lh_word_of(peer, hub->index);
  if (!lh_quorum_is_agreed(hub)) return true;
  return word != NULL && lh_word_is_ours(hub, word);
}

bool lh_word_is_pending(const struct hub *hub, const struct peer *peer) {
  const struct set_word *word = lh_word_of(peer, hub->index);
  if (!lh_quorum_is_agreed(hub)) return false;
  if (peer->node == hub->all->self) return hub->agreed.accepted.round > 0;
  return word == NULL || word->pending;
}

lh_ms lh_word_since_shrunk(const struct hub *hub, const struct peer *peer, lh_ms now) {
  if (!lh_quorum_is_agreed(hub)) return LH_NEVER;
  if (peer->node == hub->all->self)
    return hub->agreed.shrunk_at > 0 ? now - hub->agreed.shrunk_at : LH_NEVER;
  const struct set_word *word = lh_word_of(peer, hub->index);
  return word != NULL ? word->since_shrunk : 0;
}

void lh_word_write(const struct lh_hubs *hubs, lh_ms now, struct lh_buf *out) {
  uint32_t count = 0;
  for (size_t i = 0; i < hubs->hub_count; i++) count += lh_quorum_is_agreed(hubs->hubs[i]);
  lh_write_array(out, WORD_FIELDS * count);
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const struct hub *hub = hubs->hubs[i];
    if (!lh_quorum_is_agreed(hub)) continue;
    lh_write_str(out, hub->config.id.data, hub->config.id.len);
    lh_write_uint(out, hub->agreed.set.term);
    lh_write_run(out, &hub->agreed.set.founder);
    lh_write_uint(out, hub->agreed.set.version);
    lh_write_uint(out,
                  hub->agreed.shrunk_at > 0 ? (uint64_t)(now - hub->agreed.shrunk_at) : LH_NEVER);
    lh_write_bool(out, hub->agreed.accepted.round > 0);
  }
}

static struct hub *read_one(struct lh_hubs *hubs, struct lh_reader *in, struct set_word *word) {
  struct hub *hub = lh_hub_find(hubs, lh_read_str(in, LH_HUB_ID_MAX));
  word->term = lh_read_uint(in, INT64_MAX);
  lh_read_run(in, &word->founder);
  word->version = lh_read_uint(in, INT64_MAX);
  word->since_shrunk = (lh_ms)lh_read_uint(in, INT64_MAX);
  word->pending = lh_read_bool(in);
  if (hub != NULL) word->hub = hub->index;
  return in->err == LH_OK && hub != NULL && lh_quorum_is_agreed(hub) ? hub : NULL;
}

static uint32_t read_count(struct lh_reader *in) {
  const uint32_t fields = lh_read_array(in, WORD_FIELDS * LH_MEMBER_HUBS_MAX);
  if (fields % WORD_FIELDS != 0) lh_read_fail(in, LH_EFORMAT);
  return fields / WORD_FIELDS;
}

void lh_word_read(struct lh_hubs *hubs, struct lh_reader *in, struct word *word) {
  const uint32_t count = read_count(in);
  lh_free(word->sets);
  word->sets = lh_zalloc((count + 1) * sizeof(struct set_word));
  word->set_count = 0;
  for (uint32_t i = 0; i < count && in->err == LH_OK; i++)
    word->set_count += read_one(hubs, in, &word->sets[word->set_count]) != NULL;
}

void lh_word_teach(struct lh_hubs *hubs, struct lh_reader *in, uint32_t from) {
  const uint32_t count = read_count(in);
  for (uint32_t i = 0; i < count && in->err == LH_OK; i++) {
    struct set_word word = {0};
    struct hub *hub = read_one(hubs, in, &word);
    if (hub == NULL || hub->agreed.set.version == 0) continue;
    const struct agreed_set *set = &hub->agreed.set;
    const bool kin = word.term == set->term && lh_run_equal(&word.founder, &set->founder);
    if (word.term < set->term || (word.term == set->term && (!kin || word.version < set->version)))
      lh_ballot_tell(hub, from);
  }
}
