// sim.h - a simulated world: many hosts in one process, one virtual clock, one seed.
//
// Each host is a `struct lh_env`, used like any other. Nothing happens by itself: the world
// advances only in lh_sim_run_until, lh_sim_step or lh_env_run, from event to event in the order of
// (time, kind, insertion), where at one time deliveries come before posted functions and those
// before timers. One seed and the same calls give the same history; lh_sim_trace is a hash of it.
//
// What it shows: streams that stay in order but are delayed, cut in pieces, stalled by loss or a
// cut and broken by a long one; datagrams that are lost, doubled and overtaken; one-way cuts; hosts
// that stop for a while, are killed, or vanish, and come back on the same files. What it does not:
// bandwidth, clock drift.
//
// Hosts are named by their numeric address ("10.0.0.1"). Memory: the world owns hosts and their
// files; an env belongs to who asked for it, until lh_env_free, which must come before lh_sim_free.
// One thread.
#ifndef LH_ENV_SIM_H
#define LH_ENV_SIM_H

#include "env/env.h"

struct lh_sim;

enum {
  LH_SIM_WINDOW = 256 * 1024,    // bytes a stream takes before its other end reads
  LH_SIM_BROKEN_MS = 10000,      // a connection cut for so long is broken, a dial given up
  LH_SIM_BACKLOG = 4096,         // datagrams that wait for a stalled host
  LH_SIM_PER_MILLION = 1000000,  // the unit of the probabilities below
};

// One direction between two hosts.
struct lh_sim_path {
  lh_ms delay_min;
  lh_ms delay_max;
  uint32_t loss;       // of datagrams, per million; a stream's segment is sent again, later
  uint32_t duplicate;  // of datagrams, per million
};

struct lh_sim *lh_sim_new(uint64_t seed);
void lh_sim_free(struct lh_sim *sim);

// The environment of the host at `address`: new, or started again after its last one was freed or
// crashed. NULL when the address is not numeric or the host is up.
struct lh_env *lh_sim_host(struct lh_sim *sim, const char *address);
// Lets lh_resolve find `address` under `name` (up to LH_RESOLVE_MAX calls for one name).
void lh_sim_name(struct lh_sim *sim, const char *name, const char *address);

lh_ms lh_sim_now(const struct lh_sim *sim);
bool lh_sim_step(struct lh_sim *sim);         // the next event; false when there is none
lh_ms lh_sim_next(const struct lh_sim *sim);  // when that is due; LH_NEVER when there is none
void lh_sim_run_until(struct lh_sim *sim, lh_ms at);  // all events up to and at `at`
uint64_t lh_sim_random(struct lh_sim *sim);           // for choices of a scenario
uint64_t lh_sim_trace(const struct lh_sim *sim);      // hash of all that happened so far

// The network. Default: 1 to 3 ms, nothing lost.
void lh_sim_set_network(struct lh_sim *sim, const struct lh_sim_path *path);  // every pair of hosts
void lh_sim_set_path(struct lh_sim *sim, const char *from, const char *to,
                     const struct lh_sim_path *path);  // one direction of one pair
// One direction of one pair. Streams stall, both ways broken after LH_SIM_BROKEN_MS; datagrams are
// lost.
void lh_sim_cut(struct lh_sim *sim, const char *from, const char *to, bool cut);

// Nothing runs on the host for `ms`: then what arrived is read, its on_stall is called, timers run.
void lh_sim_stall(struct lh_sim *sim, const char *address, lh_ms ms);
// The host's process ends without a word. Its env is deaf and mute from now on: the owner frees
// what it has in it, then the env. Posted functions that did not run yet never will.
enum lh_sim_crash {
  LH_SIM_KILLED,    // its system lives on: connections are reset, dials refused
  LH_SIM_VANISHED,  // silence
};
void lh_sim_crash(struct lh_sim *sim, const char *address, enum lh_sim_crash how);
// Writing files fails as if the disk were full.
void lh_sim_set_disk_full(struct lh_sim *sim, const char *address, bool full);

#endif
