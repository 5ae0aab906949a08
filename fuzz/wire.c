// rooms: base wire
// wire.c - fuzzes the wire's reader with any bytes, and holds it against libmpack.
//
// Checked for every input: each head that we read libmpack reads alike, to the same byte; what we
// refuse it refuses too, or we have a reason to be stricter; passing over a value ends where
// reading it ends; and what was read, written again, is canonical: it reads back to the same bytes,
// and is no longer than it was.
#include <mpack.h>
#undef bool
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

static void check(bool holds) {
  if (!holds) abort();
}

// The oracle's token for the head at `at`, and how many bytes it took; false when it has none.
static bool oracle(const uint8_t *at, size_t len, mpack_token_t *token, size_t *took) {
  mpack_tokbuf_t tokbuf = MPACK_TOKBUF_INITIAL_VALUE;
  const char *text = (const char *)at;
  size_t left = len;
  mpack_tokbuf_init(&tokbuf);
  if (len == 0 || mpack_read(&tokbuf, &text, &left, token) != MPACK_OK) return false;
  *took = len - left;
  return true;
}

static bool same_integer(const struct lh_wire_value *value, mpack_token_t token) {
  if (token.type == MPACK_TOKEN_UINT) {
    return value->as.unsigned_integer == (uint64_t)mpack_unpack_uint(token);
  }
  return token.type == MPACK_TOKEN_SINT && value->as.integer == (int64_t)mpack_unpack_sint(token);
}

static bool same_double(double ours, mpack_token_t token) {
  if (token.type != MPACK_TOKEN_FLOAT) return false;
  const double theirs = mpack_unpack_float(token);
  return (ours != ours && theirs != theirs) || memcmp(&ours, &theirs, sizeof ours) == 0;
}

// Whether our value is the oracle's token; `took` the bytes of its head, `size` of our whole value.
static bool agrees(const struct lh_wire_value *value, mpack_token_t token, size_t took,
                   size_t size) {
  switch (value->type) {
  case LH_WIRE_NIL:
    return token.type == MPACK_TOKEN_NIL && took == size;
  case LH_WIRE_BOOL:
    return token.type == MPACK_TOKEN_BOOLEAN && took == size &&
           value->as.boolean == (mpack_unpack_boolean(token) != 0);
  case LH_WIRE_INT:
  case LH_WIRE_UINT:
    return took == size && same_integer(value, token);
  case LH_WIRE_DOUBLE:
    return took == size && same_double(value->as.number, token);
  case LH_WIRE_STR:
    return token.type == MPACK_TOKEN_STR && took + token.length == size;
  case LH_WIRE_BIN:
    return token.type == MPACK_TOKEN_BIN && took + token.length == size;
  case LH_WIRE_ARRAY:
    return token.type == MPACK_TOKEN_ARRAY && took == size && value->as.count == token.length;
  case LH_WIRE_MAP:
    return token.type == MPACK_TOKEN_MAP && took == size && value->as.count == token.length;
  case LH_WIRE_PID:
    return token.type == MPACK_TOKEN_EXT && took + token.length == size;
  default:
    return false;
  }
}

// What we refuse although the oracle reads it: a length or count that is a lie, an ext that is no
// pid, and whatever the budget does not pay for.
static bool may_refuse(const struct lh_reader *reader, mpack_token_t token) {
  return token.type >= MPACK_TOKEN_ARRAY || reader->err == LH_ELIMIT;
}

static void write_value(struct lh_buf *out, const struct lh_wire_value *value) {
  switch (value->type) {
  case LH_WIRE_NIL:
    lh_write_nil(out);
    break;
  case LH_WIRE_BOOL:
    lh_write_bool(out, value->as.boolean);
    break;
  case LH_WIRE_INT:
    lh_write_int(out, value->as.integer);
    break;
  case LH_WIRE_UINT:
    lh_write_uint(out, value->as.unsigned_integer);
    break;
  case LH_WIRE_DOUBLE:
    lh_write_double(out, value->as.number);
    break;
  case LH_WIRE_STR:
    lh_write_str(out, value->as.bytes.data, value->as.bytes.len);
    break;
  case LH_WIRE_BIN:
    lh_write_bin(out, value->as.bytes.data, value->as.bytes.len);
    break;
  case LH_WIRE_ARRAY:
    lh_write_array(out, value->as.count);
    break;
  case LH_WIRE_MAP:
    lh_write_map(out, value->as.count);
    break;
  case LH_WIRE_PID:
    lh_write_pid(out, &value->as.pid.run, value->as.pid.local);
    break;
  default:
    abort();
  }
}

// Reads heads until the end or an error, and writes each again.
static void walk(struct lh_bytes input, struct lh_buf *out, bool ask_oracle) {
  struct lh_reader reader;
  lh_reader_init_user(&reader, input);
  while (reader.at < reader.end) {
    const uint8_t *at = reader.at;
    const size_t len = (size_t)(reader.end - at);
    mpack_token_t token;
    size_t took = 0;
    const bool known = ask_oracle && oracle(at, len, &token, &took);
    check(lh_read_peek(&reader) == LH_WIRE_END || reader.at == at);
    const struct lh_wire_value value = lh_read_value(&reader);
    if (value.type == LH_WIRE_END) {
      check(reader.err != 0);
      check(!known || may_refuse(&reader, token));
      return;
    }
    if (ask_oracle) check(known && agrees(&value, token, took, (size_t)(reader.at - at)));
    write_value(out, &value);
  }
}

// Where one whole value ends by reading its heads, or NULL after an error.
static const uint8_t *end_by_heads(struct lh_reader *reader) {
  for (uint64_t pending = 1; pending > 0; pending--) {
    const struct lh_wire_value value = lh_read_value(reader);
    if (value.type == LH_WIRE_END) return NULL;
    if (value.type == LH_WIRE_ARRAY) pending += value.as.count;
    if (value.type == LH_WIRE_MAP) pending += (uint64_t)value.as.count * 2;
  }
  return reader->at;
}

static void check_skip(struct lh_bytes input) {
  struct lh_reader reader;
  struct lh_reader skipper;
  lh_reader_init_user(&reader, input);
  lh_reader_init_user(&skipper, input);
  while (skipper.at < skipper.end) {
    const uint8_t *from = skipper.at;
    const struct lh_bytes skipped = lh_read_skip(&skipper);
    const uint8_t *end = end_by_heads(&reader);
    if (skipper.err == LH_ELIMIT) return;  // too deep, which heads alone do not tell
    check((end == NULL) == (skipper.err != 0));
    if (end == NULL) return;
    check(skipped.data == from && from + skipped.len == end);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct lh_buf once = LH_BUF_EMPTY;
  struct lh_buf twice = LH_BUF_EMPTY;
  const struct lh_bytes input = lh_bytes(data, size);
  walk(input, &once, true);
  walk(lh_bytes_of(&once), &twice, false);
  check_skip(input);
  // Doubles are always written in eight bytes, which a float of four may grow to; nothing else
  // grows.
  check(once.len <= size * 2);
  // A container may have been cut off with its elements missing: then the second reading stops
  // there.
  check(twice.len <= once.len);
  check(twice.len == 0 || memcmp(once.data, twice.data, twice.len) == 0);
  lh_buf_free(&once);
  lh_buf_free(&twice);
  return 0;
}
