// gossip.c - events that travel from member to member, so that nobody sends one to all.
//
// The sender draws two orders of the members. Each order is a tree: it is cut into as many parts as
// there are recipients, the first of each part gets a GOSSIP frame with the others of its part as
// its share, and does the same with them. So every member gets an event twice (once in each tree),
// one that dies on the way costs nobody the event whom it reaches in the other tree, and a member
// sends for one event at most two frames for each recipient. What has been had is remembered, the
// oldest forgotten first; it is run once.
//
//   GOSSIP frame: [ref, tree, recipients, hub, name, data, share]
//
// Who relays an event cannot prove who began it: so events that speak of rows never travel here.
#include "node/internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TREES = 2, REMEMBERED = 16384 };

struct gossip {
  uint64_t ref;
  uint32_t tree, recipients;
  struct lh_bytes hub, name, data;
};

// --- what has been had ---
// Marks it for this tree. Answers the trees in which it had come before, a bit each.
static uintptr_t remember(struct lh_node *node, uint64_t ref, uint32_t tree) {
  const uintptr_t before = (uintptr_t)lh_map_get(&node->gossip, &ref, sizeof ref);
  if (before == 0) {
    if (node->gossip_refs == NULL) node->gossip_refs = lh_zalloc(REMEMBERED * sizeof(uint64_t));
    uint64_t *place = &node->gossip_refs[node->gossip_next++ % REMEMBERED];
    (void)lh_map_remove(&node->gossip, place, sizeof *place);
    *place = ref;
  }
  void *now = (void *)(before | (uintptr_t)1 << tree);
  (void)lh_map_put(&node->gossip, &ref, sizeof ref, now);
  return before;
}

// --- sending on ---
static bool send_to(struct lh_node *node, const struct gossip *gossip, struct lh_bytes head,
                    const struct lh_bytes *share, size_t count) {
  const uint32_t to = lh_peers_by_name(node, head);
  struct lh_buf body = LH_BUF_EMPTY;
  if (to == 0 || to == node->self || node->links == NULL) return false;
  lh_write_uint(&body, gossip->ref);
  lh_write_uint(&body, gossip->tree);
  lh_write_uint(&body, gossip->recipients);
  lh_write_str(&body, gossip->hub.data, gossip->hub.len);
  lh_write_str(&body, gossip->name.data, gossip->name.len);
  lh_buf_append(&body, gossip->data.data, gossip->data.len);
  lh_write_array(&body, (uint32_t)count);
  for (size_t i = 0; i < count; i++) lh_write_str(&body, share[i].data, share[i].len);
  const int err = lh_links_send(node->links, to, LH_CLASS_STATE, FRAME_GOSSIP, lh_bytes_of(&body));
  lh_buf_free(&body);
  return err == LH_OK;
}

// The first of them that can be reached gets it, and the rest to see to.
static void send_part(struct lh_node *node, const struct gossip *gossip,
                      const struct lh_bytes *names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (send_to(node, gossip, names[i], names + i + 1, count - i - 1)) return;
  }
}

static void send_on(struct lh_node *node, const struct gossip *gossip, const struct lh_bytes *names,
                    size_t count) {
  size_t at = 0;
  for (uint32_t left = gossip->recipients; left > 0 && at < count; left--) {
    const size_t part = (count - at + left - 1) / left;
    send_part(node, gossip, names + at, part);
    at += part;
  }
}

static void shuffle(struct lh_node *node, struct lh_bytes *names, size_t count) {
  for (size_t i = count; i > 1; i--) {
    uint32_t drawn;
    lh_env_random(node->env, &drawn, sizeof drawn);
    const size_t other = drawn % i;
    const struct lh_bytes name = names[i - 1];
    names[i - 1] = names[other];
    names[other] = name;
  }
}

// The names in a list but ours, as slices of it; answers whether ours was there.
static bool read_names(struct lh_node *node, struct lh_reader *in, struct lh_bytes **names,
                       size_t *count) {
  const uint32_t listed = lh_read_array(in, LH_MEMBERS_MAX);
  bool ours = false;
  *count = 0;
  *names = lh_zalloc((listed + 1) * sizeof(struct lh_bytes));
  for (uint32_t i = 0; i < listed && in->err == LH_OK; i++) {
    const struct lh_bytes name = lh_read_str(in, LH_NAME_MAX);
    if (in->err != LH_OK) break;
    if (lh_bytes_equal(name, lh_bytes_str(node->name)))
      ours = true;
    else
      (*names)[(*count)++] = name;
  }
  return ours;
}

void lh_gossip_begin(struct lh_node *node, struct lh_bytes hub, struct lh_bytes name,
                     struct lh_bytes data, struct lh_bytes members, uint32_t recipients) {
  static const uint8_t nil = 0xc0;
  struct gossip gossip = {.recipients = recipients, .hub = hub, .name = name, .data = data};
  struct lh_bytes *names;
  struct lh_reader in;
  size_t count;
  if (data.len == 0) gossip.data = lh_bytes(&nil, 1);
  lh_env_random(node->env, &gossip.ref, sizeof gossip.ref);
  lh_reader_init_user(&in, members);
  if (read_names(node, &in, &names, &count)) lh_hooks_run(node, hub, name, gossip.data);
  const uint32_t trees = count <= recipients ? 1 : TREES;
  for (gossip.tree = 0; gossip.tree < trees; gossip.tree++) {
    (void)remember(node, gossip.ref, gossip.tree);
    shuffle(node, names, count);
    send_on(node, &gossip, names, count);
  }
  lh_free(names);
}

// --- what comes ---
static void take(struct lh_node *node, const struct gossip *gossip, const struct lh_bytes *names,
                 size_t count) {
  const uintptr_t before = remember(node, gossip->ref, gossip->tree);
  if (before == 0) lh_hooks_run(node, gossip->hub, gossip->name, gossip->data);
  if ((before >> gossip->tree & 1) == 0) send_on(node, gossip, names, count);
}

int lh_gossip_frame(struct lh_node *node, struct lh_bytes body) {
  struct gossip gossip;
  struct lh_bytes *names;
  struct lh_reader in;
  size_t count;
  lh_reader_init_user(&in, body);
  gossip.ref = lh_read_uint(&in, UINT64_MAX);
  gossip.tree = (uint32_t)lh_read_uint(&in, TREES - 1);
  gossip.recipients = (uint32_t)lh_read_uint(&in, LH_RECIPIENTS_MOST);
  gossip.hub = lh_read_str(&in, LH_HUB_ID_MAX);
  gossip.name = lh_read_str(&in, 255);
  gossip.data = lh_read_skip(&in);
  (void)read_names(node, &in, &names, &count);
  const int err = lh_read_end(&in);
  if (err == LH_OK && lh_events_speak_of_rows(gossip.name))
    node->counters.events_refused++;
  else if (err == LH_OK)
    take(node, &gossip, names, count);
  lh_free(names);
  return err;
}

void lh_gossip_free(struct lh_node *node) {
  lh_map_free(&node->gossip);
  lh_free(node->gossip_refs);
}
