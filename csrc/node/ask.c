// ask.c - the node's own questions: to the main program, and to a function run in some heap. Each
// ends exactly once: with its answer, an error, or its deadline. Owns the questions; `data` belongs
// to whoever asked.
#include "node/internal.h"

#include "base/mem.h"

enum { ASK_MS = LH_POLICY_MS };

struct asked {
  struct lh_list link;
  uint64_t token;
  lh_ms by;
  lh_ask_fn *fn;
  void *data;
};

static uint64_t remember(struct lh_node *node, lh_ask_fn *fn, void *data) {
  struct asked *asked = LH_NEW(struct asked);
  asked->token = (UINT64_C(1) << ASK_TOKEN_BIT) | ++node->next_asked;
  asked->by = lh_env_now(node->env) + ASK_MS;
  asked->fn = fn;
  asked->data = data;
  lh_list_push(&node->asked, &asked->link);
  return asked->token;
}

void lh_ask_main(struct lh_node *node, const char *kind, const struct lh_buf *args, uint32_t count,
                 lh_ask_fn *fn, void *data) {
  lh_actors_ask(node->actors, remember(node, fn, data), kind, lh_bytes_of(args), count);
}

void lh_ask_heap(struct lh_node *node, const char *module, const char *function,
                 const struct lh_buf *args, uint32_t count, lh_ask_fn *fn, void *data) {
  lh_actors_run(node->actors, remember(node, fn, data), lh_bytes_str(module),
                lh_bytes_str(function), lh_bytes_of(args), count, ASK_MS);
}

static void end(struct lh_node *node, struct asked *asked, int status, struct lh_bytes result,
                const char *error) {
  lh_list_remove(&asked->link);
  if (status != LH_OK) node->counters.questions_failed++;
  asked->fn(node, status, result, error, asked->data);
  lh_free(asked);
}

bool lh_ask_answered(struct lh_node *node, uint64_t token, int status, struct lh_bytes result,
                     const char *error) {
  if ((token >> ASK_TOKEN_BIT) != 1) return false;
  for (struct lh_list *at = node->asked.next; at != &node->asked; at = at->next) {
    struct asked *asked = LH_ENTRY(at, struct asked, link);
    if (asked->token != token) continue;
    end(node, asked, status, result, error);
    break;
  }
  return true;
}

lh_ms lh_ask_due(const struct lh_node *node) {
  return lh_list_empty(&node->asked) ? LH_NEVER
                                     : LH_ENTRY(node->asked.next, struct asked, link)->by;
}

void lh_ask_tick(struct lh_node *node, lh_ms now) {
  while (lh_ask_due(node) <= now) {
    end(node, LH_ENTRY(node->asked.next, struct asked, link), LH_ETIMEOUT, lh_bytes(NULL, 0),
        "no answer in time");
  }
}

void lh_ask_free(struct lh_node *node) {
  while (!lh_list_empty(&node->asked)) {
    end(node, LH_ENTRY(node->asked.next, struct asked, link), LH_ECLOSED, lh_bytes(NULL, 0),
        "the node ends");
  }
}
