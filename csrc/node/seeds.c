// seeds.c - finding nodes: the addresses a node was told to join, those of members without a link,
// and hard evidence.
//
// Seeds are dialled at once, then again with growing pauses, and for ever every SEED_SLOW_MS, so
// that islands which formed while no seed answered find each other later, oftener while nobody else
// lives here; but not those where a member is that we have a link to, nor ourselves. Whoever said
// that we may not come is left alone for DENIED_MS, and so is who shows for STRANGE_MS that it does
// not hold the cluster's secret: for a while it may be a line that damages, and where a member is
// it always is. Evidence: a run
// whose link broke is dialled at every address it had; when each refuses, or somebody else answers
// there, that run is gone.
#include "node/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  SEED_FIRST_MS = 250,
  SEED_SLOW_MS = 30000,
  DENIED_MS = 30000,
  STRANGE_MS = 10000,
  SEED_ALONE_MS = 4000,
  REDIAL_MS = 15,
  BROKEN_MAX = 40,
  // limit: addresses that a node dials until somebody answers, also those of members that it knew
  // before it was taken for dead | node.seeds_refused | spec/input/limit_spec.lua: of addresses
  // that it dials
  SEEDS_MAX = 256,
  ADDRESSES_MAX = LH_MEMBER_ADDRESSES_MAX,
};

struct seed {
  struct lh_list link;
  struct lh_node *node;
  char host[256];
  uint16_t port;
  bool lacks_address;  // said once, until it has one
};

struct evidence {  // what dialling the addresses of one run gives
  struct lh_list link;
  struct lh_run run;
  struct lh_addr addresses[ADDRESSES_MAX];
  bool answered[ADDRESSES_MAX];
  lh_ms again[ADDRESSES_MAX];  // LH_NEVER, or when to dial anew
  size_t count, open;
  int broken;  // dials that broke off, so far
  bool lives;
};

static bool split_address(const char *text, char *host, size_t room, uint16_t *port) {
  const char *colon = strrchr(text, ':');
  if (colon == NULL || colon == text) return false;
  const char *begin = text[0] == '[' ? text + 1 : text;
  const char *end = text[0] == '[' && colon[-1] == ']' ? colon - 1 : colon;
  char *rest = NULL;
  const unsigned long number = strtoul(colon + 1, &rest, 10);
  if (*rest != '\0' || number == 0 || number > 65535 || (size_t)(end - begin) >= room) return false;
  memcpy(host, begin, (size_t)(end - begin));
  host[end - begin] = '\0';
  *port = (uint16_t)number;
  return true;
}

// Whether a record gives this address; `linked`: ours, or that of the other end of a link.
static bool is_of_member(const struct lh_node *node, const char *address, bool linked) {
  for (size_t i = 0; i < lh_members_count(node->members); i++) {
    enum lh_member_state state;
    const struct lh_member_record *record = lh_members_at(node->members, i, &state);
    const uint32_t peer = lh_runs_index(node->runs, &record->run);
    if (linked && peer != node->self && !lh_links_is_up(node->links, peer)) continue;
    for (uint32_t k = 0; k < record->address_count; k++)
      if (strcmp(record->addresses[k], address) == 0) return true;
  }
  return false;
}

// --- who does not want us ---
static struct denial *find_denial(struct lh_node *node, const struct lh_addr *address) {
  for (size_t i = 0; i < LH_DENIALS_MAX; i++) {
    if (lh_addr_equal(&node->denials[i].address, address)) return &node->denials[i];
  }
  return NULL;
}

static struct denial *denial_of(struct lh_node *node, const struct lh_addr *address) {
  struct denial *found = find_denial(node, address);
  if (found != NULL) return found;
  struct denial *denial = &node->denials[node->next_denial];
  node->next_denial = (node->next_denial + 1) % LH_DENIALS_MAX;
  *denial = (struct denial){.address = *address};
  return denial;
}

void lh_seeds_denied(struct lh_node *node, const struct lh_addr *address) {
  denial_of(node, address)->until = lh_env_now(node->env) + DENIED_MS;
}

void lh_seeds_strange(struct lh_node *node, const struct lh_addr *address) {
  const lh_ms now = lh_env_now(node->env);
  char text[LH_ADDR_TEXT_MAX];
  lh_addr_format(address, text);
  if (is_of_member(node, text, false)) return;
  struct denial *denial = denial_of(node, address);
  if (!denial->strange) denial->since = now;
  denial->strange = true;
  if (now - denial->since < STRANGE_MS) return;
  if (denial->until == 0)
    lh_log(LH_LOG_WARN, "link",
           "who listens at %s does not hold this cluster's secret: dialled again every %d s", text,
           DENIED_MS / 1000);
  denial->until = now + DENIED_MS;
}

static bool is_denied(struct lh_node *node, const struct lh_addr *address) {
  const struct denial *denial = find_denial(node, address);
  return denial != NULL && denial->until > lh_env_now(node->env);
}

static void dial(struct lh_node *node, const struct lh_addr *address) {
  if (!is_denied(node, address)) lh_links_dial(node->links, address);
}

// --- seeds ---
// A dial could only end at ourselves or at the other end of a link.
static bool is_met(struct lh_node *node, const char *address) {
  return node->joined && is_of_member(node, address, true);
}

static void dial_all(void *self, int err, const struct lh_addr *addrs, size_t count) {
  struct seed *seed = self;
  if (err != LH_OK && !seed->lacks_address)
    lh_log(LH_LOG_WARN, "link", "the seed %s:%u has no address (%s)", seed->host, seed->port,
           lh_err_name(err));
  seed->lacks_address = err != LH_OK;
  for (size_t i = 0; i < count && seed->node->links != NULL; i++) {
    char address[LH_ADDR_TEXT_MAX];
    lh_addr_format(&addrs[i], address);
    if (!is_met(seed->node, address)) dial(seed->node, &addrs[i]);
  }
}

static bool is_known(const struct lh_node *node, const struct seed *fresh) {
  for (const struct lh_list *at = node->seeds.next; at != &node->seeds; at = at->next) {
    const struct seed *seed = LH_ENTRY(at, const struct seed, link);
    if (seed->port == fresh->port && strcmp(seed->host, fresh->host) == 0) return true;
  }
  return false;
}

void lh_seeds_add(struct lh_node *node, const char *address) {
  struct seed *seed = LH_NEW(struct seed);
  seed->node = node;
  if (!split_address(address, seed->host, sizeof seed->host, &seed->port)) {
    lh_log(LH_LOG_ERROR, "link", "join: expected \"host:port\", got \"%s\"", address);
    lh_free(seed);
  } else if (is_known(node, seed)) {
    lh_free(seed);
  } else if (node->seed_count >= SEEDS_MAX) {
    node->counters.seeds_refused++;
    lh_free(seed);
  } else {
    node->seed_count++;
    lh_list_push(&node->seeds, &seed->link);
  }
}

void lh_seeds_begin(struct lh_node *node) {
  node->joined = false;
  node->next_seed_round = lh_env_now(node->env);
}

static bool is_alone(const struct lh_node *node) {
  enum lh_member_state state;
  size_t living = 0;
  for (size_t i = 0; i < lh_members_count(node->members) && living < 2; i++) {
    (void)lh_members_at(node->members, i, &state);
    living += state != LH_MEMBER_DEAD && state != LH_MEMBER_LEFT;
  }
  return living < 2;
}

// It had met somebody, and lost sight of all.
static void look_sooner(struct lh_node *node, lh_ms now) {
  if (node->joined && node->next_seed_round > now + SEED_ALONE_MS && is_alone(node))
    node->next_seed_round = now + SEED_ALONE_MS;
}

static void dial_seeds(struct lh_node *node, lh_ms now) {
  if (lh_list_empty(&node->seeds) || now < node->next_seed_round) return;
  const lh_ms age = now - node->started_at;
  uint64_t jitter = 0;
  lh_env_random(node->env, &jitter, sizeof jitter);
  const lh_ms pause = node->joined  ? SEED_SLOW_MS
                      : age < 10000 ? SEED_FIRST_MS
                      : age < 60000 ? 2000
                                    : 10000;
  node->next_seed_round = now + pause / 2 + (lh_ms)(jitter % (uint64_t)pause);
  for (struct lh_list *at = node->seeds.next; at != &node->seeds; at = at->next) {
    struct seed *seed = LH_ENTRY(at, struct seed, link);
    char address[sizeof seed->host + sizeof ":65535"];
    (void)snprintf(address, sizeof address, "%s:%u", seed->host, seed->port);
    if (!is_met(node, address)) lh_resolve(node->env, seed->host, seed->port, dial_all, seed);
  }
}

// --- members without a link ---
static void dial_found(void *self, int err, const struct lh_addr *addrs, size_t count) {
  struct lh_node *node = self;
  (void)err;
  for (size_t i = 0; i < count && node->links != NULL; i++) dial(node, &addrs[i]);
}

void lh_seeds_dial(struct lh_node *node, const struct lh_member_record *record) {
  for (uint32_t i = 0; i < record->address_count; i++) {
    char host[256];
    uint16_t port = 0;
    if (split_address(record->addresses[i], host, sizeof host, &port))
      lh_resolve(node->env, host, port, dial_found, node);
  }
}

// --- hard evidence ---
static struct evidence *find_evidence(struct lh_node *node, const struct lh_run *run) {
  for (struct lh_list *at = node->evidence.next; at != &node->evidence; at = at->next) {
    struct evidence *evidence = LH_ENTRY(at, struct evidence, link);
    if (lh_run_equal(&evidence->run, run)) return evidence;
  }
  return NULL;
}

// Only numeric addresses give evidence: what a name stands for may change while its node lives.
void lh_seeds_evidence(struct lh_node *node, const struct lh_member_record *record) {
  if (find_evidence(node, &record->run) != NULL) return;
  struct evidence *evidence = LH_NEW(struct evidence);
  evidence->run = record->run;
  for (uint32_t i = 0; i < record->address_count; i++) {
    if (lh_addr_parse(&evidence->addresses[evidence->count], record->addresses[i]) == LH_OK)
      evidence->count++;
    else
      evidence->lives = true;
  }
  evidence->open = evidence->count;
  for (size_t i = 0; i < evidence->count; i++) evidence->again[i] = LH_NEVER;
  lh_list_push(&node->evidence, &evidence->link);
  for (size_t i = 0; i < evidence->count; i++) lh_links_dial(node->links, &evidence->addresses[i]);
}

static void conclude(struct lh_node *node, struct evidence *evidence) {
  const bool gone = !evidence->lives && evidence->count > 0;
  const struct lh_run run = evidence->run;
  lh_list_remove(&evidence->link);
  lh_free(evidence);
  lh_members_evidence(node->members, lh_env_now(node->env), &run, gone);
}

// A process that dies may still accept a connection and drop it: that says nothing, and is tried
// again shortly.
static void note_outcome(struct evidence *evidence, const struct lh_addr *address,
                         const struct lh_run *run, enum seed_outcome outcome, lh_ms now) {
  for (size_t i = 0; i < evidence->count; i++) {
    if (evidence->answered[i] || !lh_addr_equal(&evidence->addresses[i], address)) continue;
    if (outcome == SEED_BROKE_OFF && evidence->broken++ < BROKEN_MAX) {
      evidence->again[i] = now + REDIAL_MS;
      continue;
    }
    evidence->answered[i] = true;
    evidence->open--;
    const bool other = run != NULL && !lh_run_equal(run, &evidence->run);
    if (outcome != SEED_REFUSED && !other) evidence->lives = true;
  }
}

void lh_seeds_outcome(struct lh_node *node, const struct lh_addr *address, const struct lh_run *run,
                      enum seed_outcome outcome) {
  struct lh_list *at = node->evidence.next;
  struct denial *denial = run != NULL ? find_denial(node, address) : NULL;
  if (denial != NULL) denial->strange = false;
  while (at != &node->evidence) {
    struct evidence *evidence = LH_ENTRY(at, struct evidence, link);
    at = at->next;
    note_outcome(evidence, address, run, outcome, lh_env_now(node->env));
    if (evidence->open == 0) conclude(node, evidence);
  }
}

static lh_ms next_redial(const struct evidence *evidence) {
  lh_ms due = LH_NEVER;
  for (size_t i = 0; i < evidence->count; i++) {
    if (!evidence->answered[i] && evidence->again[i] < due) due = evidence->again[i];
  }
  return due;
}

static void redial(struct lh_node *node, lh_ms now) {
  for (struct lh_list *at = node->evidence.next; at != &node->evidence; at = at->next) {
    struct evidence *evidence = LH_ENTRY(at, struct evidence, link);
    for (size_t i = 0; i < evidence->count; i++) {
      if (evidence->answered[i] || evidence->again[i] > now) continue;
      evidence->again[i] = LH_NEVER;
      lh_links_dial(node->links, &evidence->addresses[i]);
    }
  }
}

void lh_seeds_round(struct lh_node *node, lh_ms now) {
  if (node->links == NULL) return;
  redial(node, now);
  look_sooner(node, now);
  dial_seeds(node, now);
}

lh_ms lh_seeds_due(const struct lh_node *node) {
  lh_ms due = node->links == NULL || lh_list_empty(&node->seeds) ? LH_NEVER : node->next_seed_round;
  for (const struct lh_list *at = node->evidence.next; at != &node->evidence; at = at->next) {
    const lh_ms next = next_redial(LH_ENTRY(at, const struct evidence, link));
    if (next < due) due = next;
  }
  return due;
}

void lh_seeds_free(struct lh_node *node) {
  struct lh_list *at;
  while ((at = lh_list_pop(&node->seeds)) != NULL) lh_free(LH_ENTRY(at, struct seed, link));
  while ((at = lh_list_pop(&node->evidence)) != NULL) lh_free(LH_ENTRY(at, struct evidence, link));
}
