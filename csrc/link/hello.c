// hello.c - see hello.h. Reading is strict about what is there and patient about what is added
// later.
#include "link/hello.h"

#include <string.h>

#include "wire/wire.h"

enum {
  HELLO_FIELDS = 12,
  WELCOME_FIELDS = 1,
  REFUSAL_FIELDS = 4,
  FIELDS_MAX = 64,
  VERSION_MAX = 65535
};

static bool is_name_letter(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '#';
}

bool lh_name_is_valid(struct lh_bytes name) {
  if (name.len == 0 || name.len > LH_NAME_MAX) return false;
  for (size_t i = 0; i < name.len; i++) {
    if (!is_name_letter(name.data[i])) return false;
  }
  return true;
}

void lh_hello_write(struct lh_buf *out, const struct lh_hello_word *hello) {
  lh_write_array(out, HELLO_FIELDS);
  lh_write_uint(out, hello->min);
  lh_write_uint(out, hello->max);
  lh_write_bin(out, hello->cluster, sizeof hello->cluster);
  lh_write_bin(out, hello->key_id, sizeof hello->key_id);
  lh_write_run(out, &hello->run);
  lh_write_cstr(out, hello->name);
  lh_write_uint(out, hello->features);
  lh_write_uint(out, hello->nonce);
  lh_write_uint(out, hello->port);
  lh_write_bin(out, hello->greeting.data, hello->greeting.len);
  lh_write_bin(out, hello->public_key, sizeof hello->public_key);
  lh_write_bin(out, hello->proof, sizeof hello->proof);
}

static void read_fixed(struct lh_reader *reader, uint8_t *out, size_t len) {
  const struct lh_bytes bytes = lh_read_bin(reader, len);
  if (reader->err != 0) return;
  if (bytes.len == len)
    memcpy(out, bytes.data, len);
  else
    lh_read_fail(reader, LH_EFORMAT);
}

static void read_name(struct lh_reader *reader, char out[LH_NAME_MAX + 1]) {
  const struct lh_bytes name = lh_read_str(reader, LH_NAME_MAX);
  if (reader->err != 0) return;
  if (!lh_name_is_valid(name)) {
    lh_read_fail(reader, LH_EFORMAT);
    return;
  }
  memcpy(out, name.data, name.len);
  out[name.len] = '\0';
}

// Opens an array of at least `fields`; answers how many more there are to pass over at its end.
static uint32_t open_fields(struct lh_reader *reader, uint32_t fields) {
  const uint32_t count = lh_read_array(reader, FIELDS_MAX);
  if (reader->err == 0 && count < fields) lh_read_fail(reader, LH_EFORMAT);
  return reader->err == 0 ? count - fields : 0;
}

static int close_fields(struct lh_reader *reader, uint32_t more) {
  while (more-- > 0 && reader->err == 0) (void)lh_read_skip(reader);
  return lh_read_end(reader);
}

int lh_hello_read(struct lh_bytes body, struct lh_hello_word *hello) {
  struct lh_reader reader;
  *hello = (struct lh_hello_word){0};
  lh_reader_init(&reader, body);
  const uint32_t count = lh_read_array(&reader, FIELDS_MAX);
  if (reader.err == 0 && count < 2) return LH_EFORMAT;
  hello->min = (uint32_t)lh_read_uint(&reader, VERSION_MAX);
  hello->max = (uint32_t)lh_read_uint(&reader, VERSION_MAX);
  if (reader.err != 0) return reader.err;
  if (hello->min > hello->max) return LH_EFORMAT;
  if (hello->min > LH_PROTOCOL_MAX || hello->max < LH_PROTOCOL_MIN) return LH_EVERSION;
  if (count < HELLO_FIELDS) return LH_EFORMAT;
  read_fixed(&reader, hello->cluster, sizeof hello->cluster);
  read_fixed(&reader, hello->key_id, sizeof hello->key_id);
  lh_read_run(&reader, &hello->run);
  read_name(&reader, hello->name);
  hello->features = lh_read_uint(&reader, UINT64_MAX);
  hello->nonce = lh_read_uint(&reader, UINT64_MAX);
  hello->port = (uint16_t)lh_read_uint(&reader, UINT16_MAX);
  hello->greeting = lh_read_bin(&reader, LH_GREETING_MAX);
  read_fixed(&reader, hello->public_key, sizeof hello->public_key);
  read_fixed(&reader, hello->proof, sizeof hello->proof);
  return close_fields(&reader, count - HELLO_FIELDS);
}

void lh_welcome_write(struct lh_buf *out, bool linked) {
  lh_write_array(out, WELCOME_FIELDS);
  lh_write_uint(out, linked ? 1 : 0);
}

int lh_welcome_read(struct lh_bytes body, bool *linked) {
  struct lh_reader reader;
  lh_reader_init(&reader, body);
  const uint32_t more = open_fields(&reader, WELCOME_FIELDS);
  *linked = lh_read_uint(&reader, 1) == 1;
  return close_fields(&reader, more);
}

void lh_refusal_write(struct lh_buf *out, const struct lh_refusal *refusal) {
  lh_write_array(out, REFUSAL_FIELDS);
  lh_write_bool(out, refusal->by_node);
  lh_write_int(out, refusal->code);
  lh_write_cstr(out, refusal->text);
  lh_write_bin(out, refusal->answer.data, refusal->answer.len);
}

int lh_refusal_read(struct lh_bytes body, struct lh_refusal *refusal) {
  struct lh_reader reader;
  *refusal = (struct lh_refusal){0};
  lh_reader_init(&reader, body);
  const uint32_t more = open_fields(&reader, REFUSAL_FIELDS);
  refusal->by_node = lh_read_bool(&reader);
  const int64_t code = lh_read_int(&reader);
  if (code > INT32_MAX || code < INT32_MIN) lh_read_fail(&reader, LH_EFORMAT);
  refusal->code = reader.err == 0 ? (int)code : 0;
  const struct lh_bytes text = lh_read_str(&reader, LH_REFUSAL_TEXT_MAX);
  if (text.len > 0) memcpy(refusal->text, text.data, text.len);
  refusal->answer = lh_read_bin(&reader, LH_GREETING_MAX);
  return close_fields(&reader, more);
}
