// spec.c - child specs: what a user may write, and the form in which rows hold it.
//
// A spec arrives as an encoded map { id, start = { "module", args... }, restart, shutdown, type,
// metadata, placement, dedicated, isolated }. The stored form is the same map without id and
// metadata, keys in a fixed order (placement first), so that specs that differ in nothing else are
// equal bytes. Owns nothing; slices point into the input.
#include "hub/internal.h"

#include <stdio.h>
#include <string.h>

enum { SHUTDOWN_WORKER_MS = 5000, SHUTDOWN_SUPERVISOR_MS = 60000, SHUTDOWN_MAX_MS = 3600000 };

struct parts {
  struct lh_bytes start, restart, type, shutdown;
  bool dedicated, isolated;
};

static bool is(struct lh_bytes text, const char *word) {
  return lh_bytes_equal(text, lh_bytes_str(word));
}

static int bad(struct lh_error *error, struct lh_bytes id, const char *what) {
  if (id.len == 0) return lh_fail(error, LH_EINVAL, "child spec: %s", what);
  return lh_fail(error, LH_EINVAL, "child spec '%.*s': %s", (int)id.len, (const char *)id.data,
                 what);
}

static int read_field(struct lh_reader *in, struct lh_bytes key, struct spec *spec,
                      struct parts *parts) {
  if (is(key, "id"))
    spec->id = lh_read_str(in, LH_CHILD_ID_MAX);
  else if (is(key, "start"))
    parts->start = lh_read_skip(in);
  else if (is(key, "restart"))
    parts->restart = lh_read_str(in, 32);
  else if (is(key, "type"))
    parts->type = lh_read_str(in, 32);
  else if (is(key, "shutdown"))
    parts->shutdown = lh_read_skip(in);
  else if (is(key, "metadata"))
    spec->metadata = lh_read_skip(in);
  else if (is(key, "placement"))
    spec->placement = lh_read_skip(in);
  else if (is(key, "dedicated"))
    parts->dedicated = lh_read_bool(in);
  else if (is(key, "isolated"))
    parts->isolated = lh_read_bool(in);
  else
    return LH_ENOTFOUND;
  return in->err;
}

static int set_restart(struct spec *spec, struct lh_bytes word) {
  if (word.data == NULL || is(word, "permanent"))
    spec->restart = RESTART_PERMANENT;
  else if (is(word, "transient"))
    spec->restart = RESTART_TRANSIENT;
  else if (is(word, "temporary"))
    spec->restart = RESTART_TEMPORARY;
  else
    return LH_EINVAL;
  return LH_OK;
}

static int set_shutdown(struct spec *spec, struct lh_bytes value) {
  spec->shutdown_ms = spec->supervisor ? SHUTDOWN_SUPERVISOR_MS : SHUTDOWN_WORKER_MS;
  if (value.data == NULL) return LH_OK;
  struct lh_reader in;
  lh_reader_init_user(&in, value);
  const struct lh_wire_value v = lh_read_value(&in);
  if (v.type == LH_WIRE_INT && v.as.integer >= 0 && v.as.integer <= SHUTDOWN_MAX_MS) {
    spec->shutdown_ms = v.as.integer;
  } else if (v.type == LH_WIRE_STR && is(v.as.bytes, "brutal_kill")) {
    spec->shutdown_ms = 0;
  } else if (v.type == LH_WIRE_STR && is(v.as.bytes, "infinity")) {
    spec->shutdown_ms = SHUTDOWN_MAX_MS;
  } else {
    return LH_EINVAL;
  }
  return LH_OK;
}

static int set_module(struct spec *spec, struct lh_bytes start) {
  struct lh_reader in;
  lh_reader_init_user(&in, start);
  const struct lh_wire_value list = lh_read_value(&in);
  if (list.type != LH_WIRE_ARRAY || list.as.count == 0) return LH_EINVAL;
  const struct lh_wire_value module = lh_read_value(&in);
  if (module.type != LH_WIRE_STR || module.as.bytes.len == 0) return LH_EINVAL;
  spec->module = module.as.bytes;
  return LH_OK;
}

static int check_placement(const struct spec *spec, struct lh_error *error) {
  struct lh_error problem;
  if (spec->placement.data == NULL) return LH_OK;
  if (lh_affinity_check(spec->placement, &problem) == LH_OK) return LH_OK;
  return bad(error, spec->id, problem.text);
}

static int check_parts(struct spec *spec, const struct parts *parts, struct lh_error *error) {
  if (spec->id.len == 0)
    return bad(error, spec->id, "id is missing (expected a string of 1 to 255 bytes)");
  if (parts->start.data == NULL || set_module(spec, parts->start) != LH_OK) {
    return bad(error, spec->id, "start must be a list { \"module\", args... }");
  }
  if (set_restart(spec, parts->restart) != LH_OK) {
    return bad(error, spec->id, "restart must be \"permanent\", \"transient\" or \"temporary\"");
  }
  if (parts->type.data != NULL && !is(parts->type, "worker") && !is(parts->type, "supervisor")) {
    return bad(error, spec->id, "type must be \"worker\" or \"supervisor\"");
  }
  spec->supervisor = is(parts->type, "supervisor");
  if (set_shutdown(spec, parts->shutdown) != LH_OK) {
    return bad(error, spec->id,
               "shutdown must be milliseconds up to an hour, \"brutal_kill\" or \"infinity\"");
  }
  if (lh_hub_metadata_check(spec->metadata, spec->id, error) != LH_OK) return LH_EINVAL;
  if (parts->start.len + spec->placement.len > LH_SPEC_MAX - 256)
    return bad(error, spec->id, "start and placement are larger than 64 kB");
  return check_placement(spec, error);
}

static void write_body(const struct spec *spec, const struct parts *parts, struct lh_buf *out) {
  static const char *const rules[] = {"permanent", "transient", "temporary"};
  const uint32_t fields = 1U + (spec->placement.data != NULL) +
                          (spec->restart != RESTART_PERMANENT) + spec->supervisor +
                          (parts->shutdown.data != NULL) + parts->dedicated + parts->isolated;
  lh_write_map(out, fields);
  if (spec->placement.data != NULL) {
    lh_write_cstr(out, "placement");
    lh_buf_append(out, spec->placement.data, spec->placement.len);
  }
  lh_write_cstr(out, "start");
  lh_buf_append(out, parts->start.data, parts->start.len);
  if (spec->restart != RESTART_PERMANENT) {
    lh_write_cstr(out, "restart");
    lh_write_cstr(out, rules[spec->restart]);
  }
  if (spec->supervisor) {
    lh_write_cstr(out, "type");
    lh_write_cstr(out, "supervisor");
  }
  if (parts->shutdown.data != NULL) {
    lh_write_cstr(out, "shutdown");
    lh_write_int(out, spec->shutdown_ms);
  }
  if (parts->dedicated) {
    lh_write_cstr(out, "dedicated");
    lh_write_bool(out, true);
  }
  if (parts->isolated) {
    lh_write_cstr(out, "isolated");
    lh_write_bool(out, true);
  }
}

static int bad_field(struct lh_error *error, struct lh_bytes id, struct lh_bytes key, int err) {
  char what[256];
  const char *wanted = is(key, "id")                                 ? "a string of 1 to 255 bytes"
                       : is(key, "dedicated") || is(key, "isolated") ? "true or false"
                                                                     : "a string";
  if (err == LH_ENOTFOUND)
    (void)snprintf(what, sizeof what,
                   "unknown field '%.*s' (known: id, start, restart, shutdown, type, metadata, "
                   "placement, dedicated, isolated)",
                   (int)key.len, (const char *)key.data);
  else
    (void)snprintf(what, sizeof what, "%.*s must be %s", (int)key.len, (const char *)key.data,
                   wanted);
  return bad(error, id, what);
}

static int read_map(struct lh_reader *in, struct spec *spec, struct parts *parts,
                    struct lh_error *error) {
  const struct lh_wire_value head = lh_read_value(in);
  if (head.type != LH_WIRE_MAP)
    return bad(error, spec->id, "expected a table { id = ..., start = ... }");
  for (uint32_t i = 0; i < head.as.count && in->err == 0; i++) {
    const struct lh_bytes key = lh_read_str(in, 64);
    const int err = read_field(in, key, spec, parts);
    if (err != LH_OK) return bad_field(error, spec->id, key, err);
  }
  return in->err != LH_OK ? bad(error, spec->id, "cannot be read") : LH_OK;
}

static int read_spec(struct spec *spec, struct parts *parts, struct lh_bytes input,
                     struct lh_error *error) {
  struct lh_reader in;
  *spec = (struct spec){0};
  *parts = (struct parts){0};
  lh_reader_init_user(&in, input);
  const int err = read_map(&in, spec, parts, error);
  return err == LH_OK ? check_parts(spec, parts, error) : err;
}

int lh_hub_spec_read(struct spec *spec, struct lh_bytes input, const struct guide *guide,
                     struct lh_buf *body, struct lh_error *error) {
  struct parts parts;
  struct lh_buf placement = LH_BUF_EMPTY;
  int err = read_spec(spec, &parts, input, error);
  if (err == LH_OK) err = lh_guided_place(guide, spec, &placement, error);
  if (placement.len > 0) spec->placement = lh_bytes_of(&placement);
  if (err == LH_OK) write_body(spec, &parts, body);
  lh_buf_free(&placement);
  spec->placement = lh_bytes(NULL, 0);
  return err;
}

static bool is_map(struct lh_bytes value) {
  struct lh_reader in;
  lh_reader_init(&in, value);
  if (lh_read_peek(&in) != LH_WIRE_MAP) return false;
  (void)lh_read_skip(&in);
  return lh_read_end(&in) == LH_OK;
}

int lh_hub_metadata_check(struct lh_bytes metadata, struct lh_bytes id, struct lh_error *error) {
  if (metadata.len > LH_METADATA_MAX) return bad(error, id, "metadata is larger than 4096 bytes");
  if (metadata.len > 0 && !is_map(metadata))
    return bad(error, id, "metadata must be a table with keys, at most 16 deep");
  return LH_OK;
}

void lh_hub_spec_parse(struct spec *spec, struct lh_bytes body) {
  struct parts parts = {0};
  struct lh_reader in;
  *spec = (struct spec){0};
  lh_reader_init_user(&in, body);
  if (read_map(&in, spec, &parts, NULL) != LH_OK) parts = (struct parts){0};
  spec->supervisor = is(parts.type, "supervisor");
  (void)set_restart(spec, parts.restart);
  (void)set_shutdown(spec, parts.shutdown);
  if (parts.start.data != NULL) (void)set_module(spec, parts.start);
}
