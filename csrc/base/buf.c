#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

void lh_buf_free(struct lh_buf *buf) {
  lh_free(buf->data);
  *buf = LH_BUF_EMPTY;
}

void lh_buf_clear(struct lh_buf *buf) { buf->len = 0; }

void lh_buf_reserve(struct lh_buf *buf, size_t more) {
  const size_t need = buf->len + more;
  if (need <= buf->cap) return;
  size_t cap = buf->cap > 0 ? buf->cap : 64;
  while (cap < need) cap += cap / 2 + 16;
  buf->data = lh_realloc(buf->data, cap);
  buf->cap = cap;
}

void lh_buf_append(struct lh_buf *buf, const void *data, size_t len) {
  if (len == 0) return;
  lh_buf_reserve(buf, len);
  memcpy(buf->data + buf->len, data, len);
  buf->len += len;
}

void lh_buf_byte(struct lh_buf *buf, uint8_t byte) {
  lh_buf_reserve(buf, 1);
  buf->data[buf->len++] = byte;
}

void lh_buf_consume(struct lh_buf *buf, size_t len) {
  if (len >= buf->len) {
    buf->len = 0;
    return;
  }
  memmove(buf->data, buf->data + len, buf->len - len);
  buf->len -= len;
}

uint8_t *lh_buf_take(struct lh_buf *buf, size_t *len) {
  uint8_t *data = buf->data;
  *len = buf->len;
  *buf = LH_BUF_EMPTY;
  return data;
}

struct lh_bytes lh_bytes(const void *data, size_t len) {
  return (struct lh_bytes){data, len};
}
struct lh_bytes lh_bytes_of(const struct lh_buf *buf) {
  return lh_bytes(buf->data, buf->len);
}
struct lh_bytes lh_bytes_str(const char *text) {
  return lh_bytes(text, strlen(text));
}

bool lh_bytes_equal(struct lh_bytes a, struct lh_bytes b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int lh_bytes_compare(struct lh_bytes a, struct lh_bytes b) {
  const size_t len = a.len < b.len ? a.len : b.len;
  const int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
  if (order != 0) return order;
  return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}
