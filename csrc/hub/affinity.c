// affinity.c - which nodes a child's `placement` allows: a node by its name, labels that a node
// must or should have, an even spread over the values of a label.
//
//   all candidates -> require -> node -> prefer -> spread -> those among which the hash decides
//
// A child says it in its spec, where it goes first in the stored form; what the hub's distribution
// says holds for children that say nothing. The same view, id and spec give the same answer on
// every node. Children of one wish follow each other mostly: the last one's nodes are kept.
#include "hub/internal.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { WISHES_MAX = 64, WORD_MAX = 255 };
static const uint64_t SPREAD_SEED = 0x737072656164;  // "spread"

struct wishes {
  struct lh_bytes nodes, require, prefer, spread;
  bool pinned;
};

struct affinity {
  const struct hub *hub;
  struct lh_bytes last;  // the placement that `allowed` is about
  struct wishes wishes;
  uint8_t *allowed;  // by place, before `spread`
  uint8_t *here;     // after it
  uint64_t *values;  // of the label to spread over, hashed
  uint8_t *taken;    // by place: those that have an instance of the child already
  size_t taken_count;
  bool somewhere;
};

static bool is(struct lh_bytes text, const char *word) {
  return lh_bytes_equal(text, lh_bytes_str(word));
}

// --- reading ---
// Answers LH_ENOTFOUND for a key that there is not.
static int read_wish(struct lh_reader *in, struct lh_bytes key, struct wishes *wishes) {
  if (is(key, "node"))
    wishes->nodes = lh_read_skip(in);
  else if (is(key, "pinned"))
    wishes->pinned = lh_read_bool(in);
  else if (is(key, "require"))
    wishes->require = lh_read_skip(in);
  else if (is(key, "prefer"))
    wishes->prefer = lh_read_skip(in);
  else if (is(key, "spread"))
    wishes->spread = lh_read_str(in, WORD_MAX);
  else
    return LH_ENOTFOUND;
  return in->err;
}

static void read_wishes(struct wishes *wishes, struct lh_bytes placement) {
  struct lh_reader in;
  *wishes = (struct wishes){0};
  lh_reader_init_user(&in, placement);
  const uint32_t count = lh_read_map(&in, WISHES_MAX);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++)
    (void)read_wish(&in, lh_read_str(&in, 64), wishes);
}

struct lh_bytes lh_affinity_stored(struct lh_bytes spec) {
  struct lh_reader in;
  if (spec.len == 0) return lh_bytes(NULL, 0);
  lh_reader_init_user(&in, spec);
  if (lh_read_peek(&in) != LH_WIRE_MAP || lh_read_map(&in, 64) == 0) return lh_bytes(NULL, 0);
  if (!is(lh_read_str(&in, 64), "placement")) return lh_bytes(NULL, 0);
  const struct lh_bytes placement = lh_read_skip(&in);
  return in.err == LH_OK ? placement : lh_bytes(NULL, 0);
}

void lh_affinity_write(struct child *child, struct lh_buf *out) {
  struct lh_bytes placement = lh_bytes(NULL, 0);
  lh_registry_read_lock();
  const struct lh_row *row = child->choosy ? lh_host_row(child) : NULL;
  if (row != NULL) placement = lh_affinity_stored(lh_row_spec(row));
  if (placement.data != NULL)
    lh_buf_append(out, placement.data, placement.len);
  else
    lh_write_nil(out);
  lh_registry_read_unlock();
}

// --- words: one, or a list of them ---
struct words {
  struct lh_reader in;
  uint32_t left;
};

static struct words words_of(struct lh_bytes value) {
  struct words words = {.left = 1};
  lh_reader_init_user(&words.in, value);
  if (lh_read_peek(&words.in) == LH_WIRE_ARRAY) words.left = lh_read_array(&words.in, WISHES_MAX);
  return words;
}

static bool next_word(struct words *words, struct lh_bytes *word) {
  if (words->left == 0 || words->in.err != LH_OK) return false;
  words->left--;
  *word = lh_read_str(&words->in, WORD_MAX);
  return words->in.err == LH_OK;
}

static bool are_words(struct lh_bytes value) {
  struct words words = words_of(value);
  struct lh_bytes word;
  bool some = false;
  while (next_word(&words, &word)) some = true;
  return some && words.left == 0 && lh_read_end(&words.in) == LH_OK;
}

// --- labels ---
static struct lh_bytes label_of(const char *labels, struct lh_bytes key) {
  const char *at = labels != NULL ? labels : "";
  while (*at != '\0') {
    const char *end = strchr(at, '\n');
    if (end == NULL) end = at + strlen(at);
    if ((size_t)(end - at) > key.len && at[key.len] == '=' && memcmp(at, key.data, key.len) == 0)
      return lh_bytes(at + key.len + 1, (size_t)(end - at) - key.len - 1);
    at = *end == '\n' ? end + 1 : end;
  }
  return lh_bytes(NULL, 0);
}

// true: the label is there, whatever it says.
static bool matches(struct lh_bytes wanted, struct lh_bytes label) {
  struct lh_reader in;
  struct lh_bytes word;
  if (label.data == NULL) return false;
  lh_reader_init_user(&in, wanted);
  if (lh_read_peek(&in) == LH_WIRE_BOOL) return lh_read_bool(&in);
  struct words words = words_of(wanted);
  while (next_word(&words, &word)) {
    if (lh_bytes_equal(word, label)) return true;
  }
  return false;
}

static uint32_t count_matches(struct lh_bytes wanted, const char *labels, uint32_t *of) {
  struct lh_reader in;
  uint32_t found = 0;
  *of = 0;
  if (wanted.data == NULL) return 0;
  lh_reader_init_user(&in, wanted);
  *of = lh_read_map(&in, WISHES_MAX);
  for (uint32_t i = 0; i < *of && in.err == LH_OK; i++) {
    const struct lh_bytes key = lh_read_str(&in, WORD_MAX);
    found += matches(lh_read_skip(&in), label_of(labels, key));
  }
  return found;
}

// --- narrowing ---
static bool keep_required(const struct affinity *affinity) {
  bool some = false;
  for (size_t i = 0; i < affinity->hub->candidate_count; i++) {
    uint32_t wanted;
    const uint32_t has =
        count_matches(affinity->wishes.require, affinity->hub->candidates[i].labels, &wanted);
    affinity->allowed[i] = has == wanted && !affinity->taken[i];
    some = some || affinity->allowed[i];
  }
  return some;
}

// The first of the named nodes that is there; where it is pinned, no other.
static bool keep_named(const struct affinity *affinity) {
  struct words words = words_of(affinity->wishes.nodes);
  const struct hub *hub = affinity->hub;
  struct lh_bytes name;
  if (affinity->wishes.nodes.data == NULL) return true;
  while (next_word(&words, &name)) {
    for (size_t i = 0; i < hub->candidate_count; i++) {
      if (!affinity->allowed[i] || !is(name, hub->candidates[i].name)) continue;
      memset(affinity->allowed, 0, hub->candidate_count);
      affinity->allowed[i] = 1;
      return true;
    }
  }
  return !affinity->wishes.pinned;
}

static void keep_preferred(const struct affinity *affinity) {
  const struct hub *hub = affinity->hub;
  uint32_t most = 0;
  uint32_t wanted;
  if (affinity->wishes.prefer.data == NULL) return;
  for (size_t i = 0; i < hub->candidate_count; i++) {
    const uint32_t has = count_matches(affinity->wishes.prefer, hub->candidates[i].labels, &wanted);
    if (affinity->allowed[i] && has > most) most = has;
  }
  for (size_t i = 0; i < hub->candidate_count; i++) {
    const uint32_t has = count_matches(affinity->wishes.prefer, hub->candidates[i].labels, &wanted);
    affinity->allowed[i] = affinity->allowed[i] && has == most;
  }
}

// Nodes without the label share the value of no letters.
static void hash_values(const struct affinity *affinity) {
  for (size_t i = 0; i < affinity->hub->candidate_count; i++) {
    const struct lh_bytes value =
        label_of(affinity->hub->candidates[i].labels, affinity->wishes.spread);
    affinity->values[i] =
        lh_hash(value.data != NULL ? (const void *)value.data : "", value.len, SPREAD_SEED);
  }
}

static bool is_value_taken(const struct affinity *affinity, size_t place) {
  for (size_t i = 0; i < affinity->hub->candidate_count; i++) {
    if (affinity->taken[i] && affinity->values[i] == affinity->values[place]) return true;
  }
  return false;
}

// Where some value has no instance of the child yet, those that have one are passed over.
static void keep_new_values(const struct affinity *affinity) {
  const size_t count = affinity->hub->candidate_count;
  bool some = false;
  if (affinity->taken_count == 0) return;
  for (size_t i = 0; i < count && !some; i++)
    some = affinity->allowed[i] && !is_value_taken(affinity, i);
  for (size_t i = 0; i < count && some; i++)
    affinity->allowed[i] = affinity->allowed[i] && !is_value_taken(affinity, i);
}

// The value is drawn first, each with the same chance; then a node that has it.
static const uint8_t *keep_spread(const struct affinity *affinity, uint64_t child) {
  const size_t count = affinity->hub->candidate_count;
  uint64_t best = 0;
  keep_new_values(affinity);
  for (size_t i = 0; i < count; i++) {
    const uint64_t score = affinity->allowed[i] ? lh_hash_mix(child, affinity->values[i]) : 0;
    if (score > best) best = score;
  }
  for (size_t i = 0; i < count; i++)
    affinity->here[i] = affinity->allowed[i] && lh_hash_mix(child, affinity->values[i]) == best;
  return affinity->here;
}

// --- for the other files ---
struct affinity *lh_affinity_new(const struct hub *hub) {
  struct affinity *affinity = LH_NEW(struct affinity);
  affinity->hub = hub;
  affinity->allowed = lh_zalloc(hub->candidate_count + 1);
  affinity->here = lh_zalloc(hub->candidate_count + 1);
  affinity->values = lh_zalloc((hub->candidate_count + 1) * sizeof(uint64_t));
  affinity->taken = lh_zalloc(hub->candidate_count + 1);
  return affinity;
}

void lh_affinity_free(struct affinity *affinity) {
  lh_free(affinity->allowed);
  lh_free(affinity->here);
  lh_free(affinity->values);
  lh_free(affinity->taken);
  lh_free(affinity);
}

void lh_affinity_take(struct affinity *affinity, uint32_t place) {
  affinity->taken[place] = 1;
  affinity->taken_count++;
  affinity->last = lh_bytes(NULL, 0);
}

void lh_affinity_take_none(struct affinity *affinity) {
  memset(affinity->taken, 0, affinity->hub->candidate_count);
  affinity->taken_count = 0;
  affinity->last = lh_bytes(NULL, 0);
}

// Of a child without wishes.
static bool is_any_left(struct affinity *affinity, const uint8_t **allowed) {
  if (affinity->taken_count == 0) return affinity->hub->candidate_count > 0;
  for (size_t i = 0; i < affinity->hub->candidate_count; i++)
    affinity->allowed[i] = !affinity->taken[i];
  *allowed = affinity->allowed;
  return affinity->taken_count < affinity->hub->candidate_count;
}

bool lh_affinity_of(struct affinity *affinity, const struct guest *guest, uint64_t child,
                    const uint8_t **allowed) {
  const bool own = guest->placement.data != NULL;
  const struct lh_bytes placement = own ? guest->placement : affinity->hub->config.placement;
  *allowed = NULL;
  if (placement.data == NULL) return is_any_left(affinity, allowed);
  if (affinity->last.data == NULL || !lh_bytes_equal(affinity->last, placement)) {
    affinity->last = placement;
    read_wishes(&affinity->wishes, placement);
    affinity->somewhere = keep_required(affinity) && keep_named(affinity);
    if (affinity->somewhere) keep_preferred(affinity);
    if (affinity->wishes.spread.data != NULL) hash_values(affinity);
  }
  *allowed = affinity->allowed;
  if (affinity->somewhere && affinity->wishes.spread.data != NULL)
    *allowed = keep_spread(affinity, child);
  return affinity->somewhere;
}

// --- checking ---
static int bad(struct lh_error *error, const char *field, const char *expected) {
  return lh_fail(error, LH_EINVAL, "placement.%s: expected %s", field, expected);
}

static bool are_labels(struct lh_bytes value) {
  struct lh_reader in;
  if (value.data == NULL) return true;
  lh_reader_init_user(&in, value);
  if (lh_read_peek(&in) != LH_WIRE_MAP) return false;
  const uint32_t count = lh_read_map(&in, WISHES_MAX);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++) {
    (void)lh_read_str(&in, WORD_MAX);
    const struct lh_bytes wanted = lh_read_skip(&in);
    struct lh_reader flag;
    lh_reader_init_user(&flag, wanted);
    const bool there = lh_read_peek(&flag) == LH_WIRE_BOOL && lh_read_bool(&flag);
    if (in.err == LH_OK && !there && !are_words(wanted)) return false;
  }
  return lh_read_end(&in) == LH_OK;
}

static int check_wishes(const struct wishes *wishes, struct lh_error *error) {
  static const char labels[] = "labels { name = \"value\", a list of values, or true }";
  if (wishes->nodes.data != NULL && !are_words(wishes->nodes))
    return bad(error, "node", "the name of a node or a list of names");
  if (!are_labels(wishes->require)) return bad(error, "require", labels);
  if (!are_labels(wishes->prefer)) return bad(error, "prefer", labels);
  if (wishes->pinned && wishes->nodes.data == NULL)
    return lh_fail(error, LH_EINVAL, "placement.pinned: needs a node");
  return LH_OK;
}

int lh_affinity_check(struct lh_bytes placement, struct lh_error *error) {
  struct wishes wishes = {0};
  struct lh_reader in;
  lh_reader_init_user(&in, placement);
  if (lh_read_peek(&in) != LH_WIRE_MAP)
    return lh_fail(error, LH_EINVAL,
                   "placement: expected a table { node, pinned, prefer, require, spread }");
  const uint32_t count = lh_read_map(&in, WISHES_MAX);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++) {
    const struct lh_bytes key = lh_read_str(&in, 64);
    const int err = read_wish(&in, key, &wishes);
    if (err == LH_ENOTFOUND)
      return lh_fail(
          error, LH_EINVAL,
          "placement: unknown field '%.*s' (known: node, pinned, prefer, require, spread)",
          (int)key.len, (const char *)key.data);
    if (err != LH_OK)
      return bad(error, is(key, "pinned") ? "pinned" : "spread",
                 is(key, "pinned") ? "true or false" : "the name of a label");
  }
  if (in.err != LH_OK) return lh_fail(error, LH_EINVAL, "placement: cannot be read");
  return check_wishes(&wishes, error);
}
