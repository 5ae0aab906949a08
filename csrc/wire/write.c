// write.c - writing MessagePack: shortest integers and lengths, doubles always in eight bytes.
//
// One value has one encoding, so equal records have equal bytes and equal digests. The caller owns
// the buffer and bounds what goes into it (LH_WIRE_MESSAGE_MAX).
#include <endian.h>
#include <string.h>

#include "wire/format.h"
#include "wire/wire.h"

enum { HEAD_MAX = 9 };

static inline void make_room(struct lh_buf *out) {
  if (out->cap - out->len < HEAD_MAX) lh_buf_reserve(out, HEAD_MAX);
}

static inline void put(struct lh_buf *out, uint8_t byte) {
  make_room(out);
  out->data[out->len++] = byte;
}

// A head byte and a number of 1, 2, 4 or 8 bytes behind it.
static void put_u8(struct lh_buf *out, uint8_t head, uint8_t value) {
  put(out, head);
  out->data[out->len++] = value;
}

static void put_u16(struct lh_buf *out, uint8_t head, uint16_t value) {
  put(out, head);
  value = htobe16(value);
  memcpy(out->data + out->len, &value, sizeof value);
  out->len += sizeof value;
}

static void put_u32(struct lh_buf *out, uint8_t head, uint32_t value) {
  put(out, head);
  value = htobe32(value);
  memcpy(out->data + out->len, &value, sizeof value);
  out->len += sizeof value;
}

static void put_u64(struct lh_buf *out, uint8_t head, uint64_t value) {
  put(out, head);
  value = htobe64(value);
  memcpy(out->data + out->len, &value, sizeof value);
  out->len += sizeof value;
}

void lh_write_nil(struct lh_buf *out) { put(out, LH_FORMAT_NIL); }

void lh_write_bool(struct lh_buf *out, bool value) {
  put(out, value ? LH_FORMAT_TRUE : LH_FORMAT_FALSE);
}

void lh_write_uint(struct lh_buf *out, uint64_t value) {
  if (value <= LH_FORMAT_FIXINT_MAX) {
    put(out, (uint8_t)value);
  } else if (value <= UINT8_MAX) {
    put_u8(out, LH_FORMAT_UINT8, (uint8_t)value);
  } else if (value <= UINT16_MAX) {
    put_u16(out, LH_FORMAT_UINT16, (uint16_t)value);
  } else if (value <= UINT32_MAX) {
    put_u32(out, LH_FORMAT_UINT32, (uint32_t)value);
  } else {
    put_u64(out, LH_FORMAT_UINT64, value);
  }
}

void lh_write_int(struct lh_buf *out, int64_t value) {
  if (value >= 0) {
    lh_write_uint(out, (uint64_t)value);
  } else if (value >= LH_FORMAT_NEGATIVE_MIN) {
    put(out, (uint8_t)value);
  } else if (value >= INT8_MIN) {
    put_u8(out, LH_FORMAT_INT8, (uint8_t)value);
  } else if (value >= INT16_MIN) {
    put_u16(out, LH_FORMAT_INT16, (uint16_t)value);
  } else if (value >= INT32_MIN) {
    put_u32(out, LH_FORMAT_INT32, (uint32_t)value);
  } else {
    put_u64(out, LH_FORMAT_INT64, (uint64_t)value);
  }
}

void lh_write_double(struct lh_buf *out, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_u64(out, LH_FORMAT_FLOAT64, bits);
}

void lh_write_str(struct lh_buf *out, const void *data, size_t len) {
  if (len <= LH_FORMAT_FIX_STR_MAX) {
    put(out, (uint8_t)(LH_FORMAT_FIXSTR | len));
  } else if (len <= UINT8_MAX) {
    put_u8(out, LH_FORMAT_STR8, (uint8_t)len);
  } else if (len <= UINT16_MAX) {
    put_u16(out, LH_FORMAT_STR16, (uint16_t)len);
  } else {
    put_u32(out, LH_FORMAT_STR32, (uint32_t)len);
  }
  lh_buf_append(out, data, len);
}

void lh_write_cstr(struct lh_buf *out, const char *text) { lh_write_str(out, text, strlen(text)); }

void lh_write_bin(struct lh_buf *out, const void *data, size_t len) {
  if (len <= UINT8_MAX) {
    put_u8(out, LH_FORMAT_BIN8, (uint8_t)len);
  } else if (len <= UINT16_MAX) {
    put_u16(out, LH_FORMAT_BIN16, (uint16_t)len);
  } else {
    put_u32(out, LH_FORMAT_BIN32, (uint32_t)len);
  }
  lh_buf_append(out, data, len);
}

void lh_write_array(struct lh_buf *out, uint32_t count) {
  if (count <= LH_FORMAT_FIX_COUNT_MAX) {
    put(out, (uint8_t)(LH_FORMAT_FIXARRAY | count));
  } else if (count <= UINT16_MAX) {
    put_u16(out, LH_FORMAT_ARRAY16, (uint16_t)count);
  } else {
    put_u32(out, LH_FORMAT_ARRAY32, count);
  }
}

void lh_write_map(struct lh_buf *out, uint32_t count) {
  if (count <= LH_FORMAT_FIX_COUNT_MAX) {
    put(out, (uint8_t)(LH_FORMAT_FIXMAP | count));
  } else if (count <= UINT16_MAX) {
    put_u16(out, LH_FORMAT_MAP16, (uint16_t)count);
  } else {
    put_u32(out, LH_FORMAT_MAP32, count);
  }
}

void lh_write_pid(struct lh_buf *out, const struct lh_run *run, uint64_t local) {
  const uint64_t numbers[2] = {htobe64(run->epoch), htobe64(local & LH_PID_LOCAL_MASK)};
  const uint8_t head[3] = {LH_FORMAT_EXT8, LH_FORMAT_PID_LEN, LH_WIRE_EXT_PID};
  lh_buf_append(out, head, sizeof head);
  lh_buf_append(out, run->id.bytes, sizeof run->id.bytes);
  lh_buf_append(out, numbers, sizeof numbers);
}

void lh_write_run(struct lh_buf *out, const struct lh_run *run) {
  lh_write_array(out, 2);
  lh_write_bin(out, run->id.bytes, sizeof run->id.bytes);
  lh_write_uint(out, run->epoch);
}
