// choice.c - on which nodes a replicated child runs where a user's strategy says so.
//
// Each node finds the nodes of a child by itself, whenever a row changes. A strategy answers later
// than the turn that asks, so its answers are kept, for as long as the members are the same: it is
// asked once for each child and view. That is exact because all members agree on the view and the
// strategy is asked in the same words everywhere: for one child at a time, with nothing that tells
// which node asks. A child whose nodes are not known yet is looked at again with the answer; until
// then nothing of it begins or ends here.
//
//   looked for in vain --> wanted --lh_choice_ask--> asked --answer--> known, and noted again
//                            ^------- failed, after a pause -----'
//   another view: all is forgotten, and all children are noted anew (balance.c)
//
// Owns the answers. Those of children that are gone are dropped by who finds that (replica.c).
#include "hub/internal.h"

#include "base/mem.h"

#include <string.h>

enum { ASKED_AT_ONCE = 4096, PAUSE_FIRST_MS = 250, PAUSE_LAST_MS = 30000 };

struct its_nodes {
  uint32_t count;
  uint32_t nodes[];
};
struct question {
  uint32_t hub;
  uint64_t number;
};

bool lh_choice_is_asked(const struct hub *hub) {
  const struct lh_hub_config *config = &hub->config;
  return config->replicated && config->distribution == LH_DISTRIBUTION_CUSTOM &&
         config->factor != LH_FACTOR_ALL;
}

static struct lh_bytes key_of(const struct lh_map *map, size_t at) {
  return lh_bytes(map->entries[at].key, map->entries[at].key_len);
}

// --- what is known ---
bool lh_choice_find(struct hub *hub, struct lh_bytes id, uint32_t *nodes, size_t *count) {
  struct choices *choices = &hub->replicas.choices;
  const struct its_nodes *answer = lh_map_get(&choices->known, id.data, id.len);
  *count = 0;
  if (hub->candidate_count == 0) return true;
  if (answer == NULL) {
    if (lh_map_get(&choices->asked, id.data, id.len) == NULL)
      (void)lh_map_put(&choices->wanted, id.data, id.len, hub);
    return false;
  }
  *count = answer->count;
  memcpy(nodes, answer->nodes, answer->count * sizeof(uint32_t));
  return true;
}

void lh_choice_drop(struct hub *hub, struct lh_bytes id) {
  struct choices *choices = &hub->replicas.choices;
  lh_free(lh_map_remove(&choices->known, id.data, id.len));
  (void)lh_map_remove(&choices->wanted, id.data, id.len);
}

static void keep(struct choices *choices, struct lh_bytes id, const uint32_t *nodes, size_t count) {
  struct its_nodes *answer = lh_alloc(sizeof(struct its_nodes) + count * sizeof(uint32_t));
  answer->count = (uint32_t)count;
  memcpy(answer->nodes, nodes, count * sizeof(uint32_t));
  lh_free(lh_map_put(&choices->known, id.data, id.len, answer));
}

void lh_choice_forget(struct hub *hub) {
  struct choices *choices = &hub->replicas.choices;
  for (size_t i = 0; i < choices->known.count; i++) lh_free(choices->known.entries[i].value);
  lh_map_free(&choices->known);
  lh_map_free(&choices->wanted);
  lh_map_free(&choices->asked);
  choices->asking = false;
  choices->again_at = 0;
}

// --- asking ---
// What failed is wanted still.
static void put_back(struct choices *choices, lh_ms now) {
  for (size_t i = 0; i < choices->asked.count; i++) {
    const struct lh_bytes id = key_of(&choices->asked, i);
    (void)lh_map_put(&choices->wanted, id.data, id.len, choices);
  }
  lh_map_free(&choices->asked);
  choices->pause = choices->again_at == 0 ? PAUSE_FIRST_MS : choices->pause * 2;
  if (choices->pause > PAUSE_LAST_MS) choices->pause = PAUSE_LAST_MS;
  choices->again_at = now + choices->pause;
}

static void take(struct hub *hub, const uint32_t *nodes, size_t count) {
  struct choices *choices = &hub->replicas.choices;
  struct lh_map asked = choices->asked;
  const size_t each = asked.count > 0 ? count / asked.count : 0;
  choices->asked = LH_MAP_EMPTY;
  choices->again_at = 0;
  for (size_t i = 0; i < asked.count; i++) {
    const struct lh_bytes id = key_of(&asked, i);
    keep(choices, id, nodes + i * each, each);
    lh_replica_note(hub, id);
  }
  lh_map_free(&asked);
}

static void answered(struct lh_hubs *hubs, lh_ms now, struct hub *hub, int status,
                     const uint32_t *nodes, size_t count, const char *error, void *data) {
  const struct question question = *(struct question *)data;
  struct hub *asker = hub != NULL ? hub : lh_hub_at(hubs, question.hub);
  (void)error;
  lh_free(data);
  if (asker == NULL || question.number != asker->replicas.choices.question ||
      !asker->replicas.choices.asking)
    return;
  asker->replicas.choices.asking = false;
  if (status == LH_OK) {
    take(asker, nodes, count);
    hubs->check_ops = true;
  } else {
    put_back(&asker->replicas.choices, now);
  }
}

// Some of what is wanted becomes what is asked for.
static void fill_question(struct choices *choices) {
  size_t left = choices->wanted.count < ASKED_AT_ONCE ? choices->wanted.count : ASKED_AT_ONCE;
  for (; left > 0; left--) {
    const struct lh_bytes id = key_of(&choices->wanted, choices->wanted.count - 1);
    (void)lh_map_put(&choices->asked, id.data, id.len, choices);
    (void)lh_map_remove(&choices->wanted, id.data, id.len);
  }
}

static void ask(struct hub *hub, lh_ms now) {
  struct choices *choices = &hub->replicas.choices;
  fill_question(choices);
  const size_t count = choices->asked.count;
  struct guest *guests = lh_zalloc(count * sizeof(struct guest));
  for (size_t i = 0; i < count; i++) guests[i].id = key_of(&choices->asked, i);
  struct question *question = LH_NEW(struct question);
  *question = (struct question){hub->index, ++choices->question};
  choices->asking = true;
  lh_place_every(hub, now, guests, count, answered, question);
  lh_free(guests);
}

static bool waits_to_ask(const struct choices *choices) {
  return choices->wanted.count > 0 && !choices->asking;
}

void lh_choice_ask(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct hub *hub = hubs->hubs[i];
    const struct choices *choices = &hub->replicas.choices;
    if (waits_to_ask(choices) && now >= choices->again_at && hub->candidate_count > 0)
      ask(hub, now);
  }
}

lh_ms lh_choice_due(const struct lh_hubs *hubs) {
  lh_ms due = LH_NEVER;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const struct choices *choices = &hubs->hubs[i]->replicas.choices;
    if (waits_to_ask(choices) && hubs->hubs[i]->candidate_count > 0 && choices->again_at < due)
      due = choices->again_at;
  }
  return due;
}
