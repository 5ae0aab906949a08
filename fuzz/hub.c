// rooms: hub registry member wire base link env
//
// Frames of every kind of the hubs' into two hubs rooms that are linked, with children in different
// phases: running here, starting, restarting, moving away, prepared for a move, stopping. The input
// is a list of steps: a frame from the other node or from a third one that is dead, a word of the
// actors, or time. Whatever comes, no child is held twice, what is asked is answered, and all
// memory comes back.
//
//   step: kind, length of two bytes, body
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "hub/hub.h"
#include "wire/wire.h"

enum { NODES = 2, STEPS_MAX = 48, ORDERS_MAX = 512, FRAMES_MAX = 256 };

struct world;
struct side {
  struct world *world;
  uint32_t self;
  struct lh_registry *registry;
  struct lh_hubs *hubs;
  uint64_t tokens[ORDERS_MAX];  // of starts and stops that the actors were asked for
  bool stops[ORDERS_MAX];
  size_t order_count;
  uint64_t questions;
  size_t asked, answered;
};

struct frame {
  uint32_t from, to;
  uint8_t type;
  struct lh_buf body;
};

struct world {
  struct lh_runs *runs;
  struct side sides[NODES];
  uint32_t dead;
  lh_ms now;
  struct frame frames[FRAMES_MAX];
  size_t frame_count;
  uint64_t next_pid;
  bool hot, alter;
};

static struct side *side_of(struct world *world, uint32_t node) {
  for (size_t i = 0; i < NODES; i++) {
    if (world->sides[i].self == node) return &world->sides[i];
  }
  return NULL;
}

static void on_send(void *self, uint32_t to, uint8_t type, struct lh_bytes body) {
  struct side *side = self;
  struct world *world = side->world;
  for (size_t i = 0; i < NODES; i++) {
    const uint32_t node = world->sides[i].self;
    if (node == side->self || (to != 0 && to != node) || world->frame_count == FRAMES_MAX) continue;
    struct frame *frame = &world->frames[world->frame_count++];
    *frame = (struct frame){.from = side->self, .to = node, .type = type};
    lh_buf_append(&frame->body, body.data, body.len);
  }
}

static void on_row(void *self, const struct lh_row *before, const struct lh_row *after) {
  const struct side *side = self;
  if (side->hubs != NULL) lh_hubs_row_changed(side->hubs, before, after);
}
static void on_ordered(void *self, uint32_t hub, struct lh_bytes id, uint64_t born) {
  const struct side *side = self;
  if (side->hubs != NULL) lh_hubs_ordered(side->hubs, hub, id, born);
}
static void on_advanced(void *self, uint32_t node, uint64_t seq) {
  const struct side *side = self;
  if (side->hubs != NULL) lh_hubs_advanced(side->hubs, node, seq);
}
static const struct lh_registry_ops REGISTRY_OPS = {
    .row_changed = on_row, .ordered = on_ordered, .send = on_send, .advanced = on_advanced};

static void note(struct side *side, uint64_t token, bool stop) {
  if (side->order_count == ORDERS_MAX) return;
  side->tokens[side->order_count] = token;
  side->stops[side->order_count++] = stop;
}
static void on_start(void *self, const struct lh_order *orders, size_t count) {
  for (size_t i = 0; i < count; i++) note(self, orders[i].token, false);
}
static void on_stop(void *self, uint64_t token, lh_pid pid, const char *reason, lh_ms shutdown_ms,
                    lh_pid forward) {
  (void)pid, (void)reason, (void)shutdown_ms, (void)forward;
  note(self, token, true);
}
static void on_freeze(void *self, uint64_t token, lh_pid pid) {
  (void)self, (void)token;
  if (pid == 0) abort();
}
static void on_thaw(void *self, lh_pid pid, uint64_t generation) {
  (void)self, (void)generation;
  if (pid == 0) abort();
}
static void on_activate(void *self, uint64_t token, lh_pid pid, struct lh_bytes state,
                        uint64_t generation) {
  (void)self, (void)token, (void)state, (void)generation;
  if (pid == 0) abort();
}
static void on_consent(void *self, uint64_t token, lh_pid pid) {
  (void)self, (void)token;
  if (pid == 0) abort();
}
static void on_describe(void *self, lh_pid pid, struct lh_bytes metadata) {
  (void)self, (void)metadata;
  if (pid == 0) abort();
}
static void on_tell_role(void *self, uint64_t token, lh_pid pid, bool active) {
  (void)self, (void)token, (void)active;
  if (pid == 0) abort();
}
static void on_ask(void *self, uint64_t question, const char *kind, struct lh_bytes args,
                   uint32_t count) {
  struct side *side = self;
  (void)kind, (void)args, (void)count;
  side->questions = question;
}
static void on_reply(void *self, uint64_t caller, int status, struct lh_bytes result,
                     const struct lh_error *error) {
  struct side *side = self;
  (void)caller, (void)result;
  if (status != LH_OK && error == NULL) abort();
  side->answered++;
}
static bool on_wants(void *self, struct lh_bytes hub, const char *key) {
  const struct side *side = self;
  (void)hub;
  return side->world->alter || strcmp(key, "child_data_alter") != 0;
}
static void on_event(void *self, struct lh_bytes hub, const char *key, struct lh_bytes payload) {
  (void)self, (void)hub, (void)key, (void)payload;
}
static void tell(struct side *hears, const struct side *about) {
  struct lh_member_record *record = LH_NEW(struct lh_member_record);
  record->run = *lh_runs_at(about->world->runs, about->self);
  record->name[0] = (char)('a' + about->self);
  lh_hubs_record(about->hubs, record);
  lh_hubs_member(hears->hubs, hears->world->now, record, LH_MEMBER_ALIVE);
  lh_free(record);
}
static void on_record(void *self) { tell(self, self); }
static void on_fence(void *self, const struct lh_run *run) { (void)self, (void)run; }
static void on_closed(void *self, struct lh_bytes hub) { (void)self, (void)hub; }
static void on_drained(void *self) { (void)self; }
static uint32_t on_pressure(void *self) {
  (void)self;
  return 2000;
}

static const struct lh_hubs_ops HUBS_OPS = {
    .send = on_send,
    .start = on_start,
    .stop = on_stop,
    .freeze = on_freeze,
    .thaw = on_thaw,
    .describe = on_describe,
    .tell_role = on_tell_role,
    .activate = on_activate,
    .consent = on_consent,
    .ask = on_ask,
    .reply = on_reply,
    .wants = on_wants,
    .event = on_event,
    .record_changed = on_record,
    .fence = on_fence,
    .closed = on_closed,
    .drained = on_drained,
    .pressure = on_pressure,
};

// --- turns ---
static void turn(struct world *world) {
  for (int round = 0; round < 8; round++) {
    for (size_t i = 0; i < NODES; i++) {
      struct side *side = &world->sides[i];
      if (lh_hubs_due(side->hubs) <= world->now) lh_hubs_tick(side->hubs, world->now);
      lh_hubs_flush(side->hubs, world->now);
    }
    const size_t count = world->frame_count;
    struct frame frames[FRAMES_MAX];
    memcpy(frames, world->frames, count * sizeof(struct frame));
    world->frame_count = 0;
    for (size_t i = 0; i < count; i++) {
      struct side *to = side_of(world, frames[i].to);
      const struct lh_bytes body = lh_bytes_of(&frames[i].body);
      if (frames[i].type >= LH_FRAME_VIEW)
        (void)lh_hubs_receive(to->hubs, world->now, frames[i].from, frames[i].type, body);
      else
        (void)lh_registry_receive(to->registry, frames[i].from, frames[i].type, body);
      lh_buf_free(&frames[i].body);
    }
    if (count == 0) return;
  }
}

static void carry_out(struct side *side, bool worked) {
  if (side->order_count == 0) return;
  const uint64_t token = side->tokens[0];
  const bool stop = side->stops[0];
  side->order_count--;
  memmove(side->tokens, side->tokens + 1, side->order_count * sizeof side->tokens[0]);
  memmove(side->stops, side->stops + 1, side->order_count * sizeof side->stops[0]);
  if (stop)
    lh_hubs_stopped(side->hubs, side->world->now, token);
  else
    lh_hubs_started(side->hubs, side->world->now, token, worked ? LH_OK : LH_EFAILED,
                    lh_pid_make(side->self, ++side->world->next_pid), "it failed");
}

static void ask(struct side *side, bool start, uint8_t first, uint8_t count) {
  struct lh_buf value = LH_BUF_EMPTY;
  lh_write_map(&value, 2);
  lh_write_cstr(&value, "hub");
  lh_write_cstr(&value, "h");
  lh_write_cstr(&value, start ? "children" : "ids");
  lh_write_array(&value, count);
  for (uint8_t i = 0; i < count; i++) {
    const uint8_t id[1] = {(uint8_t)('a' + (first + i) % 24)};
    if (start) {
      lh_write_map(&value, 2);
      lh_write_cstr(&value, "id");
      lh_write_str(&value, id, 1);
      lh_write_cstr(&value, "start");
      lh_write_array(&value, 1);
      lh_write_cstr(&value, "m");
    } else {
      lh_write_str(&value, id, 1);
    }
  }
  side->asked++;
  (start ? lh_hubs_start : lh_hubs_stop)(side->hubs, side->world->now, side->asked,
                                         lh_bytes_of(&value));
  lh_buf_free(&value);
}

// Of 0x80 and more: VIEW to LEASED from 0x80 on, and what is left over are the first ones again.
static uint8_t frame_type(uint8_t kind) {
  const uint8_t type = (kind >> 1) & 15;
  return (uint8_t)(LH_FRAME_VIEW + type % (LH_FRAME_LEASED - LH_FRAME_VIEW + 1));
}

static void step(struct world *world, uint8_t kind, struct lh_bytes body) {
  struct side *side = &world->sides[kind & 1];
  const uint32_t other = world->sides[1 - (kind & 1)].self;
  const uint8_t word = body.len > 0 ? body.data[0] : 0;
  switch (kind >> 4) {
  case 0:
    carry_out(side, (word & 1) == 0);
    break;
  case 1:
    lh_hubs_ended(side->hubs, world->now, ((uint64_t)1 << 32) | word, (kind & 2) != 0, "it ended");
    break;
  case 2:
    lh_hubs_frozen(side->hubs, world->now, ((uint64_t)1 << 32) | word, LH_OK, body, NULL);
    break;
  case 3:
    lh_hubs_activated(side->hubs, world->now, ((uint64_t)1 << 32) | word, LH_OK, NULL);
    break;
  case 4:
    world->now += 1 + 100 * (lh_ms)word;
    break;
  case 5:
    ask(side, (kind & 2) == 0, word, 6);
    break;
  case 6:
    lh_hubs_answered(side->hubs, world->now, side->questions, LH_OK, body, NULL);
    break;
  default:
    (void)lh_hubs_receive(side->hubs, world->now, (kind & 0x80) != 0 ? other : world->dead,
                          frame_type(kind), body);
  }
}

// --- the world ---
static void open_side(struct world *world, size_t index) {
  static const uint8_t key[32] = "the key of a cluster under test";
  struct side *side = &world->sides[index];
  const struct lh_run run = {{{(uint8_t)(index + 1)}}, 1};
  struct lh_hub_config config = {
      .id = lh_bytes_str("h"), .deterministic = true, .handover = world->hot};
  config.migration = world->hot ? LH_MIGRATION_HOT : LH_MIGRATION_COLD;
  side->world = world;
  side->self = lh_runs_index(world->runs, &run);
  side->registry = lh_registry_new(world->runs, side->self, key, &REGISTRY_OPS, side);
  side->hubs = lh_hubs_new(world->runs, side->self, "n", side->registry, &HUBS_OPS, side);
  struct lh_error error;
  if (lh_hubs_open(side->hubs, world->now, &config, &error) != LH_OK) abort();
}

static struct world *make(uint8_t flags) {
  struct world *world = LH_NEW(struct world);
  const struct lh_run gone = {{{9}}, 1};
  world->now = 1000;
  world->hot = (flags & 1) != 0;
  world->runs = lh_runs_new();
  world->dead = lh_runs_index(world->runs, &gone);
  for (size_t i = 0; i < NODES; i++) open_side(world, i);
  ask(&world->sides[0], true, 0, 16);  // alone still: all run here, half of them has to move
  turn(world);
  for (int i = 0; i < 12; i++) carry_out(&world->sides[0], true);
  for (size_t i = 0; i < NODES; i++) {
    struct side *other = &world->sides[1 - i];
    tell(&world->sides[i], other);
    lh_registry_peer_up(world->sides[i].registry, other->self);
    lh_hubs_peer_up(world->sides[i].hubs, world->now, other->self);
  }
  turn(world);
  for (int i = 0; i < 3; i++) carry_out(&world->sides[0], true);
  for (int i = 0; i < 3; i++) carry_out(&world->sides[1], true);
  ask(&world->sides[1], false, 3, 4);
  turn(world);
  world->alter = (flags & 2) != 0;
  return world;
}

static void free_world(struct world *world) {
  for (size_t i = 0; i < NODES; i++) {
    lh_hubs_free(world->sides[i].hubs);
    world->sides[i].hubs = NULL;
    lh_registry_free(world->sides[i].registry);
  }
  for (size_t i = 0; i < world->frame_count; i++) lh_buf_free(&world->frames[i].body);
  lh_runs_free(world->runs);
  lh_free(world);
}

// After every deadline nobody waits any more.
static void check(struct world *world) {
  world->now += 2 * LH_OP_MS;
  turn(world);
  for (size_t i = 0; i < NODES; i++) {
    if (world->sides[i].answered < world->sides[i].asked) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  lh_log_set_level(LH_LOG_NONE);
  lh_registry_thread_enter();
  struct world *world = make(data[0]);
  data++, size--;
  for (int i = 0; i < STEPS_MAX && size >= 3; i++) {
    size_t len = (size_t)data[1] << 8 | data[2];
    if (len > size - 3) len = size - 3;
    step(world, data[0], lh_bytes(data + 3, len));
    turn(world);
    data += 3 + len;
    size -= 3 + len;
  }
  check(world);
  free_world(world);
  lh_registry_thread_leave();
  return 0;
}
