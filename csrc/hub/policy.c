// policy.c - questions to strategies that users wrote, and placement by whatever distribution a hub
// has.
//
// A question has a deadline; its answer, an error, or the deadline ends it exactly once. A strategy
// that raises, answers nonsense or is late gives the asker an error; it is counted and logged, and
// whoever asked tries again or reports. The list owns the questions; `data` belongs to whoever
// asked.
#include "hub/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct question {
  struct lh_list link;
  uint64_t id;
  lh_ms by;
  lh_answer_fn *fn;
  void *data;
};

void lh_policy_ask(struct lh_hubs *hubs, lh_ms now, const char *kind, const struct lh_buf *args,
                   uint32_t count, lh_answer_fn *fn, void *data) {
  struct question *question = LH_NEW(struct question);
  question->id = ++hubs->next_question;
  question->by = now + LH_POLICY_MS;
  question->fn = fn;
  question->data = data;
  lh_list_push(&hubs->questions, &question->link);
  hubs->ops->ask(hubs->ops_self, question->id, kind, lh_bytes_of(args), count);
}

// A node whose main program does not answer cannot decide where children go: it says so in its
// record, and its hubs with strategies of the user's take no children until it answers again.
static void set_undecided(struct lh_hubs *hubs, bool undecided) {
  if (hubs->undecided == undecided) return;
  hubs->undecided = undecided;
  lh_log(LH_LOG_WARN, "hub",
         undecided ? "the main program does not answer policy questions; this node takes no "
                     "children meanwhile"
                   : "the main program answers policy questions again");
  hubs->ops->record_changed(hubs->ops_self);
}

static void take_sign_of_life(struct lh_hubs *hubs, lh_ms now, int status, struct lh_bytes result,
                              const char *error, void *data) {
  (void)hubs;
  (void)now;
  (void)status;
  (void)result;
  (void)error;
  (void)data;
}

static void end(struct lh_hubs *hubs, lh_ms now, struct question *question, int status,
                struct lh_bytes result, const char *error) {
  lh_list_remove(&question->link);
  if (status != LH_OK) hubs->counters.strategy_errors++;
  set_undecided(hubs, status == LH_ETIMEOUT);
  question->fn(hubs, now, status, result, error, question->data);
  lh_free(question);
}

void lh_policy_answered(struct lh_hubs *hubs, lh_ms now, uint64_t id, int status,
                        struct lh_bytes result, const char *error) {
  for (struct lh_list *at = hubs->questions.next; at != &hubs->questions; at = at->next) {
    struct question *question = LH_ENTRY(at, struct question, link);
    if (question->id == id) {
      end(hubs, now, question, status, result, error);
      return;
    }
  }
}

lh_ms lh_policy_due(const struct lh_hubs *hubs) {
  if (lh_list_empty(&hubs->questions)) return LH_NEVER;
  return LH_ENTRY(hubs->questions.next, struct question, link)->by;
}

void lh_policy_tick(struct lh_hubs *hubs, lh_ms now) {
  while (lh_policy_due(hubs) <= now) {
    struct question *question = LH_ENTRY(hubs->questions.next, struct question, link);
    end(hubs, now, question, LH_ETIMEOUT, lh_bytes(NULL, 0),
        "the main program did not answer in time");
  }
  if (hubs->undecided && lh_list_empty(&hubs->questions)) {
    const struct lh_buf nothing = LH_BUF_EMPTY;
    lh_policy_ask(hubs, now, "alive", &nothing, 0, take_sign_of_life, NULL);
  }
}

void lh_policy_free(struct lh_hubs *hubs) {
  hubs->undecided = false;
  while (!lh_list_empty(&hubs->questions)) {
    struct question *question = LH_ENTRY(hubs->questions.next, struct question, link);
    end(hubs, 0, question, LH_ECLOSED, lh_bytes(NULL, 0), "the node ends");
  }
}

// --- placement ---
struct placing {
  uint32_t hub;
  uint64_t view;  // that it was asked for
  size_t count;
  size_t factor;  // nodes of each
  bool every;     // all of them are wanted, not the first alone
  size_t candidate_count;
  uint32_t *nodes;  // the candidates as the strategy was shown them
  lh_placed_fn *fn;
  void *data;
};

static int read_places(struct placing *placing, struct lh_bytes result, uint32_t *owners) {
  struct lh_reader in;
  lh_reader_init_user(&in, result);
  const uint32_t count = lh_read_array(&in, LH_BATCH_MAX);
  if (count != placing->count * placing->factor) return LH_EFORMAT;
  for (uint32_t i = 0; i < count; i++) {
    const uint64_t place = lh_read_uint(&in, placing->candidate_count);
    if (in.err != LH_OK || place == 0) return LH_EFORMAT;
    owners[i] = placing->nodes[place - 1];
  }
  return lh_read_end(&in);
}

// How many are left of the answer.
static size_t keep_wanted(const struct placing *placing, uint32_t *owners) {
  if (placing->every) return placing->count * placing->factor;
  for (size_t i = 0; i < placing->count; i++) owners[i] = owners[i * placing->factor];
  return placing->count;
}

static void placed(struct lh_hubs *hubs, lh_ms now, int status, struct lh_bytes result,
                   const char *error, void *data) {
  struct placing *placing = data;
  struct hub *hub = lh_hub_at(hubs, placing->hub);
  uint32_t *owners = lh_zalloc((placing->count * placing->factor + 1) * sizeof(uint32_t));
  if (status == LH_OK && read_places(placing, result, owners) != LH_OK) {
    status = LH_EFAILED;
    error =
        "the distribution strategy's place() must answer a list with one node index for each id";
  }
  if (status == LH_OK && placing->view != hubs->view.hash) {
    status = LH_EAGAIN;
    error = "the members changed meanwhile";
  }
  if (status != LH_OK) lh_log(LH_LOG_WARN, "hub", "placement failed: %s", error);
  if (hub == NULL && status == LH_OK) status = LH_ECLOSED;
  placing->fn(hubs, now, hub, status, owners, keep_wanted(placing, owners), error, placing->data);
  lh_free(owners);
  lh_free(placing->nodes);
  lh_free(placing);
}

static void write_facts(const struct hub *hub, struct lh_buf *out) {
  lh_write_array(out, (uint32_t)hub->candidate_count);
  for (size_t i = 0; i < hub->candidate_count; i++) {
    const struct candidate *candidate = &hub->candidates[i];
    lh_write_array(out, 2);
    lh_write_uint(out, candidate->weight);
    lh_write_cstr(out, candidate->labels != NULL ? candidate->labels : "");
  }
}

static void ask_place(struct hub *hub, lh_ms now, const struct guest *guests,
                      struct placing *placing) {
  struct lh_buf args = LH_BUF_EMPTY;
  lh_write_str(&args, hub->config.id.data, hub->config.id.len);
  lh_write_array(&args, (uint32_t)placing->count);
  for (size_t i = 0; i < placing->count; i++)
    lh_write_str(&args, guests[i].id.data, guests[i].id.len);
  lh_write_array(&args, (uint32_t)hub->candidate_count);
  for (size_t i = 0; i < hub->candidate_count; i++) lh_write_cstr(&args, hub->candidates[i].name);
  lh_write_uint(&args, placing->factor);
  lh_write_cstr(&args, hub->all->name);
  write_facts(hub, &args);
  const char *kind = lh_choice_is_asked(hub) ? "replicas" : "place";
  lh_policy_ask(hub->all, now, kind, &args, 6, placed, placing);
  lh_buf_free(&args);
}

static void place_here(struct hub *hub, lh_ms now, bool again, const struct guest *guests,
                       size_t count, lh_placed_fn *fn, void *data) {
  uint32_t *owners = lh_zalloc((count + 1) * sizeof(uint32_t));
  if (hub->candidate_count > 0) {
    if (again && hub->config.bound > 0)
      lh_crowd_plan(hub, guests, count, owners);
    else if (lh_distribution_counts(&hub->config))
      lh_crowd_guests(hub, now, guests, count, owners);
    else
      lh_place_guests(hub, guests, count, owners);
    for (size_t i = 0; i < count; i++) owners[i] = lh_place_node(hub, owners[i]);
  }
  fn(hub->all, now, hub, LH_OK, owners, count, NULL, data);
  lh_free(owners);
}

static size_t factor_of(const struct hub *hub) {
  if (!lh_choice_is_asked(hub)) return 1;
  return hub->config.factor < hub->candidate_count ? hub->config.factor : hub->candidate_count;
}

static void place_by_user(struct hub *hub, lh_ms now, bool every, const struct guest *guests,
                          size_t count, lh_placed_fn *fn, void *data) {
  struct placing *placing = LH_NEW(struct placing);
  *placing = (struct placing){.hub = hub->index,
                              .view = hub->all->view.hash,
                              .count = count,
                              .factor = factor_of(hub),
                              .every = every,
                              .candidate_count = hub->candidate_count,
                              .fn = fn,
                              .data = data};
  placing->nodes = lh_alloc(hub->candidate_count * sizeof(uint32_t));
  for (size_t i = 0; i < hub->candidate_count; i++) placing->nodes[i] = hub->candidates[i].node;
  ask_place(hub, now, guests, placing);
}

void lh_place(struct hub *hub, lh_ms now, bool again, const struct guest *guests, size_t count,
              lh_placed_fn *fn, void *data) {
  if (hub->config.distribution != LH_DISTRIBUTION_CUSTOM || hub->candidate_count == 0)
    place_here(hub, now, again, guests, count, fn, data);
  else
    place_by_user(hub, now, false, guests, count, fn, data);
}

void lh_place_every(struct hub *hub, lh_ms now, const struct guest *guests, size_t count,
                    lh_placed_fn *fn, void *data) {
  place_by_user(hub, now, true, guests, count, fn, data);
}
