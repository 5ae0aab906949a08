// buf.h - growing byte buffers, and slices of bytes that somebody else owns.
//
// A buffer owns its memory until `lh_buf_free`; a slice owns nothing. Appending never fails:
// callers bound what they append. Not thread-safe.
#ifndef LH_BASE_BUF_H
#define LH_BASE_BUF_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

struct lh_buf {
  uint8_t *data;
  size_t len;
  size_t cap;
};

struct lh_bytes {
  const uint8_t *data;
  size_t len;
};

#define LH_BUF_EMPTY ((struct lh_buf){0})

void lh_buf_free(struct lh_buf *buf);                  // and leaves it empty, ready for use
void lh_buf_clear(struct lh_buf *buf);                 // keeps the memory
void lh_buf_reserve(struct lh_buf *buf, size_t more);  // room for `more` bytes behind `len`
void lh_buf_append(struct lh_buf *buf, const void *data, size_t len);
void lh_buf_byte(struct lh_buf *buf, uint8_t byte);
void lh_buf_consume(struct lh_buf *buf, size_t len);  // drops the first `len` bytes
// Hands the memory to the caller (to be freed with lh_free) and leaves `buf` empty.
uint8_t *lh_buf_take(struct lh_buf *buf, size_t *len);

struct lh_bytes lh_bytes(const void *data, size_t len);
struct lh_bytes lh_bytes_of(const struct lh_buf *buf);
struct lh_bytes lh_bytes_str(const char *text);
bool lh_bytes_equal(struct lh_bytes a, struct lh_bytes b);
int lh_bytes_compare(struct lh_bytes a, struct lh_bytes b);  // memcmp order, shorter first

#endif
