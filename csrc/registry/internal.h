// internal.h - what the files of the registry share. Not for other rooms.
//
//   hubs.c      hub ids and their small indexes           index.c    the two shared tables, counts
//   per hub entry.c     the memory of one row                     read.c     reads by id, tag and
//   hub   page.c  by page ledger.c    ledgers: rows in order, freezing, covering codec.c     rows
//   and operations as bytes              chain.c    keyed digests journal.c   the log of our own
//   changes                own.c      put, remove, flush, new epoch snapshot.c  a whole ledger as
//   frames, and staging     sync.c     peers, frames that arrive, mending
//
// Frames (MessagePack after the digest; `run` is an array of id and epoch):
//   DELTA     digest16 [run, first, last, [hub ids], [operations]]
//   SNAPSHOT  digest16 [run, seq, chain16, rows, part, is last, [hub ids], [[seq, row...]]]
//   NEED      [run, seq, chain16, whole]          "I hold this much of that ledger; send the rest
//   (or all)" DIGEST    [answer wanted, [[run, seq, chain16]...]] operation [hub, id, generation,
//   born, pid, state, restarts, pinned, active, metadata, spec]; a removal: [hub, id]; a stop
//   order: [hub, id, born], with 0 its removal
//
// The chain. The unit is the DELTA frame as its owner sealed it: a frame's digest is
// HMAC(key, 'D' || digest of the frame before || bytes after the digest), zeros before the first.
// Frames are kept and sent again as they are, snapshots are made at the end of a frame and carry
// the digest there; so every copy that stands at a sequence has the owner's chain value, whatever
// way it got there. The parts of a snapshot are chained in the same way, with 'S', each snapshot
// from zeros.
#ifndef LH_REGISTRY_INTERNAL_H
#define LH_REGISTRY_INTERNAL_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/plant.h"
#include "registry/registry.h"
#include "registry/shared.h"
#include "wire/wire.h"

enum {
  LH_CHAIN_SIZE = 16,
  // limit: bytes of one frame with rows | registry.malformed | spec/registry/frame_spec.lua: beyond
  // a limit is refused before anything is kept
  LH_DELTA_BYTES_MAX = 1024 * 1024,
  LH_DELTA_HEAD_MAX = 256,            // what a frame has besides hub ids and operations
  LH_JOURNAL_BYTES_MIN = 256 * 1024,  // always kept for peers that lag
  // limit: ledgers that one frame compares | registry.malformed | spec/registry/frame_spec.lua:
  // beyond a limit is refused before anything is kept
  LH_VECTOR_MAX = 4096,
  LH_FETCHES_MAX = 64,  // frozen ledgers that one peer may be waiting for
};

#define LH_SEQ_MAX (UINT64_C(1) << 62)

struct lh_chain {
  uint8_t bytes[LH_CHAIN_SIZE];
};

// One row in memory: one allocation, entry + [lh_tag] + id, metadata, spec.
struct lh_entry {
  struct lh_row row;  // first: a row's address is its entry's
  struct cds_lfht_node link;
  union {
    struct lh_list order;  // in its ledger, by sequence, until it is taken out
    struct rcu_head tomb;  // from then on
  };
  _Atomic uint32_t refs;  // one is the registry's
  _Atomic bool hidden;    // of a live ledger: a stop order is about it
  bool tagged;
};

struct lh_tag {
  struct cds_lfht_node link;
  struct lh_entry *entry;
  uint32_t len;
  const uint8_t *text;  // inside the row's metadata
};

// A snapshot on its way in; its rows are nobody's business until the last part is there.
struct lh_staging {
  uint32_t from;
  uint64_t seq;
  uint64_t last_row_seq;
  struct lh_chain chain;   // of the ledger at `seq`
  struct lh_chain digest;  // of the parts so far
  uint32_t total, count, parts;
  struct lh_list rows;
};

struct lh_ledger {
  uint32_t node;
  struct lh_run run;
  uint64_t seq;
  struct lh_chain chain;
  struct lh_list rows;    // of lh_entry, by sequence
  struct lh_list orders;  // stop orders, by sequence
  size_t count;           // of rows
  size_t order_count;
  size_t bytes;  // of ids, metadata and specs
  uint32_t *hub_rows;
  uint32_t hub_cap;
  bool frozen;
  bool in_step;      // no gap seen since we asked or got a good frame; the first gap asks
  bool whole;        // only a snapshot can mend it: rows were dropped, or a digest was wrong
  uint64_t handled;  // of a frozen ledger: rows up to here that are missing were placed or stopped
  bool doubted;      // of a frozen ledger: `seq` is one less, so that an equal copy is news
  uint32_t fetch_from;  // who was asked for the tail of a frozen ledger; 0 nobody
  struct lh_staging *staging;
};

// Which hub ids a frame names, in the order of first use.
struct lh_hub_table {
  uint16_t local[LH_HUBS_MAX + 1];  // place + 1
  uint16_t used[LH_HUBS_MAX];
  uint32_t count;
  size_t bytes;
};

struct lh_frame {
  uint64_t first, last;
  uint8_t *data;
  size_t len;
};

struct lh_journal {
  struct lh_frame *frames;  // frames[head .. head + count)
  size_t head, count, cap;
  size_t bytes;
  uint64_t base_seq;  // what stood before the first frame kept
  struct lh_chain base_chain;
  uint64_t seq;  // end of the last frame sealed
  struct lh_chain chain;
  uint64_t flushed_seq;  // what peers may know
  struct lh_chain flushed_chain;
  struct lh_buf ops;  // of the frame being filled
  uint32_t ops_count;
  struct lh_hub_table hubs;
};

// A peer, as one that follows our ledger.
struct lh_follower {
  struct lh_list list;
  uint32_t node;
  bool up;
  bool known;                        // it said what it holds of ours
  bool whole;                        // it needs a snapshot of ours
  bool comparing;                    // our vector is out, its answer is not here
  uint64_t cursor;                   // sequence up to which our frames were handed to its link
  uint32_t fetches[LH_FETCHES_MAX];  // frozen ledgers it asked for, and what it holds of each
  uint64_t fetch_seq[LH_FETCHES_MAX];
  uint32_t fetch_count;
};

struct lh_hub_name {
  uint64_t hash;
  size_t len;
  uint8_t text[];
};

enum { LH_HUB_CELLS = 4 * LH_HUBS_MAX };

struct lh_registry {
  struct lh_runs *runs;
  const struct lh_registry_ops *ops;
  void *ops_self;
  void *mac;  // chain.c's
  uint8_t key[32];
  uint64_t seed;  // of the indexes
  uint32_t self_node;
  struct lh_ledger *own;
  struct lh_ledger **ledgers;  // sorted by run
  size_t ledger_count, ledger_cap;
  struct lh_ledger **by_node;
  uint32_t node_cap;
  size_t frozen_rows;
  size_t orders;  // of all ledgers
  bool quiet;     // our own rows move to a new epoch: row_changed is not called
  void (*on_write)(void *self, const struct lh_row *row);  // NULL: nobody is told
  void *on_write_self;
  bool ending;           // in lh_registry_free
  struct lh_list peers;  // in the order they were first met
  struct lh_journal journal;
  struct lh_registry_counters counters;
  uint64_t generations[LH_HUBS_MAX + 1];
  // Read by any thread:
  struct lh_shared_table *index;  // of lh_entry by (hub, id)
  struct lh_shared_table *tags;   // of lh_tag by (hub, tag), in several chains each
  size_t tagged;                  // how many there are
  atomic_uint tag_chains;         // a power of two; grows
  _Atomic(struct lh_hub_name *) hubs[LH_HUBS_MAX + 1];
  _Atomic uint16_t hub_cells[LH_HUB_CELLS];  // open addressing, only ever filled
  _Atomic uint32_t hub_count;
  _Atomic size_t hub_live[LH_HUBS_MAX + 1];
  _Atomic bool skipped[LH_RUNS_MAX];  // nodes whose rows reads pass over
};

// A stop order is an entry of its own kind, under the key of its child in a hub that no read names.
enum { LH_ROW_ORDER = LH_ROW_PARKED + 1, LH_ORDER_BIT = 0x8000 };

static inline bool lh_entry_is_order(const struct lh_entry *entry) {
  return entry->row.state == LH_ROW_ORDER;
}
static inline uint32_t lh_entry_hub(const struct lh_entry *entry) {
  return entry->row.hub & ~(uint32_t)LH_ORDER_BIT;
}

static inline bool lh_node_is_skipped(const struct lh_registry *registry, uint32_t node) {
  return atomic_load_explicit(&registry->skipped[node], memory_order_acquire);
}
static inline bool lh_entry_is_skipped(const struct lh_registry *registry,
                                       const struct lh_row *row) {
  const struct lh_entry *entry = (const struct lh_entry *)(const void *)row;
  return lh_node_is_skipped(registry, row->node) ||
         atomic_load_explicit(&entry->hidden, memory_order_acquire);
}

// --- chain.c ---
void lh_chain_open(struct lh_registry *registry, const uint8_t key[32]);
void lh_chain_close(struct lh_registry *registry);
struct lh_chain lh_chain_next(const struct lh_registry *registry, char label,
                              const struct lh_chain *before, struct lh_bytes data);
static inline bool lh_chain_equal(const struct lh_chain *a, const struct lh_chain *b) {
  return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
struct lh_chain lh_chain_read(struct lh_reader *reader);

// --- hubs.c ---
void lh_hub_names_free(struct lh_registry *registry);

// --- entry.c ---
// 0, LH_ELIMIT or LH_EFORMAT (metadata that is no map); the tag, empty when there is none.
int lh_entry_check(const struct lh_row_in *in, struct lh_bytes *tag);
// Copies. NULL when memory is refused. The tag is a slice of the metadata.
struct lh_entry *lh_entry_new(uint32_t node, uint64_t seq, const struct lh_row_in *in,
                              struct lh_bytes tag);
void lh_entry_free(struct lh_entry *entry);    // one that was never published
void lh_entry_retire(struct lh_entry *entry);  // one that was taken out of the indexes
static inline struct lh_tag *lh_entry_tag(struct lh_entry *entry) {
  return entry->tagged ? (struct lh_tag *)(void *)(entry + 1) : NULL;
}
static inline struct lh_entry *lh_entry_of(const struct lh_row *row) {
  return (struct lh_entry *)(uintptr_t)row;
}
static inline size_t lh_entry_bytes(const struct lh_entry *entry) {
  return (size_t)entry->row.id_len + entry->row.metadata_len + entry->row.spec_len;
}

// --- index.c ---
struct lh_key {
  uint32_t hub;
  struct lh_bytes id;
};
uint64_t lh_index_tag_hash(const struct lh_registry *registry, struct lh_key key, uint32_t chain);
uint64_t lh_index_hash(const struct lh_registry *registry, struct lh_key key);
int lh_index_match(struct cds_lfht_node *link, const void *key);
int lh_index_match_tag(struct cds_lfht_node *link, const void *key);
static inline struct lh_entry *lh_index_entry(struct cds_lfht_node *link) {
  return LH_ENTRY(link, struct lh_entry, link);
}
// The protocol thread's: these open their own read section.
struct lh_entry *lh_index_row(const struct lh_registry *registry, uint32_t node, struct lh_key key);
// Answers the row of the same node and key that it replaced, or NULL.
struct lh_entry *lh_index_put(struct lh_registry *registry, struct lh_entry *entry);
void lh_index_remove(struct lh_registry *registry, struct lh_entry *entry);
// The highest generation of the key in live ledgers, 0 when there is none.
uint64_t lh_index_live_generation(const struct lh_registry *registry, struct lh_key key);
// Some entry with the key that `fits`, or NULL.
typedef bool lh_fits_fn(const struct lh_registry *registry, const struct lh_entry *entry,
                        uint64_t value);
struct lh_entry *lh_index_some(const struct lh_registry *registry, struct lh_key key,
                               lh_fits_fn *fits, uint64_t value);
// How far the stop orders about the key reach, in live ledgers or in all; 0: none.
uint64_t lh_index_ordered(const struct lh_registry *registry, struct lh_key key, bool live);

// --- ledger.c ---
struct lh_ledger *lh_ledger_get(const struct lh_registry *registry, uint32_t node);  // NULL: none
struct lh_ledger *lh_ledger_of_run(const struct lh_registry *registry, const struct lh_run *run);
struct lh_ledger *lh_ledger_open(struct lh_registry *registry, uint32_t node);  // got or made
void lh_ledger_forget(struct lh_registry *registry, struct lh_ledger *ledger);
void lh_ledger_put(struct lh_registry *registry, struct lh_ledger *ledger, struct lh_entry *entry);
void lh_ledger_remove(struct lh_registry *registry, struct lh_ledger *ledger,
                      struct lh_entry *entry);
void lh_ledger_cover(struct lh_registry *registry, struct lh_entry *frozen);  // not needed any more
void lh_ledger_hide(struct lh_registry *registry, struct lh_entry *entry, bool hidden);
void lh_ledger_unstage(struct lh_ledger *ledger);
// What peers may be told of a ledger (ours: what was flushed).
uint64_t lh_ledger_known(const struct lh_registry *registry, const struct lh_ledger *ledger,
                         struct lh_chain *chain);

// --- orders.c ---
void lh_orders_put(struct lh_registry *registry, struct lh_ledger *ledger, struct lh_entry *entry);
void lh_orders_removed(struct lh_registry *registry, const struct lh_entry *entry);
// Whether an order is about this row.
bool lh_orders_end(const struct lh_registry *registry, const struct lh_entry *entry);
// What follows from the order once its ledger is live; what, once it is frozen.
void lh_orders_live(struct lh_registry *registry, struct lh_entry *order);
void lh_orders_frozen(struct lh_registry *registry, struct lh_entry *order);

// --- codec.c ---
struct lh_op {
  struct lh_entry *entry;  // a put, not yet published; NULL: a removal
  uint32_t hub;            // place in the frame's hub table
  struct lh_bytes id;
  bool order;  // the removal of one
};
void lh_hub_table_clear(struct lh_hub_table *table);
uint32_t lh_hub_table_add(struct lh_hub_table *table, const struct lh_registry *registry,
                          uint32_t hub);
void lh_hub_table_write(struct lh_buf *out, const struct lh_hub_table *table,
                        const struct lh_registry *registry);
// Slices of the hub ids of a frame; `hubs` has room for LH_HUBS_MAX.
uint32_t lh_hub_table_read(struct lh_reader *reader, struct lh_bytes *hubs);
// Gives every hub id its index; LH_ELIMIT, and nothing done, when they would be too many.
int lh_hub_table_resolve(struct lh_registry *registry, const struct lh_bytes *hubs, uint32_t count,
                         uint32_t *indexes);
void lh_codec_write_row(struct lh_buf *out, uint32_t hub, const struct lh_row *row);
void lh_codec_write_snapshot_row(struct lh_buf *out, uint32_t hub, const struct lh_row *row);
void lh_codec_write_removal(struct lh_buf *out, uint32_t hub, struct lh_bytes id);
void lh_codec_write_order(struct lh_buf *out, uint32_t hub, struct lh_bytes id, uint64_t born);
// One operation; errors stay in the reader. `op->entry` is the caller's.
void lh_codec_read_op(struct lh_reader *reader, uint32_t node, uint64_t seq, uint32_t hubs,
                      struct lh_op *op);
// One row of a snapshot with its sequence; NULL after an error.
struct lh_entry *lh_codec_read_snapshot_row(struct lh_reader *reader, uint32_t node, uint32_t hubs,
                                            uint32_t *hub);

// --- journal.c ---
void lh_journal_free(struct lh_journal *journal);
void lh_journal_put(struct lh_registry *registry, const struct lh_row *row);
void lh_journal_remove(struct lh_registry *registry, uint32_t hub, struct lh_bytes id);
void lh_journal_order(struct lh_registry *registry, uint32_t hub, struct lh_bytes id,
                      uint64_t born);                // 0: its removal
void lh_journal_seal(struct lh_registry *registry);  // ends the frame being filled
void lh_journal_trim(struct lh_registry *registry);  // after everybody was served
// Whether a copy that stands at this sequence with this chain can go on with frames kept here.
bool lh_journal_reaches(const struct lh_journal *journal, uint64_t seq,
                        const struct lh_chain *chain);
// The first frame behind `seq`, which is the end of a frame; answers the place, or the end of the
// frames.
size_t lh_journal_after(const struct lh_journal *journal, uint64_t seq);

// --- snapshot.c ---
struct lh_snapshot {
  struct lh_buf *parts;
  size_t count;
};
void lh_snapshot_make(struct lh_registry *registry, const struct lh_ledger *ledger,
                      struct lh_snapshot *out);
void lh_snapshot_free(struct lh_snapshot *snapshot);
int lh_snapshot_receive(struct lh_registry *registry, uint32_t from, struct lh_bytes body);

// --- sync.c ---
struct lh_follower *lh_follower_get(const struct lh_registry *registry,
                                    uint32_t node);  // NULL: never met
// Asks the owner for what is missing, if there is a link to it (else when there is one).
void lh_sync_ask(struct lh_registry *registry, struct lh_ledger *ledger);

// --- delta.c ---
int lh_delta_receive(struct lh_registry *registry, uint32_t from, struct lh_bytes body);

#endif
