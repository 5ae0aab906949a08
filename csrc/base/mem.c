#include "base/mem.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE_BYTES = 128 * 1024 };

static void *checked(void *memory, size_t size) {
  if (memory == NULL) {
    (void)fprintf(stderr, "luahub: out of memory (%zu bytes asked for)\n", size);
    abort();
  }
  return memory;
}

void *lh_alloc(size_t size) { return checked(malloc(size > 0 ? size : 1), size); }
void *lh_zalloc(size_t size) { return checked(calloc(1, size > 0 ? size : 1), size); }
void *lh_realloc(void *memory, size_t size) {
  return checked(realloc(memory, size > 0 ? size : 1), size);
}
void *lh_try_alloc(size_t size) { return malloc(size > 0 ? size : 1); }
void *lh_try_realloc(void *memory, size_t size) { return realloc(memory, size > 0 ? size : 1); }
void lh_free(void *memory) { free(memory); }

void lh_mem_give_back(void) {
#ifdef M_MMAP_THRESHOLD
  (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
#endif
}

void lh_crypto_must(bool ok, const char *what) {
  if (ok) return;
  (void)fprintf(stderr, "luahub: OpenSSL failed: %s%s\n", what,
                errno == ENOMEM ? ": out of memory" : "");
  abort();
}

void *lh_memdup(const void *data, size_t size) {
  void *copy = lh_alloc(size);
  if (size > 0) memcpy(copy, data, size);
  return copy;
}

char *lh_strdup(const char *text) { return lh_memdup(text, strlen(text) + 1); }
