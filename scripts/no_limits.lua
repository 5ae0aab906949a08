-- no_limits.lua - constants that are named like limits (..._MAX, ..._MS, ..._LIMIT) and are none, and why: for
-- scripts/limits.lua, which finds every constant of such a name that neither has a limit's comment nor stands here.

return {
  { "how soon something is looked at, said or tried again; what is tried goes on until it succeeds", [[
    ASK_AGAIN_MS BUSY_TICK_MS CALM_MS COMPLAINT_MS DIAL_MAX IDLE_TICK_MS KEEP_AGAIN_MS LH_BALANCE_MAX_MS LH_BALANCE_MS
    LH_LATELY_MS LH_LEAVE_LOOK_MS LH_ORDER_LOOK_MS LH_RECOVER_MAX_MS LH_RECOVER_MS LH_RESTARTS_MAX
    LH_RESTART_DELAY_MAX_MS LH_RESTART_DELAY_MS LH_RESTART_WINDOW_MS LH_RETRY_MS LH_STALL_MIN_MS LH_WORD_MS
    READY_CALM_MS REDIAL_MS RETRY_FIRST_MS RETRY_MAX_MS SEED_ALONE_MS SEED_FIRST_MS
    DENIED_MS OUTRANK_PAUSE_MS SEED_SLOW_MS SPARE_LOG_MS STUCK_MS WAIT_MS ]] },
  { "how long one step waits for another before it is taken without it, or is taken again", [[
    BROKEN_MAX FAREWELL_MS FETCH_MS LH_MOVE_LINK_MS LH_MOVE_MS LH_READY_MS LH_STRANGERS_MS STOP_GRACE_MS TAKEN_WORD_MS
    TRY_TIMEOUT_MS UNACKED_MAX_MS UNKNOWN_WAIT_MS ]] },
  { "what one turn, frame, record or datagram takes; the rest follows in the next", [[
    ASKED_MAX DATAGRAM_MAX FANOUT_MAX HELPERS_MAX ITEMS_MAX LH_CHUNK_MAX LH_DELTA_HEAD_MAX LH_LINK_CHUNK_MAX
    LH_PAGE_MAX LH_RECORD_MAX LIST_BYTES_MAX OP_HEAD_MAX PART_MAX REQUEST_MAX ROW_HEAD_MAX SHARED_MAX
    BATCH_RUN_MS SLICE_RUN_MS ]] },
  { "what is kept to be used again; what is not kept is made anew", [[
    BUCKETS_MAX CACHE_MAX KNOWN_MAX LH_DENIALS_MAX POOL_MAX PREALLOCATE_MAX SPARES_MAX ]] },
  { "passed over beyond it: one more address of a name, confirmation of a suspicion, frozen ledger to fetch", [[
    ACCUSERS_MAX FORMER_MAX HEALTH_MAX INSTANCES_MAX LH_FETCHES_MAX LH_HOPS_MAX LH_RESOLVE_MAX ]] },
  { "the widths of a format or a table: what does not fit is malformed, or a start finds no pid left", [[
    BODY_FIELDS_MAX BODY_MAX DEAD_MAX FIELDS_MAX FILE_MAX FROZEN_MAX HEAD_MAX LEDGERS_MAX LH_DATAGRAM_MAX
    LH_FORMAT_FIXINT_MAX LH_FORMAT_FIX_COUNT_MAX LH_FORMAT_FIX_STR_MAX LH_GENERATION_MAX LH_HEAPS_MAX LH_LINK_WORDS_MAX
    LH_PACKET_HEAD_MAX LH_PACKET_MAX LH_PROTOCOL_MAX LH_RUNS_MAX LH_SEQ_MAX MESSAGE_FIELDS_MAX METADATA_KEYS_MAX
    PORT_MAX SERIAL_MAX SLOTS_MAX VERSION_MAX ]] },
  { "room for a text that is cut there", [[
    BASE_MAX CODE_MAX LABEL_MAX LH_ADDR_TEXT_MAX LH_ERROR_TEXT_MAX LH_REFUSAL_TEXT_MAX LH_SECRET_TEXT_MAX
    REASON_MAX ]] },
  { "another limit again, or a default that whoever asks replaces, with the answer `timeout`", [[
    ALTER_MS
    ADDRESSES_MAX ANSWER_MARGIN_MS ANSWER_MS ASK_MS AWAIT_MARGIN_MS CALL_MS COMPLETE_MS DEADLINE_MAX_MS DRAIN_MS
    FORCED_MS HEAP_MEMORY_MAX
    IDS_MAX ID_MAX LEAVE_MS LH_JOINS_MAX LH_NAME_MAX NAME_MAX OPERATION_MS READY_MS REQUEST_MS SCHEDULERS_MAX
    SHUTDOWN_MAX_MS SHUTDOWN_SUPERVISOR_MS SHUTDOWN_WORKER_MS STATIC_START_MS STOP_MS TIMEOUT_MS WHICH_MS ]] },
  { "of what a person reads and types: the rest is not shown", [[
    CANDIDATES_MAX CANDIDATES_SHOWN_MAX DEPTH_MAX HISTORY_LINES_MAX INDEX_CHAIN_MAX INTERRUPTS_MAX NAMES_MAX
    SUGGESTION_DISTANCE_MAX ]] },
  { "of simulated nodes", [[ LH_CORE_ANSWERS_MAX LH_CORE_TOLD_MAX ]] },
  { "a unit", [[ NS_PER_MS ]] },
}
