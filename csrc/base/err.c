#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

const char *lh_err_name(int err) {
  static const char *const names[] = {
      "ok",    "invalid", "limit",  "format",  "timeout", "closed", "not_found", "exists",
      "again", "io",      "denied", "version", "memory",  "failed", "displaced", "stranger",
  };
  const int index = -err;
  const int count = (int)(sizeof names / sizeof names[0]);
  return index >= 0 && index < count ? names[index] : "unknown";
}

int lh_fail(struct lh_error *error, int err, const char *format, ...) {
  if (error != NULL) {
    va_list args;
    va_start(args, format);
    (void)snprintf(error->code, sizeof error->code, "%s", lh_err_name(err));
    (void)vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
  }
  return err;
}
