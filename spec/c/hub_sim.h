// hub_sim.h - many hubs rooms in one process, on virtual time and one seed, for spec/c/hub.c alone.
//
// Real: hubs and registries. Simulated: members (every live node hears of a join, a death, a leave
// after its own delay), links (ordered per direction, delayed, broken at will: what was under way
// is lost, and both registries are told), actors (start, stop, freeze after a delay; they note what
// runs), strategies (answers that are late, wrong, or never come). A stalled node takes in nothing
// until it wakes; when the others took it for dead it returns in a new epoch, as csrc/node does. A
// split lets nothing through: each side hears of the end of the other, and when they meet again,
// whoever was taken over begins a new epoch.
// Truth is what the simulated actors run, never the registry.
#ifndef LH_SPEC_HUB_SIM_H
#define LH_SPEC_HUB_SIM_H

#include "hub_actors.h"
#include "link/link.h"

// --- links ---
static void deliver(struct sim *sim, struct event *event) {
  struct node *to = event->to;
  const struct pair *pair = pair_of(to, event->from);
  if (!to->up || !pair->linked || pair->link != event->link || are_cut(to, event->from)) return;
  const struct lh_bytes body = lh_bytes_of(&event->body);
  const int err = event->type >= LH_FRAME_DELTA && event->type <= LH_FRAME_DIGEST
                      ? lh_registry_receive(to->registry, event->from_run, event->type, body)
                      : lh_hubs_receive(to->hubs, sim->now, event->from_run, event->type, body);
  if (err == LH_EFORMAT) sim->malformed++;
}

static void send_one(struct node *node, uint32_t to, uint8_t type, struct lh_bytes body) {
  struct sim *sim = node->sim;
  struct node *peer = node_of(sim, to);
  if (body.len > LH_LINK_MESSAGE_MAX) sim->malformed++;
  if (peer == NULL || peer == node || !node->up || body.len > LH_LINK_MESSAGE_MAX) return;
  struct pair *pair = pair_of(node, peer);
  if (!pair->linked || pair->knows != to) return;
  lh_ms at = delay(sim, 5);
  if (at < pair->last) at = pair->last;
  pair->last = at;
  struct event *event = later(peer, at, deliver);
  event->from = node;
  event->from_run = node->self;
  event->link = pair->link;
  event->type = type;
  lh_buf_append(&event->body, body.data, body.len);
}

static void hub_send(void *self, uint32_t peer, uint8_t type, struct lh_bytes body) {
  const struct node *node = self;
  node->sim->loads += type == LH_FRAME_LOAD;
  node->sim->start_frames += type == LH_FRAME_START;
  send_one(self, peer, type, body);
}

static void registry_send(void *self, uint32_t to, uint8_t type, struct lh_bytes body) {
  struct node *node = self;
  if (to != 0) {
    send_one(node, to, type, body);
    return;
  }
  for (size_t i = 0; i < node->sim->count; i++) {
    struct node *peer = &node->sim->nodes[i];
    if (peer != node && lh_registry_in_step(node->registry, peer->self))
      send_one(node, peer->self, type, body);
  }
}

static void lose_link(const struct node *node, const struct node *other) {
  const uint32_t run = pair_of(node, other)->knows;
  if (!node->up || run == 0) return;
  lh_registry_peer_down(node->registry, run);
  lh_hubs_peer_down(node->hubs, run);
}

static void link_down(struct node *a, struct node *b) {
  if (!pair_of(a, b)->linked) return;
  pair_of(a, b)->linked = pair_of(b, a)->linked = false;
  lose_link(a, b);
  lose_link(b, a);
}

static void link_up(struct node *a, struct node *b) {
  if (pair_of(a, b)->linked || pair_of(a, b)->knows != b->self || pair_of(b, a)->knows != a->self)
    return;
  pair_of(a, b)->linked = pair_of(b, a)->linked = true;
  pair_of(a, b)->link = ++pair_of(b, a)->link;
  lh_registry_peer_up(a->registry, b->self);
  lh_registry_peer_up(b->registry, a->self);
  lh_hubs_peer_up(a->hubs, a->sim->now, b->self);
  lh_hubs_peer_up(b->hubs, b->sim->now, a->self);
}

static void row_changed(void *self, const struct lh_row *before, const struct lh_row *after) {
  const struct node *node = self;
  if (node->hubs != NULL) lh_hubs_row_changed(node->hubs, before, after);
}

static void ordered(void *self, uint32_t hub, struct lh_bytes id, uint64_t born) {
  const struct node *node = self;
  if (node->hubs != NULL) lh_hubs_ordered(node->hubs, hub, id, born);
}

static void advanced(void *self, uint32_t ledger, uint64_t seq) {
  const struct node *node = self;
  if (node->hubs != NULL) lh_hubs_advanced(node->hubs, ledger, seq);
}

static const struct lh_registry_ops registry_ops = {
    .row_changed = row_changed, .ordered = ordered, .send = registry_send, .advanced = advanced};

// --- what the hubs say ---
static bool runs(const struct sim *sim, struct lh_bytes id) {
  for (size_t i = 0; i < sim->actor_count; i++) {
    const struct actor *actor = &sim->actors[i];
    if (is_active(actor) && lh_bytes_equal(lh_bytes_str(actor->id), id)) return true;
  }
  return false;
}

static bool is_known(const struct node *node, struct lh_bytes id) {
  const struct lh_row *row = NULL;
  const int hub = lh_registry_hub_find(node->registry, lh_bytes_str("h"));
  lh_registry_read_lock();
  const bool known = hub >= 0 && lh_registry_find(node->registry, (uint32_t)hub, id, &row, 1) > 0;
  lh_registry_read_unlock();
  return known;
}

static bool is_of_start(struct lh_bytes result) {  // only a start's has pids
  struct lh_reader in;
  bool found = false;
  lh_reader_init_user(&in, result);
  for (uint32_t left = lh_read_map(&in, 16); left > 0 && in.err == LH_OK; left--) {
    const struct lh_bytes key = lh_read_str(&in, 64);
    found = found || lh_bytes_equal(key, lh_bytes_str("pids"));
    (void)lh_read_skip(&in);
  }
  return found;
}

// What an answer says must be so on the node that gives it: what was started can be looked up.
static void watch_reply(const struct node *node, struct lh_bytes result) {
  struct sim *sim = node->sim;
  struct lh_reader in;
  lh_reader_init_user(&in, result);
  const uint32_t fields = lh_read_map(&in, 16);
  const bool started = is_of_start(result);
  for (uint32_t i = 0; i < fields && in.err == LH_OK; i++) {
    if (!lh_bytes_equal(lh_read_str(&in, 64), lh_bytes_str("ids"))) {
      (void)lh_read_skip(&in);
      continue;
    }
    for (uint32_t left = lh_read_array(&in, LH_BATCH_MAX); left > 0 && in.err == LH_OK; left--) {
      const struct lh_bytes id = lh_read_str(&in, LH_CHILD_ID_MAX);
      const bool alive = runs(sim, id);
      if (started && sim->watch.strict && alive && !is_known(node, id))
        violate(&sim->watch, "S6 what was awaited can be looked up: %.*s on %s", (int)id.len,
                (const char *)id.data, node->name);
      if (!started && sim->watch.stops_only && alive)
        violate(&sim->watch, "S7 what was stopped stays stopped: %.*s runs when %s is told",
                (int)id.len, (const char *)id.data, node->name);
    }
  }
}

static void hub_reply(void *self, uint64_t caller, int status, struct lh_bytes result,
                      const struct lh_error *error) {
  const struct node *node = self;
  struct sim *sim = node->sim;
  if (sim->reply_count == sim->reply_cap) {
    sim->reply_cap = sim->reply_cap > 0 ? sim->reply_cap * 2 : 16;
    sim->replies = lh_realloc(sim->replies, sim->reply_cap * sizeof(struct reply));
  }
  struct reply *reply = &sim->replies[sim->reply_count++];
  *reply = (struct reply){.caller = caller, .at = sim->now, .status = status};
  if (error != NULL) (void)snprintf(reply->code, sizeof reply->code, "%s", error->code);
  lh_buf_append(&reply->result, result.data, result.len);
  if (status == LH_OK) watch_reply(node, result);
}

static bool hub_wants(void *self, struct lh_bytes hub, const char *key) {
  const struct node *node = self;
  if (strcmp(key, "on_conflict") == 0) return node->sim->on_conflict != CONFLICT_NO_HOOK;
  return hub.len > 0 && strcmp(key, "child_data_alter") != 0;
}

static void hub_event(void *self, struct lh_bytes hub, const char *key, struct lh_bytes payload) {
  const struct node *node = self;
  struct lh_reader in;
  (void)hub;
  lh_reader_init_user(&in, payload);
  if (strcmp(key, "migration_deferred") == 0) {
    (void)lh_read_map(&in, 1), (void)lh_read_str(&in, 16);
    node->sim->put_off += lh_read_array(&in, LH_BATCH_MAX);
    return;
  }
  (void)lh_read_skip(&in);
  if (lh_read_end(&in) != LH_OK) node->sim->malformed++;
}

static void hub_fence(void *self, const struct lh_run *run) {
  const struct node *node = self;
  const uint32_t index = lh_runs_index(node->sim->runs, run);
  const struct node *other = node_of(node->sim, index);
  if (other != NULL) pair_of(node, other)->fenced = index;
}

static void hub_closed(void *self, struct lh_bytes hub) {
  const struct node *node = self;
  (void)hub;
  node->sim->closed++;
}

static void hub_drained(void *self) {
  struct node *node = self;
  node->left = true;
  node->sim->drained++;
}

// --- members ---
static void tell(struct node *hears, struct node *about, uint32_t run, enum lh_member_state state) {
  struct lh_member_record *record = LH_NEW(struct lh_member_record);
  record->run = *lh_runs_at(about->sim->runs, run);
  record->version = about->version;
  (void)snprintf(record->name, sizeof record->name, "%s", about->name);
  lh_hubs_record(about->hubs, record);
  lh_hubs_member(hears->hubs, hears->sim->now, record, state);
  lh_free(record);
}

static void heard_record(struct sim *sim, struct event *event) {
  (void)sim;
  if (event->to->up && event->from->up && !are_cut(event->to, event->from) &&
      pair_of(event->to, event->from)->knows == event->from_run)
    tell(event->to, event->from, event->from_run, LH_MEMBER_ALIVE);
}

static void record_changed(void *self) {
  struct node *node = self;
  struct sim *sim = node->sim;
  node->version++;
  tell(node, node, node->self, LH_MEMBER_ALIVE);
  for (size_t i = 0; i < sim->count; i++) {
    if (pair_of(&sim->nodes[i], node)->knows != node->self) continue;
    struct event *event = later(&sim->nodes[i], delay(sim, 100), heard_record);
    event->from = node;
    event->from_run = node->self;
  }
}

static void set_distribution(const struct sim *sim, struct lh_hub_config *config) {
  config->distribution = sim->custom ? LH_DISTRIBUTION_CUSTOM
                         : sim->load ? LH_DISTRIBUTION_LOAD
                                     : LH_DISTRIBUTION_RENDEZVOUS;
  config->deterministic = !sim->load && (!sim->custom || sim->deterministic);
}

static uint32_t hub_pressure(void *self) {
  const struct node *node = self;
  return node->pressure;
}

static int hub_keep(void *self, struct lh_bytes hub, struct lh_bytes state) {
  struct node *node = self;
  (void)hub;
  if (node->disk_full) return LH_EIO;
  lh_buf_clear(&node->disk);
  lh_buf_append(&node->disk, state.data, state.len);
  return LH_OK;
}

static const struct lh_hubs_ops hub_ops = {.send = hub_send,
                                           .start = hub_start,
                                           .stop = hub_stop,
                                           .freeze = hub_freeze,
                                           .thaw = hub_thaw,
                                           .activate = hub_activate,
                                           .consent = hub_consent,
                                           .ask = hub_ask,
                                           .reply = hub_reply,
                                           .wants = hub_wants,
                                           .event = hub_event,
                                           .record_changed = record_changed,
                                           .fence = hub_fence,
                                           .lease = hub_lease,
                                           .keep = hub_keep,
                                           .closed = hub_closed,
                                           .drained = hub_drained,
                                           .pressure = hub_pressure};

static void heard_end(struct sim *sim, struct event *event) {
  struct node *hears = event->to;
  struct node *about = event->from;
  struct pair *pair = pair_of(hears, about);
  (void)sim;
  const bool awake = about->up && !about->stalled && about->self == event->from_run;
  if (!hears->up || pair->knows != event->from_run || (awake && !event->flag)) return;
  link_down(hears, about);
  tell(hears, about, event->from_run, about->left ? LH_MEMBER_LEFT : LH_MEMBER_DEAD);
  pair->knows = 0;
}

static void heard_cut(struct sim *sim, struct event *event) {
  struct node *hears = event->to;
  struct node *about = event->from;
  if (!are_cut(hears, about) || !about->up) return;
  if (event->status == 0) {
    heard_end(sim, event);
  } else if (hears->up && pair_of(hears, about)->knows == event->from_run) {
    tell(hears, about, event->from_run, LH_MEMBER_SUSPECT);
  }
}

// The far side is suspected at some moment, and taken for dead later.
static void hear_cut(struct node *hears, struct node *about, lh_ms most) {
  struct sim *sim = hears->sim;
  const lh_ms at = delay(sim, most);
  for (int suspected = 0; suspected <= 1; suspected++) {
    struct event *event = later(hears, suspected ? sim->now + (at - sim->now) / 2 : at, heard_cut);
    event->from = about;
    event->from_run = about->self;
    event->flag = true;
    event->status = suspected;
  }
}

// `flag`: it is heard even if the node lives, as across a cut.
static void hear_end(struct node *hears, struct node *about, lh_ms most, bool flag) {
  struct event *event = later(hears, delay(hears->sim, most), heard_end);
  event->from = about;
  event->from_run = about->self;
  event->flag = flag;
}

static void spread_end(struct node *node, lh_ms most) {
  for (size_t i = 0; i < node->sim->count; i++) {
    struct node *hears = &node->sim->nodes[i];
    if (hears != node && hears->up) hear_end(hears, node, most, false);
  }
}

static bool is_fenced_by(const struct node *node, const struct node *other) {
  return pair_of(other, node)->fenced == node->self;
}

static void new_epoch(struct node *node);

static void meet(struct sim *sim, struct event *event) {
  struct node *pair[2] = {event->from, event->to};
  if (!pair[0]->up || !pair[1]->up || are_cut(pair[0], pair[1])) return;
  if (pair[0]->stalled) {
    later(event->to, pair[0]->wakes_at + 1, meet)->from = event->from;
    return;
  }
  const bool turned = lh_random_below(&sim->random, 2) == 1;
  for (int i = 0; i < 2; i++) {
    struct node *one = pair[turned ? 1 - i : i];
    if (!is_fenced_by(one, pair[turned ? i : 1 - i])) continue;
    new_epoch(one);
    return;
  }
  for (int i = 0; i < 2; i++) {
    struct node *other = pair[1 - i];
    if (pair_of(pair[i], other)->knows == other->self) continue;
    link_down(pair[i], other);
    pair_of(pair[i], other)->knows = other->self;
    tell(pair[i], other, other->self, LH_MEMBER_ALIVE);
  }
  link_up(pair[0], pair[1]);
}

static void meet_all(struct node *node, lh_ms most) {
  struct sim *sim = node->sim;
  for (size_t i = 0; i < sim->count; i++) {
    if (&sim->nodes[i] != node && sim->nodes[i].up)
      later(node, delay(sim, most), meet)->from = &sim->nodes[i];
  }
}

static void kill_actors(struct sim *sim, const struct node *node) {
  for (size_t i = sim->actor_count; i > 0; i--) {
    if (sim->actors[i - 1].node == node) actor_remove(sim, &sim->actors[i - 1]);
  }
}

// What the first that refuses it as fenced tells it: how far our ledger was taken over.
static uint64_t taken_seq(const struct node *node) {
  const struct sim *sim = node->sim;
  for (size_t i = 0; i < sim->count; i++) {
    const struct node *other = &sim->nodes[i];
    if (other->up && !other->stalled && !are_cut(node, other) &&
        lh_registry_is_frozen(other->registry, node->self))
      return lh_registry_seq(other->registry, node->self);
  }
  return 0;
}

// As begin_new_epoch of csrc/node/node.c.
static void new_epoch(struct node *node) {
  struct sim *sim = node->sim;
  lh_hubs_yield(node->hubs, sim->now, taken_seq(node));
  lh_hubs_yielded(node->hubs);
  for (size_t i = 0; i < sim->count; i++) {
    link_down(node, &sim->nodes[i]);
    pair_of(node, &sim->nodes[i])->knows = pair_of(node, &sim->nodes[i])->fenced = 0;
  }
  node->run.epoch++;
  node->self = lh_runs_index(sim->runs, &node->run);
  lh_runs_set_name(sim->runs, node->self, node->name);
  lh_registry_new_epoch(node->registry, node->self);
  lh_hubs_new_epoch(node->hubs, node->self, sim->now);
  record_changed(node);
  meet_all(node, 300);
}

static bool was_given_up(const struct node *node) {
  const struct sim *sim = node->sim;
  for (size_t i = 0; i < sim->count; i++) {
    const struct node *other = &sim->nodes[i];
    if (other != node && other->up && !are_cut(node, other) &&
        pair_of(other, node)->knows != node->self)
      return true;
  }
  return false;
}

static void wake(struct node *node) {
  node->stalled = false;
  if (was_given_up(node)) new_epoch(node);
  note_all_running(node);
}

// --- the loop ---
static void flush_all(struct sim *sim) {
  for (size_t i = 0; i < sim->count; i++) {
    struct node *node = &sim->nodes[i];
    if (node->up && node->stalled && node->wakes_at <= sim->now) wake(node);
    if (!node->up || node->stalled) continue;
    if (lh_hubs_due(node->hubs) <= sim->now) lh_hubs_tick(node->hubs, sim->now);
    lh_hubs_flush(node->hubs, sim->now);
    if (!node->left) continue;
    node->up = false;
    kill_actors(sim, node);
    spread_end(node, 50);
  }
}

static lh_ms next_time(struct sim *sim) {
  lh_ms next = lh_heap_next(&sim->events);
  for (size_t i = 0; i < sim->count; i++) {
    const struct node *node = &sim->nodes[i];
    if (!node->up) continue;
    const lh_ms due = node->stalled ? node->wakes_at : lh_hubs_due(node->hubs);
    if (due < next) next = due;
  }
  return next;
}

static void run_due(struct sim *sim) {
  struct lh_due *due;
  while ((due = lh_heap_pop(&sim->events, sim->now)) != NULL) {
    struct event *event = LH_ENTRY(due, struct event, due);
    if (event->to->up && event->to->stalled) {
      lh_heap_set(&sim->events, &event->due, event->to->wakes_at + 1);
      continue;
    }
    event->fn(sim, event);
    event_free(event);
  }
}

// Answers false when a node asks for its turn again and again while time stands still.
static bool run_for(struct sim *sim, lh_ms ms) {
  const lh_ms end = sim->now + ms;
  int turns = 0;
  flush_all(sim);
  while (next_time(sim) <= end) {
    const lh_ms next = next_time(sim);
    turns = next > sim->now ? 0 : turns + 1;
    if (turns > 1000) return false;
    if (next > sim->now) sim->now = next;
    run_due(sim);
    flush_all(sim);
  }
  sim->now = end;
  return true;
}

#endif
