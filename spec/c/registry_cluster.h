// registry_cluster.h - several registries in one process, joined by pipes that can be cut, slowed
// and emptied. Only for spec/c/registry.c, which shows it to Lua.
//
// Processes have numbers 1..n; so have runs: the first n are the processes' first, a process that
// returns in a new epoch gets the next. Every process has its own table of runs, filled in an order
// of its own, so an index that leaks from one to another shows.
#ifndef LH_SPEC_REGISTRY_CLUSTER_H
#define LH_SPEC_REGISTRY_CLUSTER_H

#include <stdio.h>

#include "base/hash.h"
#include "base/mem.h"
#include "registry/internal.h"

enum { PROCESSES_MAX = 16, RUNS_MAX = 64, READERS_MAX = 4 };

struct frame {
  struct lh_list list;
  uint8_t type;
  struct lh_buf body;
};

struct process {
  struct cluster *cluster;
  int number;
  int run;  // its present one
  struct lh_runs *runs;
  struct lh_registry *registry;
  struct lh_buf events;
};

struct cluster {
  int count;
  int run_count;
  struct lh_run runs[RUNS_MAX + 1];
  int process_of[RUNS_MAX + 1];
  struct process processes[PROCESSES_MAX + 1];
  struct lh_list pipes[PROCESSES_MAX + 1][PROCESSES_MAX + 1];
  bool linked[PROCESSES_MAX + 1][PROCESSES_MAX + 1];
  struct lh_random random;
};

static const uint8_t KEY[32] = "the key of a cluster under test";

// --- processes ---

static uint32_t index_of(const struct process *process, int run) {
  return lh_runs_index(process->runs, &process->cluster->runs[run]);
}

static int run_of(const struct process *process, uint32_t index) {
  const struct lh_run *run = lh_runs_at(process->runs, index);
  for (int i = 1; i <= process->cluster->run_count; i++) {
    if (lh_run_equal(run, &process->cluster->runs[i])) return i;
  }
  return 0;
}

static void note(struct process *process, const char *what, const struct lh_row *row) {
  char head[64];
  const int len = snprintf(head, sizeof head, "%s %d ", what, run_of(process, row->node));
  lh_buf_append(&process->events, head, (size_t)len);
  lh_buf_append(&process->events, lh_row_id(row).data, row->id_len);
  lh_buf_byte(&process->events, '\n');
}

static void on_row_changed(void *self, const struct lh_row *before, const struct lh_row *after) {
  note(self,
       before == NULL  ? "came"
       : after == NULL ? "went"
                       : "changed",
       after != NULL ? after : before);
}

static void on_ordered(void *self, uint32_t hub, struct lh_bytes id, uint64_t born) {
  struct process *process = self;
  char tail[64];
  (void)hub;
  lh_buf_append(&process->events, (const uint8_t *)"ordered ", 8);
  lh_buf_append(&process->events, id.data, id.len);
  const int len = snprintf(tail, sizeof tail, " %llu\n", (unsigned long long)born);
  lh_buf_append(&process->events, tail, (size_t)len);
}

static void on_send(void *self, uint32_t to, uint8_t type, struct lh_bytes body) {
  const struct process *process = self;
  struct cluster *cluster = process->cluster;
  const int target = cluster->process_of[run_of(process, to)];
  if (!cluster->linked[process->number][target]) return;
  struct frame *frame = LH_NEW(struct frame);
  frame->type = type;
  lh_buf_append(&frame->body, body.data, body.len);
  lh_list_push(&cluster->pipes[process->number][target], &frame->list);
}

static void on_advanced(void *self, uint32_t node, uint64_t seq) {
  struct process *process = self;
  char text[64];
  const int len = snprintf(text, sizeof text, "reached %d %llu\n", run_of(process, node),
                           (unsigned long long)seq);
  lh_buf_append(&process->events, text, (size_t)len);
}

static const struct lh_registry_ops OPS = {
    .row_changed = on_row_changed, .ordered = on_ordered, .send = on_send, .advanced = on_advanced};

static void frame_free(struct frame *frame) {
  lh_buf_free(&frame->body);
  lh_free(frame);
}

static void empty_pipe(struct lh_list *pipe) {
  struct lh_list *link;
  while ((link = lh_list_pop(pipe)) != NULL) frame_free(LH_ENTRY(link, struct frame, list));
}

static int add_run(struct cluster *cluster, int process, uint64_t epoch) {
  const int run = ++cluster->run_count;
  memset(cluster->runs[run].id.bytes, 0, sizeof cluster->runs[run].id.bytes);
  cluster->runs[run].id.bytes[0] = (uint8_t)process;
  cluster->runs[run].epoch = epoch;
  cluster->process_of[run] = process;
  return run;
}

static void link_up(struct cluster *cluster, int a, int b) {
  cluster->linked[a][b] = true;
  cluster->linked[b][a] = true;
}

static void cut(struct process *a, struct process *b) {
  struct cluster *cluster = a->cluster;
  if (!cluster->linked[a->number][b->number]) return;
  cluster->linked[a->number][b->number] = false;
  cluster->linked[b->number][a->number] = false;
  empty_pipe(&cluster->pipes[a->number][b->number]);
  empty_pipe(&cluster->pipes[b->number][a->number]);
  lh_registry_peer_down(a->registry, index_of(a, b->run));
  lh_registry_peer_down(b->registry, index_of(b, a->run));
}

static int deliver_first(struct cluster *cluster, int from, int to) {
  struct lh_list *link = lh_list_pop(&cluster->pipes[from][to]);
  struct frame *frame = LH_ENTRY(link, struct frame, list);
  struct process *target = &cluster->processes[to];
  const uint32_t node = index_of(target, cluster->processes[from].run);
  const int err =
      lh_registry_receive(target->registry, node, frame->type, lh_bytes_of(&frame->body));
  frame_free(frame);
  return err;
}

#endif
