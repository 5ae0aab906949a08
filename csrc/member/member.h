// member.h - who is alive: SWIM with Lifeguard and a stall guard, as a state machine without I/O.
//
// Sources: SWIM (Das, Gupta, Motivala 2002), Lifeguard (Dadgar, Phillips, Currey 2018, arXiv
// 1707.00788). Events come in through the lh_member_* functions with the time; what should happen
// goes out through `struct lh_member_ops`, whose functions only take note (they never call back
// into the member table). Pure: no clock, no socket, no thread; randomness is a seed. The same
// events in the same order give the same calls in the same order.
//
//   (unknown) --own authenticated word--> ALIVE <--> SUSPECT --> DEAD --> forgotten
//                                          |  \___ LEAVING --> LEFT --> forgotten
//
// Members are keyed by node id; a run is (id, epoch). DEAD is refutable by the subject in the same
// epoch until lh_member_fence said that its children were taken over.
#ifndef LH_MEMBER_MEMBER_H
#define LH_MEMBER_MEMBER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/id.h"

enum {
  // limit: nodes that live in one cluster; more are refused | member.full |
  // spec/member/limit_spec.lua: takes no more members than it should
  LH_MEMBERS_MAX = 4096,
  // limit: addresses of one node | member.malformed | spec/member/word_spec.lua: is refused while
  // its name or address is not a word
  LH_MEMBER_ADDRESSES_MAX = 8,
  // limit: bytes of an address, "host:port" | member.malformed | spec/member/word_spec.lua: is
  // refused while its name or address is not a word
  LH_MEMBER_ADDRESS_MAX = 272,
  // limit: bytes of the name of a node | code invalid_config, member.malformed |
  // spec/member/word_spec.lua: is refused while its name or address is not a word
  LH_MEMBER_NAME_MAX = 64,
  // limit: hubs that one node runs | code limit, node.requests_failed | spec/input/limit_spec.lua:
  // of hubs on a node
  LH_MEMBER_HUBS_MAX = 64,
  // limit: bytes of a node's labels, each as "key=value" and a line's end | code invalid_config,
  // member.malformed | spec/member/word_spec.lua: is refused while its labels are not sorted lines
  LH_MEMBER_LABELS_MAX = 1024,
  LH_MEMBER_WEIGHT_ONE = 1000,  // a weight is told in thousandths
  // limit: the weight of a node, in thousandths | code invalid_config, member.malformed |
  // spec/member/word_spec.lua: is refused while its weight is too large
  LH_MEMBER_WEIGHT_MAX = 100 * LH_MEMBER_WEIGHT_ONE,
  // limit: bytes of a signed member record | member.malformed, link.refused |
  // spec/member/word_spec.lua: is refused while its name or address is not a word
  LH_MEMBER_RECORD_MAX = 8 * 1024,
};

enum lh_member_state {
  LH_MEMBER_ALIVE,
  LH_MEMBER_SUSPECT,
  LH_MEMBER_LEAVING,
  LH_MEMBER_DEAD,
  LH_MEMBER_LEFT
};
const char *lh_member_state_name(enum lh_member_state state);

// What a node says of itself, signed by its key. `version` rises with every change within an epoch.
struct lh_member_hub {
  char id[256];
  uint8_t digest[16];  // of the hub's configuration
  bool placeable;      // takes children of this hub
};
struct lh_member_record {
  struct lh_run run;
  uint64_t version;
  char name[LH_MEMBER_NAME_MAX + 1];
  uint8_t public_key[32];
  uint32_t address_count;
  char addresses[LH_MEMBER_ADDRESSES_MAX][LH_MEMBER_ADDRESS_MAX];
  bool leaving;
  bool settled;     // it was ready once: its name is its own, not one that it asks for
  uint32_t weight;  // how much of what is shared out it takes
  char labels[LH_MEMBER_LABELS_MAX + 1];  // "key=value\n" ..., sorted by key, each key once
  uint32_t hub_count;
  struct lh_member_hub *hubs;  // owned by whoever owns the record
};
void lh_member_record_free(struct lh_member_record *record);
// Encodes, without and with the signature; decodes and checks limits (not the signature).
void lh_member_record_encode(const struct lh_member_record *record, const uint8_t signature[64],
                             struct lh_buf *out);
int lh_member_record_decode(struct lh_member_record *record, uint8_t signature[64],
                            struct lh_bytes *body, struct lh_bytes input);

// Whether a text is what `labels` may hold: words without spaces, "/" and "\\"; the empty text is.
bool lh_member_labels_good(struct lh_bytes text);

struct lh_member_ops {
  void (*send_datagram)(void *self, const struct lh_run *to, struct lh_bytes body);
  // On the control stream; answers false when there is no link.
  bool (*send_control)(void *self, const struct lh_run *to, struct lh_bytes body);
  // A member's state or record changed. `record` is valid during the call.
  void (*changed)(void *self, const struct lh_member_record *record, enum lh_member_state state);
  // A run that we heard of and are not linked to: please dial it (the link's HELLO is the only way
  // in).
  void (*want_link)(void *self, const struct lh_member_record *record);
  // The link to this suspect broke: please dial its addresses and tell lh_member_evidence what came
  // of it.
  void (*want_evidence)(void *self, const struct lh_member_record *record);
  void (*sign)(void *self, struct lh_bytes data, uint8_t signature[64]);
  bool (*verify)(void *self, const uint8_t public_key[32], const struct lh_node_id *id,
                 struct lh_bytes data, const uint8_t signature[64]);
  // This run must not go on (said once; may be NULL): LH_EDENIED others fenced it, LH_EEXISTS a
  // newer run of our id exists, LH_ELIMIT its incarnations are used up. A new epoch may return.
  // Nothing is sent any more.
  void (*ended)(void *self, int err);
  // A node that goes before this one has its name (may be said again and again; may be NULL):
  // please take another name, by lh_members_update_self.
  void (*outnamed)(void *self, const struct lh_member_record *holder);
};

// reliability profile; lh_member_profile_lan() is the default.
struct lh_member_profile {
  lh_ms period, timeout;  // of a probe
  int indirect;           // helpers
  lh_ms gossip_every;
  int gossip_fanout;
  int suspicion_mult, suspicion_max_mult;
  lh_ms exchange_every;  // full membership exchange
  lh_ms forget_after;    // DEAD and LEFT are kept this long
};
struct lh_member_profile lh_member_profile_lan(void);

struct lh_members;

struct lh_members *lh_members_new(const struct lh_member_record *self,
                                  const struct lh_member_profile *profile, uint64_t seed,
                                  const struct lh_member_ops *ops, void *ops_self, lh_ms now);
void lh_members_free(struct lh_members *members);

// The next time lh_members_tick has something to do.
lh_ms lh_members_due(const struct lh_members *members);
void lh_members_tick(struct lh_members *members, lh_ms now);
// The process did not run for `gap` ms: shifts every pending deadline, accuses nobody for it.
void lh_members_stalled(struct lh_members *members, lh_ms now, lh_ms gap);

// Our own record changed (hubs, placeable, leaving): signs it anew and spreads it.
void lh_members_update_self(struct lh_members *members, const struct lh_member_record *self,
                            lh_ms now);
// Our greeting for HELLO: the signed record of this node. Appends to `out`.
void lh_members_greeting(struct lh_members *members, struct lh_buf *out);
// A link came up and this is the peer's greeting: 0 and the peer is ALIVE, or a code. LH_EDENIED:
// bad signature, run does not match, fenced epoch. LH_EDISPLACED: a later run of its id lives.
// LH_EEXISTS: its name is held by a live member that goes before it; LH_EAGAIN: by one that must
// give the name up, or the peer is a later run of our own id. lh_members_check is the same question
// without the effect, for on_hello.
int lh_members_check(struct lh_members *members, const struct lh_run *run, struct lh_bytes greeting,
                     struct lh_error *error);
int lh_members_link_up(struct lh_members *members, lh_ms now, const struct lh_run *run,
                       struct lh_bytes greeting);
// A greeting that lh_members_check answered LH_EAGAIN to: whoever must give way to it hears of it,
// also when that is this node (`outnamed`, `ended`).
void lh_members_rival(struct lh_members *members, lh_ms now, struct lh_bytes greeting);
// The epoch known of this id, 0 for none.
uint64_t lh_members_epoch(const struct lh_members *members, const struct lh_node_id *id);
void lh_members_link_down(struct lh_members *members, lh_ms now, const struct lh_run *run);
// Any authenticated frame from the run: proof of life.
void lh_members_heard(struct lh_members *members, lh_ms now, const struct lh_run *run);
void lh_members_datagram(struct lh_members *members, lh_ms now, const struct lh_run *from,
                         struct lh_bytes body);
void lh_members_control(struct lh_members *members, lh_ms now, const struct lh_run *from,
                        struct lh_bytes body);

// Hard evidence: what dialling the addresses of a run whose link broke gave. `gone`: every address
// refused the connection, or another id or epoch answered there. Members report it to each other; a
// run that every live member outside the set under evidence reports gone is DEAD at once.
void lh_members_evidence(struct lh_members *members, lh_ms now, const struct lh_run *run,
                         bool gone);

// The children of this dead run were taken over: it may not return in this epoch.
void lh_members_fence(struct lh_members *members, const struct lh_run *run);
bool lh_members_is_fenced(const struct lh_members *members, const struct lh_run *run);
// We leave: spreads LEFT on every control stream and by gossip.
void lh_members_left(struct lh_members *members, lh_ms now);
// An operator's verdict: the run is DEAD now.
void lh_members_declare_dead(struct lh_members *members, const struct lh_run *run, lh_ms now);

// Reading. Members in order of node id, dead and left ones too, and this node itself (for which
// `changed` is never called); index 0 .. count-1; the pointers live until the next event.
size_t lh_members_count(const struct lh_members *members);
const struct lh_member_record *lh_members_at(const struct lh_members *members, size_t index,
                                             enum lh_member_state *state);
const struct lh_member_record *lh_members_find(const struct lh_members *members,
                                               const struct lh_node_id *id,
                                               enum lh_member_state *state);
// How often the run refuted; 0 for an unknown id.
uint32_t lh_members_incarnation(const struct lh_members *members, const struct lh_node_id *id);

struct lh_members_counters {
  uint64_t probes, probe_failures, suspicions, refutations, deaths, hard_deaths, malformed,
      bad_signature, stalls, udp_broken,
      full,             // what a full table did not take
      rumours_dropped;  // made room for newer ones, not spread to the end
};
void lh_members_counters(const struct lh_members *members, struct lh_members_counters *out);

#endif
