// record.c - a node's signed word about itself: how it travels, and what is accepted.
//
//   signed record = [ bin body, bin signature ]
//   body          = [ 1, run, version, name, public key, [address...], leaving, [[hub, digest,
//   placeable]...], settled, weight, labels, ... ]
//
// `settled` may be missing: no; the weight: one; the labels: none. Fields behind it are passed
// over, so that a later version may add some. The signature covers the body's bytes as they came. A
// body begins with an integer, a fact's with a string: neither can be shown as the other. Not here:
// checking signatures (that is the caller's, who holds the crypto).
#include "base/mem.h"
#include "member/internal.h"
#include "wire/wire.h"

enum {
  BODY_FORMAT = 1,
  BODY_FIELDS = 11,
  BODY_FIELDS_MIN = 8,
  FIELDS_WITH_SETTLED = 9,
  FIELDS_WITH_LABELS = 11,
  BODY_FIELDS_MAX = 32,
  HUB_FIELDS = 3,
  PORT_MAX = 65535
};

void lh_member_record_free(struct lh_member_record *record) {
  lh_free(record->hubs);
  record->hubs = NULL;
  record->hub_count = 0;
}

void lh_member_record_copy(struct lh_member_record *to, const struct lh_member_record *from) {
  *to = *from;
  to->hubs = from->hub_count ? lh_memdup(from->hubs, from->hub_count * sizeof *from->hubs) : NULL;
}

static void encode_body(const struct lh_member_record *record, struct lh_buf *out) {
  lh_write_array(out, BODY_FIELDS);
  lh_write_uint(out, BODY_FORMAT);
  lh_write_run(out, &record->run);
  lh_write_uint(out, record->version);
  lh_write_cstr(out, record->name);
  lh_write_bin(out, record->public_key, sizeof record->public_key);
  lh_write_array(out, record->address_count);
  for (uint32_t i = 0; i < record->address_count; i++) lh_write_cstr(out, record->addresses[i]);
  lh_write_bool(out, record->leaving);
  lh_write_array(out, record->hub_count);
  for (uint32_t i = 0; i < record->hub_count; i++) {
    const struct lh_member_hub *hub = &record->hubs[i];
    lh_write_array(out, HUB_FIELDS);
    lh_write_cstr(out, hub->id);
    lh_write_bin(out, hub->digest, sizeof hub->digest);
    lh_write_bool(out, hub->placeable);
  }
  lh_write_bool(out, record->settled);
  lh_write_uint(out, record->weight);
  lh_write_cstr(out, record->labels);
}

void lh_member_record_encode(const struct lh_member_record *record, const uint8_t signature[64],
                             struct lh_buf *out) {
  if (!signature) {
    encode_body(record, out);
    return;
  }
  struct lh_buf body = LH_BUF_EMPTY;
  encode_body(record, &body);
  lh_write_array(out, 2);
  lh_write_bin(out, body.data, body.len);
  lh_write_bin(out, signature, SIGNATURE_LEN);
  lh_buf_free(&body);
}

// The length of the UTF-8 character at `at`, or 0: shortest forms only, no surrogates, nothing
// above U+10FFFF.
static size_t utf8_length(const uint8_t *at, size_t left) {
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  size_t len = *at < 0x80         ? 1
               : (*at >> 5) == 6  ? 2
               : (*at >> 4) == 14 ? 3
               : (*at >> 3) == 30 ? 4
                                  : 0;
  if (len < 2) return len;
  if (len > left) return 0;
  uint32_t code = *at & (0x7FU >> len);
  for (size_t i = 1; i < len; i++) {
    if ((at[i] & 0xC0) != 0x80) return 0;
    code = code << 6 | (at[i] & 0x3FU);
  }
  bool wrong = code < least[len] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000);
  bool control = code < 0xA0;  // U+0080 .. U+009F move terminals too
  return wrong || control ? 0 : len;
}

// Text that can be shown in a line and used as a word: no spaces, no control characters, no path
// separators.
static bool is_word(struct lh_bytes text) {
  for (size_t i = 0; i < text.len;) {
    uint8_t c = text.data[i];
    if (c <= ' ' || c == 0x7F || c == '/' || c == '\\') return false;
    size_t len = utf8_length(text.data + i, text.len - i);
    if (len == 0) return false;
    i += len;
  }
  return text.len > 0;
}

static bool is_address(struct lh_bytes text) {
  size_t colon = text.len;
  while (colon > 0 && text.data[colon - 1] != ':') colon--;
  if (colon < 2 || colon == text.len || text.len - colon > 5) return false;
  unsigned port = 0;
  for (size_t i = colon; i < text.len; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    port = port * 10 + (unsigned)(text.data[i] - '0');
  }
  return port >= 1 && port <= PORT_MAX && is_word(lh_bytes(text.data, colon - 1));
}

static void read_text(struct lh_reader *reader, char *out, size_t size,
                      bool (*accept)(struct lh_bytes)) {
  struct lh_bytes text = lh_read_str(reader, size - 1);
  if (reader->err) return;
  if (!accept(text)) {
    lh_read_fail(reader, LH_EFORMAT);
    return;
  }
  memcpy(out, text.data, text.len);
  out[text.len] = 0;
}

static void read_exactly(struct lh_reader *reader, uint8_t *out, size_t len) {
  struct lh_bytes bytes = lh_read_bin(reader, len);
  if (reader->err) return;
  if (bytes.len == len)
    memcpy(out, bytes.data, len);
  else
    lh_read_fail(reader, LH_EFORMAT);
}

static bool is_hub_id(struct lh_bytes text) {
  for (size_t i = 0; i < text.len; i++)
    if (text.data[i] == 0) return false;
  return text.len > 0;
}

static size_t line_end(struct lh_bytes text, size_t at) {
  while (at < text.len && text.data[at] != '\n') at++;
  return at;
}

static size_t key_end(struct lh_bytes text, size_t at, size_t end) {
  while (at < end && text.data[at] != '=') at++;
  return at;
}

bool lh_member_labels_good(struct lh_bytes text) {
  struct lh_bytes last = lh_bytes(NULL, 0);
  for (size_t at = 0; at < text.len;) {
    const size_t end = line_end(text, at);
    const size_t middle = key_end(text, at, end);
    const struct lh_bytes key = lh_bytes(text.data + at, middle - at);
    if (end == text.len || middle == end || !is_word(key)) return false;
    if (!is_word(lh_bytes(text.data + middle + 1, end - middle - 1))) return false;
    if (last.data != NULL && lh_bytes_compare(last, key) >= 0) return false;
    last = key;
    at = end + 1;
  }
  return true;
}

static void read_labels(struct lh_reader *reader, struct lh_member_record *record) {
  record->weight = (uint32_t)lh_read_uint(reader, LH_MEMBER_WEIGHT_MAX);
  read_text(reader, record->labels, sizeof record->labels, lh_member_labels_good);
}

static void read_hubs(struct lh_reader *reader, struct lh_member_record *record) {
  uint32_t count = lh_read_array(reader, LH_MEMBER_HUBS_MAX);
  if (reader->err || count == 0) return;
  record->hubs = lh_zalloc(count * sizeof *record->hubs);
  record->hub_count = count;
  for (uint32_t i = 0; i < count && !reader->err; i++) {
    struct lh_member_hub *hub = &record->hubs[i];
    if (lh_read_array(reader, HUB_FIELDS) != HUB_FIELDS) lh_read_fail(reader, LH_EFORMAT);
    read_text(reader, hub->id, sizeof hub->id, is_hub_id);
    read_exactly(reader, hub->digest, sizeof hub->digest);
    hub->placeable = lh_read_bool(reader);
  }
}

static int read_body(struct lh_member_record *record, struct lh_bytes body) {
  struct lh_reader reader;
  lh_reader_init(&reader, body);
  uint32_t fields = lh_read_array(&reader, BODY_FIELDS_MAX);
  if (fields < BODY_FIELDS_MIN || lh_read_uint(&reader, UINT32_MAX) != BODY_FORMAT)
    lh_read_fail(&reader, LH_EFORMAT);
  lh_read_run(&reader, &record->run);
  // The highest epoch is refused: nothing could come after it.
  if (record->run.epoch == UINT64_MAX) lh_read_fail(&reader, LH_EFORMAT);
  record->version = lh_read_uint(&reader, UINT64_MAX);
  read_text(&reader, record->name, sizeof record->name, is_word);
  read_exactly(&reader, record->public_key, sizeof record->public_key);
  record->address_count = lh_read_array(&reader, LH_MEMBER_ADDRESSES_MAX);
  for (uint32_t i = 0; i < record->address_count && !reader.err; i++)
    read_text(&reader, record->addresses[i], sizeof record->addresses[i], is_address);
  record->leaving = lh_read_bool(&reader);
  read_hubs(&reader, record);
  if (fields >= FIELDS_WITH_SETTLED) record->settled = lh_read_bool(&reader);
  record->weight = LH_MEMBER_WEIGHT_ONE;
  if (fields >= FIELDS_WITH_LABELS) read_labels(&reader, record);
  const uint32_t known = fields >= FIELDS_WITH_LABELS ? FIELDS_WITH_LABELS : FIELDS_WITH_SETTLED;
  for (uint32_t i = known; i < fields && !reader.err; i++) lh_read_skip(&reader);
  return lh_read_end(&reader);
}

int lh_member_record_decode(struct lh_member_record *record, uint8_t signature[64],
                            struct lh_bytes *body, struct lh_bytes input) {
  memset(record, 0, sizeof *record);
  if (input.len > LH_MEMBER_RECORD_MAX) return LH_ELIMIT;
  struct lh_reader reader;
  lh_reader_init(&reader, input);
  if (lh_read_array(&reader, 2) != 2) lh_read_fail(&reader, LH_EFORMAT);
  *body = lh_read_bin(&reader, LH_MEMBER_RECORD_MAX);
  read_exactly(&reader, signature, SIGNATURE_LEN);
  int err = lh_read_end(&reader);
  if (!err) err = read_body(record, *body);
  if (err) lh_member_record_free(record);
  return err;
}
