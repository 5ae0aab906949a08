// arrive.c - START frames at the node that is to carry them out.
//
// Under an agreed view the receiver checks that the child belongs here and passes on what does not,
// at most LH_HOPS_MAX times; while the members do not agree, requests wait (in order, bounded).
// What somebody wants started is then not begun, but asked again by who wants it. Frames are data
// from a peer: nothing is done before a frame was read to its end.
#include "hub/alter.h"
#include "hub/internal.h"
#include "hub/quorum.h"

#include "base/mem.h"

#include <string.h>

struct head {
  uint64_t op;
  uint32_t asker;
  struct lh_bytes hub_id;
  struct hub *hub;
  uint32_t hops;
  unsigned flags;
  uint64_t generation;
  bool waited;
};

static void read_head(struct lh_hubs *hubs, struct lh_reader *in, struct head *head) {
  struct lh_run run;
  *head = (struct head){0};
  head->op = lh_read_uint(in, UINT64_MAX);
  lh_read_run(in, &run);
  head->hub_id = lh_read_str(in, LH_HUB_ID_MAX);
  head->hops = (uint32_t)lh_read_uint(in, LH_HOPS_MAX);
  head->flags = (unsigned)lh_read_uint(in, 255);
  head->generation = lh_read_uint(in, LH_GENERATION_MAX);
  if (in->err == LH_OK) head->asker = lh_runs_index(hubs->runs, &run);
  if (in->err == LH_OK) head->hub = lh_hub_find(hubs, head->hub_id);
}

// Also for the rows of the dead that are on their way: they say whether the child exists.
static bool must_wait(struct lh_hubs *hubs) {
  return !hubs->view.agreed || lh_recover_pending(hubs);
}

// --- START ---
static bool is_stored_spec(struct lh_bytes spec) {
  struct lh_reader in;
  lh_reader_init_user(&in, spec);
  if (lh_read_peek(&in) != LH_WIRE_MAP) return false;
  (void)lh_read_skip(&in);
  return lh_read_end(&in) == LH_OK;
}

// Operation 0 is nobody's: a child of the dead, placed here by the member that decides for all.
static void read_arrival(struct lh_reader *in, const struct head *head, struct arrival *arrival) {
  arrival->hub = head->hub;
  arrival->asker = head->op != 0 ? head->asker : 0;
  arrival->asker_op = head->op;
  arrival->flags = head->flags;
  arrival->asker_index = lh_read_uint(in, INT64_MAX);
  arrival->id = lh_read_str(in, LH_CHILD_ID_MAX);
  arrival->spec = lh_read_bin(in, LH_SPEC_MAX);
  arrival->metadata = lh_read_bin(in, LH_METADATA_MAX);
  arrival->restarts = (uint8_t)lh_read_uint(in, 255);
  arrival->above = lh_read_uint(in, LH_GENERATION_MAX);
  arrival->born = lh_read_uint(in, LH_GENERATION_MAX);
  if ((head->flags & START_NEW) != 0) arrival->ended = arrival->above;
  if (arrival->above < head->generation) arrival->above = head->generation;
  if (arrival->above < arrival->born) arrival->above = arrival->born;
  const bool good = arrival->id.len > 0 && arrival->born > 0 && is_stored_spec(arrival->spec) &&
                    lh_hub_metadata_check(arrival->metadata, arrival->id, NULL) == LH_OK;
  if (!good) lh_read_fail(in, LH_EFORMAT);
}

static void write_arrival(const struct arrival *arrival, struct lh_buf *out) {
  lh_write_uint(out, arrival->asker_index);
  lh_write_str(out, arrival->id.data, arrival->id.len);
  lh_write_bin(out, arrival->spec.data, arrival->spec.len);
  lh_write_bin(out, arrival->metadata.data, arrival->metadata.len);
  lh_write_uint(out, arrival->restarts);
  lh_write_uint(out, (arrival->flags & START_NEW) != 0 ? arrival->ended : arrival->above);
  lh_write_uint(out, arrival->born);
}

static void forward_list(struct lh_hubs *hubs, const struct head *head, struct lh_buf *list,
                         uint32_t count, uint32_t to) {
  struct lh_buf body = LH_BUF_EMPTY;
  hubs->counters.forwarded += count;
  lh_write_uint(&body, head->op);
  lh_write_run(&body, lh_runs_at(hubs->runs, head->asker));
  lh_write_str(&body, head->hub_id.data, head->hub_id.len);
  lh_write_uint(&body, head->hops + 1);
  lh_write_uint(&body, head->flags);
  lh_write_uint(&body, head->generation);
  lh_write_array(&body, count * ARRIVAL_FIELDS);
  lh_buf_append(&body, list->data, list->len);
  lh_buf_free(list);
  lh_hub_send(hubs, to, LH_FRAME_START, &body);
}

static void forward(struct lh_hubs *hubs, const struct head *head, const struct arrival *arrivals,
                    const uint32_t *owners, size_t count, uint32_t to) {
  struct lh_buf list = LH_BUF_EMPTY;
  uint32_t taken = 0;
  for (size_t i = 0; i < count; i++) {
    if (owners[i] != to) continue;
    taken++;
    write_arrival(&arrivals[i], &list);
    if (list.len <= LIST_BYTES_MAX) continue;
    forward_list(hubs, head, &list, taken, to);
    taken = 0;
  }
  if (taken > 0) forward_list(hubs, head, &list, taken, to);
}

// The owners by our own view; "here" where that is not ours to say, or nobody may have it.
static void find_owners(const struct head *head, const struct arrival *arrivals, uint32_t *owners,
                        size_t count) {
  struct hub *hub = head->hub;
  const uint32_t self = hub->all->self;
  const bool given = ((head->flags | lh_distribution_flags(&hub->config)) & START_GIVEN) != 0;
  for (size_t i = 0; i < count; i++) owners[i] = self;
  if (given || hub->candidate_count == 0 || head->hops >= LH_HOPS_MAX) return;
  struct guest *guests = lh_alloc((count + 1) * sizeof(struct guest));
  for (size_t i = 0; i < count; i++)
    guests[i] = (struct guest){arrivals[i].id, lh_affinity_stored(arrivals[i].spec)};
  lh_place_guests(hub, guests, count, owners);
  for (size_t i = 0; i < count; i++)
    owners[i] = owners[i] == NOWHERE ? self : lh_place_node(hub, owners[i]);
  lh_free(guests);
}

static void refuse_all(struct lh_hubs *hubs, const struct head *head,
                       const struct arrival *arrivals, size_t count, int code, const char *text) {
  hubs->counters.refused += count;
  for (size_t i = 0; i < count; i++) {
    lh_host_answer(hubs, head->asker, head->op, LH_FRAME_STARTED, arrivals[i].asker_index, code, 0,
                   text);
  }
}

// It has no quorum just now. What is to move here may be here already and wait for one: its row
// tells, and whoever asked must not take it for refused.
static void refuse_unable(struct lh_hubs *hubs, const struct head *head,
                          const struct arrival *arrivals, size_t count) {
  const int code = head->hub->partitioned ? LH_EDENIED : LH_EAGAIN;
  for (size_t i = 0; i < count; i++) {
    const bool here =
        (head->flags & START_MOVE) != 0 && lh_host_child(head->hub, arrivals[i].id) != NULL;
    refuse_all(hubs, head, &arrivals[i], 1, here ? LH_EEXISTS : code,
               here ? "it is here already" : "its node may not act: it has no quorum just now");
  }
}

static void begin_all(struct lh_hubs *hubs, lh_ms now, const struct head *head,
                      const struct arrival *arrivals, size_t count) {
  uint32_t *owners = lh_alloc((count + 1) * sizeof(uint32_t));
  lh_event_arrivals(head->hub, arrivals, count);
  find_owners(head, arrivals, owners, count);
  for (size_t i = 0; i < count; i++) {
    if (owners[i] != hubs->self) continue;
    if (hubs->drained)
      refuse_all(hubs, head, &arrivals[i], 1, LH_ECLOSED, "this node has left");
    else
      lh_host_begin(hubs, now, &arrivals[i]);
  }
  for (size_t i = 0; i < head->hub->candidate_count; i++) {
    const uint32_t node = head->hub->candidates[i].node;
    if (node == hubs->self) continue;
    lh_event_start_forwarded(head->hub, arrivals, owners, count, node);
    forward(hubs, head, arrivals, owners, count, node);
  }
  lh_free(owners);
}

// What the alter hooks made of the children takes the place of what was sent.
static void put_altered(struct head *head, struct arrival *arrivals, uint32_t count,
                        const struct alter_result *altered) {
  head->flags |= START_ALTERED;
  for (uint32_t i = 0; i < count; i++) {
    arrivals[i].flags = head->flags;
    arrivals[i].spec = altered->children[i].spec;
    arrivals[i].metadata = altered->children[i].metadata;
  }
}

// Who sent its children here died while the request waited: they are recovered with all it held.
static bool is_void(struct lh_hubs *hubs, const struct head *head) {
  return (head->flags & START_MOVE) != 0 && lh_view_find(hubs, head->asker) == NULL &&
         !LH_PLANTED(move_of_the_dead_goes_on);
}

// What somebody wants started may have started elsewhere while it waited here, and been stopped:
// whoever asked knows, and asks again if not.
static bool is_stale(const struct head *head) {
  return head->waited && (head->flags & START_NEW) != 0 && head->op != 0;
}

static void act_on(struct lh_hubs *hubs, lh_ms now, struct head *head, struct arrival *arrivals,
                   uint32_t count, struct lh_bytes body, const struct alter_result *altered) {
  if (is_void(hubs, head)) return;
  if (is_stale(head)) {
    refuse_all(hubs, head, arrivals, count, LH_EAGAIN, "the members did not agree");
  } else if (head->hub == NULL) {
    refuse_all(hubs, head, arrivals, count, LH_ECLOSED, "the hub does not run on this node");
  } else if (!lh_quorum_may(head->hub)) {
    refuse_unable(hubs, head, arrivals, count);
  } else if (altered != NULL && altered->status != LH_OK) {
    refuse_all(hubs, head, arrivals, count, LH_EFAILED, altered->error);
  } else if (altered == NULL && lh_alter_wanted(head->hub, head->flags)) {
    lh_alter_ask(head->hub, now, arrivals, count, body);
  } else {
    if (altered != NULL) put_altered(head, arrivals, count, altered);
    begin_all(hubs, now, head, arrivals, count);
  }
}

static int carry_out(struct lh_hubs *hubs, lh_ms now, struct lh_bytes body,
                     const struct alter_result *altered, bool waited) {
  struct lh_reader in;
  struct head head;
  lh_reader_init_user(&in, body);
  read_head(hubs, &in, &head);
  head.waited = waited;
  const uint32_t fields = lh_read_array(&in, ARRIVAL_FIELDS * LH_BATCH_MAX);
  const uint32_t count = fields / ARRIVAL_FIELDS;
  struct arrival *arrivals = lh_zalloc((count + 1) * sizeof(struct arrival));
  for (uint32_t i = 0; i < count; i++) read_arrival(&in, &head, &arrivals[i]);
  const int err = fields % ARRIVAL_FIELDS != 0 ? LH_EFORMAT : lh_read_end(&in);
  if (err == LH_OK) act_on(hubs, now, &head, arrivals, count, body, altered);
  lh_free(arrivals);
  return err;
}

int lh_host_carry_out(struct lh_hubs *hubs, lh_ms now, struct lh_bytes body,
                      const struct alter_result *altered) {
  return carry_out(hubs, now, body, altered, false);
}

// A child of the dead. Whoever holds its row sends it again when the members agree, unless it was
// dealt with meanwhile: it must not wait here until it is old.
static bool is_claim(struct lh_hubs *hubs, struct lh_bytes body) {
  struct lh_reader in;
  struct head head;
  lh_reader_init_user(&in, body);
  read_head(hubs, &in, &head);
  return in.err == LH_OK && head.op == 0;
}

int lh_host_start_frame(struct lh_hubs *hubs, lh_ms now, uint32_t from, struct lh_bytes body) {
  if (!must_wait(hubs)) return lh_host_carry_out(hubs, now, body, NULL);
  if (is_claim(hubs, body)) return LH_OK;
  if (hubs->waiting_count >= LH_OPS_MAX) return LH_ELIMIT;
  struct frame *frame = LH_NEW(struct frame);
  frame->peer = from;
  frame->type = LH_FRAME_START;
  lh_buf_append(&frame->body, body.data, body.len);
  lh_list_push(&hubs->waiting, &frame->link);
  hubs->waiting_count++;
  return LH_OK;
}

static void drop_waiting(struct lh_hubs *hubs, struct frame *frame) {
  lh_list_remove(&frame->link);
  hubs->waiting_count--;
  lh_buf_free(&frame->body);
  lh_free(frame);
}

// A move is a frame of its own.
static bool prepares(struct lh_hubs *hubs, const struct frame *frame, struct lh_bytes hub_id,
                     struct lh_bytes id) {
  struct lh_reader in;
  struct head head;
  struct arrival arrival;
  lh_reader_init_user(&in, lh_bytes_of(&frame->body));
  read_head(hubs, &in, &head);
  if (lh_read_array(&in, ARRIVAL_FIELDS) != ARRIVAL_FIELDS) return false;
  read_arrival(&in, &head, &arrival);
  return in.err == LH_OK && (head.flags & START_PREPARED) != 0 &&
         lh_bytes_equal(head.hub_id, hub_id) && lh_bytes_equal(arrival.id, id);
}

void lh_host_call_off(struct lh_hubs *hubs, uint32_t from, struct lh_bytes hub_id,
                      struct lh_bytes id) {
  struct lh_list *at = hubs->waiting.next;
  while (at != &hubs->waiting) {
    struct frame *frame = LH_ENTRY(at, struct frame, link);
    at = at->next;
    if (frame->peer == from && prepares(hubs, frame, hub_id, id)) drop_waiting(hubs, frame);
  }
}

void lh_host_resume(struct lh_hubs *hubs, lh_ms now) {
  while (!must_wait(hubs) && !lh_list_empty(&hubs->waiting)) {
    struct frame *frame = LH_ENTRY(hubs->waiting.next, struct frame, link);
    struct lh_buf body = frame->body;
    frame->body = LH_BUF_EMPTY;
    drop_waiting(hubs, frame);
    (void)carry_out(hubs, now, lh_bytes_of(&body), NULL, true);
    lh_buf_free(&body);
  }
}
