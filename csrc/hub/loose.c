// loose.c - autonomous moves: no node asks another one to begin a child.
//
// Whoever has a child that belongs elsewhere ends it and says so in its row: LOOSE, it runs nowhere
// and goes on where it belongs. Each node looks at the loose rows alone, under an agreed view, and
// begins those that belong to it; a row of its own with a higher generation tells the others, and
// whoever held the loose one forgets it (move.c).
//
//   here:   RUNNING --ends--> MOVING --has ended--> MOVING, its row LOOSE --its row there--> gone
//                                                      \--belongs here again--> STARTING
//   there:  a LOOSE row, no other one --belongs here--> STARTING
//
// Two that look at once are kept apart by the votes, as in recovery: a view is agreed when all that
// was begun under earlier ones is known. A child that nobody begins stays loose: a gap, never two.
// The rows of a dead node that are loose are recovered like its others. Every hub begins loose
// children, whatever its own migration is.
#include "hub/move.h"
#include "hub/quorum.h"

#include "base/log.h"
#include "base/mem.h"

enum { LOOK_MS = 500, ROWS_SEEN = 8 };

struct look {         // one round, of one hub
  struct lh_buf ids;  // encoded; children may be gone when the answer comes
  size_t count;
};

bool lh_loose_goes(const struct child *child) {
  return child->hub->config.migration == LH_MIGRATION_AUTONOMOUS && !child->trouble->ordered;
}

static void add(struct hub *hub, struct lh_bytes id) {
  (void)lh_map_put(&hub->loose.ids, id.data, id.len, hub);
  hub->loose.look = true;
}

static void remove_id(struct hub *hub, struct lh_bytes id) {
  (void)lh_map_remove(&hub->loose.ids, id.data, id.len);
}

void lh_loose_put(struct child *child) {
  child->pid = 0;
  child->trouble->loose = true;
  lh_host_put_row(child, LH_ROW_LOOSE);
  add(child->hub, lh_bytes(child->id, child->id_len));
}

void lh_loose_late(struct lh_hubs *hubs, lh_ms now, struct child *child) {
  if (child->trouble->loose) {
    lh_log(LH_LOG_WARN, "hub", "child '%.*s' ended here, and no node has begun it for %d s",
           (int)child->id_len, (const char *)child->id, LH_MOVE_MS / 1000);
  }
  lh_heap_set(&hubs->due, &child->trouble->timer.due, now + LH_MOVE_MS);
}

void lh_loose_note(struct hub *hub, const struct lh_row *row) {
  if (row->state == LH_ROW_LOOSE) add(hub, lh_row_id(row));
  if (LH_PLANTED(begun_before_ended) && row->state == LH_ROW_MOVING) add(hub, lh_row_id(row));
}

static bool gather(void *self, const struct lh_row *row) {
  struct hub *hub = lh_hub_at(self, row->hub);
  if (hub != NULL) lh_loose_note(hub, row);
  return true;
}

void lh_loose_gather(struct lh_hubs *hubs) {
  for (size_t i = 0; i < hubs->view.count; i++)
    lh_registry_each(hubs->registry, hubs->view.peers[i]->node, gather, hubs);
}

// --- one child ---
static bool is_loose(const struct hub *hub, const struct lh_row *row) {
  const bool said =
      row->state == LH_ROW_LOOSE || (LH_PLANTED(begun_before_ended) && row->state == LH_ROW_MOVING);
  return said && lh_view_find(hub->all, row->node) != NULL;
}

enum verdict_of { OVER, WAITS, OUTRANKED, MAY_BEGIN };

// In a read section. `above`: the highest generation of its loose rows.
static enum verdict_of judge(struct hub *hub, struct lh_bytes id, uint64_t *above) {
  const struct lh_row *rows[ROWS_SEEN];
  size_t count = lh_registry_find(hub->all->registry, hub->index, id, rows, ROWS_SEEN);
  const struct child *child = lh_host_child(hub, id);
  size_t loose = 0;
  *above = 0;
  if (count > ROWS_SEEN) count = ROWS_SEEN;
  for (size_t i = 0; i < count; i++) {
    if (!is_loose(hub, rows[i])) continue;
    loose++;
    if (rows[i]->generation > *above) *above = rows[i]->generation;
  }
  if (loose == 0) return OVER;
  if (child != NULL && child->phase == PHASE_RUNNING && !child->contested)
    return *above >= child->generation ? OUTRANKED : WAITS;
  const bool free_here = child == NULL || (child->phase == PHASE_MOVING && child->trouble->loose);
  return free_here && loose == count ? MAY_BEGIN : WAITS;
}

// What is known last of it: a node that had begun it may have died.
static const struct lh_row *latest(const struct hub *hub, struct lh_bytes id) {
  const struct lh_row *rows[ROWS_SEEN];
  const struct lh_row *best = NULL;
  size_t count = lh_registry_all(hub->all->registry, hub->index, id, rows, ROWS_SEEN);
  if (count > ROWS_SEEN) count = ROWS_SEEN;
  for (size_t i = 0; i < count; i++) {
    if (best == NULL || rows[i]->generation > best->generation) best = rows[i];
  }
  return best;
}

static void begin(struct hub *hub, lh_ms now, const struct lh_row *row) {
  const struct arrival arrival = {
      .hub = hub,
      .id = lh_row_id(row),
      .spec = lh_row_spec(row),
      .metadata = lh_row_metadata(row),
      .restarts = row->restarts,
      .above = row->generation,
      .born = row->born,
      .flags = START_MOVE | (row->pinned ? START_PINNED : 0U),
  };
  lh_host_begin(hub->all, now, &arrival);
}

static void take(struct hub *hub, lh_ms now, struct lh_bytes id) {
  struct child *child = lh_host_child(hub, id);
  uint64_t above;
  lh_registry_read_lock();
  const struct lh_row *row = latest(hub, id);
  if (row != NULL && judge(hub, id, &above) == MAY_BEGIN) {
    lh_row_ref(row);
    if (child != NULL)
      lh_move_back(child);
    else
      begin(hub, now, row);
    lh_row_unref(row);
  }
  lh_registry_read_unlock();
}

// --- a round ---
static void placed(struct lh_hubs *hubs, lh_ms now, struct hub *hub, int status,
                   const uint32_t *nodes, size_t count, const char *error, void *data) {
  struct look *look = data;
  struct lh_reader in;
  (void)error;
  lh_reader_init_user(&in, lh_bytes_of(&look->ids));
  if (hub != NULL) hub->loose.asking = false;
  const bool acts = hub != NULL && status == LH_OK && hubs->view.agreed && lh_quorum_may(hub);
  for (size_t i = 0; acts && i < count; i++) {
    const struct lh_bytes id = lh_read_str(&in, LH_CHILD_ID_MAX);
    if (nodes[i] == hubs->self) take(hub, now, id);
  }
  lh_host_claim_all(hubs);
  lh_buf_free(&look->ids);
  lh_free(look);
}

// What is to be placed; the others are dealt with.
static struct look *sort_out(struct hub *hub) {
  struct look *look = LH_NEW(struct look);
  for (size_t i = hub->loose.ids.count; i > 0; i--) {
    const struct lh_map_entry *entry = &hub->loose.ids.entries[i - 1];
    const struct lh_bytes id = lh_bytes(entry->key, entry->key_len);
    uint64_t above;
    const enum verdict_of verdict = judge(hub, id, &above);
    if (verdict == OUTRANKED) lh_host_raise(lh_host_child(hub, id));
    if (verdict == OVER) remove_id(hub, id);
    if (verdict != MAY_BEGIN) continue;
    lh_write_str(&look->ids, id.data, id.len);
    look->count++;
  }
  return look;
}

static void place(struct hub *hub, lh_ms now, struct look *look) {
  struct guest *guests = lh_alloc((look->count + 1) * sizeof(struct guest));
  struct lh_reader in;
  lh_reader_init_user(&in, lh_bytes_of(&look->ids));
  const size_t count = look->count;
  for (size_t i = 0; i < count; i++) {
    const struct lh_bytes id = lh_read_str(&in, LH_CHILD_ID_MAX);
    guests[i] = (struct guest){id, lh_affinity_stored(lh_row_spec(latest(hub, id)))};
  }
  hub->loose.asking = true;
  lh_place(hub, now, true, guests, count, placed, look);
  lh_free(guests);
}

static void look_at(struct hub *hub, lh_ms now) {
  hub->loose.look = false;
  lh_registry_read_lock();
  struct look *look = sort_out(hub);
  if (look->count > 0 && hub->candidate_count > 0) {
    place(hub, now, look);
  } else {
    lh_buf_free(&look->ids);
    lh_free(look);
  }
  lh_registry_read_unlock();
  hub->loose.look_at = hub->loose.ids.count > 0 ? now + LOOK_MS : LH_NEVER;
}

static bool may_look(const struct hub *hub) {
  const struct view *view = &hub->all->view;
  return view->agreed && view->settled && lh_quorum_may(hub) && !hub->loose.asking;
}

void lh_loose_run(struct lh_hubs *hubs, lh_ms now) {
  for (size_t i = 0; i < hubs->hub_count; i++) {
    struct hub *hub = hubs->hubs[i];
    const bool is_time = hub->loose.look || now >= hub->loose.look_at;
    if (hub->loose.ids.count > 0 && is_time && may_look(hub)) look_at(hub, now);
  }
}

lh_ms lh_loose_due(const struct lh_hubs *hubs) {
  lh_ms due = LH_NEVER;
  for (size_t i = 0; i < hubs->hub_count; i++) {
    const struct hub *hub = hubs->hubs[i];
    if (hub->loose.ids.count > 0 && may_look(hub) && hub->loose.look_at < due)
      due = hub->loose.look_at;
  }
  return due;
}

void lh_loose_free(struct loose *loose) { lh_map_free(&loose->ids); }
