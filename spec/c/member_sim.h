// member_sim.h - a simulated network of member tables on a virtual clock, for spec/c/member.c
// alone.
//
// Datagrams are lost, doubled, delayed and cut one way; links are ordered and reliable, block while
// the pair is cut and break after ten seconds of that; a killed node refuses connections and breaks
// its links, a vanished one answers nothing, a stalled one keeps its links and everything that
// arrives until it wakes; something on the way may refuse the dials of one node to another.
// Signatures are keyed hashes. The same calls with the same seed give the same history: `hash` sums
// it up. `violation` names the first invariant that did not hold.
#ifndef LH_SPEC_MEMBER_SIM_H
#define LH_SPEC_MEMBER_SIM_H

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "member/member.h"

enum {
  NODES_MAX = 512,
  BACKLOG_MAX = 2000,
  LINK_BREAKS_AFTER = 10 * 1000,
  RTO = 200,
  DIAL_TIMEOUT = 3000
};

struct sim;

struct seen {             // what a node saw of another, for the invariants
  uint64_t fenced_below;  // epochs under this may not be live here again
  uint64_t met;           // the newest epoch that it greeted
  uint64_t left;          // the newest epoch that it saw depart
  uint64_t epoch;
  uint32_t incarnation;
  lh_ms dead_at;
};

struct node {
  struct sim *sim;
  int index;
  bool up, stalled, vanished, departed;
  int ended;  // what the table said when it ended
  uint64_t epoch;
  char name[LH_MEMBER_NAME_MAX + 1];
  uint8_t key[32];
  struct lh_node_id id;
  struct lh_members *members;
  lh_ms stalled_at, woken_at;
  struct lh_list backlog;
  size_t backlog_count;
  struct seen *seen;  // of each node
};

enum event_kind { TICK, DATAGRAM, PUMP, DIAL, EVIDENCE, RENAME };

struct event {
  struct lh_due due;
  struct lh_list node;  // in a pipe or a backlog
  enum event_kind kind;
  int from, to;
  uint64_t from_epoch, to_epoch;
  bool slow;  // a dial that nobody answered
  lh_ms ready;
  struct lh_buf body;
};

struct link {
  bool up;
  bool end_up[2];     // what the lower and the higher end believe
  uint64_t epoch[2];  // of the runs that it joins
  struct lh_list queue[2];
  struct event pump[2];
  lh_ms cut_since;
};

struct sim {
  lh_ms now;
  struct lh_heap heap;
  struct lh_random random;
  double loss, twice;
  lh_ms delay_min, delay_max;
  int count;
  struct node nodes[NODES_MAX];
  struct event ticks[NODES_MAX];
  struct link **links;                     // of each pair, made when it is first needed
  struct lh_map by_id;                     // of struct node
  uint8_t cut[NODES_MAX][NODES_MAX];       // from, to: 1 datagrams only, 2 everything
  bool refused_way[NODES_MAX][NODES_MAX];  // dials from, to are refused although both live
  uint64_t hash, events;
  uint64_t false_verdicts, refused, datagrams, datagram_bytes, control_bytes;
  char violation[256];
};

static double chance(struct sim *sim) {
  return (double)(lh_random_next(&sim->random) >> 11) / 9007199254740992.0;
}
static lh_ms delay(struct sim *sim) {
  return sim->delay_min +
         (lh_ms)lh_random_below(&sim->random, (uint64_t)(sim->delay_max - sim->delay_min + 1));
}
static void trace(struct sim *sim, uint64_t what) { sim->hash = lh_hash_mix(sim->hash, what); }
static struct lh_run run_of(const struct node *node) {
  return (struct lh_run){.id = node->id, .epoch = node->epoch};
}

static struct node *node_of(struct sim *sim, const struct lh_node_id *id) {
  return lh_map_get(&sim->by_id, id->bytes, sizeof id->bytes);
}

static struct link *link_new(int low, int high) {
  struct link *link = LH_NEW(struct link);
  lh_list_init(&link->queue[0]);
  lh_list_init(&link->queue[1]);
  link->pump[0] = (struct event){.kind = PUMP, .from = low, .to = high};
  link->pump[1] = (struct event){.kind = PUMP, .from = high, .to = low};
  return link;
}

static struct link *link_of(struct sim *sim, int a, int b) {
  const int low = a < b ? a : b;
  const int high = a < b ? b : a;
  struct link **link = &sim->links[low * sim->count + high];
  if (!*link) *link = link_new(low, high);
  return *link;
}

static void violate(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void violate(struct sim *sim, const char *format, ...) {
  va_list args;
  if (sim->violation[0]) return;
  va_start(args, format);
  (void)vsnprintf(sim->violation, sizeof sim->violation, format, args);
  va_end(args);
}

static void schedule_tick(struct node *node) {
  struct event *tick = &node->sim->ticks[node->index];
  if (!node->up || node->stalled || lh_members_due(node->members) == LH_NEVER)
    lh_heap_cancel(&node->sim->heap, &tick->due);
  else
    lh_heap_set(&node->sim->heap, &tick->due, lh_members_due(node->members));
}

static struct event *new_event(struct sim *sim, enum event_kind kind, struct node *from,
                               struct node *to, lh_ms at) {
  struct event *event = LH_NEW(struct event);
  *event = (struct event){.kind = kind,
                          .from = from->index,
                          .to = to->index,
                          .from_epoch = from->epoch,
                          .to_epoch = to->epoch};
  lh_list_init(&event->node);
  lh_heap_set(&sim->heap, &event->due, at);
  return event;
}

static void free_event(struct event *event) {
  lh_buf_free(&event->body);
  lh_free(event);
}

// What a table asks for

static void send_datagram(void *self, const struct lh_run *to, struct lh_bytes body) {
  struct node *node = self;
  struct sim *sim = node->sim;
  struct node *target = node_of(sim, &to->id);
  if (body.len > 1200)
    violate(sim, "S10 what is sent is bounded: a datagram of %zu bytes", body.len);
  sim->datagrams++;
  sim->datagram_bytes += body.len;
  if (!target || sim->cut[node->index][target->index]) return;
  int copies = chance(sim) < sim->loss ? 0 : chance(sim) < sim->twice ? 2 : 1;
  for (int i = 0; i < copies; i++) {
    struct event *event = new_event(sim, DATAGRAM, node, target, sim->now + delay(sim));
    event->to_epoch = to->epoch;
    lh_buf_append(&event->body, body.data, body.len);
  }
}

static bool send_control(void *self, const struct lh_run *to, struct lh_bytes body) {
  struct node *node = self;
  struct sim *sim = node->sim;
  struct node *target = node_of(sim, &to->id);
  if (!target || target == node) return false;
  struct link *link = link_of(sim, node->index, target->index);
  int side = node->index > target->index;
  if (!link->end_up[side]) return false;
  sim->control_bytes += body.len;
  if (!link->up) return true;
  struct event *event = LH_NEW(struct event);
  event->ready = sim->now + delay(sim) + (chance(sim) < sim->loss ? RTO : 0);
  lh_buf_append(&event->body, body.data, body.len);
  lh_list_push(&link->queue[side], &event->node);
  if (!lh_due_is_set(&link->pump[side].due))
    lh_heap_set(&sim->heap, &link->pump[side].due, event->ready);
  return true;
}

static void check_order(struct node *node, int subject, const struct lh_member_record *record,
                        enum lh_member_state state) {
  struct sim *sim = node->sim;
  uint32_t incarnation = lh_members_incarnation(node->members, &record->run.id);
  uint64_t epoch = record->run.epoch;
  struct seen *seen = &node->seen[subject];
  bool live = state < LH_MEMBER_DEAD;
  int by = node->index + 1, of = subject + 1;
  if (epoch < seen->epoch || (epoch == seen->epoch && incarnation < seen->incarnation))
    violate(sim, "S3 nothing goes back: n%d saw n%d in epoch %d incarnation %u after %d, %u", by,
            of, (int)epoch, incarnation, (int)seen->epoch, seen->incarnation);
  if (live && epoch < seen->fenced_below)
    violate(sim, "S8 a fenced run never returns: n%d took n%d back", by, of);
  if (live && epoch > seen->met)
    violate(sim, "S5 nobody lives by hearsay: n%d never met n%d in epoch %d", by, of, (int)epoch);
  if (live && epoch == seen->left)
    violate(sim, "S3 nothing goes back: n%d saw n%d live after its departure", by, of);
  if (state == LH_MEMBER_LEFT) seen->left = epoch;
  seen->epoch = epoch;
  seen->incarnation = incarnation;
}

static void changed(void *self, const struct lh_member_record *record, enum lh_member_state state) {
  struct node *node = self;
  struct sim *sim = node->sim;
  struct node *subject = node_of(sim, &record->run.id);
  trace(sim, (uint64_t)sim->now);
  trace(sim, record->run.epoch * 8 + state);
  if (!subject) return;
  trace(sim, (uint64_t)subject->index);
  check_order(node, subject->index, record, state);
  bool same = subject->up && subject->epoch == record->run.epoch;
  if (state == LH_MEMBER_LEFT && same && !subject->departed)
    violate(sim, "S5 each fact has one author: n%d holds for departed n%d, which never said so",
            node->index + 1, subject->index + 1);
  if (state != LH_MEMBER_DEAD) return;
  node->seen[subject->index].dead_at = sim->now;
  bool healthy = same && !subject->stalled && !subject->departed;
  if (healthy && sim->now - subject->woken_at > 10 * 1000) sim->false_verdicts++;
}

static void want(struct node *node, const struct lh_member_record *record, enum event_kind kind) {
  struct sim *sim = node->sim;
  struct node *target = node_of(sim, &record->run.id);
  if (!target) return;
  struct event *event = new_event(sim, kind, node, target, sim->now + 2 * delay(sim));
  event->to_epoch = record->run.epoch;
}
static void want_link(void *self, const struct lh_member_record *record) {
  want(self, record, DIAL);
}
static void want_evidence(void *self, const struct lh_member_record *record) {
  want(self, record, EVIDENCE);
}

static void sign_with(const uint8_t key[32], struct lh_bytes data, uint8_t signature[64]) {
  for (int i = 0; i < 8; i++) {
    uint64_t word = lh_hash(data.data, data.len, lh_hash(key, 32, (uint64_t)i));
    memcpy(signature + 8 * i, &word, 8);
  }
}
static void sign(void *self, struct lh_bytes data, uint8_t signature[64]) {
  sign_with(((struct node *)self)->key, data, signature);
}
static bool verify(void *self, const uint8_t key[32], const struct lh_node_id *id,
                   struct lh_bytes data, const uint8_t signature[64]) {
  (void)self;
  uint8_t expected[64];
  sign_with(key, data, expected);
  return memcmp(id->bytes, key, 16) == 0 && memcmp(expected, signature, 64) == 0;
}
static void ended(void *self, int err) { ((struct node *)self)->ended = err; }
static void outnamed(void *self, const struct lh_member_record *holder) {
  struct node *node = self;
  if (strcmp(holder->name, node->name) == 0)
    (void)new_event(node->sim, RENAME, node, node, node->sim->now);
}

static const struct lh_member_ops ops = {
    send_datagram, send_control, changed, want_link, want_evidence, sign, verify, ended, outnamed};

// Links

static void clear_link(struct sim *sim, struct link *link) {
  for (int side = 0; side < 2; side++) {
    struct lh_list *at;
    while ((at = lh_list_pop(&link->queue[side]))) free_event(LH_ENTRY(at, struct event, node));
    lh_heap_cancel(&sim->heap, &link->pump[side].due);
  }
}

static void end_notices(struct sim *sim, struct link *link, struct node *node, struct node *peer) {
  int side = node->index > peer->index;
  if (!link->end_up[side] || !node->up || node->stalled) return;
  link->end_up[side] = false;
  struct lh_run run = {.id = peer->id, .epoch = link->epoch[!side]};
  lh_members_link_down(node->members, sim->now, &run);
  schedule_tick(node);
}

// Both ends notice now, or when they wake.
static void break_link(struct sim *sim, int a, int b) {
  struct link *link = link_of(sim, a, b);
  link->up = false;
  clear_link(sim, link);
  end_notices(sim, link, &sim->nodes[a], &sim->nodes[b]);
  end_notices(sim, link, &sim->nodes[b], &sim->nodes[a]);
}

static bool reachable(const struct sim *sim, int a, int b) {
  return sim->cut[a][b] < 2 && sim->cut[b][a] < 2;
}

static bool runs(const struct node *node) { return node->up && !node->stalled; }

static int check(struct sim *sim, struct node *at, struct node *peer, struct lh_buf *greeting) {
  struct lh_run run = run_of(peer);
  struct lh_error error;
  lh_members_greeting(peer->members, greeting);
  int err = lh_members_check(at->members, &run, lh_bytes_of(greeting), &error);
  if (!err) return 0;
  if (err == LH_EAGAIN) lh_members_rival(at->members, sim->now, lh_bytes_of(greeting));
  sim->refused++;
  if (err == LH_EDENIED && strstr(error.text, "fenced")) peer->ended = err;
  return err;
}

// One of its ends is not what it was joined to.
static bool is_stale(const struct sim *sim, const struct link *link, int a, int b) {
  const struct node *low = &sim->nodes[a < b ? a : b], *high = &sim->nodes[a < b ? b : a];
  return !low->up || !high->up || low->epoch != link->epoch[0] || high->epoch != link->epoch[1];
}

static void connect_nodes(struct sim *sim, struct node *a, struct node *b) {
  if (a == b) return;
  struct link *link = link_of(sim, a->index, b->index);
  if (link->up && is_stale(sim, link, a->index, b->index)) break_link(sim, a->index, b->index);
  if (link->up || link->end_up[0] || link->end_up[1]) return;
  struct lh_buf of_a = LH_BUF_EMPTY, of_b = LH_BUF_EMPTY;
  int err = check(sim, b, a, &of_a);
  if (!err) err = check(sim, a, b, &of_b);
  struct lh_run run_a = run_of(a), run_b = run_of(b);
  if (!err) {
    link->up = link->end_up[0] = link->end_up[1] = true;
    link->cut_since = LH_NEVER;
    link->epoch[a->index > b->index] = a->epoch;
    link->epoch[b->index > a->index] = b->epoch;
    a->seen[b->index].met = b->epoch;
    b->seen[a->index].met = a->epoch;
    if (lh_members_link_up(b->members, sim->now, &run_a, lh_bytes_of(&of_a)) ||
        lh_members_link_up(a->members, sim->now, &run_b, lh_bytes_of(&of_b)))
      link->up = link->end_up[0] = link->end_up[1] = false;
    schedule_tick(a);
    schedule_tick(b);
  }
  lh_buf_free(&of_a);
  lh_buf_free(&of_b);
}

// Events

static void deliver_datagram(struct sim *sim, struct event *event) {
  struct node *from = &sim->nodes[event->from], *to = &sim->nodes[event->to];
  if (!to->up || to->epoch != event->to_epoch) {
    free_event(event);
    return;
  }
  if (to->stalled) {
    if (to->backlog_count >= BACKLOG_MAX) {
      free_event(event);
      return;
    }
    to->backlog_count++;
    lh_list_push(&to->backlog, &event->node);
    return;
  }
  struct lh_run run = {.id = from->id, .epoch = event->from_epoch};
  trace(sim, lh_hash(event->body.data, event->body.len, (uint64_t)event->to));
  lh_members_datagram(to->members, sim->now, &run, lh_bytes_of(&event->body));
  schedule_tick(to);
  free_event(event);
}

static void pump(struct sim *sim, struct event *pump_event) {
  struct node *from = &sim->nodes[pump_event->from], *to = &sim->nodes[pump_event->to];
  struct link *link = link_of(sim, pump_event->from, pump_event->to);
  struct lh_list *queue = &link->queue[pump_event->from > pump_event->to];
  if (!link->up || lh_list_empty(queue)) return;
  if (!from->up && !to->up) return;
  bool open = reachable(sim, pump_event->from, pump_event->to);
  if (open)
    link->cut_since = LH_NEVER;
  else if (link->cut_since == LH_NEVER)
    link->cut_since = sim->now;
  else if (sim->now - link->cut_since > LINK_BREAKS_AFTER) {
    break_link(sim, pump_event->from, pump_event->to);
    return;
  }
  if (open && is_stale(sim, link, pump_event->from, pump_event->to)) {
    break_link(sim, pump_event->from, pump_event->to);
    return;
  }
  if (!open || to->stalled || to->vanished) {
    lh_heap_set(&sim->heap, &pump_event->due, sim->now + RTO);
    return;
  }
  struct event *event = LH_ENTRY(lh_list_pop(queue), struct event, node);
  struct lh_run run = run_of(from);
  trace(sim, lh_hash(event->body.data, event->body.len, (uint64_t)to->index));
  lh_members_control(to->members, sim->now, &run, lh_bytes_of(&event->body));
  schedule_tick(to);
  free_event(event);
  if (!lh_list_empty(queue)) {
    lh_ms ready = LH_ENTRY(queue->next, struct event, node)->ready;
    lh_heap_set(&sim->heap, &pump_event->due, ready > sim->now ? ready : sim->now);
  }
}

// Answers true when the event is to come again later.
static bool dial(struct sim *sim, struct event *event) {
  struct node *from = &sim->nodes[event->from], *to = &sim->nodes[event->to];
  if (!from->up || from->epoch != event->from_epoch) return false;
  if (from->stalled) {
    lh_heap_set(&sim->heap, &event->due, sim->now + RTO);
    return true;
  }
  if (event->from == event->to) return false;
  const bool refused = sim->refused_way[event->from][event->to];
  bool silent = !refused && (!reachable(sim, event->from, event->to) || to->vanished ||
                             (to->up && to->stalled));
  if (event->kind == EVIDENCE && silent && !event->slow) {
    event->slow = true;
    lh_heap_set(&sim->heap, &event->due, sim->now + DIAL_TIMEOUT);
    return true;
  }
  if (event->kind == EVIDENCE) {
    struct lh_run run = {.id = to->id, .epoch = event->to_epoch};
    lh_members_evidence(from->members, sim->now, &run,
                        refused || (!silent && (!to->up || to->epoch != event->to_epoch)));
    schedule_tick(from);
  }
  if (!silent && !refused && runs(to)) connect_nodes(sim, from, to);
  return false;
}

static void fill_record(const struct node *node, struct lh_member_record *record) {
  memset(record, 0, sizeof *record);
  record->run = run_of(node);
  record->version = 1;
  record->settled = true;
  snprintf(record->name, sizeof record->name, "%s", node->name);
  memcpy(record->public_key, node->key, 32);
  record->address_count = 1;
  snprintf(record->addresses[0], sizeof record->addresses[0], "10.0.0.%d:7000", node->index + 1);
}

// As a node does it: its name and four digits more.
static void rename_node(struct node *node) {
  struct lh_member_record record;
  if (!node->up || strchr(node->name, '#')) return;
  size_t len = strlen(node->name);
  snprintf(node->name + len, sizeof node->name - len, "#%02x%02x", node->id.bytes[0],
           node->id.bytes[1]);
  fill_record(node, &record);
  lh_members_update_self(node->members, &record, node->sim->now);
  schedule_tick(node);
}

static void step(struct sim *sim, struct event *event) {
  sim->events++;
  switch (event->kind) {
  case TICK:
    lh_members_tick(sim->nodes[event->to].members, sim->now);
    schedule_tick(&sim->nodes[event->to]);
    break;
  case DATAGRAM:
    deliver_datagram(sim, event);
    break;
  case PUMP:
    pump(sim, event);
    break;
  case RENAME:
    rename_node(&sim->nodes[event->from]);
    free_event(event);
    break;
  default:
    if (!dial(sim, event)) free_event(event);
  }
}

static void run_until(struct sim *sim, lh_ms end) {
  while (lh_heap_next(&sim->heap) <= end) {
    sim->now = lh_heap_next(&sim->heap);
    step(sim, LH_ENTRY(lh_heap_pop(&sim->heap, sim->now), struct event, due));
  }
  sim->now = end;
}

// Nodes

static void boot(struct sim *sim, struct node *node) {
  struct lh_member_record record;
  struct lh_member_profile profile = lh_member_profile_lan();
  node->epoch++;
  node->up = true;
  node->stalled = node->vanished = node->departed = false;
  node->ended = 0;
  fill_record(node, &record);
  node->members =
      lh_members_new(&record, &profile, lh_random_next(&sim->random), &ops, node, sim->now);
  memset(node->seen, 0, (size_t)sim->count * sizeof *node->seen);
  schedule_tick(node);
}

static void clear_backlog(struct node *node) {
  struct lh_list *at;
  while ((at = lh_list_pop(&node->backlog))) free_event(LH_ENTRY(at, struct event, node));
  node->backlog_count = 0;
}

static void stop(struct sim *sim, struct node *node) {
  if (!node->up) return;
  for (int i = 0; i < sim->count; i++) {
    struct link *link = i == node->index ? NULL : link_of(sim, i, node->index);
    if (!link || !link->up) continue;
    link->end_up[node->index > i] = false;
    if (reachable(sim, i, node->index)) break_link(sim, i, node->index);
  }
  node->up = false;
  clear_backlog(node);
  lh_members_free(node->members);
  node->members = NULL;
  lh_heap_cancel(&sim->heap, &sim->ticks[node->index].due);
}

static void wake(struct sim *sim, struct node *node) {
  if (!node->up || !node->stalled) return;
  node->stalled = false;
  node->woken_at = sim->now;
  lh_members_stalled(node->members, sim->now, sim->now - node->stalled_at);
  // A loop may see its timers before what lies in its sockets.
  if (lh_random_below(&sim->random, 2) == 0) lh_members_tick(node->members, sim->now);
  for (int i = 0; i < sim->count; i++) {
    struct link *link = i == node->index ? NULL : link_of(sim, i, node->index);
    if (link && !link->up) end_notices(sim, link, node, &sim->nodes[i]);
  }
  struct lh_list *at;
  while ((at = lh_list_pop(&node->backlog)))
    deliver_datagram(sim, LH_ENTRY(at, struct event, node));
  node->backlog_count = 0;
  schedule_tick(node);
}

#endif
