// wire.h - MessagePack as everything in luahub reads and writes it: bounded, iterative, strict.
//
// Reading: a `struct lh_reader` walks a slice that somebody else owns. It never allocates, and
// strings come out as slices into the input. Errors are sticky: after the first, every read answers
// a zero value and `reader.err` keeps the code, so a decoder reads all its fields and checks once,
// with lh_read_end.
//
//   LH_EFORMAT  reserved byte, wrong type, ext of an unknown kind, bytes left over, a length past
//   the end LH_ELIMIT   deeper than the limit, more elements than the budget of the whole message
//
// Writing: shortest forms, appended to an lh_buf; never fails.
//
// Pids travel as an ext value of kind 1: node id (16), epoch (8, big endian), low bits of the pid
// (8, big endian). Pure: no clock, no socket, no Lua. Any thread; a reader or a buffer belongs to
// one at a time.
#ifndef LH_WIRE_WIRE_H
#define LH_WIRE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

enum {
  // limit: tables inside tables, in what nodes say to each other | node.refused_frames |
  // spec/wire/wire_spec.lua: reaches the depth limit at 16 for control and 32 for users
  LH_WIRE_DEPTH_CONTROL = 16,
  // limit: tables inside tables, in what users send | actor.unsendable | spec/wire/wire_spec.lua:
  // reaches the depth limit at 16 for control and 32 for users
  LH_WIRE_DEPTH_USER = 32,
  // limit: values in one message between nodes | node.refused_frames | spec/wire/wire_spec.lua:
  // spends one budget on the whole message
  LH_WIRE_ELEMENTS_CONTROL = 65536,
  // limit: values in one message of users | actor.unsendable | spec/wire/wire_spec.lua: spends one
  // budget on the whole message
  LH_WIRE_ELEMENTS_USER = 4 * 1024 * 1024,
  // limit: bytes of one message that is decoded | node.refused_frames, code too_large |
  // spec/wire/wire_spec.lua: refuses a message above 16 MiB
  LH_WIRE_MESSAGE_MAX = 16 * 1024 * 1024,
  LH_WIRE_EXT_PID = 1,
};

enum lh_wire_type {
  LH_WIRE_END,  // nothing left, or an error
  LH_WIRE_NIL,
  LH_WIRE_BOOL,
  LH_WIRE_INT,   // fits int64
  LH_WIRE_UINT,  // above INT64_MAX
  LH_WIRE_DOUBLE,
  LH_WIRE_STR,
  LH_WIRE_BIN,
  LH_WIRE_ARRAY,
  LH_WIRE_MAP,
  LH_WIRE_PID,
};

struct lh_reader {
  const uint8_t *at;
  const uint8_t *end;
  uint32_t budget;  // elements left for the whole message
  uint32_t depth_max;
  int err;
};

// One value's head: scalars whole, strings as slices, containers as their count (for a map: of
// pairs).
struct lh_wire_value {
  enum lh_wire_type type;
  union {
    struct {
      struct lh_run run;
      uint64_t local;
    } pid;  // first, being the largest, so that an initializer clears all of it
    bool boolean;
    int64_t integer;
    uint64_t unsigned_integer;
    double number;
    struct lh_bytes bytes;
    uint32_t count;
  } as;
};

void lh_reader_init(struct lh_reader *reader, struct lh_bytes input);       // control limits
void lh_reader_init_user(struct lh_reader *reader, struct lh_bytes input);  // user limits

// The next head. For containers the caller then reads the elements; each counts against the budget,
// and a count larger than the bytes left is LH_EFORMAT, one larger than the budget left LH_ELIMIT,
// at once. A reader knows nothing of the containers around a value: whoever walks by heads keeps
// `depth_max` itself; lh_read_skip does. Reading where nothing is left is LH_EFORMAT.
struct lh_wire_value lh_read_value(struct lh_reader *reader);
enum lh_wire_type lh_read_peek(const struct lh_reader *reader);

bool lh_read_bool(struct lh_reader *reader);
uint64_t lh_read_uint(struct lh_reader *reader, uint64_t max);  // LH_EFORMAT above max or below 0
int64_t lh_read_int(struct lh_reader *reader);
double lh_read_double(struct lh_reader *reader);  // NaN and infinities are LH_EFORMAT
struct lh_bytes lh_read_str(struct lh_reader *reader, size_t max);  // LH_ELIMIT above max
struct lh_bytes lh_read_bin(struct lh_reader *reader, size_t max);
uint32_t lh_read_array(struct lh_reader *reader, uint32_t max);
uint32_t lh_read_map(struct lh_reader *reader, uint32_t max);
bool lh_read_nil(struct lh_reader *reader);  // true and consumed when the next value is nil
void lh_read_run(struct lh_reader *reader, struct lh_run *run);  // array of bin 16 and uint
// Passes over one whole value of any shape, and answers the bytes it took.
struct lh_bytes lh_read_skip(struct lh_reader *reader);
// Checks that all was read: 0, or the first error. LH_EFORMAT when bytes are left.
int lh_read_end(struct lh_reader *reader);
void lh_read_fail(struct lh_reader *reader, int err);

void lh_write_nil(struct lh_buf *out);
void lh_write_bool(struct lh_buf *out, bool value);
void lh_write_uint(struct lh_buf *out, uint64_t value);
void lh_write_int(struct lh_buf *out, int64_t value);
void lh_write_double(struct lh_buf *out, double value);
void lh_write_str(struct lh_buf *out, const void *data, size_t len);
void lh_write_cstr(struct lh_buf *out, const char *text);
void lh_write_bin(struct lh_buf *out, const void *data, size_t len);
void lh_write_array(struct lh_buf *out, uint32_t count);
void lh_write_map(struct lh_buf *out, uint32_t count);
void lh_write_pid(struct lh_buf *out, const struct lh_run *run, uint64_t local);
void lh_write_run(struct lh_buf *out, const struct lh_run *run);

#endif
