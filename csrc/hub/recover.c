// recover.c - the children of dead nodes run again on those that live.
//
// Under an agreed view, in this order: every dead ledger that a member's vote names is brought to
// the highest sequence any of them holds (a node that came late fetches it whole); then each node
// places the rows and claims what falls to it: a STARTING row of its own with a higher generation,
// before anything is started. Claims cover the dead rows on every node alike, and an empty ledger
// is dropped.
//
// Where placement depends on more than the arguments (deterministic = false), the member with the
// lowest id of those that run the hub decides for all and sends START frames. Rows that nobody
// covered (a request was lost, a strategy failed, whoever should claim them has not got them) are
// looked at again, after growing pauses; then whoever holds them sends them on, too.
#include "hub/internal.h"
#include "hub/quorum.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

enum {
  DEAD_MAX = LH_RUNS_MAX,
  FETCH_MS = 3000,
  OUTRANK_PAUSE_MS = 8 * LH_RECOVER_MS,
  LOST_PAUSE_MS = 8 * LH_RECOVER_MS
};

static uint64_t best_holder(struct lh_hubs *hubs, uint32_t dead, uint32_t *holder) {
  uint64_t best = 0;
  *holder = 0;
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    for (size_t k = 0; k < peer->frozen_count; k++) {
      if (peer->frozen[k].node != dead || peer->frozen[k].seq <= best) continue;
      best = peer->frozen[k].seq;
      *holder = peer->node;
    }
  }
  return best;
}

// A part of a split may hold more of a dead ledger than those that took it over before: the
// registry tells what is new from what was dealt with.
static bool lacks_tail(struct lh_hubs *hubs, uint32_t dead, uint32_t *holder) {
  const uint64_t best = best_holder(hubs, dead, holder);
  return best > lh_registry_seq(hubs->registry, dead);
}

bool lh_recover_pending(struct lh_hubs *hubs) { return hubs->fetching > 0 || hubs->unanswered > 0; }

// Where not all agree, somebody may see it alive.
static bool is_said_dead(const struct lh_hubs *hubs, uint32_t run) {
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    for (size_t k = 0; k < peer->frozen_count; k++) {
      if (peer->frozen[k].node == run && peer->frozen[k].has_rows) return true;
    }
  }
  return false;
}

// One holder at a time is asked: another one when the first is gone, or when it holds more. What a
// member knows for dead and nobody sees alive is dead, also to one that was away when it died; what
// that one held is old, and may name children that were stopped since. But where it holds more than
// all others, it is the only one that knows.
static void fetch(struct lh_hubs *hubs, lh_ms now, uint32_t dead) {
  uint32_t holder = 0;
  if (dead == 0 || lh_view_find(hubs, dead) != NULL) return;
  if (!lh_registry_is_frozen(hubs->registry, dead)) {
    if (hubs->view.capped && !is_said_dead(hubs, dead)) return;
    if (best_holder(hubs, dead, &holder) >= lh_registry_seq(hubs->registry, dead))
      lh_registry_freeze_old(hubs->registry, dead);
    lh_registry_freeze(hubs->registry, dead);
    lh_recover_refuted(hubs, dead);  // what was asked before is void
  }
  if (!lacks_tail(hubs, dead, &holder)) return;
  const uintptr_t asked = (uintptr_t)lh_map_get(&hubs->asked, &dead, sizeof dead);
  if (asked != holder) {
    (void)lh_map_put(&hubs->asked, &dead, sizeof dead, (void *)(uintptr_t)holder);
    lh_registry_fetch(hubs->registry, holder, dead);
    hubs->fetch_by = now + FETCH_MS;
  }
  hubs->fetching++;
}

// It lives after all, so its ledger goes on: what was noted of its death is void.
void lh_recover_refuted(struct lh_hubs *hubs, uint32_t node) {
  (void)lh_map_remove(&hubs->asked, &node, sizeof node);
}

// What those took over whom we forgot is taken anew from whoever holds it.
void lh_recover_forgot(struct lh_hubs *hubs) {
  lh_registry_reopen(hubs->registry);
  lh_map_free(&hubs->asked);
  hubs->check_settle = hubs->check_view = true;
}

// What was asked over a link that broke is asked again.
void lh_recover_link_up(struct lh_hubs *hubs, uint32_t node) {
  for (size_t i = hubs->asked.count; i > 0; i--) {
    const struct lh_map_entry *entry = &hubs->asked.entries[i - 1];
    if ((uintptr_t)entry->value == node)
      (void)lh_map_remove(&hubs->asked, entry->key, entry->key_len);
  }
  hubs->check_settle = hubs->check_view = true;
}

// Asks for every tail that is missing; answers whether some are still on their way.
static bool fetch_tails(struct lh_hubs *hubs, lh_ms now) {
  hubs->fetching = 0;
  for (size_t i = 0; i < hubs->view.count; i++) {
    const struct peer *peer = hubs->view.peers[i];
    for (size_t k = 0; k < peer->frozen_count; k++) fetch(hubs, now, peer->frozen[k].node);
  }
  if (hubs->fetching > 0 && now >= hubs->fetch_by) {
    if (hubs->fetch_by != -LH_NEVER) {
      lh_log(LH_LOG_WARN, "hub",
             "the last rows of a dead node did not come in %d ms; going on with what is here",
             FETCH_MS);
    }
    hubs->fetch_by = -LH_NEVER;
    hubs->fetching = 0;
  }
  return hubs->fetching > 0;
}

// A copy may be older than what others made of that ledger since, of which nothing is left with
// them: all say how far they hold it before anything of it is placed. Answers whether some have
// not.
static bool wait_for_answers(struct lh_hubs *hubs, lh_ms now) {
  uint32_t dead[DEAD_MAX];
  size_t count = lh_registry_ledgers(hubs->registry, dead, DEAD_MAX, true);
  count += lh_view_strangers(hubs, dead + count, DEAD_MAX - count);
  hubs->unanswered = 0;
  for (size_t i = 0; i < count; i++) hubs->unanswered += !lh_view_answered(hubs, dead[i]);
  if (hubs->unanswered == 0) {
    hubs->answers_by = LH_NEVER;
  } else if (hubs->answers_by == LH_NEVER) {
    hubs->answers_by = now + FETCH_MS;
  } else if (now >= hubs->answers_by) {
    hubs->unanswered = 0;
  }
  if (hubs->unanswered > 0) hubs->fetching = 0;  // what to fetch is seen anew when all answered
  return hubs->unanswered > 0;
}

// --- claiming ---
struct heir {  // the rows of one hub that are to be placed, gathered over the dead ledgers
  struct hub *hub;
  const struct lh_row **rows;
  size_t count, cap;
  bool again;  // looked at before: whoever should have claimed them may not have the rows
};

static void gather(struct heir *heir, const struct lh_row *row) {
  if (heir->count == heir->cap) {
    heir->cap = heir->cap > 0 ? heir->cap * 2 : 256;
    heir->rows = lh_realloc(heir->rows, heir->cap * sizeof(struct lh_row *));
  }
  lh_row_ref(row);
  heir->rows[heir->count++] = row;
}

static void heir_free(struct heir *heir) {
  for (size_t i = 0; i < heir->count; i++) lh_row_unref(heir->rows[i]);
  lh_free(heir->rows);
  lh_free(heir);
}

// Our own instance stands for the child: its generation must be the higher one.
static void outrank(struct child *child, uint64_t generation) {
  if (child->generation > generation || child->phase != PHASE_RUNNING || child->contested) return;
  lh_host_raise(child);
}

static bool runs_somewhere(const struct hub *hub, struct lh_bytes id) {
  const struct lh_row *row = NULL;
  return lh_registry_find(hub->all->registry, hub->index, id, &row, 1) > 0;
}

static bool is_temporary(const struct lh_row *row) {
  struct spec spec;
  lh_hub_spec_parse(&spec, lh_row_spec(row));
  return spec.restart == RESTART_TEMPORARY;
}

struct sweep {
  struct heir *heir;
};

static bool take(void *self, const struct lh_row *row) {
  struct sweep *sweep = self;
  if (row->hub == sweep->heir->hub->index) gather(sweep->heir, row);
  return true;
}

// An instance that was prepared here for a move from the dead node: without its state it is no
// heir.
static bool is_orphan(const struct child *child) {
  return child->phase == PHASE_PREPARED && !child->trouble->activating &&
         !runs_somewhere(child->hub, lh_bytes(child->id, child->id_len));
}

// An instance that runs with a member stands for the child, even one of a lower generation.
static bool is_alive_in_view(const struct hub *hub, struct lh_bytes id) {
  const struct lh_row *row = NULL;
  return lh_registry_find(hub->all->registry, hub->index, id, &row, 1) > 0 && row->pid != 0 &&
         lh_view_find(hub->all, row->node) != NULL;
}

// Its node raises it above the dead row, which it fetches from those that hold it, and our copy
// goes then. Where that does not come about, the copy is dropped after a while.
static bool waits_to_be_outranked(const struct hub *hub) {
  return hub->all->recover_pause < OUTRANK_PAUSE_MS;
}

// Another instance stands for the dead one: what is missing is started beside it.
static bool is_stood_for(struct hub *hub, const struct lh_row *row) {
  const struct child *child = lh_host_child(hub, lh_row_id(row));
  return child != NULL ? phase_is_up(child->phase) : is_alive_in_view(hub, lh_row_id(row));
}

// What needs no placing is dealt with here; answers whether the row is to be placed.
static bool consider(struct hub *hub, const struct lh_row *row, uint32_t dead) {
  struct child *child = lh_host_child(hub, lh_row_id(row));
  if (hub->config.replicated) {
    if (!is_stood_for(hub, row) && !is_temporary(row))
      return child == NULL && !runs_somewhere(hub, lh_row_id(row));
    (void)lh_registry_cover(hub->all->registry, dead, row->hub, lh_row_id(row));
    return false;
  }
  if (child != NULL && is_orphan(child)) {
    lh_host_discard(child);
    child = NULL;
  }
  if (child != NULL) {
    outrank(child, row->generation);
    return false;
  }
  const bool alive = is_alive_in_view(hub, lh_row_id(row));
  if (alive && waits_to_be_outranked(hub)) return false;
  if (alive || is_temporary(row)) {
    (void)lh_registry_cover(hub->all->registry, dead, row->hub, lh_row_id(row));
    return false;
  }
  return !runs_somewhere(hub, lh_row_id(row));
}

// Rows leave the dead ledger while they are considered, so they are gathered first.
static void sweep_ledger(struct heir *heir, uint32_t dead) {
  struct sweep sweep = {.heir = heir};
  const size_t first = heir->count;
  lh_registry_each(heir->hub->all->registry, dead, take, &sweep);
  size_t kept = first;
  for (size_t i = first; i < heir->count; i++) {
    if (consider(heir->hub, heir->rows[i], dead))
      heir->rows[kept++] = heir->rows[i];
    else
      lh_row_unref(heir->rows[i]);
  }
  heir->count = kept;
}

// False: it runs already.
static bool claim(struct lh_hubs *hubs, lh_ms now, struct hub *hub, const struct lh_row *row) {
  if (lh_host_child(hub, lh_row_id(row)) != NULL || runs_somewhere(hub, lh_row_id(row)))
    return false;
  const struct arrival arrival = {
      .hub = hub,
      .id = lh_row_id(row),
      .spec = lh_row_spec(row),
      .metadata = lh_row_metadata(row),
      .restarts = LH_PLANTED(restarts_not_carried) ? 0 : row->restarts,
      .above = row->generation,
      .born = row->born,
      .flags = row->pinned ? START_PINNED : 0U,
  };
  hubs->counters.recovered++;
  lh_host_begin(hubs, now, &arrival);
  return true;
}

// What was claimed here, told by the dead node that it comes from; rows are gathered node by node.
struct takeover {
  struct lh_bytes *ids;
  size_t count;
  uint32_t from;
};

static void tell(struct hub *hub, struct takeover *takeover) {
  if (takeover->count == 0) return;
  const char *from = lh_runs_name(hub->all->runs, takeover->from);
  lh_event_children(hub, "node_leave", from, takeover->ids, takeover->count);
  takeover->count = 0;
}

static void note_claim(struct hub *hub, struct takeover *takeover, const struct lh_row *row) {
  if (row->node != takeover->from) tell(hub, takeover);
  takeover->from = row->node;
  takeover->ids[takeover->count++] = lh_row_id(row);
}

static void send_claim(struct lh_hubs *hubs, struct hub *hub, const struct lh_row *row,
                       uint32_t to) {
  struct lh_buf body = LH_BUF_EMPTY;
  lh_write_uint(&body, 0);
  lh_write_run(&body, lh_runs_at(hubs->runs, hubs->self));
  lh_write_str(&body, hub->config.id.data, hub->config.id.len);
  lh_write_uint(&body, 0);
  lh_write_uint(&body, START_CHECK | lh_distribution_flags(&hub->config));
  lh_write_uint(&body, hub->generation);
  lh_write_array(&body, ARRIVAL_FIELDS);
  lh_write_uint(&body, 0);
  lh_write_str(&body, lh_row_id(row).data, lh_row_id(row).len);
  lh_write_bin(&body, lh_row_spec(row).data, lh_row_spec(row).len);
  lh_write_bin(&body, lh_row_metadata(row).data, lh_row_metadata(row).len);
  lh_write_uint(&body, row->restarts);
  lh_write_uint(&body, row->generation);
  lh_write_uint(&body, row->born);
  lh_hub_send(hubs, to, LH_FRAME_START, &body);
}

struct names {
  const struct hub *hub;
  struct lh_map *out;
};

static bool note_id(void *self, const struct lh_row *row) {
  struct names *names = self;
  const struct lh_bytes id = lh_row_id(row);
  if (row->hub == names->hub->index) (void)lh_map_put(names->out, id.data, id.len, names);
  return true;
}

void lh_recover_ids(struct hub *hub, struct lh_map *out) {
  uint32_t dead[DEAD_MAX];
  struct names names = {hub, out};
  const size_t count = lh_registry_ledgers(hub->all->registry, dead, DEAD_MAX, true);
  for (size_t i = 0; i < count; i++) lh_registry_each(hub->all->registry, dead[i], note_id, &names);
}

// Another answer for a child that was given away before would run it twice: until the view changes
// its node keeps it. By then that node has said that it has it, or will not begin it any more.
static uint32_t given_to(struct hub *hub, struct lh_bytes id, uint32_t node) {
  if (hub->config.deterministic || node == 0) return node;
  if (hub->given_view != hub->all->view.hash) lh_map_free(&hub->given);
  hub->given_view = hub->all->view.hash;
  const uint32_t before = (uint32_t)(uintptr_t)lh_map_get(&hub->given, id.data, id.len);
  if (before != 0) return before;
  (void)lh_map_put(&hub->given, id.data, id.len, (void *)(uintptr_t)node);
  return node;
}

// Whoever looks alone is told only what it has had time to find, and has not: it lacks the row.
static bool tells_owner(const struct hub *hub, bool again) {
  if (hub->config.migration == LH_MIGRATION_AUTONOMOUS)
    return again && hub->all->recover_pause >= LOST_PAUSE_MS;
  return again || !hub->config.deterministic;
}

static void placed(struct lh_hubs *hubs, lh_ms now, struct hub *hub, int status,
                   const uint32_t *nodes, size_t count, const char *error, void *data) {
  struct heir *heir = data;
  struct lh_map dead = LH_MAP_EMPTY;
  struct takeover takeover = {.ids = lh_alloc((count + 1) * sizeof(struct lh_bytes))};
  const bool late = hub != NULL && hub->config.distribution == LH_DISTRIBUTION_CUSTOM;
  (void)error;
  if (status != LH_OK) hubs->recover_again = now + LH_POLICY_MS / 5;
  if (late) lh_recover_ids(hub, &dead);
  for (size_t i = 0; i < count && status == LH_OK && hub != NULL; i++) {
    const struct lh_bytes id = lh_row_id(heir->rows[i]);
    if (late && lh_map_get(&dead, id.data, id.len) == NULL)
      continue;  // it was covered while the strategy thought
    const uint32_t node = given_to(hub, id, nodes[i]);
    if (node == hubs->self) {
      if (claim(hubs, now, hub, heir->rows[i])) note_claim(hub, &takeover, heir->rows[i]);
    } else if (node != 0 && tells_owner(hub, heir->again)) {
      send_claim(hubs, hub, heir->rows[i], node);
    }
  }
  if (hub != NULL) tell(hub, &takeover);
  lh_free(takeover.ids);
  lh_host_claim_all(hubs);
  lh_map_free(&dead);
  heir_free(heir);
}

bool lh_recover_is_first(const struct hub *hub) {
  const struct view *view = &hub->all->view;
  for (size_t i = 0; i < view->count; i++) {
    if (lh_view_runs(view->peers[i], hub->index)) return view->peers[i]->node == hub->all->self;
  }
  return false;
}

static bool decides_for_all(const struct hub *hub) {
  return hub->config.deterministic || lh_recover_is_first(hub);
}

static void recover_hub(struct hub *hub, lh_ms now, const uint32_t *dead, size_t dead_count,
                        bool again) {
  struct heir *heir = LH_NEW(struct heir);
  heir->hub = hub;
  heir->again = again;
  lh_registry_read_lock();
  for (size_t i = 0; i < dead_count; i++) sweep_ledger(heir, dead[i]);
  lh_registry_read_unlock();
  if (heir->count == 0 || hub->candidate_count == 0 || !decides_for_all(hub)) {
    heir_free(heir);
    return;
  }
  struct guest *guests = lh_alloc(heir->count * sizeof(struct guest));
  for (size_t i = 0; i < heir->count; i++)
    guests[i] =
        (struct guest){lh_row_id(heir->rows[i]), lh_affinity_stored(lh_row_spec(heir->rows[i]))};
  lh_place(hub, now, true, guests, heir->count, placed, heir);
  lh_free(guests);
}

struct waiting {
  struct lh_hubs *hubs;
  bool taken;  // some node may have one of them
};

static bool may_be_taken(void *self, const struct lh_row *row) {
  struct waiting *waiting = self;
  struct hub *hub = lh_hub_at(waiting->hubs, row->hub);
  const uint8_t *allowed;
  waiting->taken = hub == NULL;  // by whoever runs it
  if (hub == NULL || hub->candidate_count == 0) return !waiting->taken;
  const struct guest guest = {lh_row_id(row), lh_affinity_stored(lh_row_spec(row))};
  struct affinity *affinity = lh_affinity_new(hub);
  waiting->taken = lh_affinity_of(affinity, &guest, lh_place_hash(guest.id), &allowed);
  lh_affinity_free(affinity);
  return !waiting->taken;
}

bool lh_recover_keeps(struct lh_hubs *hubs) {
  uint32_t dead[DEAD_MAX];
  struct waiting waiting = {hubs, false};
  bool others = false;
  for (size_t i = 0; i < hubs->hub_count; i++) others |= hubs->hubs[i]->candidate_count > 0;
  const size_t count = others ? lh_registry_ledgers(hubs->registry, dead, DEAD_MAX, true) : 0;
  for (size_t i = 0; i < count && !waiting.taken; i++) {
    waiting.taken = lh_registry_orders(hubs->registry, dead[i]) > 0;
    if (!waiting.taken) lh_registry_each(hubs->registry, dead[i], may_be_taken, &waiting);
  }
  return waiting.taken;
}

static bool any_may_act(const struct lh_hubs *hubs) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    if (lh_quorum_may(hubs->hubs[i])) return true;
  }
  return hubs->hub_count == 0;
}

void lh_recover(struct lh_hubs *hubs, lh_ms now) {
  uint32_t dead[DEAD_MAX];
  const bool again = hubs->recover_anew;
  hubs->recover_again = LH_NEVER;
  hubs->recover_anew = false;
  if (!any_may_act(hubs)) {  // the dead may return: nothing of theirs is taken
    hubs->fetching = hubs->unanswered = 0;
    return;
  }
  if (!LH_PLANTED(tail_not_fetched) && (wait_for_answers(hubs, now) || fetch_tails(hubs, now)))
    return;
  const size_t count = lh_registry_ledgers(hubs->registry, dead, DEAD_MAX, true);
  for (size_t i = 0; i < count; i++) {
    hubs->ops->fence(hubs->ops_self, lh_runs_at(hubs->runs, dead[i]));
    lh_order_take_over(hubs, dead[i], false);
  }
  if (count == 0) return;
  hubs->recover_again = now + hubs->recover_pause;
  if (again && hubs->recover_pause < LH_RECOVER_MAX_MS) hubs->recover_pause *= 2;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    if (lh_quorum_may(hubs->hubs[i])) recover_hub(hubs->hubs[i], now, dead, count, again);
  }
}
