// alter.h - what alter.c has for arrive.c: children about to start are shown to the alter hooks.
#ifndef LH_HUB_ALTER_H
#define LH_HUB_ALTER_H

#include "hub/internal.h"

bool lh_alter_wanted(const struct hub *hub, unsigned flags);
void lh_alter_ask(struct hub *hub, lh_ms now, const struct arrival *arrivals, size_t count,
                  struct lh_bytes frame);

#endif
