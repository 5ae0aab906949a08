// rooms: base wire member
// fuzz/member.c - bytes from peers into a membership table of three nodes.
//
// An input is a series of pieces: one byte what, one byte length (times four), the bytes. What: a
// datagram or a control message from either peer, a greeting from a third run, time that passes, a
// link that breaks, a refused dial. Signatures all hold, so that what a hostile member could sign
// is reached as well; the table must stay ordered, bounded, and keep itself.
#include <stdlib.h>

#include "base/log.h"
#include "member/member.h"

enum { PEERS = 2, EVENTS_MAX = 200 };

static void send_datagram(void *self, const struct lh_run *to, struct lh_bytes body) {
  (void)self;
  (void)to;
  if (body.len > 1200) abort();
}
static bool send_control(void *self, const struct lh_run *to, struct lh_bytes body) {
  (void)self;
  (void)to;
  return body.len <= 64 * 1024 ? true : (abort(), false);
}
static void changed(void *self, const struct lh_member_record *record, enum lh_member_state state) {
  (void)self;
  (void)record;
  (void)state;
}
static void want(void *self, const struct lh_member_record *record) {
  (void)self;
  (void)record;
}
static void sign(void *self, struct lh_bytes data, uint8_t signature[64]) {
  (void)self;
  memset(signature, (int)data.len, 64);
}
static bool verify(void *self, const uint8_t key[32], const struct lh_node_id *id,
                   struct lh_bytes data, const uint8_t signature[64]) {
  (void)self;
  (void)key;
  (void)id;
  (void)data;
  return signature[63] != 0xFF;
}
static void ended(void *self, int err) {
  (void)self;
  (void)err;
}

static const struct lh_member_ops ops = {send_datagram, send_control, changed, want, want,
                                         sign,          verify,       ended,   NULL};

static struct lh_run peer_run(int peer) {
  struct lh_run run = {.epoch = 1};
  memset(run.id.bytes, peer + 1, sizeof run.id.bytes);
  return run;
}

static void fill(struct lh_member_record *record, int peer) {
  memset(record, 0, sizeof *record);
  record->run = peer_run(peer);
  record->version = 1;
  record->name[0] = (char)('a' + peer);
}

static void join(struct lh_members *members, int peer) {
  static const uint8_t signature[64];
  struct lh_member_record record;
  struct lh_buf greeting = LH_BUF_EMPTY;
  fill(&record, peer);
  lh_member_record_encode(&record, signature, &greeting);
  if (lh_members_link_up(members, 0, &record.run, lh_bytes_of(&greeting)) != 0) abort();
  lh_buf_free(&greeting);
}

static void greet(struct lh_members *members, lh_ms now, struct lh_bytes bytes) {
  struct lh_member_record record;
  uint8_t signature[64];
  struct lh_bytes body;
  struct lh_run run = peer_run(PEERS + 1);
  if (lh_member_record_decode(&record, signature, &body, bytes) == 0) {
    run = record.run;
    lh_member_record_free(&record);
  }
  lh_members_link_up(members, now, &run, bytes);
}

static void one_event(struct lh_members *members, lh_ms *now, uint8_t what, struct lh_bytes bytes) {
  struct lh_run peer = peer_run(1 + (what >> 7));
  switch (what & 7) {
  case 0:
  case 1:
    lh_members_datagram(members, *now, &peer, bytes);
    break;
  case 2:
  case 3:
    lh_members_control(members, *now, &peer, bytes);
    break;
  case 4:
    greet(members, *now, bytes);
    break;
  case 5:
    *now += what >> 3;
    lh_members_tick(members, *now);
    break;
  case 6:
    lh_members_link_down(members, *now, &peer);
    break;
  default:
    lh_members_evidence(members, *now, &peer, (what & 8) != 0);
  }
}

static void check(const struct lh_members *members) {
  const struct lh_member_record *before = NULL;
  struct lh_run self = peer_run(0);
  for (size_t i = 0; i < lh_members_count(members); i++) {
    const struct lh_member_record *record = lh_members_at(members, i, NULL);
    if (before && lh_node_id_compare(&before->run.id, &record->run.id) >= 0) abort();
    before = record;
  }
  const struct lh_member_record *own = lh_members_find(members, &self.id, NULL);
  if (!own || !lh_run_equal(&own->run, &self)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct lh_member_record self;
  struct lh_member_profile profile = lh_member_profile_lan();
  lh_ms now = 0;
  lh_log_set_level(LH_LOG_NONE);
  fill(&self, 0);
  struct lh_members *members = lh_members_new(&self, &profile, 1, &ops, NULL, now);
  for (int peer = 1; peer <= PEERS; peer++) join(members, peer);
  for (int i = 0; i < EVENTS_MAX && len >= 2; i++) {
    uint8_t what = data[0];
    size_t take = (size_t)data[1] * 4;
    data += 2;
    len -= 2;
    if (take > len) take = len;
    one_event(members, &now, what, lh_bytes(data, take));
    data += take;
    len -= take;
  }
  check(members);
  lh_members_free(members);
  return 0;
}
