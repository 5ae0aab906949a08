// failpoint.h - steps at which a test build can be told to die, or to stand still.
//
// `LH_FAILPOINT(name)` stands at a step that a crash must not spoil. In ordinary builds it is
// nothing: no code, no symbol. In a build with LH_PLANTS (`make PLANTS=1`) the environment says
// where, how, and the how manieth time:
//
//   LUAHUB_FAILPOINT=source_freeze:kill:3    SIGKILL the third time that it comes there
//   LUAHUB_FAILPOINT=source_freeze:stop:1    SIGSTOP; whoever sent it goes on with SIGCONT
//   LUAHUB_FAILPOINT_LOG=FILE                a line "killed - PID NAME", or "paused - PID NAME", is
//                                            appended just before
//
// A simulation, which has all its nodes in one process, watches instead: it is told of each step
// and says what becomes of the node. Used by spec/failpoint. Counts without a lock: protocol thread
// only.
#ifndef LH_BASE_FAILPOINT_H
#define LH_BASE_FAILPOINT_H

#ifdef LH_PLANTS
#define LH_FAILPOINT(name) lh_failpoint(#name)
void lh_failpoint(const char *name);
// `fn` is told of each step instead, until NULL is.
void lh_failpoint_watch(void (*fn)(void *self, const char *name), void *self);
#else
#define LH_FAILPOINT(name) ((void)0)
#endif

#endif
