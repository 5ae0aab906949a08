// wire.c - reading: heads of MessagePack values, one at a time, from a bounded slice.
//
// The decoder is our own. libmpack hands strings out in chunks and integers in two 32-bit halves,
// and an array of three integers, written and read, cost 50 to 55 ns with it against 25 ns here.
// fuzz/wire.c holds this reader against libmpack's, so that the two agree on every input.
//
// Not a parser: whoever reads knows what should come next, or walks by lh_read_value with a stack
// of its own. Nothing here recurses or allocates. On the first error the reader jumps to its end,
// so that the check for "anything left" is the only one on the fast path.
#include "wire/wire.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#include "wire/format.h"

void lh_reader_init(struct lh_reader *reader, struct lh_bytes input) {
  *reader = (struct lh_reader){.at = input.data,
                               .end = input.len > 0 ? input.data + input.len : input.data,
                               .budget = LH_WIRE_ELEMENTS_CONTROL,
                               .depth_max = LH_WIRE_DEPTH_CONTROL};
  if (input.len > LH_WIRE_MESSAGE_MAX) lh_read_fail(reader, LH_ELIMIT);
}

void lh_reader_init_user(struct lh_reader *reader, struct lh_bytes input) {
  lh_reader_init(reader, input);
  reader->budget = LH_WIRE_ELEMENTS_USER;
  reader->depth_max = LH_WIRE_DEPTH_USER;
}

void lh_read_fail(struct lh_reader *reader, int err) {
  if (reader->err == 0) reader->err = err;
  reader->at = reader->end;
}

static size_t left(const struct lh_reader *reader) { return (size_t)(reader->end - reader->at); }

// The next `len` bytes, or NULL and an error.
static const uint8_t *take(struct lh_reader *reader, size_t len) {
  if (left(reader) < len) {
    lh_read_fail(reader, LH_EFORMAT);
    return NULL;
  }
  const uint8_t *data = reader->at;
  reader->at += len;
  return data;
}

static uint8_t take_u8(struct lh_reader *reader) {
  const uint8_t *data = take(reader, 1);
  return data != NULL ? *data : 0;
}

static uint16_t take_u16(struct lh_reader *reader) {
  const uint8_t *data = take(reader, 2);
  uint16_t value = 0;
  if (data != NULL) memcpy(&value, data, sizeof value);
  return be16toh(value);
}

static uint32_t take_u32(struct lh_reader *reader) {
  const uint8_t *data = take(reader, 4);
  uint32_t value = 0;
  if (data != NULL) memcpy(&value, data, sizeof value);
  return be32toh(value);
}

static uint64_t take_u64(struct lh_reader *reader) {
  const uint8_t *data = take(reader, 8);
  uint64_t value = 0;
  if (data != NULL) memcpy(&value, data, sizeof value);
  return be64toh(value);
}

static double double_of(uint64_t bits) {
  double number;
  memcpy(&number, &bits, sizeof number);
  return number;
}

static double float_of(uint32_t bits) {
  float number;
  memcpy(&number, &bits, sizeof number);
  return (double)number;
}

static void set_int(struct lh_wire_value *value, int64_t integer) {
  value->type = LH_WIRE_INT;
  value->as.integer = integer;
}

static void set_uint(struct lh_wire_value *value, uint64_t integer) {
  if (integer <= INT64_MAX) {
    set_int(value, (int64_t)integer);
    return;
  }
  value->type = LH_WIRE_UINT;
  value->as.unsigned_integer = integer;
}

static void set_double(struct lh_wire_value *value, double number) {
  value->type = LH_WIRE_DOUBLE;
  value->as.number = number;
}

static void set_bytes(struct lh_reader *reader, struct lh_wire_value *value, enum lh_wire_type type,
                      size_t len) {
  value->type = type;
  value->as.bytes.data = take(reader, len);
  value->as.bytes.len = len;
}

// Every element takes a byte at least, so a count beyond the bytes left is a lie, found out before
// anybody makes room for it.
static void set_container(struct lh_reader *reader, struct lh_wire_value *value,
                          enum lh_wire_type type, uint32_t count) {
  const uint64_t elements = type == LH_WIRE_MAP ? (uint64_t)count * 2 : count;
  if (elements > left(reader)) {
    lh_read_fail(reader, LH_EFORMAT);
  } else if (elements > reader->budget) {
    lh_read_fail(reader, LH_ELIMIT);
  }
  value->type = type;
  value->as.count = count;
}

static void set_pid(struct lh_reader *reader, struct lh_wire_value *value) {
  const uint8_t len = take_u8(reader);
  const uint8_t kind = take_u8(reader);
  if (len != LH_FORMAT_PID_LEN || kind != LH_WIRE_EXT_PID) {
    lh_read_fail(reader, LH_EFORMAT);
    return;
  }
  const uint8_t *id = take(reader, sizeof value->as.pid.run.id.bytes);
  if (id == NULL) return;
  memcpy(value->as.pid.run.id.bytes, id, sizeof value->as.pid.run.id.bytes);
  value->as.pid.run.epoch = take_u64(reader);
  value->as.pid.local = take_u64(reader);
  value->type = LH_WIRE_PID;
  if (value->as.pid.local > LH_PID_LOCAL_MASK) lh_read_fail(reader, LH_EFORMAT);
}

static void read_number(struct lh_reader *reader, uint8_t byte, struct lh_wire_value *value) {
  switch (byte) {
  case LH_FORMAT_FLOAT32:
    set_double(value, float_of(take_u32(reader)));
    break;
  case LH_FORMAT_FLOAT64:
    set_double(value, double_of(take_u64(reader)));
    break;
  case LH_FORMAT_UINT8:
    set_int(value, take_u8(reader));
    break;
  case LH_FORMAT_UINT16:
    set_int(value, take_u16(reader));
    break;
  case LH_FORMAT_UINT32:
    set_int(value, take_u32(reader));
    break;
  case LH_FORMAT_UINT64:
    set_uint(value, take_u64(reader));
    break;
  case LH_FORMAT_INT8:
    set_int(value, (int8_t)take_u8(reader));
    break;
  case LH_FORMAT_INT16:
    set_int(value, (int16_t)take_u16(reader));
    break;
  case LH_FORMAT_INT32:
    set_int(value, (int32_t)take_u32(reader));
    break;
  default:
    set_int(value, (int64_t)take_u64(reader));
    break;
  }
}

// A length or count of `width` bytes: 1, 2 or 4.
static uint32_t take_length(struct lh_reader *reader, int width) {
  if (width == 1) return take_u8(reader);
  return width == 2 ? take_u16(reader) : take_u32(reader);
}

// The heads that are not folded into their first byte's low bits. Within each family the width
// doubles from one byte to the next.
static void read_long_head(struct lh_reader *reader, uint8_t byte, struct lh_wire_value *value) {
  if (byte == LH_FORMAT_NIL) {
    value->type = LH_WIRE_NIL;
  } else if (byte == LH_FORMAT_FALSE || byte == LH_FORMAT_TRUE) {
    value->type = LH_WIRE_BOOL;
    value->as.boolean = byte == LH_FORMAT_TRUE;
  } else if (byte >= LH_FORMAT_BIN8 && byte <= LH_FORMAT_BIN32) {
    set_bytes(reader, value, LH_WIRE_BIN, take_length(reader, 1 << (byte - LH_FORMAT_BIN8)));
  } else if (byte == LH_FORMAT_EXT8) {
    set_pid(reader, value);
  } else if (byte >= LH_FORMAT_FLOAT32 && byte <= LH_FORMAT_INT64) {
    read_number(reader, byte, value);
  } else if (byte >= LH_FORMAT_STR8 && byte <= LH_FORMAT_STR32) {
    set_bytes(reader, value, LH_WIRE_STR, take_length(reader, 1 << (byte - LH_FORMAT_STR8)));
  } else if (byte >= LH_FORMAT_ARRAY16 && byte <= LH_FORMAT_ARRAY32) {
    set_container(reader, value, LH_WIRE_ARRAY,
                  take_length(reader, 2 << (byte - LH_FORMAT_ARRAY16)));
  } else if (byte >= LH_FORMAT_MAP16 && byte <= LH_FORMAT_MAP32) {
    set_container(reader, value, LH_WIRE_MAP, take_length(reader, 2 << (byte - LH_FORMAT_MAP16)));
  } else {
    lh_read_fail(reader, LH_EFORMAT);
  }
}

static void read_head(struct lh_reader *reader, struct lh_wire_value *value) {
  const uint8_t byte = *reader->at++;
  if (byte <= LH_FORMAT_FIXINT_MAX) {
    set_int(value, byte);
  } else if (byte >= LH_FORMAT_NEGATIVE) {
    set_int(value, (int8_t)byte);
  } else if (byte < LH_FORMAT_FIXARRAY) {
    set_container(reader, value, LH_WIRE_MAP, byte & LH_FORMAT_FIX_COUNT_MAX);
  } else if (byte < LH_FORMAT_FIXSTR) {
    set_container(reader, value, LH_WIRE_ARRAY, byte & LH_FORMAT_FIX_COUNT_MAX);
  } else if (byte < LH_FORMAT_NIL) {
    set_bytes(reader, value, LH_WIRE_STR, byte & LH_FORMAT_FIX_STR_MAX);
  } else {
    read_long_head(reader, byte, value);
  }
}

// One element more, if there are bytes and budget for it.
static bool begin(struct lh_reader *reader) {
  if (reader->at == reader->end) {
    lh_read_fail(reader, LH_EFORMAT);
    return false;
  }
  if (reader->budget == 0) {
    lh_read_fail(reader, LH_ELIMIT);
    return false;
  }
  reader->budget--;
  return true;
}

// The next value into `value`; false, and nothing there to look at, after an error.
static bool next(struct lh_reader *reader, struct lh_wire_value *value) {
  value->type = LH_WIRE_END;
  if (!begin(reader)) return false;
  read_head(reader, value);
  return reader->err == 0;
}

struct lh_wire_value lh_read_value(struct lh_reader *reader) {
  struct lh_wire_value value;
  if (!next(reader, &value)) return (struct lh_wire_value){.type = LH_WIRE_END};
  return value;
}

enum lh_wire_type lh_read_peek(const struct lh_reader *reader) {
  struct lh_reader ahead = *reader;
  struct lh_wire_value value;
  return next(&ahead, &value) ? value.type : LH_WIRE_END;
}

// As next, but any type except `type` is an error.
static bool expect(struct lh_reader *reader, enum lh_wire_type type, struct lh_wire_value *value) {
  if (!next(reader, value)) return false;
  if (value->type == type) return true;
  lh_read_fail(reader, LH_EFORMAT);
  return false;
}

bool lh_read_bool(struct lh_reader *reader) {
  struct lh_wire_value value;
  return expect(reader, LH_WIRE_BOOL, &value) && value.as.boolean;
}

uint64_t lh_read_uint(struct lh_reader *reader, uint64_t max) {
  struct lh_wire_value value;
  if (!next(reader, &value)) return 0;
  const bool whole =
      value.type == LH_WIRE_UINT || (value.type == LH_WIRE_INT && value.as.integer >= 0);
  if (whole && value.as.unsigned_integer <= max) return value.as.unsigned_integer;
  lh_read_fail(reader, LH_EFORMAT);
  return 0;
}

int64_t lh_read_int(struct lh_reader *reader) {
  struct lh_wire_value value;
  return expect(reader, LH_WIRE_INT, &value) ? value.as.integer : 0;
}

double lh_read_double(struct lh_reader *reader) {
  struct lh_wire_value value;
  if (!expect(reader, LH_WIRE_DOUBLE, &value)) return 0;
  if (isfinite(value.as.number)) return value.as.number;
  lh_read_fail(reader, LH_EFORMAT);
  return 0;
}

static struct lh_bytes read_bytes(struct lh_reader *reader, enum lh_wire_type type, size_t max) {
  struct lh_wire_value value;
  if (!expect(reader, type, &value)) return (struct lh_bytes){0};
  if (value.as.bytes.len <= max) return value.as.bytes;
  lh_read_fail(reader, LH_ELIMIT);
  return (struct lh_bytes){0};
}

struct lh_bytes lh_read_str(struct lh_reader *reader, size_t max) {
  return read_bytes(reader, LH_WIRE_STR, max);
}

struct lh_bytes lh_read_bin(struct lh_reader *reader, size_t max) {
  return read_bytes(reader, LH_WIRE_BIN, max);
}

static uint32_t read_count(struct lh_reader *reader, enum lh_wire_type type, uint32_t max) {
  struct lh_wire_value value;
  if (!expect(reader, type, &value)) return 0;
  if (value.as.count <= max) return value.as.count;
  lh_read_fail(reader, LH_ELIMIT);
  return 0;
}

uint32_t lh_read_array(struct lh_reader *reader, uint32_t max) {
  return read_count(reader, LH_WIRE_ARRAY, max);
}

uint32_t lh_read_map(struct lh_reader *reader, uint32_t max) {
  return read_count(reader, LH_WIRE_MAP, max);
}

bool lh_read_nil(struct lh_reader *reader) {
  struct lh_wire_value value;
  if (reader->at == reader->end || *reader->at != LH_FORMAT_NIL) return false;
  return next(reader, &value);
}

void lh_read_run(struct lh_reader *reader, struct lh_run *run) {
  *run = (struct lh_run){0};
  if (lh_read_array(reader, 2) != 2) lh_read_fail(reader, LH_EFORMAT);
  const struct lh_bytes id = lh_read_bin(reader, sizeof run->id.bytes);
  const uint64_t epoch = lh_read_uint(reader, UINT64_MAX);
  if (id.len != sizeof run->id.bytes) lh_read_fail(reader, LH_EFORMAT);
  if (reader->err != 0) return;
  memcpy(run->id.bytes, id.data, id.len);
  run->epoch = epoch;
}

static uint64_t elements_of(const struct lh_wire_value *value) {
  return value->type == LH_WIRE_MAP ? (uint64_t)value->as.count * 2 : value->as.count;
}

struct lh_bytes lh_read_skip(struct lh_reader *reader) {
  uint64_t open[LH_WIRE_DEPTH_USER];  // elements still to come, of each container that is open
  const uint32_t depth_max =
      reader->depth_max < LH_WIRE_DEPTH_USER ? reader->depth_max : (uint32_t)LH_WIRE_DEPTH_USER;
  const uint8_t *start = reader->at;
  uint32_t depth = 0;
  do {
    struct lh_wire_value value;
    if (!next(reader, &value)) return (struct lh_bytes){0};
    if (value.type == LH_WIRE_ARRAY || value.type == LH_WIRE_MAP) {
      if (depth == depth_max) {
        lh_read_fail(reader, LH_ELIMIT);
        return (struct lh_bytes){0};
      }
      open[depth++] = elements_of(&value) + 1;  // and itself
    }
    while (depth > 0 && --open[depth - 1] == 0) depth--;
  } while (depth > 0);
  return lh_bytes(start, (size_t)(reader->at - start));
}

int lh_read_end(struct lh_reader *reader) {
  if (reader->at != reader->end) lh_read_fail(reader, LH_EFORMAT);
  return reader->err;
}
