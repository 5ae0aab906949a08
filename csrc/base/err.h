// err.h - the error codes of the C core, and an error with a text.
//
// Every function that can fail answers 0 (or a count) or one of these negative codes. A code says
// which kind of thing went wrong; `struct lh_error` adds the one clear line that a person reads.
#ifndef LH_BASE_ERR_H
#define LH_BASE_ERR_H

enum lh_err {
  LH_OK = 0,
  LH_EINVAL = -1,       // the caller's argument is wrong
  LH_ELIMIT = -2,       // a named limit was reached
  LH_EFORMAT = -3,      // bytes that are not what they should be
  LH_ETIMEOUT = -4,     // the deadline passed
  LH_ECLOSED = -5,      // the other end is gone
  LH_ENOTFOUND = -6,    // no such thing
  LH_EEXISTS = -7,      // there is one already
  LH_EAGAIN = -8,       // not now; try again
  LH_EIO = -9,          // the operating system said no
  LH_EDENIED = -10,     // not allowed
  LH_EVERSION = -11,    // no common protocol version
  LH_ENOMEM = -12,      // memory was refused
  LH_EFAILED = -13,     // user code failed
  LH_EDISPLACED = -14,  // another process with the same identity goes before this one
  LH_ESTRANGER = -15,   // the other end does not hold the cluster's secret
};

enum { LH_ERROR_TEXT_MAX = 512 };

// What went wrong, for a person. `code` is the short name that programs compare ("not_found").
struct lh_error {
  char code[32];
  char text[LH_ERROR_TEXT_MAX];
};

// The short name of an error code: lh_err_name(LH_ENOTFOUND) is "not_found". Never NULL.
const char *lh_err_name(int err);

// Fills `error` (which may be NULL) and answers `err`, so that callers write `return lh_fail(...)`.
int lh_fail(struct lh_error *error, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
