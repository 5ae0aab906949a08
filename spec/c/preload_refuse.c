// Not a Lua module: specs preload it into a node to see what a refused allocation does to it.
//
//   LUAHUB_REFUSE_AT=n            the n-th allocation of the process is refused, all others are not
//   LUAHUB_REFUSE_BYTES=b         or, from the n-th on, every one of at least b bytes
//
// The process itself may say it anew: spec/c/memory.c. Counts malloc, calloc and realloc of all
// that is in the process: Lua, OpenSSL, libuv, ours.
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

#define SHOWN __attribute__((visibility("default")))

static atomic_ulong done, refused;
static atomic_ulong refuse_at;
static atomic_size_t refuse_bytes;

__attribute__((constructor)) static void read_orders(void) {
  const char *at = getenv("LUAHUB_REFUSE_AT");
  const char *bytes = getenv("LUAHUB_REFUSE_BYTES");
  refuse_bytes = bytes != NULL ? strtoul(bytes, NULL, 10) : 0;
  refuse_at = at != NULL ? strtoul(at, NULL, 10) : 0;
  (void)unsetenv("LD_PRELOAD");
}

static int is_refused(size_t size) {
  const unsigned long number = atomic_fetch_add(&done, 1) + 1;
  const int refuses = refuse_bytes == 0 ? number == refuse_at && refuse_at != 0
                                        : number >= refuse_at && size >= refuse_bytes;
  if (!refuses) return 0;
  errno = ENOMEM;
  atomic_fetch_add(&refused, 1);
  return 1;
}

// The n-th allocation from now on is refused, 0: none is; with `more` all after it too. Answers how
// many were since the last call.
SHOWN unsigned long luahub_refuse(unsigned long at, int more);
unsigned long luahub_refuse(unsigned long at, int more) {
  atomic_store(&refuse_at, 0);
  atomic_store(&refuse_bytes, at != 0 && more ? 1 : 0);
  atomic_store(&done, 0);
  atomic_store(&refuse_at, at);
  return atomic_exchange(&refused, 0);
}

SHOWN void *malloc(size_t size) { return is_refused(size) ? NULL : __libc_malloc(size); }

SHOWN void *calloc(size_t count, size_t size) {
  return is_refused(count * size) ? NULL : __libc_calloc(count, size);
}

SHOWN void *realloc(void *memory, size_t size) {
  return size > 0 && is_refused(size) ? NULL : __libc_realloc(memory, size);
}
