// distribution.c - what a hub was told about its distribution, read from the encoded map that Lua
// sends: { kind, deterministic, init, weights = { name = thousandths }, bounded = thousandths,
// pinned, placement }; and about its redundancy: { kind, factor, one_active,
// tells_active, tells_passive }.
//
// A map that says it wrong was refused in Lua already (luahub.distribution); what is not understood
// here counts as not said. Slices point into the map, which the hub keeps.
#include "hub/internal.h"

#include <string.h>

static bool is(struct lh_bytes text, const char *word) {
  return lh_bytes_equal(text, lh_bytes_str(word));
}

static enum lh_distribution kind_of(struct lh_bytes word) {
  static const struct {
    const char *word;
    enum lh_distribution kind;
  } kinds[] = {{"ring", LH_DISTRIBUTION_RING},
               {"guided", LH_DISTRIBUTION_GUIDED},
               {"load", LH_DISTRIBUTION_LOAD},
               {"custom", LH_DISTRIBUTION_CUSTOM}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (is(word, kinds[i].word)) return kinds[i].kind;
  }
  return LH_DISTRIBUTION_RENDEZVOUS;
}

static void read_field(struct lh_reader *in, struct lh_bytes key, struct lh_hub_config *config) {
  if (is(key, "kind"))
    config->distribution = kind_of(lh_read_str(in, 64));
  else if (is(key, "deterministic"))
    config->deterministic = lh_read_bool(in);
  else if (is(key, "init"))
    config->custom_init = lh_read_bool(in);
  else if (is(key, "bounded"))
    config->bound = (uint32_t)lh_read_uint(in, UINT32_MAX);
  else if (is(key, "pinned"))
    config->pinned = lh_read_bool(in);
  else if (is(key, "weights"))
    config->weights = lh_read_skip(in);
  else if (is(key, "placement"))
    config->placement = lh_read_skip(in);
  else
    (void)lh_read_skip(in);
}

void lh_hub_config_read(struct lh_hub_config *config, struct lh_bytes distribution) {
  struct lh_reader in;
  config->deterministic = true;
  if (distribution.data == NULL) return;
  lh_reader_init_user(&in, distribution);
  const uint32_t count = lh_read_map(&in, 64);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++)
    read_field(&in, lh_read_str(&in, 64), config);
  // Counts are no argument that all share: the members ask one of them.
  if (lh_distribution_counts(config)) config->deterministic = false;
  if (config->distribution != LH_DISTRIBUTION_CUSTOM) config->custom_init = false;
}

void lh_hub_config_redundancy(struct lh_hub_config *config, struct lh_bytes redundancy) {
  struct lh_reader in;
  config->factor = 1;
  if (redundancy.data == NULL) return;
  lh_reader_init_user(&in, redundancy);
  const uint32_t count = lh_read_map(&in, 64);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++) {
    const struct lh_bytes key = lh_read_str(&in, 64);
    if (is(key, "kind"))
      config->replicated = is(lh_read_str(&in, 64), "replication");
    else if (is(key, "factor"))
      config->factor = (uint32_t)lh_read_uint(&in, LH_FACTOR_ALL);
    else if (is(key, "one_active"))
      config->one_active = lh_read_bool(&in);
    else if (is(key, "tells_active"))
      config->tells_active = lh_read_bool(&in);
    else if (is(key, "tells_passive"))
      config->tells_passive = lh_read_bool(&in);
    else
      (void)lh_read_skip(&in);
  }
}

bool lh_distribution_counts(const struct lh_hub_config *config) {
  return config->bound > 0 || config->distribution == LH_DISTRIBUTION_LOAD;
}

unsigned lh_distribution_flags(const struct lh_hub_config *config) {
  const bool custom = config->distribution == LH_DISTRIBUTION_CUSTOM;
  const bool load = config->distribution == LH_DISTRIBUTION_LOAD;
  const bool stays = load || (custom && !config->deterministic);
  return (custom || lh_distribution_counts(config) ? START_GIVEN : 0U) |
         (stays ? START_PINNED : 0U);
}

uint32_t lh_distribution_weight(const struct lh_hub_config *config, const char *name,
                                uint32_t own) {
  struct lh_reader in;
  if (config->weights.data == NULL) return own;
  lh_reader_init_user(&in, config->weights);
  const uint32_t count = lh_read_map(&in, LH_MEMBERS_MAX);
  for (uint32_t i = 0; i < count && in.err == LH_OK; i++) {
    const bool found = is(lh_read_str(&in, LH_NAME_MAX), name);
    const uint32_t weight = (uint32_t)lh_read_uint(&in, LH_MEMBER_WEIGHT_MAX);
    if (found && in.err == LH_OK) return weight;
  }
  return own;
}
