// sim_env.h - what the sim_*.c files share: the world, its hosts, their environments, events.
#ifndef LH_ENV_SIM_ENV_H
#define LH_ENV_SIM_ENV_H

#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "env/ops.h"
#include "env/sim.h"

// The order of what happens at one time.
enum sim_kind { SIM_ARRIVAL, SIM_WAKE, SIM_POST, SIM_TIMER, SIM_KINDS };

struct sim_env;

// Embedded in whatever it is about; never owns memory.
struct sim_event {
  struct lh_due due;
  enum sim_kind kind;
  struct sim_env *env;  // on which it happens; NULL: in the network
  void (*run)(struct sim_event *event);
};

struct sim_host {
  struct lh_sim *sim;
  uint32_t index;
  uint32_t starts;
  uint32_t mark;
  struct lh_addr addr;  // port 0
  struct lh_map files;  // path -> struct lh_buf
  enum lh_sim_disk disk;
  bool vanished;
  uint16_t next_port;
  int32_t rate;                 // its clock: per million faster, since `rate_from` of the world's,
  lh_ms rate_from, clock_from;  // when it showed `clock_from`
  lh_ms wall_ahead;
  uint32_t bytes_per_ms;     // read from each stream; 0: no limit
  size_t backlog;            // datagrams waiting for the end of a stall
  struct sim_env *env;       // NULL: no process runs
  struct sim_event expired;  // connections to a vanished host break
};

struct sim_path {
  struct lh_sim_path path;
  bool is_set;
  bool cut;
  struct sim_host *from;
  struct sim_host *to;
  struct sim_event expired;  // connections that were cut for too long break
};

struct lh_sim {
  uint64_t seed;
  uint64_t trace;
  uint64_t corrupted;
  uint32_t last;  // mark of the host on which the last event happened
  struct lh_random random;
  bool imitates;
  lh_ms now;
  struct lh_heap queues[SIM_KINDS];
  struct lh_map hosts;  // address bytes -> struct sim_host
  struct lh_map paths;  // two indexes -> struct sim_path
  struct lh_map names;  // name -> struct sim_name
  struct lh_sim_path network;
  struct lh_list packets;
  struct lh_list buried;  // streams closed during the event at hand
};

struct sim_name {
  struct lh_addr addrs[LH_RESOLVE_MAX];
  size_t count;
};

struct sim_env {
  struct lh_env base;
  struct lh_sim *sim;
  struct sim_host *host;
  struct lh_random random;
  bool dead;     // crashed
  bool stopped;  // lh_env_stop was called
  lh_ms stalled_until;
  lh_ms stalled_from;
  struct sim_event woken;
  struct lh_list timers;
  struct lh_list posts;
  struct lh_list streams;
  struct lh_list listeners;
  struct lh_list dgrams;
};

static inline struct sim_env *sim_env_of(struct lh_env *env) { return (struct sim_env *)env; }

struct lh_env *lh_sim_env_new(struct sim_host *host);

// Events. Setting moves it; an event of a stalled or dead env waits, or is dropped.
void lh_sim_at(struct lh_sim *sim, struct sim_event *event, lh_ms at);
void lh_sim_cancel(struct lh_sim *sim, struct sim_event *event);
void lh_sim_note(struct lh_sim *sim, uint64_t what);  // into the trace

// The host's clock now, and when of the world's it will show `at`.
lh_ms lh_sim_clock(const struct sim_host *host);
lh_ms lh_sim_clock_when(const struct sim_host *host, lh_ms at);
void lh_sim_timers_again(struct sim_env *env);  // its clock goes otherwise

// The host with that numeric address, made if there is none; NULL when it is not numeric.
struct sim_host *lh_sim_host_named(struct lh_sim *sim, const char *address);

// The network between two hosts.
bool lh_sim_chance(struct lh_sim *sim, uint32_t per_million);
const struct lh_sim_path *lh_sim_path_of(struct sim_host *from, struct sim_host *to);
bool lh_sim_is_cut(struct sim_host *from, struct sim_host *to);
lh_ms lh_sim_delay(struct sim_host *from, struct sim_host *to);
// How long what is said in a turn is held back when the host stopped in the middle of it.
lh_ms lh_sim_held(const struct sim_host *host);
void lh_sim_corrupt(struct lh_sim *sim, const struct lh_sim_path *path, uint8_t *data, size_t len);
// The host that `addr` means on `from` (loopback: itself), or NULL.
struct sim_host *lh_sim_find(struct sim_host *from, const struct lh_addr *addr);
bool lh_sim_is_loopback(const struct lh_addr *addr);
// `host` as its peer at `to` sees it.
struct lh_addr lh_sim_source(struct sim_host *host, const struct lh_addr *to, uint16_t port);
uint16_t lh_sim_port(struct sim_host *host);  // one that was not picked lately
// Fills the address to bind to. 0, or LH_EINVAL when it is not one of the host's.
int lh_sim_bind(struct sim_host *host, const struct lh_addr *at, struct lh_addr *bound,
                struct lh_error *error);

struct lh_stream *lh_sim_stream_dial(struct lh_env *env, const struct lh_addr *to, const char *path,
                                     const struct lh_stream_ops *ops, void *self);
ssize_t lh_sim_stream_send(struct lh_stream *stream, const void *data, size_t len);
void lh_sim_stream_want_write(struct lh_stream *stream);
void lh_sim_stream_pause(struct lh_stream *stream, bool paused);
void lh_sim_stream_close(struct lh_stream *stream);
struct lh_listener *lh_sim_listen(struct lh_env *env, const struct lh_addr *at, const char *path,
                                  struct lh_error *error);
void lh_sim_listener_close(struct lh_listener *listener);
// Both ends time out; with `b` NULL the ends that were left alone by the vanishing of `a`.
void lh_sim_streams_break(struct sim_host *a, struct sim_host *b);
void lh_sim_streams_resume(struct sim_host *from, struct sim_host *to);
void lh_sim_streams_abandon(struct sim_env *env, bool reset);  // the env's process is gone
void lh_sim_streams_free(struct sim_env *env);
void lh_sim_streams_bury(struct lh_sim *sim);

struct lh_dgram *lh_sim_dgram_open(struct lh_env *env, const struct lh_addr *at,
                                   struct lh_error *error);
int lh_sim_dgram_send(struct lh_dgram *dgram, const struct lh_addr *to, const void *data,
                      size_t len);
void lh_sim_dgram_close(struct lh_dgram *dgram);
struct lh_dgram *lh_sim_dgram_first(struct sim_env *env);
void lh_sim_packets_free(struct lh_sim *sim);

int lh_sim_file_read(struct lh_env *env, const char *path, size_t max, struct lh_buf *out,
                     struct lh_error *error);
int lh_sim_file_write(struct lh_env *env, const char *path, struct lh_bytes data, int mode,
                      struct lh_error *error);
void lh_sim_files_free(struct sim_host *host);
void lh_sim_lose_power(struct sim_host *host);  // it vanishes, with the process on it

#endif
