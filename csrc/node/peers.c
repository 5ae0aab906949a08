// peers.c - links and members: what the links hear goes to the rooms it is for, what the members
// want is done.
//
// A peer is admitted when its greeting, the signed member record, is acceptable. Every
// authenticated frame is a proof of life. When a member dies its link is closed, so that nothing of
// that run arrives after its ledger was frozen.
#include "node/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { TAKEN_WORD_MS = 1000, CALM_MS = 5000 };

static uint32_t index_of(struct lh_node *node, const struct lh_run *run) {
  return lh_runs_index(node->runs, run);
}

// --- what the members ask for ---
static void send_datagram(void *self, const struct lh_run *to, struct lh_bytes body) {
  struct lh_node *node = self;
  (void)lh_links_datagram(node->links, index_of(node, to), NULL, body);
}

static bool send_control(void *self, const struct lh_run *to, struct lh_bytes body) {
  struct lh_node *node = self;
  return lh_links_send(node->links, index_of(node, to), LH_CLASS_CONTROL, FRAME_MEMBER, body) ==
         LH_OK;
}

static void log_change(const struct lh_member_record *record, enum lh_member_state state) {
  lh_log(LH_LOG_INFO, "member", "%s (epoch %llu) is %s", record->name,
         (unsigned long long)record->run.epoch, lh_member_state_name(state));
}

// A new record of a member whose state is the same is no news to a reader of the log.
static bool is_news(struct lh_node *node, uint32_t peer, enum lh_member_state state) {
  const uintptr_t word = (uintptr_t)state + 1;
  return lh_map_put(&node->told, &peer, sizeof peer, (void *)word) != (void *)word;
}

static void changed(void *self, const struct lh_member_record *record, enum lh_member_state state) {
  struct lh_node *node = self;
  const uint32_t peer = index_of(node, &record->run);
  if (peer == 0) return;
  lh_runs_set_name(node->runs, peer, record->name);
  if (peer != node->self && is_news(node, peer, state)) log_change(record, state);
  if (state == LH_MEMBER_DEAD || state == LH_MEMBER_LEFT)
    lh_links_close(node->links, peer, lh_member_state_name(state));
  // For the hubs of one that gave way nobody is there any more, though a link may still come up.
  if (node->refusal_code == NULL || peer == node->self)
    lh_hubs_member(node->hubs, lh_env_now(node->env), record, state);
  if (state == LH_MEMBER_DEAD || state == LH_MEMBER_LEFT) lh_actors_node_down(node->actors, peer);
  lh_node_touch(node);
}

static void want_link(void *self, const struct lh_member_record *record) {
  if (lh_allow_holds(self, &record->run.id)) lh_seeds_dial(self, record);
}
static void want_evidence(void *self, const struct lh_member_record *record) {
  lh_seeds_evidence(self, record);
}

// This run of ours is over. The table says so in the middle of its own work; the turn acts on it.
static void ended(void *self, int err) {
  struct lh_node *node = self;
  node->run_over = err;
  node->run_over_by = lh_env_now(node->env) + TAKEN_WORD_MS;
  lh_seeds_begin(node);  // whoever refuses us says what was taken over
  lh_node_touch(node);
}

static void outnamed(void *self, const struct lh_member_record *holder) {
  struct lh_node *node = self;
  if (strcmp(holder->name, node->name) == 0) node->outnamed = true;
  lh_node_touch(node);
}

static void sign(void *self, struct lh_bytes data, uint8_t signature[64]) {
  const struct lh_node *node = self;
  lh_identity_sign(&node->identity, data, signature);
}

static bool verify(void *self, const uint8_t public_key[32], const struct lh_node_id *id,
                   struct lh_bytes data, const uint8_t signature[64]) {
  struct lh_node_id derived;
  (void)self;
  lh_identity_id(public_key, &derived);
  return lh_node_id_equal(&derived, id) && lh_identity_verify(public_key, data, signature);
}

static const struct lh_member_ops member_ops = {
    .send_datagram = send_datagram,
    .send_control = send_control,
    .changed = changed,
    .want_link = want_link,
    .want_evidence = want_evidence,
    .sign = sign,
    .verify = verify,
    .ended = ended,
    .outnamed = outnamed,
};

// --- what the links hear ---
static int refuse_unlisted(struct lh_node *node, const struct lh_hello *peer,
                           struct lh_buf *answer) {
  char id[33];
  char text[LH_ERROR_TEXT_MAX];
  lh_service_id(&peer->run.id, id);
  (void)snprintf(text, sizeof text, "its id %s is not in the allow_file of %s", id, node->name);
  node->counters.not_allowed++;
  lh_log(LH_LOG_WARN, "link", "%s is refused: %s", peer->name, text);
  lh_write_cstr(answer, "not_allowed");
  lh_write_cstr(answer, text);
  lh_write_uint(answer, 0);
  lh_write_uint(answer, 0);
  lh_write_cstr(answer, peer->name);
  return LH_EDENIED;
}

static int on_hello(void *self, const struct lh_hello *peer, struct lh_buf *answer) {
  struct lh_node *node = self;
  struct lh_error error;
  if (!lh_allow_holds(node, &peer->run.id)) return refuse_unlisted(node, peer, answer);
  const int err = lh_members_check(node->members, &peer->run, peer->greeting, &error);
  if (err == LH_OK) return LH_OK;
  lh_log(LH_LOG_WARN, "link", "%s is refused: %s", peer->name, error.text);
  lh_write_cstr(answer, err == LH_EDENIED      ? "fenced"
                        : err == LH_EDISPLACED ? "displaced"
                        : err == LH_EEXISTS    ? "name_taken"
                                               : "refused");
  lh_write_cstr(answer, error.text);
  lh_write_uint(answer, lh_registry_seq(node->registry, lh_runs_index(node->runs, &peer->run)));
  lh_write_uint(answer, lh_members_epoch(node->members, &peer->run.id));
  lh_write_cstr(answer, peer->name);
  if (err == LH_EAGAIN) lh_members_rival(node->members, lh_env_now(node->env), peer->greeting);
  return err;
}

static void on_up(void *self, uint32_t peer, const struct lh_hello *hello) {
  struct lh_node *node = self;
  const lh_ms now = lh_env_now(node->env);
  if (lh_members_link_up(node->members, now, &hello->run, hello->greeting) != LH_OK) {
    lh_links_close(node->links, peer, "its member record is not acceptable");
    return;
  }
  lh_registry_peer_up(node->registry, peer);
  lh_hubs_peer_up(node->hubs, now, peer);
  if (hello->dialled) lh_seeds_outcome(node, &hello->address, &hello->run, SEED_ANSWERED);
  node->joined = true;
  if (node->phase == NODE_STARTING) lh_leave_ready(node);
  lh_leave_calm(node, now + CALM_MS);
  lh_node_touch(node);
}

static void on_down(void *self, uint32_t peer, const char *reason) {
  struct lh_node *node = self;
  lh_log(LH_LOG_INFO, "link", "the link to %s is gone: %s", lh_runs_name(node->runs, peer), reason);
  lh_actors_flush(node->actors);
  lh_registry_peer_down(node->registry, peer);
  lh_members_link_down(node->members, lh_env_now(node->env), lh_runs_at(node->runs, peer));
  lh_hubs_peer_down(node->hubs, peer);
  lh_actors_node_down(node->actors, peer);
  lh_node_touch(node);
}

static int dispatch(struct lh_node *node, uint32_t peer, uint8_t type, struct lh_bytes body) {
  if (type == FRAME_MESSAGE) return lh_remote_frame(node, peer, body);
  const lh_ms now = lh_env_now(node->env);
  const struct lh_run *run = lh_runs_at(node->runs, peer);
  lh_node_touch(node);
  if (type == FRAME_MEMBER) {
    lh_members_control(node->members, now, run, body);
    return LH_OK;
  }
  if (type == FRAME_EVENT) return lh_events_frame(node, peer, body);
  if (type == FRAME_GOSSIP) return lh_gossip_frame(node, body);
  if (type >= LH_FRAME_DELTA && type <= LH_FRAME_DELTA + 0xf)
    return lh_registry_receive(node->registry, peer, type, body);
  if (type >= LH_FRAME_VIEW && type <= LH_FRAME_VIEW + 0xf)
    return lh_hubs_receive(node->hubs, now, peer, type, body);
  return LH_EFORMAT;
}

static void on_frame(void *self, uint32_t peer, uint8_t type, struct lh_bytes body) {
  struct lh_node *node = self;
  if (node->heard != peer)
    lh_members_heard(node->members, lh_env_now(node->env), lh_runs_at(node->runs, peer));
  node->heard = peer;
  const int err = dispatch(node, peer, type, body);
  if (err == LH_OK) return;
  node->counters.refused_frames++;
  lh_log(LH_LOG_DEBUG, "link", "a frame of kind %d from %s was refused: %s", type,
         lh_runs_name(node->runs, peer), lh_err_name(err));
  if (err == LH_EFORMAT) lh_links_close(node->links, peer, "it sent a malformed frame");
}

static void on_frames_end(void *self) {
  struct lh_node *node = self;
  node->heard = 0;
  lh_actors_flush(node->actors);
}

static void on_datagram(void *self, uint32_t peer, struct lh_bytes body) {
  struct lh_node *node = self;
  if (!lh_allow_holds(node, &lh_runs_at(node->runs, peer)->id)) {
    node->counters.not_allowed++;
    return;
  }
  lh_members_datagram(node->members, lh_env_now(node->env), lh_runs_at(node->runs, peer), body);
  lh_node_touch(node);
}

// Two processes have this identity. One that just starts yields.
static void was_seen_twice(struct lh_node *node, int code) {
  if (code != LH_EDISPLACED && code != LH_EAGAIN) return;
  const bool yields = code == LH_EDISPLACED || node->phase == NODE_STARTING;
  node->run_over = yields ? LH_EEXISTS : LH_EDENIED;
  node->run_over_by = lh_env_now(node->env);
}

static void name_is_taken(struct lh_node *node, struct lh_bytes text) {
  char line[LH_ERROR_TEXT_MAX];
  if (node->phase != NODE_STARTING) {
    node->outnamed = true;
    return;
  }
  (void)snprintf(line, sizeof line, "the name \"%s\" is taken: %.*s", node->name, (int)text.len,
                 (const char *)text.data);
  lh_leave_give_way(node, "name_taken", line);
}

// One that just starts does not go on alone: it would run what others run.
static void is_not_allowed(struct lh_node *node, struct lh_bytes text, const struct lh_addr *to) {
  char line[LH_ERROR_TEXT_MAX];
  lh_seeds_denied(node, to);
  if (node->phase != NODE_STARTING) return;
  (void)snprintf(line, sizeof line, "this node is not wanted: %.*s", (int)text.len,
                 (const char *)text.data);
  lh_leave_give_way(node, "not_allowed", line);
}

static void was_refused(struct lh_node *node, struct lh_bytes answer, const struct lh_addr *to) {
  struct lh_reader in;
  char address[LH_ADDR_TEXT_MAX];
  lh_reader_init(&in, answer);
  const struct lh_bytes code = lh_read_str(&in, 64);
  const struct lh_bytes text = lh_read_str(&in, LH_ERROR_TEXT_MAX - 1);
  const uint64_t seq = lh_read_uint(&in, INT64_MAX);
  const uint64_t epoch = lh_read_uint(&in, INT64_MAX - 1);
  const struct lh_bytes name = lh_read_str(&in, LH_NAME_MAX);
  if (in.err != LH_OK) return;
  lh_addr_format(to, address);
  if (lh_bytes_equal(code, lh_bytes_str("displaced"))) {
    was_seen_twice(node, LH_EDISPLACED);
    return;
  }
  if (lh_bytes_equal(code, lh_bytes_str("fenced"))) {
    if (epoch > node->epoch && node->phase != NODE_STARTING) {
      was_seen_twice(node, LH_EDISPLACED);
      return;
    }
    if (epoch > node->later_epoch) node->later_epoch = epoch;
    node->run_over = LH_EDENIED;
    node->run_over_by = lh_env_now(node->env);
    if (seq > node->taken_seq) node->taken_seq = seq;
    return;
  }
  lh_log(LH_LOG_WARN, "link", "%s refuses this node: %.*s", address, (int)text.len,
         (const char *)text.data);
  if (lh_bytes_equal(code, lh_bytes_str("not_allowed"))) is_not_allowed(node, text, to);
  const bool present = lh_bytes_equal(name, lh_bytes_str(node->name));  // or one that it had before
  if (present && lh_bytes_equal(code, lh_bytes_str("name_taken"))) name_is_taken(node, text);
}

static enum seed_outcome outcome_of(int err, bool somebody) {
  if (somebody) return SEED_ANSWERED;
  if (err == LH_ECLOSED) return SEED_REFUSED;
  return err == LH_EIO ? SEED_BROKE_OFF : SEED_SILENT;
}

static void on_dial_failed(void *self, const struct lh_addr *to, int err, int code,
                           const struct lh_run *run, struct lh_bytes answer, const char *reason) {
  static const struct lh_run nobody;
  struct lh_node *node = self;
  char address[LH_ADDR_TEXT_MAX];
  lh_addr_format(to, address);
  lh_log(LH_LOG_DEBUG, "link", "no link to %s: %s", address, reason);
  const bool somebody = !lh_run_equal(run, &nobody);
  lh_seeds_outcome(node, to, somebody ? run : NULL, outcome_of(err, somebody));
  if (err == LH_EEXISTS && somebody && !lh_node_id_equal(&run->id, &node->identity.id))
    node->joined = true;
  if (err == LH_EDENIED && answer.len > 0)
    was_refused(node, answer, to);
  else if (err == LH_EDENIED)
    was_seen_twice(node, code);
  else if (err == LH_ESTRANGER)
    lh_seeds_strange(node, to);
  lh_node_touch(node);
}

static const struct lh_links_ops links_ops = {
    .on_hello = on_hello,
    .on_up = on_up,
    .on_down = on_down,
    .on_frame = on_frame,
    .on_frames_end = on_frames_end,
    .on_datagram = on_datagram,
    .on_dial_failed = on_dial_failed,
};

// --- the registry's frames ---
static void row_changed(void *self, const struct lh_row *before, const struct lh_row *after) {
  struct lh_node *node = self;
  lh_hubs_row_changed(node->hubs, before, after);
  lh_watcher_row(node, before, after);
}

static void ordered(void *self, uint32_t hub, struct lh_bytes id, uint64_t born) {
  struct lh_node *node = self;
  lh_hubs_ordered(node->hubs, hub, id, born);
  lh_watcher_ordered(node, hub, id, born);
}

static void turned(void *self, uint32_t ledger, bool is_live) {
  lh_watcher_turned(self, ledger, is_live);
}

static void send_to_all(struct lh_node *node, uint8_t type, struct lh_bytes body) {
  for (size_t i = 0; i < lh_members_count(node->members); i++) {
    enum lh_member_state state;
    const uint32_t peer = index_of(node, &lh_members_at(node->members, i, &state)->run);
    if (peer != node->self && lh_registry_in_step(node->registry, peer)) {
      (void)lh_links_send(node->links, peer, LH_CLASS_STATE, type, body);
    }
  }
}

static void send_rows(void *self, uint32_t to, uint8_t type, struct lh_bytes body) {
  struct lh_node *node = self;
  if (node->links == NULL) return;
  if (to == 0)
    send_to_all(node, type, body);
  else
    (void)lh_links_send(node->links, to, LH_CLASS_STATE, type, body);
}

static void advanced(void *self, uint32_t ledger, uint64_t seq) {
  struct lh_node *node = self;
  lh_hubs_advanced(node->hubs, ledger, seq);
  lh_node_touch(node);
}

const struct lh_registry_ops lh_node_registry_ops = {.row_changed = row_changed,
                                                     .ordered = ordered,
                                                     .turned = turned,
                                                     .send = send_rows,
                                                     .advanced = advanced};

// --- our own record ---
static void fill_record(struct lh_node *node, struct lh_member_record *record) {
  memset(record, 0, sizeof *record);
  record->run = (struct lh_run){node->identity.id, node->epoch};
  record->version = ++node->record_version;
  (void)snprintf(record->name, sizeof record->name, "%s", node->name);
  record->settled = node->phase != NODE_STARTING;
  record->weight = node->weight;
  memcpy(record->labels, node->labels, sizeof record->labels);
  memcpy(record->public_key, node->identity.public_key, sizeof record->public_key);
  if (node->address[0] != '\0') {
    record->address_count = 1;
    (void)snprintf(record->addresses[0], sizeof record->addresses[0], "%s", node->address);
  }
  lh_hubs_record(node->hubs, record);
}

static void greet_anew(struct lh_node *node) {
  struct lh_buf greeting = LH_BUF_EMPTY;
  lh_members_greeting(node->members, &greeting);
  lh_links_greeting(node->links, lh_bytes_of(&greeting));
  lh_buf_free(&greeting);
}

void lh_peers_record_changed(struct lh_node *node) {
  struct lh_member_record *record = LH_NEW(struct lh_member_record);
  const lh_ms now = lh_env_now(node->env);
  fill_record(node, record);
  if (node->members != NULL) {
    lh_members_update_self(node->members, record, now);
    greet_anew(node);
  }
  lh_hubs_member(node->hubs, now, record, record->leaving ? LH_MEMBER_LEAVING : LH_MEMBER_ALIVE);
  lh_free(record);
}

// Four digits of the id tell it from the one that has the name; other four the next time.
static void choose_name(struct lh_node *node) {
  enum { DIGITS = 4, BASE_MAX = LH_NAME_MAX - 1 - DIGITS };
  const size_t at = 2 * (size_t)(node->renamed++ % 8);
  const uint8_t *id = node->identity.id.bytes;
  (void)snprintf(node->name, sizeof node->name, "%.*s#%02x%02x", BASE_MAX, node->socket_name,
                 (unsigned)id[at], (unsigned)id[at + 1]);
}

// The children that belong here by the name are placed anew with the new one.
void lh_peers_rename(struct lh_node *node) {
  node->outnamed = false;
  if (node->phase == NODE_STARTING) {
    name_is_taken(node, lh_bytes_str("another live node goes before"));
    return;
  }
  char former[LH_NAME_MAX + 1];
  memcpy(former, node->name, sizeof former);
  choose_name(node);
  lh_log(LH_LOG_WARN, "node", "the name %s is held by another node: this one is %s from now on",
         former, node->name);
  lh_runs_set_name(node->runs, node->self, node->name);
  lh_links_rename(node->links, node->name);
  if (node->threaded) lh_log_set_name(node->name);
  lh_peers_record_changed(node);
}

// For the hubs everybody is gone: what runs here ends here.
void lh_peers_lose(struct lh_node *node) {
  const lh_ms now = lh_env_now(node->env);
  for (size_t i = 0; i < lh_members_count(node->members); i++) {
    enum lh_member_state state;
    const struct lh_member_record *record = lh_members_at(node->members, i, &state);
    const uint32_t peer = index_of(node, &record->run);
    if (peer == node->self) continue;
    lh_links_close(node->links, peer, "another process has this identity");
    lh_hubs_member(node->hubs, now, record, LH_MEMBER_LEFT);
  }
}

static void on_stall(void *self, lh_ms now, lh_ms gap) {
  struct lh_node *node = self;
  lh_log(LH_LOG_WARN, "node", "this process did not run for %lld ms", (long long)gap);
  if (node->members != NULL) lh_members_stalled(node->members, now, gap);
}

static void make_members(struct lh_node *node) {
  struct lh_member_record *record = LH_NEW(struct lh_member_record);
  const struct lh_member_profile profile = lh_member_profile_lan();
  uint64_t seed = 0;
  fill_record(node, record);
  lh_env_random(node->env, &seed, sizeof seed);
  node->members = lh_members_new(record, &profile, seed, &member_ops, node, lh_env_now(node->env));
  lh_free(record);
  greet_anew(node);
}

// The members we knew are the way back, also for a node that was told no seed.
void lh_peers_reopen(struct lh_node *node) {
  for (size_t i = 0; i < lh_members_count(node->members); i++) {
    enum lh_member_state state;
    const struct lh_member_record *record = lh_members_at(node->members, i, &state);
    if (lh_node_id_equal(&record->run.id, &node->identity.id)) continue;
    for (uint32_t k = 0; k < record->address_count; k++) lh_seeds_add(node, record->addresses[k]);
  }
  lh_members_free(node->members);
  make_members(node);
  lh_peers_record_changed(node);
  lh_seeds_begin(node);
}

static void choose_address(struct lh_node *node) {
  struct lh_addr addr;
  lh_links_addr(node->links, &addr);
  lh_addr_format(&addr, node->listening);
  if (node->advertise != NULL) {
    (void)snprintf(node->address, sizeof node->address, "%s", node->advertise);
    return;
  }
  if (lh_addr_is_any(&addr)) lh_addr_of_this_host(&addr);
  lh_addr_format(&addr, node->address);
}

int lh_peers_open(struct lh_node *node, struct lh_error *error) {
  const struct lh_links_config config = {
      .env = node->env,
      .runs = node->runs,
      .identity = &node->identity,
      .secret = node->secret,
      .cluster = "",
      .name = node->name,
      .epoch = node->epoch,
      .listen = node->listen,
  };
  node->links = lh_links_new(&config, &links_ops, node, error);
  if (node->links == NULL) return LH_EIO;
  choose_address(node);
  make_members(node);
  lh_env_on_stall(node->env, on_stall, node);
  return LH_OK;
}

uint32_t lh_peers_by_name(struct lh_node *node, struct lh_bytes name) {
  if (lh_bytes_equal(name, lh_bytes_str(node->name))) return node->self;
  for (size_t i = 0; node->members != NULL && i < lh_members_count(node->members); i++) {
    enum lh_member_state state;
    const struct lh_member_record *record = lh_members_at(node->members, i, &state);
    if (state == LH_MEMBER_DEAD || state == LH_MEMBER_LEFT) continue;
    if (lh_bytes_equal(lh_bytes_str(record->name), name)) return index_of(node, &record->run);
  }
  return 0;
}
