// sim.h - a simulated world: many hosts in one process, one virtual clock, one seed.
//
// Each host is a `struct lh_env`, used like any other. Nothing happens by itself: the world
// advances only in lh_sim_run_until, lh_sim_step or lh_env_run, from event to event in the order of
// (time, kind, insertion), where at one time deliveries come before posted functions and those
// before timers. One seed and the same calls give the same history; lh_sim_trace is a hash of it.
//
// What it shows: streams that stay in order but are delayed, cut in pieces, stalled by loss or a
// cut and broken by a long one; datagrams that are lost, doubled and overtaken; one-way cuts; hosts
// that stop for a while, are killed, or vanish, and come back on the same files, here or at another
// address; bits that flip on the way; clocks that go wrong; disks that are full, do not sync, or
// tear what they were writing when the power went. What it does not: bandwidth.
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
  LH_SIM_PER_MILLION = 1000000,  // the unit of the probabilities and of clock rates below
  LH_SIM_LATE_MS = 250,          // a datagram that is overtaken comes up to so much later
};

// One direction between two hosts.
struct lh_sim_path {
  lh_ms delay_min;
  lh_ms delay_max;
  uint32_t loss;       // of datagrams, per million; a stream's segment is sent again, later
  uint32_t duplicate;  // of datagrams, per million
  uint32_t reorder;    // of datagrams, per million: overtaken by those sent after it
  uint32_t corrupt;    // of datagrams and of a stream's segments, per million: one bit is flipped
};

struct lh_sim *lh_sim_new(uint64_t seed);
void lh_sim_free(struct lh_sim *sim);

// The environment of the host at `address`: new, or started again after its last one was freed or
// crashed. NULL when the address is not numeric or the host is up.
struct lh_env *lh_sim_host(struct lh_sim *sim, const char *address);
// Lets lh_resolve find `address` under `name` (up to LH_RESOLVE_MAX calls for one name).
void lh_sim_name(struct lh_sim *sim, const char *name, const char *address);

// Hosts that are started from now on have links without ciphers: sessions of the same messages that
// find what was damaged and hide nothing (csrc/link/imitation.c), at a tenth of the computing time.
void lh_sim_imitate(struct lh_sim *sim);

lh_ms lh_sim_now(const struct lh_sim *sim);
bool lh_sim_step(struct lh_sim *sim);  // the next event; false when there is none
// Of the host on which the last event happened: what lh_sim_host_mark gave it; 0: in the network.
uint32_t lh_sim_last(const struct lh_sim *sim);
void lh_sim_host_mark(struct lh_sim *sim, const char *address, uint32_t mark);
lh_ms lh_sim_next(const struct lh_sim *sim);  // when that is due; LH_NEVER when there is none
void lh_sim_run_until(struct lh_sim *sim, lh_ms at);  // all events up to and at `at`
uint64_t lh_sim_random(struct lh_sim *sim);           // for choices of a scenario
uint64_t lh_sim_trace(const struct lh_sim *sim);      // hash of all that happened so far
uint64_t lh_sim_corrupted(const struct lh_sim *sim);  // how often a bit was flipped

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
bool lh_sim_is_up(struct lh_sim *sim, const char *address);  // a process runs there

// What comes of writing a file there.
enum lh_sim_disk {
  LH_SIM_DISK_GOOD,
  LH_SIM_DISK_FULL,      // nothing; an error
  LH_SIM_DISK_UNSYNCED,  // an error, since it could not be synced; it may be there or not
  LH_SIM_DISK_TEARING,   // in the middle of it the power goes: the host vanishes, and finds the old
                         // file, the new one or a part of that. Then the disk is good again
};
void lh_sim_set_disk(struct lh_sim *sim, const char *address, enum lh_sim_disk disk);
// The files of a host that is down are gone; or are at another address, whose own are gone.
void lh_sim_wipe(struct lh_sim *sim, const char *address);
void lh_sim_move(struct lh_sim *sim, const char *from, const char *to);
// The files of a host, as they are now, are at another address too, which is down.
void lh_sim_copy(struct lh_sim *sim, const char *from, const char *to);

// The host's clock goes faster by so much per million (slower below 0, above -LH_SIM_PER_MILLION).
// What it does at a time is done when that clock shows it. Its wall clock, which nothing but its
// programs looks at, is ahead by so much.
void lh_sim_set_clock(struct lh_sim *sim, const char *address, int32_t per_million);
void lh_sim_set_wall(struct lh_sim *sim, const char *address, lh_ms ahead);
lh_ms lh_sim_wall(struct lh_sim *sim, const char *address);
// Each stream there is read at so many bytes a ms; 0: as fast as they come.
void lh_sim_set_reading(struct lh_sim *sim, const char *address, uint32_t bytes_per_ms);

#endif
