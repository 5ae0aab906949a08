// limit.h - what bounds this room, besides what actor.h tells everybody. Private to it.
#ifndef LH_ACTOR_LIMIT_H
#define LH_ACTOR_LIMIT_H

enum {
  // limit: threads of all kinds; a `dedicated` child beyond them does not start |
  // actor.start_failures | spec/actor/limit_spec.lua: limit the threads of dedicated children
  SCHEDS_MAX = 1024,
  SPARES_MAX = 4,     // threads started because every scheduler is stuck in C
  SLICE_TURNS = 256,  // turns of one heap before the next heap runs
  SLICE_RUN_MS = 2,   // the same, as time
  POOL_MAX = 64,      // coroutines kept by a heap for the next callback
  // limit: messages on their way into one heap | actor.inbox_full | spec/actor/limit_spec.lua:
  // limits the messages on their way into a heap
  INBOX_MAX = 1000000,
  // limit: futures of one actor that nobody awaited | actor.futures_full |
  // spec/actor/limit_spec.lua: limit the futures that nobody awaits
  FUTURES_MAX = 4096,
  // limit: how long messages for the old pid of a child that was handed over find it |
  // actor.dropped | spec/input/limit_spec.lua: of pids of children that have moved
  FORWARD_MS = 30000,
  STARTED_BATCH = 256,  // results handed over in one child_started
  // limit: questions to the main program that it takes while it waits in the answer to another |
  // nothing: the others wait until it is back | spec/actor/child_spec.lua: takes no more questions
  // inside of others than it should
  ASK_DEPTH_MAX = 16,
  STEP_INSTRUCTIONS = 100000,  // where signals cannot preempt, a turn's instructions
  CHILDREN_PER_HEAP = 16,  // more children than this: another heap, until every scheduler has one
  STUCK_MS = 50,           // Lua would have given way by then: the thread is inside C
  URGENT_BUCKETS = 1024,   // of the table of urgent orders
  FORMER_MAX = 16,         // run indexes under which our pids still work
  DEADLINE_MAX_MS = 1000000000,  // eleven days; longer waits are cut to it
  // limit: bytes of the name of a module | actor.start_failures | spec/actor/limit_spec.lua: refuse
  // the name of a module that is too long
  MODULE_NAME_MAX = 255,
  CODE_MAX = 31,
  LABEL_MAX = 96,
  REASON_MAX = 400,
};

#endif
