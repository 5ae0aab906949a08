// env.h - the seams to the world: clock, randomness, streams, datagrams, names, files, signals.
//
// Everything that is not computation goes through a `struct lh_env`. There are two: lh_env_uv_new
// (a libuv loop, the only user of uv.h) and the hosts of a simulation (sim.h: virtual time, one
// seed, many hosts in one process).
//
// Threads: one thread runs the loop and all callbacks come on it. The functions marked [any] may be
// called from any thread; the others only from the loop's thread (or before it runs).
//
// Order of one turn of the loop: all readable streams and datagrams first, then posted functions,
// then timers that are due in the order of their deadlines. So a process that was stopped for a
// while reads the proof that its peers live before it acts on a deadline that passed meanwhile.
#ifndef LH_ENV_ENV_H
#define LH_ENV_ENV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"

struct lh_env;

struct lh_addr {
  struct sockaddr_storage storage;
  socklen_t len;  // 0: no address
};

bool lh_addr_equal(const struct lh_addr *a, const struct lh_addr *b);
// Numeric "127.0.0.1:7101" or "[::1]:7101". Answers 0 or LH_EINVAL (also for names: resolve those).
int lh_addr_parse(struct lh_addr *addr, const char *text);
// Writes the same form; `out` has room for LH_ADDR_TEXT_MAX.
enum { LH_ADDR_TEXT_MAX = 64 };
void lh_addr_format(const struct lh_addr *addr, char *out);
bool lh_addr_is_any(const struct lh_addr *addr);  // 0.0.0.0 or ::
uint16_t lh_addr_port(const struct lh_addr *addr);
void lh_addr_set_port(struct lh_addr *addr, uint16_t port);
// The same for names too, by the system's resolver: "localhost:7101". Blocks, so only before a loop
// runs.
int lh_addr_lookup(struct lh_addr *addr, const char *text);
// An address of this host, of the same family and port as `addr` has: of a network if there is one,
// else loopback.
void lh_addr_of_this_host(struct lh_addr *addr);

// --- the loop ---
struct lh_env *lh_env_uv_new(void);
// Closes and frees what is open: its streams, listeners, datagrams and timers must not be touched
// after it. Lookups in flight are dropped without an answer. Call after run has answered.
void lh_env_free(struct lh_env *env);
void lh_env_run(struct lh_env *env);   // until lh_env_stop
void lh_env_stop(struct lh_env *env);  // [any]
// Runs `fn(data)` on the loop's thread, in order of the calls. [any]; after the loop ended it does
// nothing and answers LH_ECLOSED (the caller still owns `data`). What was accepted always runs, at
// the latest when lh_env_run ends or, if it never ran, in lh_env_free.
int lh_env_post(struct lh_env *env, void (*fn)(void *data), void *data);

// --- clock and randomness ---
lh_ms lh_env_now(struct lh_env *env);        // [any] monotonic, counts suspended time
uint64_t lh_env_now_ns(struct lh_env *env);  // [any] the same clock, for measuring
uint64_t lh_env_uv_now_ns(void);             // [any] env_uv's clock, where there is no environment
void lh_env_random(struct lh_env *env, void *out,
                   size_t len);  // [any] unpredictable in env_uv, seeded in env_sim

// True in a simulated environment that asks for imitated sessions (lh_sim_imitate), never
// elsewhere.
bool lh_env_imitates(const struct lh_env *env);

// Called when the loop was not running for `gap` ms although it was due (stopped, suspended,
// starved): before any timer runs, after all that was readable was read.
typedef void lh_stall_fn(void *self, lh_ms now, lh_ms gap);
enum { LH_STALL_MIN_MS = 250 };
void lh_env_on_stall(struct lh_env *env, lh_stall_fn *fn, void *self);

// --- timers ---
struct lh_timer;
typedef void lh_timer_fn(void *self, lh_ms now);
struct lh_timer *lh_timer_new(struct lh_env *env, lh_timer_fn *fn, void *self);
void lh_timer_set(struct lh_timer *timer, lh_ms at);  // LH_NEVER disarms
void lh_timer_free(struct lh_timer *timer);           // also from its own callback

// Connections that were closed at once because no descriptor was left.
uint64_t lh_env_accepts_refused(const struct lh_env *env);

// --- streams ---
// A connected byte stream over a non-blocking socket. Bytes are read eagerly and given to on_data;
// the slice is valid during the call. After on_closed, or lh_stream_close, nothing more is called;
// close frees it (deferred: it is safe inside any of its callbacks). With on_closed the owner must
// still call lh_stream_close.
struct lh_stream;
struct lh_stream_ops {
  void (*on_connected)(void *self);  // dialled streams only
  void (*on_data)(void *self, const uint8_t *data, size_t len);
  void (*on_writable)(void *self);  // once after each lh_stream_want_write
  // `err` of a stream that was never connected: LH_ECLOSED when the machine refused (nothing
  // listens there), LH_ENOTFOUND for a unix path that is not there, LH_ETIMEOUT, LH_EIO. Of a
  // connected one: LH_ECLOSED at end of file or reset, LH_ETIMEOUT, LH_EIO. `reason` in words, e.g.
  // "connection refused".
  void (*on_closed)(void *self, int err, const char *reason);
};
struct lh_stream *lh_stream_dial(struct lh_env *env, const struct lh_addr *to,
                                 const struct lh_stream_ops *ops, void *self);
struct lh_stream *lh_stream_dial_unix(struct lh_env *env, const char *path,
                                      const struct lh_stream_ops *ops, void *self);
// Hands bytes to the kernel without waiting. Answers how many it took (0: full), or a negative
// code. [any], while the caller knows that the stream is not closed (its own lock).
ssize_t lh_stream_send(struct lh_stream *stream, const void *data, size_t len);
void lh_stream_want_write(struct lh_stream *stream);  // [any]
// Stops and resumes reading (back-pressure).
void lh_stream_pause(struct lh_stream *stream, bool paused);
const struct lh_addr *lh_stream_peer(const struct lh_stream *stream);
int lh_stream_peer_uid(const struct lh_stream *stream);  // of a unix socket; -1 elsewhere
void lh_stream_close(struct lh_stream *stream);

struct lh_listener;
// A new stream without ops: the callback calls lh_stream_set_ops on it, or lh_stream_close.
typedef void lh_accept_fn(void *self, struct lh_stream *stream);
void lh_stream_set_ops(struct lh_stream *stream, const struct lh_stream_ops *ops, void *self);
// NULL and `error` when the address cannot be had. Port 0 picks one; lh_listener_addr tells.
struct lh_listener *lh_listen(struct lh_env *env, const struct lh_addr *at, lh_accept_fn *fn,
                              void *self, struct lh_error *error);
// A unix socket of mode 0600. A file left by a dead process is replaced; a live one is LH_EEXISTS.
struct lh_listener *lh_listen_unix(struct lh_env *env, const char *path, lh_accept_fn *fn,
                                   void *self, struct lh_error *error);
void lh_listener_addr(const struct lh_listener *listener, struct lh_addr *out);
void lh_listener_close(struct lh_listener *listener);

// --- datagrams ---
enum { LH_DATAGRAM_MAX = 65507 };
struct lh_dgram;
typedef void lh_dgram_fn(void *self, const struct lh_addr *from, const uint8_t *data, size_t len);
struct lh_dgram *lh_dgram_open(struct lh_env *env, const struct lh_addr *at, lh_dgram_fn *fn,
                               void *self, struct lh_error *error);
void lh_dgram_addr(const struct lh_dgram *dgram,
                   struct lh_addr *out);  // with the port that was picked
int lh_dgram_send(struct lh_dgram *dgram, const struct lh_addr *to, const void *data,
                  size_t len);  // [any]; loss is not an error
void lh_dgram_close(struct lh_dgram *dgram);

// --- names --- up to LH_RESOLVE_MAX addresses; err is 0 or negative. Numeric addresses answer too.
enum { LH_RESOLVE_MAX = 8 };
typedef void lh_resolve_fn(void *self, int err, const struct lh_addr *addrs, size_t count);
void lh_resolve(struct lh_env *env, const char *host, uint16_t port, lh_resolve_fn *fn, void *self);

// --- files --- small ones, read and written whole; blocking, so before the loop runs or off its
// thread.
int lh_file_read(struct lh_env *env, const char *path, size_t max, struct lh_buf *out,
                 struct lh_error *error);
// Writes beside, syncs, renames: a reader sees the old bytes or the new. Mode as for open(2).
int lh_file_write(struct lh_env *env, const char *path, struct lh_bytes data, int mode,
                  struct lh_error *error);

// --- signals --- env_uv only.
typedef void lh_signal_fn(void *self, int signal_number);
void lh_env_on_signal(struct lh_env *env, int signal_number, lh_signal_fn *fn, void *self);

#endif
