// mem.h - memory for our own, bounded structures.
//
// `lh_alloc` and friends never answer NULL: when memory is refused for something of our own making
// they print one line and abort. Anything whose size comes from a peer or a user goes through
// `lh_try_alloc`, which may answer NULL, after the size was checked against a limit.
#ifndef LH_BASE_MEM_H
#define LH_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *lh_alloc(size_t size);
void *lh_zalloc(size_t size);  // zeroed
void *lh_realloc(void *memory, size_t size);
char *lh_strdup(const char *text);
void *lh_memdup(const void *data, size_t size);
void *lh_try_alloc(size_t size);
void *lh_try_realloc(void *memory, size_t size);
void lh_free(void *memory);  // NULL is fine

// From now on a freed block of 128 kB or more goes back to the system at once. Else glibc, once it
// has seen a larger one freed, keeps all that are smaller than that in the heap, where the small
// blocks allocated meanwhile pin them. Holds for the whole process; once is enough.
void lh_mem_give_back(void);

// For a call of OpenSSL that fails only without memory or in a broken installation: unless `ok`,
// one line that names `what` and the end of the process. Going on would send plaintext, or believe
// it.
void lh_crypto_must(bool ok, const char *what);

#define LH_NEW(type) ((type *)lh_zalloc(sizeof(type)))

#endif
