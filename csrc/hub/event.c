// event.c - what happened, told to those hooks that want to know it. Nothing is encoded when nobody
// wants it.
#include "hub/internal.h"

static bool wanted(struct hub *hub, const char *key) {
  return hub->all->ops->wants(hub->all->ops_self, hub->config.id, key);
}

static void emit(struct hub *hub, const char *key, struct lh_buf *payload) {
  hub->all->ops->event(hub->all->ops_self, hub->config.id, key, lh_bytes_of(payload));
  lh_buf_free(payload);
}

void lh_event_node(struct hub *hub, const char *key, const char *name) {
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, 1);
  lh_write_cstr(&payload, "node");
  lh_write_cstr(&payload, name);
  emit(hub, key, &payload);
}

void lh_event_child(struct hub *hub, const char *key, struct lh_bytes id, uint32_t node,
                    lh_pid pid) {
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, pid != 0 ? 2 : 1);
  lh_write_cstr(&payload, "child_id");
  lh_write_str(&payload, id.data, id.len);
  if (pid != 0) {
    lh_write_cstr(&payload, "node_pids");
    lh_write_array(&payload, 1);
    lh_write_map(&payload, 2);
    lh_write_cstr(&payload, "node");
    lh_write_cstr(&payload, lh_runs_name(hub->all->runs, node));
    lh_write_cstr(&payload, "pid");
    lh_write_pid(&payload, lh_runs_at(hub->all->runs, lh_pid_node(pid)), lh_pid_local(pid));
  }
  emit(hub, key, &payload);
}

void lh_event_redistribution(struct hub *hub, const char *key, const char *what) {
  struct lh_buf payload = LH_BUF_EMPTY;
  if (!wanted(hub, key)) return;
  lh_write_map(&payload, 2);
  lh_write_cstr(&payload, "event");
  lh_write_cstr(&payload, what);
  lh_write_cstr(&payload, "nodes");
  lh_write_array(&payload, (uint32_t)hub->candidate_count);
  for (size_t i = 0; i < hub->candidate_count; i++)
    lh_write_cstr(&payload, hub->candidates[i].name);
  emit(hub, key, &payload);
}
