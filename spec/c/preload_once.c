// Not a Lua module: the Makefile preloads it into lua5.4 beside a sanitizer's runtime, so that the
// programs which that process starts in its turn do not get the runtime too. (A shell under
// ThreadSanitizer crashes in vfork; a shell under LeakSanitizer is told of the leaks of its own.)
// Nodes get it again: they start by the same lua5.4.
#include <stdlib.h>

__attribute__((constructor)) static void forget(void) { (void)unsetenv("LD_PRELOAD"); }
