// internal.h - what the files of the membership room share.
//
//   record.c     a node's signed word about itself: encoding, limits
//   message.c    facts and messages: encoding, limits
//   table.c      the members, their states, the clockwork
//   merge.c      which fact beats which, and what it changes
//   suspicion.c  accusations, confirmations, verdicts, our own refutations
//   probe.c      pings, helpers, our own health
//   gossip.c     what is spread by piggyback, and how often
//   exchange.c   whole views compared and sent
//   link.c       greetings, links that come and go, links that are missing
//   evidence.c   verdicts from refused connections
//
// Two sorted sets: `met` holds every node that greeted us (dead ones too), `heard` the runs that we
// only know from others. All memory belongs to `struct lh_members`; one thread.
#ifndef LH_MEMBER_INTERNAL_H
#define LH_MEMBER_INTERNAL_H

#include "base/hash.h"
#include "base/list.h"
#include "base/plant.h"
#include "member/member.h"

enum {
  DATAGRAM_MAX = 1200,
  ITEMS_MAX = 48 * 1024,  // of one message on a control stream
  ACCUSERS_MAX = 8,
  // limit: probes that a node carries out for others at a time | member.full |
  // spec/member/limit_spec.lua: relays no more probes than it should
  RELAYS_MAX = 256,
  // limit: facts and records that wait to be spread; the one sent most often makes room, and gets
  // around by the exchange of whole views | member.rumours_dropped | spec/member/limit_spec.lua:
  // hears of no more strangers than it should
  RUMOURS_MAX = 1024,
  // limit: runs that a node knows by hearsay only | member.full | spec/member/limit_spec.lua: hears
  // of no more strangers than it should
  HEARD_MAX = LH_MEMBERS_MAX,
  // limit: dead and departed runs that a node remembers; the one that ended first makes room |
  // member.full | spec/member/limit_spec.lua: remembers no more of the dead than it should
  TOMBSTONES_MAX = 4 * LH_MEMBERS_MAX,
  HEALTH_MAX = 8,
  SIGNATURE_LEN = 64,
};

struct timer {
  struct lh_due due;
  void (*fire)(struct lh_members *members, void *owner);
  void *owner;
};

// A statement about a run: alive and left are its own word, suspect and dead an accuser's.
struct fact {
  enum lh_member_state state;  // never LEAVING: that is said by the record
  struct lh_run subject;
  uint32_t incarnation;
  struct lh_run author;
  lh_ms age;  // of a death or a departure; not covered by the signature
  uint8_t signature[SIGNATURE_LEN];
};

struct suspicion {
  lh_ms began;
  lh_ms since;  // of the last sign of life meanwhile, else as `began`
  bool asked;   // others, who may know better
  int accuser_count;
  struct lh_run accusers[ACCUSERS_MAX];
  struct timer timer;
};

struct report {
  struct lh_run by;
  lh_ms at;
};

struct evidence {
  bool own;     // our own dial found it gone
  lh_ms asked;  // when we last asked for a dial; LH_NEVER: not since the break
  lh_ms at;     // of the newest finding or report
  struct report *reports;
  size_t count, cap;
};

struct probe;

struct member {
  struct lh_member_record record;
  struct lh_buf encoded;  // the signed record as it travels
  enum lh_member_state state;
  uint32_t incarnation;
  bool has_fact;  // `fact` is what made the present state and incarnation
  struct fact fact;
  bool linked;
  bool fenced;
  bool probation;  // we stalled: its next failed probe is not its fault
  int failures;    // probes failed in a row
  int unanswered;  // probe windows in a row without an answer by datagram
  lh_ms last_heard;
  lh_ms told_at;   // when we last told it that it is dead or fenced
  lh_ms ended_at;  // death or departure
  struct suspicion suspicion;
  struct evidence evidence;
  struct probe *probe;
  lh_ms dial_pause;
  struct timer dial;
  struct timer forget;
};

struct member_set {
  struct member **items;  // by node id
  size_t count, cap;
};

struct rumour {
  struct lh_node_id subject;
  bool is_record;
  enum lh_member_state state;
  struct lh_run author;
  int sent;
  uint64_t order;
  struct lh_buf item;
};

struct lh_members {
  struct lh_member_profile profile;
  const struct lh_member_ops *ops;
  void *ops_self;
  struct lh_random random;
  lh_ms now;
  struct lh_heap timers;
  struct member *self;  // also in `met`
  bool over;            // left, fenced or displaced: nothing more is said
  struct member_set met;
  struct member_set heard;
  size_t live;            // alive or suspect members, us included
  struct member **order;  // the round of probes
  size_t order_count, order_cap, order_next;
  struct lh_list probes;
  struct lh_list relays;
  size_t relay_count;
  uint64_t sequence;
  int health;  // 0 well .. HEALTH_MAX
  struct rumour *rumours;
  size_t rumour_count;
  uint64_t rumour_order;
  lh_ms gossiped_at;
  struct timer round, gossip, exchange;
  struct lh_members_counters counters;
};

// record.c
void lh_member_record_copy(struct lh_member_record *to, const struct lh_member_record *from);

// message.c
enum message_kind {
  PING,
  ACK,
  PING_REQ,
  NACK,
  ITEMS,
  DIGEST,
  PULL,
  GONE,
  NOT_GONE,
  FENCED,
  MESSAGE_KINDS
};
struct message {
  enum message_kind kind;
  uint64_t sequence;
  bool has_target;
  struct lh_run target;
  uint32_t item_count;
  struct lh_bytes items;
};
void lh_member_fact_body(const struct fact *fact, struct lh_buf *out);  // what is signed
void lh_member_fact_encode(const struct fact *fact, struct lh_buf *out);
void lh_member_record_item(struct lh_bytes encoded, struct lh_buf *out);
void lh_member_message_encode(const struct message *message, struct lh_buf *out);
int lh_member_message_decode(struct message *message, struct lh_bytes input);
// The next item, and `*rest` behind it: 1 a fact, 2 a record's bytes, or a negative code.
int lh_member_item_decode(struct lh_bytes *rest, struct fact *fact, struct lh_bytes *record);
void lh_member_send_control(struct lh_members *members, const struct member *to,
                            enum message_kind kind, uint64_t sequence, const struct lh_run *target);
void lh_member_send_fact(struct lh_members *members, const struct lh_run *to,
                         const struct fact *fact);
void lh_member_broadcast_fact(struct lh_members *members, const struct fact *fact);

// table.c
struct member *lh_member_find(const struct member_set *set, const struct lh_node_id *id);
struct member *lh_member_find_run(const struct member_set *set, const struct lh_run *run);
struct member *lh_member_new(struct lh_members *members, struct lh_member_record *take,
                             struct lh_bytes encoded);
void lh_member_insert(struct member_set *set, struct member *member);
void lh_member_remove(struct lh_members *members, struct member_set *set, struct member *member);
static inline bool lh_member_is_live(const struct member *member) {
  return member->state == LH_MEMBER_ALIVE || member->state == LH_MEMBER_SUSPECT;
}
enum lh_member_state lh_member_shown(const struct member *member);
void lh_member_set_state(struct lh_members *members, struct member *member,
                         enum lh_member_state state, uint32_t incarnation);
void lh_member_changed(struct lh_members *members, const struct member *member);
void lh_member_enter(struct lh_members *members, struct member *member);
void lh_member_timer_set(struct lh_members *members, struct timer *timer, lh_ms at);
void lh_member_timer_cancel(struct lh_members *members, struct timer *timer);
bool lh_member_verify(struct lh_members *members, const struct lh_member_record *by,
                      struct lh_bytes data, const uint8_t signature[SIGNATURE_LEN]);
void lh_member_over(struct lh_members *members, int err);
typedef bool lh_member_filter(const struct member *member);
size_t lh_member_choose(struct lh_members *members, size_t want, const struct member *except,
                        lh_member_filter *filter, struct member **out);

// merge.c
bool lh_member_take_record(struct lh_members *members, struct lh_bytes input);
void lh_member_take_items(struct lh_members *members, const struct lh_run *from,
                          const struct message *message, bool control);
void lh_member_replace_record(struct lh_members *members, struct member *member,
                              struct lh_member_record *take, struct lh_bytes encoded);

// suspicion.c
void lh_member_state_fact(struct lh_members *members, struct member *subject,
                          enum lh_member_state state, struct fact *fact);
void lh_member_accuse(struct lh_members *members, struct member *member);
bool lh_member_suspect(struct lh_members *members, struct member *member, uint32_t incarnation,
                       const struct lh_run *accuser);
void lh_member_die(struct lh_members *members, struct member *member, bool hard);
void lh_member_refute(struct lh_members *members, uint32_t incarnation);
void lh_member_suspicion_fire(struct lh_members *members, void *owner);

// probe.c
void lh_member_round_fire(struct lh_members *members, void *owner);
void lh_member_probe(struct lh_members *members, struct member *member);
void lh_member_probe_drop(struct lh_members *members, struct member *member);
void lh_member_probes_clear(struct lh_members *members);
void lh_member_health(struct lh_members *members, int change);
void lh_member_on_ping(struct lh_members *members, const struct lh_run *from,
                       const struct message *message, bool control);
void lh_member_on_ack(struct lh_members *members, const struct lh_run *from,
                      const struct message *message, bool control);
void lh_member_on_ping_req(struct lh_members *members, const struct lh_run *from,
                           const struct message *message);
void lh_member_on_nack(struct lh_members *members, const struct message *message);
void lh_member_tell_dead(struct lh_members *members, struct member *member);

// gossip.c
void lh_member_spread_fact(struct lh_members *members, const struct fact *fact);
void lh_member_spread_record(struct lh_members *members, const struct member *member);
void lh_member_send_datagram(struct lh_members *members, const struct lh_run *to,
                             struct message *message, const struct fact *first);
void lh_member_gossip_fire(struct lh_members *members, void *owner);
void lh_member_rumours_clear(struct lh_members *members);

// exchange.c
void lh_member_exchange_fire(struct lh_members *members, void *owner);
void lh_member_send_digest(struct lh_members *members, const struct member *to);
void lh_member_on_digest(struct lh_members *members, struct member *from, uint64_t digest);
void lh_member_send_view(struct lh_members *members, const struct member *to);

// link.c
void lh_member_dial_fire(struct lh_members *members, void *owner);
void lh_member_want_link_soon(struct lh_members *members, struct member *member, lh_ms pause);
void lh_member_alive_noticed(struct lh_members *members, struct member *member);
bool lh_member_outnames(const struct lh_member_record *a, const struct lh_member_record *b);

// evidence.c
void lh_member_judge(struct lh_members *members);
void lh_member_evidence_ask(struct lh_members *members, struct member *member);
void lh_member_evidence_repeat(struct lh_members *members, const struct member *to);
void lh_member_evidence_lapse(struct lh_members *members, struct member *member);
void lh_member_evidence_heard(struct lh_members *members, struct member *member);
void lh_member_on_report(struct lh_members *members, const struct lh_run *by,
                         const struct message *message);

#endif
