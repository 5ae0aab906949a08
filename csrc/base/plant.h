// plant.h - planted bugs: plausible mistakes that a test build can be told to make.
//
// `LH_PLANTED(name)` stands where the mistake would be. In ordinary builds it is the constant false
// and leaves neither code nor symbol. A build with LH_PLANTS (`make PLANTS=1`) compiles them all
// in; each run makes at most one of them: the one that the environment variable LUAHUB_PLANT names.
// What each one breaks, and what must find it, is said in spec/plant/bugs.lua. Any thread.
#ifndef LH_BASE_PLANT_H
#define LH_BASE_PLANT_H

#include <stdbool.h>

#ifdef LH_PLANTS
#define LH_PLANTED(name) lh_plant_is(#name)
bool lh_plant_is(const char *name);
#else
#define LH_PLANTED(name) false
#endif

#endif
