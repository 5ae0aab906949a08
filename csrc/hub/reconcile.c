// reconcile.c - children of FILE that do not run yet: each is started as soon as a node may have
// it, and can.
//
// FILE wants children. One that could not be started when it was read (no node may have it, this
// side may not act, its init failed) is wanted until it has run once. Then its row speaks for it:
// restarts, moves and recovery are others' business, and what was stopped stays stopped.
//
//   WANTED --a row says that it runs, or did; a stop order reaches it--> forgotten
//          --round: no row of it, live or dead, and none under way here--> MISSING, counted
//   MISSING --it is our turn--> ASKED, a start as any other (start.c) --failed--> WANTED
//
// A round is made under a view that all members agree on and that is settled, so that all rows
// written before it are here, by a node that may begin something: at once when the view is another,
// then after growing pauses. Whose turn it is: first the node that the placement gives the child
// to; the others want it in case that one's FILE does not, one after the other, each one more round
// under the same view later. A hub that wants nothing has no rounds.
//
// Owns what is wanted: each with its spec as FILE gave it.
#include "hub/reconcile.h"

#include "hub/move.h"
#include "hub/quorum.h"

#include "base/mem.h"

#include <string.h>

enum { START_MS = 60000 };  // one start that a round asks for

struct wanted {
  uint64_t
      born;  // a stop order that reaches it is about this wish, or one before; 0: not named yet
  uint32_t rounds;  // under this view, of which none found a trace of it
  bool asked;
  size_t len;
  uint8_t spec[];
};

static struct wanted *find(const struct hub *hub, struct lh_bytes id) {
  return lh_map_get(&hub->missing.all, id.data, id.len);
}

static void forget(struct hub *hub, struct lh_bytes id) {
  lh_free(lh_map_remove(&hub->missing.all, id.data, id.len));
}

void lh_reconcile_free(struct hub *hub) {
  for (size_t i = 0; i < hub->missing.all.count; i++) lh_free(hub->missing.all.entries[i].value);
  lh_map_free(&hub->missing.all);
}

static void want(struct hub *hub, struct lh_bytes id, struct lh_bytes spec) {
  if (find(hub, id) != NULL) return;
  struct wanted *wanted = lh_zalloc(sizeof(struct wanted) + spec.len);
  wanted->len = spec.len;
  memcpy(wanted->spec, spec.data, spec.len);
  (void)lh_map_put(&hub->missing.all, id.data, id.len, wanted);
  hub->missing.view = 0;
}

// No node may have it, or this side may not act: what its own init says is the caller's to see.
static bool could_not_begin(const struct item *item) {
  return item->state == ITEM_FAILED && (item->code == LH_EIO || item->code == LH_EDENIED);
}

void lh_reconcile_want(struct op *op, bool all) {
  struct lh_reader in;
  lh_reader_init_user(&in, op->specs);
  (void)lh_read_array(&in, LH_BATCH_MAX);
  for (size_t i = 0; i < op->count; i++) {
    const struct lh_bytes spec = lh_read_skip(&in);
    if (all || could_not_begin(&op->items[i])) want(op->hub, op->items[i].id, spec);
  }
}

void lh_reconcile_ran(struct hub *hub, struct lh_bytes id) {
  if (hub->missing.all.count > 0) forget(hub, id);
}

void lh_reconcile_ordered(struct hub *hub, struct lh_bytes id, uint64_t born) {
  const struct wanted *wanted = find(hub, id);
  if (wanted != NULL && wanted->born > 0 && wanted->born <= born) forget(hub, id);
}

// --- starts that a round asks for ---
void lh_reconcile_begun(const struct op *op) {
  for (size_t i = 0; i < op->count; i++) {
    struct wanted *wanted = find(op->hub, op->items[i].id);
    if (wanted != NULL) wanted->asked = true;
  }
}

// One that "runs already" and has no pid is about to, for somebody else: that may fail.
void lh_reconcile_ended(const struct op *op) {
  for (size_t i = 0; i < op->count; i++) {
    const struct item *item = &op->items[i];
    struct wanted *wanted = find(op->hub, item->id);
    if (wanted == NULL) continue;
    wanted->asked = false;
    const bool runs = item->code == LH_EEXISTS && item->pid != 0;
    if (item->state == ITEM_DONE || runs) forget(op->hub, item->id);
  }
}

static void ask(struct hub *hub, lh_ms now, const struct lh_buf *specs, uint32_t count) {
  struct lh_buf value = LH_BUF_EMPTY;
  lh_write_map(&value, 3);
  lh_write_cstr(&value, "hub");
  lh_write_str(&value, hub->config.id.data, hub->config.id.len);
  lh_write_cstr(&value, "children");
  lh_write_array(&value, count);
  lh_buf_append(&value, specs->data, specs->len);
  lh_write_cstr(&value, "options");
  lh_write_map(&value, 2);
  lh_write_cstr(&value, "timeout");
  lh_write_uint(&value, START_MS);
  lh_write_cstr(&value, "again");
  lh_write_bool(&value, true);
  lh_hubs_start(hub->all, now, 0, lh_bytes_of(&value));
  lh_buf_free(&value);
}

// --- rounds ---
struct round {
  struct hub *hub;
  uint64_t born;       // the name of what this round finds wanted
  struct lh_map dead;  // ids that wait in ledgers of the dead
  struct reconcile_figures figures;
  struct lh_buf specs;  // to be started
};

enum whereabouts { NO_TRACE, UNDER_WAY, HAS_RUN };

static enum whereabouts look_for(const struct round *round, struct lh_bytes id) {
  struct hub *hub = round->hub;
  const struct lh_row *rows[4];
  const bool here = lh_host_child(hub, id) != NULL;
  const bool dead = lh_map_get(&round->dead, id.data, id.len) != NULL;
  enum whereabouts found = here || dead ? UNDER_WAY : NO_TRACE;
  lh_registry_read_lock();
  const size_t count = lh_registry_find(hub->all->registry, hub->index, id, rows, 4);
  for (size_t i = 0; i < count && i < 4; i++) {
    if (rows[i]->state != LH_ROW_STARTING)
      found = HAS_RUN;
    else if (found == NO_TRACE)
      found = UNDER_WAY;
  }
  lh_registry_read_unlock();
  return found;
}

static uint32_t place_among_members(const struct hub *hub) {
  const struct view *view = &hub->all->view;
  uint32_t place = 0;
  for (size_t i = 0; i < view->count && view->peers[i]->node != hub->all->self; i++)
    place += lh_view_runs(view->peers[i], hub->index);
  return place;
}

static struct lh_bytes placement_of(struct lh_bytes spec) {
  struct lh_reader in;
  lh_reader_init_user(&in, spec);
  const uint32_t count = lh_read_map(&in, UINT16_MAX);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++) {
    const struct lh_bytes key = lh_read_str(&in, UINT16_MAX);
    const struct lh_bytes value = lh_read_skip(&in);
    if (lh_bytes_equal(key, lh_bytes_str("placement"))) return value;
  }
  return lh_bytes(NULL, 0);
}

// Whether it is our turn to have it started. Where whoever starts it decides on its node, too, that
// begins with the first of the members.
static bool is_our_turn(struct hub *hub, struct lh_bytes id, const struct wanted *wanted) {
  const uint32_t place = place_among_members(hub);
  if ((lh_distribution_flags(&hub->config) & START_GIVEN) != 0) return wanted->rounds > place;
  const struct guest guest = {id, placement_of(lh_bytes(wanted->spec, wanted->len))};
  uint32_t seat = NOWHERE;
  if (hub->candidate_count > 0) lh_place_guests(hub, &guest, 1, &seat);
  if (seat == NOWHERE) return false;
  return lh_place_node(hub, seat) == hub->all->self || wanted->rounds > place + 1;
}

// False: it is wanted no more.
static bool consider(struct round *round, struct lh_bytes id, struct wanted *wanted) {
  struct hub *hub = round->hub;
  const enum whereabouts found = look_for(round, id);
  const bool stopped = wanted->born > 0 && lh_order_covers(hub, id, wanted->born);
  if (found == HAS_RUN || stopped) return false;
  if (round->born == 0) round->born = lh_host_generation(hub);
  if (wanted->born == 0) wanted->born = round->born;
  round->figures.candidates++;
  if (wanted->asked || found == UNDER_WAY) {
    round->figures.under_way++;
    return true;
  }
  round->figures.orphans++;
  wanted->rounds++;
  if (!is_our_turn(hub, id, wanted)) return true;
  round->figures.started++;
  lh_buf_append(&round->specs, wanted->spec, wanted->len);
  return true;
}

static void make_round(struct hub *hub, lh_ms now) {
  struct missing *missing = &hub->missing;
  struct round round = {.hub = hub};
  lh_recover_ids(hub, &round.dead);
  for (size_t i = missing->all.count; i > 0; i--) {
    const struct lh_map_entry *entry = &missing->all.entries[i - 1];
    const struct lh_bytes id = lh_bytes(entry->key, entry->key_len);
    if (!consider(&round, id, entry->value)) forget(hub, id);
  }
  lh_map_free(&round.dead);
  if (round.figures.candidates > 0) {
    hub->all->counters.reconcile_rounds++;
    hub->all->counters.reconciled += round.figures.started;
    lh_event_reconciled(hub, &round.figures);
  }
  if (round.figures.started > 0) ask(hub, now, &round.specs, round.figures.started);
  lh_buf_free(&round.specs);
}

// What is known of the others is whole and new, and this node may begin something.
static bool may_look(const struct hub *hub) {
  struct lh_hubs *hubs = hub->all;
  const struct view *view = &hubs->view;
  const bool knows = view->agreed && !view->capped && view->settled && !lh_recover_pending(hubs);
  return knows && lh_quorum_may(hub) && lh_drain_is_open(hub) && !hub->closing && !hubs->leaving;
}

static void begin_anew(struct hub *hub, lh_ms now) {
  struct missing *missing = &hub->missing;
  missing->view = hub->all->view.hash;
  missing->due = now;
  missing->pause = LH_RECONCILE_MS;
  for (size_t i = 0; i < missing->all.count; i++) {
    struct wanted *wanted = missing->all.entries[i].value;
    wanted->rounds = 0;
  }
}

void lh_reconcile_run(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct hub *hub = hubs->hubs[i];
    struct missing *missing = &hub->missing;
    if (missing->all.count == 0 || !may_look(hub)) continue;
    if (missing->view != hubs->view.hash) begin_anew(hub, now);
    if (now < missing->due) continue;
    missing->due = now + missing->pause;
    if (missing->pause < LH_RECONCILE_MAX_MS) missing->pause *= 2;
    make_round(hub, now);
  }
}

lh_ms lh_reconcile_due(const struct lh_hubs *hubs) {
  lh_ms due = LH_NEVER;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const struct hub *hub = hubs->hubs[i];
    if (hub->missing.all.count > 0 && may_look(hub) && hub->missing.due < due)
      due = hub->missing.due;
  }
  return due;
}
