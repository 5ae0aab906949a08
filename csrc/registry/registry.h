// registry.h - who runs what: one ledger per run of a node, written by that node alone, copied by
// all others; and indexes over all of them that any thread reads without a lock.
//
// A row is the entry of one instance of a child. Our own rows change through lh_registry_put and
// _remove; every change gets the next sequence number of our ledger. Other nodes' ledgers change
// only through lh_registry_receive, by frames of their owner (or, for a dead run's tail, by frames
// of a survivor).
//
//   ledger:  NONE --snapshot--> IN STEP --gap, new epoch--> OUT OF STEP --snapshot--> IN STEP
//            any --lh_registry_freeze--> FROZEN (a dead run's: reads skip it) --all rows covered-->
//            empty
//
// Frozen rows leave as soon as a live ledger holds the same (hub, child id) with a higher
// generation. A frozen ledger without rows is listed no more; it is still known as frozen (late
// frames of its owner are refused) until lh_registry_drop.
//
// A stop order is a row of its own kind: "(hub, child id), started with generation `born` or
// before, is stopped". It is written by whoever cannot reach all that may run the child, travels
// and is kept as any row, and is shown by no read. While some ledger holds it, frozen ones too, the
// rows it is about are hidden from reads (of a live ledger) or gone (of a frozen one).
//
// Threads: writing and all ledger functions on the protocol thread; the functions of the section
// "reading" on any thread that called lh_registry_thread_enter (read-copy-update by liburcu, behind
// registry/shared.h). The protocol thread enters too, before lh_registry_new, and leaves after
// lh_registry_free. Rows are immutable; lh_row_ref pins one beyond the read section. Pure: no
// clock, no socket, no Lua. Digests are keyed (HMAC by OpenSSL), chained over the log of changes.
#ifndef LH_REGISTRY_REGISTRY_H
#define LH_REGISTRY_REGISTRY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "wire/runs.h"

enum {
  // limit: bytes of the id of a hub | code invalid, registry.malformed |
  // spec/registry/frame_spec.lua: is refused beyond its limits
  LH_HUB_ID_MAX = 255,
  // limit: bytes of the id of a child | code invalid_spec, registry.malformed |
  // spec/registry/frame_spec.lua: is refused beyond its limits
  LH_CHILD_ID_MAX = 255,
  // limit: bytes of a child spec when it is encoded | code invalid_spec, registry.malformed |
  // spec/registry/frame_spec.lua: is refused beyond its limits
  LH_SPEC_MAX = 64 * 1024,
  // limit: bytes of the metadata of a child when it is encoded | code invalid_spec,
  // registry.malformed | spec/registry/frame_spec.lua: is refused beyond its limits
  LH_METADATA_MAX = 4 * 1024,
  // limit: ids of hubs known to one node, its own and those of others | registry.malformed, code
  // limit | spec/registry/frame_spec.lua: belongs to one of a limited number of hubs
  LH_HUBS_MAX = 1024,
  // limit: rows of one node | registry.malformed | spec/registry/frame_spec.lua: of a snapshot with
  // more rows than a node may have
  LH_LEDGER_ROWS_MAX = 4 * 1024 * 1024,
  // limit: changes in one frame of the registry | registry.malformed |
  // spec/registry/frame_spec.lua: beyond a limit is refused before anything is kept
  LH_DELTA_OPS_MAX = 4096,
  // limit: bytes of a ledger's log kept for peers that lag; who lags more gets a snapshot |
  // registry.snapshots_out | spec/registry/ledger_spec.lua: sends a snapshot to who was away for
  // longer than the log reaches
  LH_LOG_BYTES_MAX =
      32 * 1024 * 1024,  // of our log kept for peers that lag; beyond it they get a snapshot
  LH_PAGE_MAX = 65536,   // ids in one page
  // limit: stop orders of one node; the oldest goes for one more | registry.orders_dropped |
  // spec/registry/order_spec.lua: gives way to newer ones when there are too many
  LH_ORDERS_MAX = 65536,
};
#define LH_GENERATION_MAX (UINT64_C(1) << 62)  // no frame may burn the counter

enum lh_row_state {
  LH_ROW_STARTING = 1,  // claimed by its owner; init has not answered
  LH_ROW_RUNNING,
  LH_ROW_RESTARTING,  // waits for its restart
  LH_ROW_MOVING,      // on its way to another node
  LH_ROW_LOOSE,       // ended here for a move: whichever node it belongs to begins it
  LH_ROW_PARKED,      // ended for want of a quorum, runs again with one
};

// A row as it is written. Slices are copied.
struct lh_row_in {
  uint32_t hub;  // from lh_registry_hub
  struct lh_bytes id;
  struct lh_bytes spec;      // MessagePack, opaque here
  struct lh_bytes metadata;  // MessagePack map or empty; its "tag" (a string) is indexed
  uint64_t generation;
  uint64_t born;       // the generation that its child was started with; kept until it is stopped
  uint64_t pid_local;  // low bits of the pid on its node; 0 when none runs
  uint8_t state;       // enum lh_row_state
  uint8_t restarts;    // restarts in the current window, travels with the child
  bool pinned;         // placed by its starter, not recomputed by others
  bool active;         // of several instances the one that is to act
};

// A row as it is read. Immutable; valid inside the read section or while referenced.
struct lh_row {
  uint64_t generation;
  uint64_t born;
  uint64_t seq;
  lh_pid pid;     // 0 when none runs
  uint32_t node;  // run index of the owner
  uint16_t hub;
  uint8_t state;
  uint8_t restarts;
  bool pinned;
  bool active;
  uint8_t id_len;
  uint16_t metadata_len;
  uint32_t spec_len;
  const uint8_t *bytes;  // id, metadata, spec
};
const char *lh_row_state_name(uint8_t state);
static inline struct lh_bytes lh_row_id(const struct lh_row *row) {
  return lh_bytes(row->bytes, row->id_len);
}
static inline struct lh_bytes lh_row_metadata(const struct lh_row *row) {
  return lh_bytes(row->bytes + row->id_len, row->metadata_len);
}
static inline struct lh_bytes lh_row_spec(const struct lh_row *row) {
  return lh_bytes(row->bytes + row->id_len + row->metadata_len, row->spec_len);
}

struct lh_registry_ops {
  // A row of a live ledger appeared, changed or went, ours or another's (`before` or `after` is
  // NULL then). Called on the protocol thread; must not write to the registry (take note, act
  // later). Freezing, thawing and a new epoch are the caller's own acts and are not told row by
  // row.
  void (*row_changed)(void *self, const struct lh_row *before, const struct lh_row *after);
  // A live ledger holds this stop order from now on. As row_changed.
  void (*ordered)(void *self, uint32_t hub, struct lh_bytes id, uint64_t born);
  // A frame for the peer with the run index `to` (never 0). Class: state; in order, or the link
  // breaks.
  void (*send)(void *self, uint32_t to, uint8_t type, struct lh_bytes body);
  // A ledger reached this sequence (ours: when it was flushed): starts that wait for it may be
  // answered.
  void (*advanced)(void *self, uint32_t node, uint64_t seq);
  // A ledger was frozen (its rows are seen no more) or thawed. May be NULL. As row_changed.
  void (*turned)(void *self, uint32_t node, bool is_live);
};

// Frame types (of the link's) that belong to the registry.
enum {
  LH_FRAME_DELTA = 0x20,
  LH_FRAME_SNAPSHOT = 0x21,
  LH_FRAME_NEED = 0x22,
  LH_FRAME_DIGEST = 0x23
};

struct lh_registry;

struct lh_registry *lh_registry_new(struct lh_runs *runs, uint32_t self_node, const uint8_t key[32],
                                    const struct lh_registry_ops *ops, void *ops_self);
// No thread may read it any more. Rows that are referenced live on.
void lh_registry_free(struct lh_registry *registry);
// We return in a new epoch: our rows are kept and stand in the new ledger (sequence from 1 on, same
// order, pids with the new index). All links count as down. `row_changed` is not called.
void lh_registry_new_epoch(struct lh_registry *registry, uint32_t self_node);

// The small index of a hub id, from 1 on (given now if it has none; 0 when it is empty, too long or
// one too many), and back. The last two on any thread.
uint32_t lh_registry_hub(struct lh_registry *registry, struct lh_bytes hub_id);
struct lh_bytes lh_registry_hub_id(const struct lh_registry *registry, uint32_t hub);
int lh_registry_hub_find(const struct lh_registry *registry,
                         struct lh_bytes hub_id);  // index or LH_ENOTFOUND
// The highest generation of a hub's rows ever seen here, also of rows that are frozen or gone.
uint64_t lh_registry_generation(const struct lh_registry *registry, uint32_t hub);

// --- our ledger ---
// The sequence of the change; 0 and nothing done when the row breaks a limit or its metadata is no
// map.
uint64_t lh_registry_put(struct lh_registry *registry, const struct lh_row_in *row);
uint64_t lh_registry_remove(struct lh_registry *registry, uint32_t hub,
                            struct lh_bytes id);  // 0: no such row
uint64_t lh_registry_seq(const struct lh_registry *registry,
                         uint32_t node);  // last sequence held of a ledger; 0 none
// `fn` is told of each row that is written here from now on: for whoever compares from outside what
// others hold.
void lh_registry_on_write(struct lh_registry *registry,
                          void (*fn)(void *self, const struct lh_row *row), void *self);
// Sends what changed since the last flush to the peers in step (one delta for many changes), then
// snapshots or ranges to those that asked.
void lh_registry_flush(struct lh_registry *registry);

// --- stop orders ---
// Writes one into our ledger, in the place of one about the same id that reaches less far. The
// sequence of the change, or of the one that is there; 0 and nothing done when it breaks a limit.
uint64_t lh_registry_order(struct lh_registry *registry, uint32_t hub, struct lh_bytes id,
                           uint64_t born);
uint64_t lh_registry_order_remove(struct lh_registry *registry, uint32_t hub,
                                  struct lh_bytes id);  // of ours; 0: there is none
// How far the orders about a child reach, over all ledgers held; 0: there is none.
uint64_t lh_registry_ordered(const struct lh_registry *registry, uint32_t hub, struct lh_bytes id);
// The orders of one ledger (frozen ones too) in order of sequence, as rows of which hub, id, born
// and seq are set; `fn` answers false to stop, and may remove the one it is given.
void lh_registry_each_order(struct lh_registry *registry, uint32_t node,
                            bool (*fn)(void *self, const struct lh_row *row), void *self);
size_t lh_registry_orders(const struct lh_registry *registry, uint32_t node);
// Nothing but rows of the living: no stop order, and no row of the dead.
bool lh_registry_is_plain(const struct lh_registry *registry);

// --- others' ledgers ---
// A link: both sides say what they hold of the other's ledger; each flush then sends what is
// missing.
void lh_registry_peer_up(struct lh_registry *registry, uint32_t node);
void lh_registry_peer_down(struct lh_registry *registry, uint32_t node);
bool lh_registry_is_linked(const struct lh_registry *registry, uint32_t node);
// Whether all that was flushed of our ledger was handed to the peer's link.
bool lh_registry_in_step(const struct lh_registry *registry, uint32_t node);
// A frame from a peer. 0, or a code: LH_EDENIED (not its ledger), LH_EFORMAT, LH_ELIMIT; counted,
// no effect.
int lh_registry_receive(struct lh_registry *registry, uint32_t from, uint8_t type,
                        struct lh_bytes body);
// The owner is dead: its rows are skipped by reads and kept as the list of what must run again.
// Works for a ledger never seen, too: its tail can then be fetched.
void lh_registry_freeze(struct lh_registry *registry, uint32_t node);
void lh_registry_thaw(struct lh_registry *registry, uint32_t node);  // the death was refuted
void lh_registry_drop(struct lh_registry *registry,
                      uint32_t node);  // forget the ledger (never ours; a live one's rows are told)
// Takes one row out of a frozen ledger (a temporary child). Whether there was one.
bool lh_registry_cover(struct lh_registry *registry, uint32_t node, uint32_t hub,
                       struct lh_bytes id);
// What went from frozen ledgers because others had placed it may be nobody's again (those others
// are forgotten): rows that are fetched anew count, and empty ledgers are fetched whole, from
// whoever holds as much as was here.
void lh_registry_reopen(struct lh_registry *registry);
// Freezes a ledger whose copy here may be older than what another node made of it: a copy of the
// same sequence takes its place, too, when it comes.
void lh_registry_freeze_old(struct lh_registry *registry, uint32_t node);
bool lh_registry_is_frozen(const struct lh_registry *registry, uint32_t node);
// False while rows of it are missing, which the owner was asked for.
bool lh_registry_is_whole(const struct lh_registry *registry, uint32_t node);
// The run indexes of live ledgers, or of frozen ones that have rows or orders left, sorted by run;
// how many there are.
size_t lh_registry_ledgers(const struct lh_registry *registry, uint32_t *nodes, size_t max,
                           bool frozen);
// The tail of a frozen ledger: asks `from`, which holds it up to a higher sequence; comes as a
// snapshot that a survivor sends (at a flush, once the ledger is frozen there too). The end is
// `advanced`; nothing comes when `from` holds no more or its link breaks. `row_changed` is not
// called for frozen rows.
void lh_registry_fetch(struct lh_registry *registry, uint32_t from, uint32_t ledger);
// Rows of a ledger (frozen ones too), in order of sequence; `fn` answers false to stop, and may
// cover or remove the row it is given. Protocol thread.
void lh_registry_each(struct lh_registry *registry, uint32_t node,
                      bool (*fn)(void *self, const struct lh_row *row), void *self);
size_t lh_registry_count(const struct lh_registry *registry, uint32_t node);
// Rows of a child in all ledgers held, also those that reads pass over, in no defined order. In a
// read section.
size_t lh_registry_all(const struct lh_registry *registry, uint32_t hub, struct lh_bytes id,
                       const struct lh_row **rows, size_t max);
// Our own row of a child, also while it is hidden; NULL: there is none. In a read section.
const struct lh_row *lh_registry_own(const struct lh_registry *registry, uint32_t hub,
                                     struct lh_bytes id);
// 16 bytes over (run, sequence, chain) of every live ledger held, sorted by run: equal when in
// agreement.
void lh_registry_digest(const struct lh_registry *registry, uint8_t out[16]);
// A peer's digest differs from ours: exchanges vectors of (run, sequence, chain) and mends.
void lh_registry_compare(struct lh_registry *registry, uint32_t peer, const uint8_t digest[16]);

// --- reading (any registered thread) ---
void lh_registry_thread_enter(void);  // once per thread, before it reads
void lh_registry_thread_leave(void);
void lh_registry_read_lock(void);  // nests; no Lua API call and no wait inside
void lh_registry_read_unlock(void);
// The instances of a child in live ledgers, best first by (active, generation descending, node id):
// up to
// `max` pointers, valid in the read section. Answers how many there are.
size_t lh_registry_find(const struct lh_registry *registry, uint32_t hub, struct lh_bytes id,
                        const struct lh_row **rows, size_t max);
// The pid of the best running instance, or 0. Opens its own read section.
lh_pid lh_registry_pid(const struct lh_registry *registry, uint32_t hub, struct lh_bytes id);
size_t lh_registry_children(const struct lh_registry *registry,
                            uint32_t hub);  // live rows of a hub (instances)
// Calls `fn` for each instance row of a hub in live ledgers, in no defined order. In a read section
// of its own.
void lh_registry_scan(const struct lh_registry *registry, uint32_t hub,
                      bool (*fn)(void *self, const struct lh_row *row), void *self);
void lh_registry_scan_tag(const struct lh_registry *registry, uint32_t hub, struct lh_bytes tag,
                          bool (*fn)(void *self, const struct lh_row *row), void *self);
// The rows of the first `limit` ids (at most LH_PAGE_MAX) behind `after` in byte order, instances
// best first. Answers how many ids there were. In a read section of its own; walks all rows.
size_t lh_registry_page(const struct lh_registry *registry, uint32_t hub, struct lh_bytes after,
                        size_t limit, bool (*fn)(void *self, const struct lh_row *row), void *self);
void lh_row_ref(const struct lh_row *row);    // inside a read section
void lh_row_unref(const struct lh_row *row);  // anywhere; also after lh_registry_free

struct lh_registry_counters {
  uint64_t dropped;  // ledgers that were forgotten on purpose
  uint64_t deltas_in, deltas_out, snapshots_in, snapshots_out, gaps, duplicates, refused, malformed,
      digest_mismatch, orders_dropped;
};
void lh_registry_counters(const struct lh_registry *registry, struct lh_registry_counters *out);

#endif
