// sim_stream.c - simulated byte streams: two ends, each with the queue of what is on its way to it.
//
//   dialling --(a listener answers)--> connected --(END arrives)--> ended
//
// All that an end is told travels as a segment in its queue, so its order is the order of sending:
// first that it is connected or accepted, then data, then the end. A cut holds the queue; what the
// end's own system finds out (a refusal, a timeout) is local and not held. Segments are cut in two
// at random places, for nothing may depend on where a read ends.
//
// Memory: the owner's until lh_stream_close; then the stream is buried, and freed after the event
// at hand. An accepted stream belongs to this file until its owner's callback has it.
#include <string.h>

#include "base/mem.h"
#include "env/sim_env.h"

enum {
  DIAL_RETRY_MS = 1000,
  RESEND_MS = 200,  // of a lost segment, doubled each time
  RESENDS_MAX = 4,  // a lost segment is 3 s late at most, so that bad weather ends with its end
  SPLITS_PER_MILLION = 250000,
};

enum segment_kind { ACCEPTED, CONNECTED, DATA, END };

struct segment {
  struct lh_list link;
  enum segment_kind kind;
  lh_ms at;
  bool local;  // found out by this end's system: no cut holds it
  int err;
  const char *reason;
  size_t len;
  uint8_t data[];
};

struct listener {
  struct lh_listener base;
  struct lh_list link;
  char *path;  // NULL: a port
};

struct stream {
  struct lh_stream base;
  struct lh_list link;
  struct lh_sim *sim;
  struct sim_host *host;
  struct sim_host *far;  // NULL: no such host
  struct stream *peer;   // NULL: not yet, or gone
  struct lh_list inbound;
  size_t inbound_bytes;
  size_t lost_bytes;  // sent to a host that vanished
  lh_ms last_at;      // when the last inbound segment arrives
  lh_ms readable_at;  // a slow host has read what it took by then
  struct sim_event arrival;
  struct sim_event writable;
  struct sim_event dialing;
  lh_ms dialled_at;
  uint16_t port;             // its own
  char *path;                // dialled; NULL: an address
  struct listener *through;  // accepted by it, if it still listens
  bool connected;
  bool abandoned;  // the far host vanished
  bool paused;
  bool wants_write;
  bool ended;
  bool closed;
};

static struct sim_env *env_of(const struct stream *stream) { return sim_env_of(stream->base.env); }

// --- the queue of an end ---

static void schedule(struct stream *stream, lh_ms at) {
  if (stream->closed || stream->ended || env_of(stream)->dead) return;
  lh_sim_at(stream->sim, &stream->arrival, at > stream->sim->now ? at : stream->sim->now);
}

static struct segment *first_segment(const struct stream *stream) {
  if (lh_list_empty(&stream->inbound)) return NULL;
  return LH_ENTRY(stream->inbound.next, struct segment, link);
}

static void drop_inbound(struct stream *stream) {
  for (struct lh_list *link; (link = lh_list_pop(&stream->inbound)) != NULL;) {
    lh_free(LH_ENTRY(link, struct segment, link));
  }
  stream->inbound_bytes = 0;
}

static struct segment *push(struct stream *stream, enum segment_kind kind, lh_ms at,
                            struct lh_bytes data) {
  struct segment *segment = lh_alloc(sizeof *segment + data.len);
  *segment = (struct segment){.kind = kind, .len = data.len};
  segment->at = at > stream->last_at ? at : stream->last_at;
  if (data.len > 0) memcpy(segment->data, data.data, data.len);
  const bool alone = lh_list_empty(&stream->inbound);
  lh_list_push(&stream->inbound, &segment->link);
  stream->inbound_bytes += data.len;
  stream->last_at = segment->at;
  if (alone) schedule(stream, segment->at);
  return segment;
}

static void push_end(struct stream *stream, lh_ms at, int err, const char *reason, bool local) {
  struct segment *segment = push(stream, END, at, (struct lh_bytes){0});
  segment->err = err;
  segment->reason = reason;
  segment->local = local;
}

static bool is_listening(const struct sim_env *env, const struct listener *listener) {
  for (struct lh_list *at = env->listeners.next; at != &env->listeners; at = at->next) {
    if (LH_ENTRY(at, struct listener, link) == listener) return true;
  }
  return false;
}

static void accept_stream(struct stream *stream) {
  const struct listener *listener = stream->through;
  if (is_listening(env_of(stream), listener)) {
    listener->base.fn(listener->base.self, &stream->base);
  }
  if (!stream->closed && stream->base.ops == NULL) lh_stream_close(&stream->base);
}

static void become_writable(struct stream *stream) {
  if (stream->wants_write && !stream->ended && !stream->closed) {
    lh_sim_at(stream->sim, &stream->writable, stream->sim->now);
  }
}

static void taken(struct stream *stream, size_t len) {
  struct stream *peer = stream->peer;
  stream->inbound_bytes -= len;
  if (peer == NULL || !peer->wants_write) return;
  lh_sim_at(stream->sim, &peer->writable,
            stream->sim->now + lh_sim_delay(stream->host, stream->far));
}

static void deliver(struct stream *stream, const struct segment *segment) {
  const struct lh_stream_ops *ops = stream->base.ops;
  lh_sim_note(stream->sim, lh_hash(segment->data, segment->len, (uint64_t)segment->kind));
  switch (segment->kind) {
  case ACCEPTED:
    accept_stream(stream);
    break;
  case CONNECTED:
    stream->connected = true;
    become_writable(stream);
    ops->on_connected(stream->base.self);
    break;
  case DATA:
    taken(stream, segment->len);
    if (stream->host->bytes_per_ms > 0) {
      const lh_ms reads = (lh_ms)(segment->len / stream->host->bytes_per_ms);
      stream->readable_at = stream->sim->now + reads;
    }
    ops->on_data(stream->base.self, segment->data, segment->len);
    break;
  case END:
    stream->ended = true;
    if (ops != NULL)
      ops->on_closed(stream->base.self, segment->err, segment->reason);
    else
      lh_stream_close(&stream->base);  // it broke before it was accepted
    break;
  }
}

static bool is_held(const struct stream *stream, const struct segment *segment) {
  if (segment->local) return false;
  if (stream->paused && segment->kind >= DATA) return true;
  return lh_sim_is_cut(stream->far, stream->host);
}

static void arrives(struct sim_event *event) {
  struct stream *stream = LH_ENTRY(event, struct stream, arrival);
  while (!stream->closed && !stream->ended && !env_of(stream)->dead) {
    struct segment *segment = first_segment(stream);
    if (segment == NULL || is_held(stream, segment)) return;
    const lh_ms at = segment->at > stream->readable_at ? segment->at : stream->readable_at;
    if (at > stream->sim->now) {
      schedule(stream, at);
      return;
    }
    lh_list_remove(&segment->link);
    deliver(stream, segment);
    lh_free(segment);
  }
}

static void writes(struct sim_event *event) {
  struct stream *stream = LH_ENTRY(event, struct stream, writable);
  if (!stream->wants_write || stream->ended) return;
  stream->wants_write = false;
  stream->base.ops->on_writable(stream->base.self);
}

// --- dialling ---

static void dials(struct sim_event *event);

static struct stream *new_stream(struct sim_env *env, struct sim_host *far) {
  struct stream *stream = LH_NEW(struct stream);
  stream->base.env = &env->base;
  stream->base.uid = -1;
  stream->sim = env->sim;
  stream->host = env->host;
  stream->far = far;
  stream->arrival = (struct sim_event){.kind = SIM_ARRIVAL, .env = env, .run = arrives};
  stream->writable = (struct sim_event){.kind = SIM_ARRIVAL, .env = env, .run = writes};
  stream->dialing = (struct sim_event){.kind = SIM_ARRIVAL, .run = dials};
  lh_list_init(&stream->inbound);
  lh_list_push(&env->streams, &stream->link);
  return stream;
}

static bool answers_to(const struct listener *listener, const struct stream *dialler) {
  if (dialler->path != NULL || listener->path != NULL) {
    return dialler->path != NULL && listener->path != NULL &&
           strcmp(dialler->path, listener->path) == 0;
  }
  if (lh_addr_port(&listener->base.addr) != lh_addr_port(&dialler->base.peer)) return false;
  return dialler->host == dialler->far || !lh_sim_is_loopback(&listener->base.addr);
}

static struct listener *find_listener(const struct stream *dialler) {
  struct sim_env *env = dialler->far->env;
  if (env == NULL) return NULL;
  for (struct lh_list *at = env->listeners.next; at != &env->listeners; at = at->next) {
    struct listener *listener = LH_ENTRY(at, struct listener, link);
    if (answers_to(listener, dialler)) return listener;
  }
  return NULL;
}

static void connect_to(struct stream *dialler, struct listener *listener, lh_ms answered_at) {
  struct stream *stream = new_stream(dialler->far->env, dialler->host);
  stream->through = listener;
  stream->connected = true;
  stream->peer = dialler;
  dialler->peer = stream;
  if (dialler->path != NULL) {
    stream->base.uid = dialler->base.uid = 0;
  } else {
    stream->base.peer = lh_sim_source(dialler->host, &dialler->base.peer, dialler->port);
  }
  push(stream, ACCEPTED, stream->sim->now, (struct lh_bytes){0})->local = true;
  (void)push(dialler, CONNECTED, answered_at, (struct lh_bytes){0});
}

static bool is_unreachable(const struct stream *stream) {
  const struct sim_host *far = stream->far;
  if (far == stream->host) return false;
  return far == NULL || far->vanished || lh_sim_is_cut(stream->host, stream->far) ||
         lh_sim_is_cut(stream->far, stream->host) ||
         lh_sim_chance(stream->sim, lh_sim_path_of(stream->host, stream->far)->loss);
}

// The dial reaches the far host; or is tried again, until that has taken too long.
static void dials(struct sim_event *event) {
  struct stream *stream = LH_ENTRY(event, struct stream, dialing);
  const lh_ms now = stream->sim->now;
  if (is_unreachable(stream)) {
    if (now - stream->dialled_at < LH_SIM_BROKEN_MS) {
      lh_sim_at(stream->sim, &stream->dialing, now + DIAL_RETRY_MS);
    } else {
      push_end(stream, now, LH_ETIMEOUT, "connection timed out", true);
    }
    return;
  }
  const lh_ms answered_at = now + lh_sim_delay(stream->far, stream->host);
  struct listener *listener = find_listener(stream);
  if (listener != NULL) {
    connect_to(stream, listener, answered_at);
  } else if (stream->path != NULL) {
    push_end(stream, answered_at, LH_ENOTFOUND, "no such file or directory", true);
  } else {
    push_end(stream, answered_at, LH_ECLOSED, "connection refused", true);
  }
}

struct lh_stream *lh_sim_stream_dial(struct lh_env *base, const struct lh_addr *to,
                                     const char *path, const struct lh_stream_ops *ops,
                                     void *self) {
  struct sim_env *env = sim_env_of(base);
  struct sim_host *far = to != NULL ? lh_sim_find(env->host, to) : env->host;
  struct stream *stream = new_stream(env, far);
  stream->base.ops = ops;
  stream->base.self = self;
  stream->dialled_at = env->sim->now;
  stream->port = lh_sim_port(env->host);
  if (to != NULL) stream->base.peer = *to;
  if (path != NULL) stream->path = lh_strdup(path);
  const lh_ms delay = far != NULL ? lh_sim_delay(env->host, far) : 0;
  if (!env->dead) lh_sim_at(env->sim, &stream->dialing, env->sim->now + delay);
  return &stream->base;
}

// --- what the owner does ---

static lh_ms travel_time(struct stream *stream) {
  lh_ms time = lh_sim_held(stream->host) + lh_sim_delay(stream->host, stream->far);
  const uint32_t loss = lh_sim_path_of(stream->host, stream->far)->loss;
  lh_ms resend = RESEND_MS;
  for (int i = 0; i < RESENDS_MAX && lh_sim_chance(stream->sim, loss); i++) {
    time += resend;
    resend *= 2;
  }
  return time;
}

static size_t window_left(const struct stream *stream) {
  const size_t used = stream->peer != NULL ? stream->peer->inbound_bytes : stream->lost_bytes;
  return used < LH_SIM_WINDOW ? LH_SIM_WINDOW - used : 0;
}

// Nobody reads what goes to a vanished host; when that came back it says that it knows of no such
// stream.
static void send_to_nobody(struct stream *stream, size_t len) {
  if (!stream->abandoned) return;  // the end is already on its way here
  stream->lost_bytes += len;
  if (stream->far->vanished) return;
  stream->abandoned = false;
  const lh_ms at = stream->sim->now + travel_time(stream) + travel_time(stream);
  push_end(stream, at, LH_ECLOSED, "connection reset by peer", false);
}

static void send_segment(struct stream *stream, struct lh_bytes data) {
  const lh_ms at = stream->sim->now + travel_time(stream);
  struct segment *segment = push(stream->peer, DATA, at, data);
  lh_sim_corrupt(stream->sim, lh_sim_path_of(stream->host, stream->far), segment->data, data.len);
}

ssize_t lh_sim_stream_send(struct lh_stream *base, const void *data, size_t len) {
  struct stream *stream = (struct stream *)base;
  if (stream->ended || env_of(stream)->dead) return LH_ECLOSED;
  if (!stream->connected) return 0;
  const size_t room = window_left(stream);
  const size_t take = len < room ? len : room;
  if (take == 0) return 0;
  if (stream->peer == NULL) {
    send_to_nobody(stream, take);
    return (ssize_t)take;
  }
  const bool split = take > 1 && lh_sim_chance(stream->sim, SPLITS_PER_MILLION);
  const size_t head = split ? 1 + (size_t)lh_random_below(&stream->sim->random, take - 1) : take;
  send_segment(stream, lh_bytes(data, head));
  if (head < take) send_segment(stream, lh_bytes((const uint8_t *)data + head, take - head));
  return (ssize_t)take;
}

void lh_sim_stream_want_write(struct lh_stream *base) {
  struct stream *stream = (struct stream *)base;
  stream->wants_write = true;
  if (stream->connected && window_left(stream) > 0) become_writable(stream);
}

void lh_sim_stream_pause(struct lh_stream *base, bool paused) {
  struct stream *stream = (struct stream *)base;
  stream->paused = paused;
  const struct segment *segment = first_segment(stream);
  if (!paused && segment != NULL) schedule(stream, segment->at);
}

static void cancel_events(struct stream *stream) {
  lh_sim_cancel(stream->sim, &stream->arrival);
  lh_sim_cancel(stream->sim, &stream->writable);
  lh_sim_cancel(stream->sim, &stream->dialing);
}

void lh_sim_stream_close(struct lh_stream *base) {
  struct stream *stream = (struct stream *)base;
  if (stream->closed) return;
  if (stream->peer != NULL) {
    const lh_ms at = stream->sim->now + travel_time(stream);
    push_end(stream->peer, at, LH_ECLOSED, "end of file", false);
    stream->peer->peer = NULL;
  }
  stream->closed = true;
  cancel_events(stream);
  drop_inbound(stream);
  lh_list_remove(&stream->link);
  lh_list_push(&stream->sim->buried, &stream->link);
}

void lh_sim_streams_bury(struct lh_sim *sim) {
  for (struct lh_list *link; (link = lh_list_pop(&sim->buried)) != NULL;) {
    struct stream *stream = LH_ENTRY(link, struct stream, link);
    lh_free(stream->path);
    lh_free(stream);
  }
}

// --- listeners ---

static bool is_taken(const struct sim_env *env, const struct lh_addr *at, const char *path) {
  for (struct lh_list *link = env->listeners.next; link != &env->listeners; link = link->next) {
    const struct listener *listener = LH_ENTRY(link, struct listener, link);
    if (path != NULL && listener->path != NULL && strcmp(path, listener->path) == 0) return true;
    if (path == NULL && listener->path == NULL &&
        lh_addr_port(&listener->base.addr) == lh_addr_port(at)) {
      return true;
    }
  }
  return false;
}

struct lh_listener *lh_sim_listen(struct lh_env *base, const struct lh_addr *at, const char *path,
                                  struct lh_error *error) {
  struct sim_env *env = sim_env_of(base);
  struct lh_addr bound = {0};
  if (at != NULL && lh_sim_bind(env->host, at, &bound, error) != 0) return NULL;
  if (is_taken(env, &bound, path)) {
    char text[LH_ADDR_TEXT_MAX];
    lh_addr_format(&bound, text);
    (void)lh_fail(error, LH_EEXISTS, "cannot listen on %s: address already in use",
                  path != NULL ? path : text);
    return NULL;
  }
  struct listener *listener = LH_NEW(struct listener);
  listener->base.env = base;
  listener->base.addr = bound;
  if (path != NULL) listener->path = lh_strdup(path);
  lh_list_push(&env->listeners, &listener->link);
  return &listener->base;
}

void lh_sim_listener_close(struct lh_listener *base) {
  struct listener *listener = (struct listener *)base;
  lh_list_remove(&listener->link);
  lh_free(listener->path);
  lh_free(listener);
}

// --- what happens to them ---

static void time_out(struct stream *stream) {
  drop_inbound(stream);
  stream->last_at = 0;
  stream->peer = NULL;
  stream->abandoned = false;
  push_end(stream, stream->sim->now, LH_ETIMEOUT, "connection timed out", true);
}

static bool must_break(const struct stream *stream, const struct sim_host *a,
                       const struct sim_host *b) {
  if (b == NULL) return stream->far == a && stream->abandoned;
  const bool between =
      (stream->host == a && stream->far == b) || (stream->host == b && stream->far == a);
  return between && (stream->connected || stream->peer != NULL);
}

void lh_sim_streams_break(struct sim_host *a, struct sim_host *b) {
  const struct lh_map *hosts = &a->sim->hosts;
  for (size_t i = 0; i < hosts->count; i++) {
    struct sim_env *env = ((struct sim_host *)hosts->entries[i].value)->env;
    if (env == NULL) continue;
    for (struct lh_list *at = env->streams.next; at != &env->streams; at = at->next) {
      struct stream *stream = LH_ENTRY(at, struct stream, link);
      if (must_break(stream, a, b)) time_out(stream);
    }
  }
}

void lh_sim_streams_resume(struct sim_host *from, struct sim_host *to) {
  if (to->env == NULL) return;
  for (struct lh_list *at = to->env->streams.next; at != &to->env->streams; at = at->next) {
    struct stream *stream = LH_ENTRY(at, struct stream, link);
    if (stream->far == from && first_segment(stream) != NULL) {
      schedule(stream, to->sim->now + lh_sim_delay(from, to));
    }
  }
}

void lh_sim_streams_abandon(struct sim_env *env, bool reset) {
  for (struct lh_list *at = env->streams.next; at != &env->streams; at = at->next) {
    struct stream *stream = LH_ENTRY(at, struct stream, link);
    struct stream *peer = stream->peer;
    stream->peer = NULL;
    cancel_events(stream);
    drop_inbound(stream);
    if (peer == NULL) continue;
    peer->peer = NULL;
    peer->abandoned = !reset;
    if (!reset) continue;
    const lh_ms at_peer = env->sim->now + travel_time(stream);
    push_end(peer, at_peer, LH_ECLOSED, "connection reset by peer", false);
  }
}

void lh_sim_streams_free(struct sim_env *env) {
  while (!lh_list_empty(&env->streams)) {
    lh_sim_stream_close(&LH_ENTRY(env->streams.next, struct stream, link)->base);
  }
  while (!lh_list_empty(&env->listeners)) {
    lh_sim_listener_close(&LH_ENTRY(env->listeners.next, struct listener, link)->base);
  }
}
