// log.h - the log: one line per event, in plain words, written by a thread of its own.
//
// Nobody waits for the log: lines go through a bounded queue, and what does not fit is dropped and
// counted (the count is printed when there is room again). Text that came from a peer or a user is
// escaped, so that it cannot forge lines or move a terminal's cursor. Thread-safe; before
// lh_log_start and after lh_log_stop lines are written by the caller itself.
#ifndef LH_BASE_LOG_H
#define LH_BASE_LOG_H

#include <stdint.h>

enum lh_log_level { LH_LOG_DEBUG, LH_LOG_INFO, LH_LOG_WARN, LH_LOG_ERROR, LH_LOG_NONE };
enum {
  // limit: bytes of one line of the log; the rest is cut off | base.log_cut |
  // spec/input/machine_spec.lua: cuts a line that is too long
  LH_LOG_LINE_MAX = 4096,
  // limit: lines that wait to be written | base.log_dropped | spec/input/machine_spec.lua: holds
  // nobody up while nobody reads it
  LH_LOG_QUEUE_MAX = 4096,
};

void lh_log_set_level(enum lh_log_level level);  // lines below it are not written; default INFO
enum lh_log_level lh_log_level(void);
void lh_log_set_name(const char *name);  // the node's name, at the head of every line
void lh_log_start(int fd);               // starts the writer; harmless when it runs
void lh_log_stop(void);                  // writes what is queued, then ends the writer
uint64_t lh_log_dropped(void);           // lines that were not written
uint64_t lh_log_cut(void);               // lines that were written without their end

// `room` says who speaks ("member", "link", "child c1").
void lh_log(enum lh_log_level level, const char *room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
