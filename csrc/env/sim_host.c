// sim_host.c - what can be wrong with one simulated host: its clock, its disk, its speed of
// reading.
#include "env/sim_env.h"

// --- the clock ---

static lh_ms shown_after(const struct sim_host *host, lh_ms gone) {
  return host->clock_from + gone + gone * host->rate / LH_SIM_PER_MILLION;
}

lh_ms lh_sim_clock(const struct sim_host *host) {
  return shown_after(host, host->sim->now - host->rate_from);
}

lh_ms lh_sim_clock_when(const struct sim_host *host, lh_ms at) {
  lh_ms gone = at - host->clock_from;
  if (host->rate != 0) {
    gone = gone * LH_SIM_PER_MILLION / (LH_SIM_PER_MILLION + host->rate);
    while (shown_after(host, gone) < at) gone++;
    while (gone > 0 && shown_after(host, gone - 1) >= at) gone--;
  }
  return host->rate_from + gone;
}

void lh_sim_set_clock(struct lh_sim *sim, const char *address, int32_t per_million) {
  struct sim_host *host = lh_sim_host_named(sim, address);
  if (host == NULL || per_million <= -LH_SIM_PER_MILLION) return;
  host->clock_from = lh_sim_clock(host);
  host->rate_from = sim->now;
  host->rate = per_million;
  if (host->env != NULL) lh_sim_timers_again(host->env);
}

void lh_sim_set_wall(struct lh_sim *sim, const char *address, lh_ms ahead) {
  struct sim_host *host = lh_sim_host_named(sim, address);
  if (host != NULL) host->wall_ahead = ahead;
}

lh_ms lh_sim_wall(struct lh_sim *sim, const char *address) {
  const struct sim_host *host = lh_sim_host_named(sim, address);
  return host != NULL ? host->wall_ahead : 0;
}

// --- the rest ---

void lh_sim_set_disk(struct lh_sim *sim, const char *address, enum lh_sim_disk disk) {
  struct sim_host *host = lh_sim_host_named(sim, address);
  if (host != NULL) host->disk = disk;
}

void lh_sim_set_reading(struct lh_sim *sim, const char *address, uint32_t bytes_per_ms) {
  struct sim_host *host = lh_sim_host_named(sim, address);
  if (host != NULL) host->bytes_per_ms = bytes_per_ms;
}

void lh_sim_host_mark(struct lh_sim *sim, const char *address, uint32_t mark) {
  struct sim_host *host = lh_sim_host_named(sim, address);
  if (host != NULL) host->mark = mark;
}

bool lh_sim_is_up(struct lh_sim *sim, const char *address) {
  const struct sim_host *host = lh_sim_host_named(sim, address);
  return host != NULL && host->env != NULL;
}
