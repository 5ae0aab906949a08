// mem.h - memory for our own, bounded structures.
//
// `lh_alloc` and friends never answer NULL: when memory is refused for something of our own making
// they print one line and abort. Anything whose size comes from a peer or a user goes through
// `lh_try_alloc`, which may answer NULL, after the size was checked against a limit.
#ifndef LH_BASE_MEM_H
#define LH_BASE_MEM_H

#include <stddef.h>

void *lh_alloc(size_t size);
void *lh_zalloc(size_t size);  // zeroed
void *lh_realloc(void *memory, size_t size);
char *lh_strdup(const char *text);
void *lh_memdup(const void *data, size_t size);
void *lh_try_alloc(size_t size);
void *lh_try_realloc(void *memory, size_t size);
void lh_free(void *memory);  // NULL is fine

#define LH_NEW(type) ((type *)lh_zalloc(sizeof(type)))

#endif
