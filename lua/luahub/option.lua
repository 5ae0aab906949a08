-- option.lua - every option that a function takes and every field of a configuration, each group in one table: what
-- luahub.argument and luahub.config check by, and what doc/options.md is made of (`make options`).
--
-- An option is { name, kind, default, what it does }. Kinds are those of argument.check, or a list of words. `renamed`
-- and `gone` are spellings of ProcessHub: the first have another name here, the second need none, for the reason given.

---@class luahub.OptionGroup
---@field title string                 for the page: whose options these are
---@field entries table[]              { name, kind, default, what }, in the order of the page
---@field renamed table<string, string>
---@field gone table<string, string>
---@field kinds table<string, string|string[]>  by name
---@field known string[]               the names, sorted

local M = {}

--- All groups, in the order of the page.
---@type luahub.OptionGroup[]
M.GROUPS = {}

local function group(title, entries, spellings)
  local out = { title = title, entries = entries, renamed = {}, gone = {}, kinds = {}, known = {} }
  for field, map in pairs(spellings or {}) do
    out[field] = map
  end
  for i, entry in ipairs(entries) do
    out.kinds[entry[1]] = entry[2]
    out.known[i] = entry[1]
  end
  table.sort(out.known)
  M.GROUPS[#M.GROUPS + 1] = out
  return out
end

local OPERATION_RENAMED = { async_wait = "awaitable", call_timeout = "timeout", request_timeout = "timeout" }
local OPERATION_GONE = {
  await_timeout = "a result is kept until it is awaited, as long as its actor lives",
  return_first = "`:first()` of the result answers that",
  reply_to = "the answer comes to the future; `dispatcher.children_start` takes `reply_to`",
  collect_from = "the node knows whom to wait for",
  required_cids = "the node knows whom to wait for",
}

local function with(map, more)
  for name, text in pairs(more) do
    map[name] = text
  end
  return map
end

M.configuration = group("a configuration (what FILE returns)", {
  { "node", "table", "`{}`", "see the next table" },
  { "hubs", "table", "`{}`", "a list, see below" },
})

M.node = group("`node` of a configuration, `luahub.start`", {
  { "name", "string", "the host's name", "1 to 64 letters, digits, `.` `_` `-`" },
  { "secret_file", "string", "none", "a file with the cluster's secret" },
  { "secret", "string", "none", "the secret itself" },
  { "listen", "string", "`0.0.0.0:7946` with a secret", "`host:port`" },
  { "advertise", "string", "what it listens on", "`host:port` that others should use" },
  { "join", "table", "`{}`", "addresses of other nodes" },
  { "allow_file", "string", "none", "a file with the ids of the nodes that may link with this one" },
  { "data_dir", "string", "none", "where the node keeps its key, its epoch and member sets" },
  { "weight", "number", "1", "its share of children, 0 to 100" },
  { "labels", "table", "`{}`", "`{ name = \"value\" }`, what placement may ask for" },
  { "schedulers", "integer", "one a core, at most 64", "threads that run children, 0 to 256" },
  { "heap_memory", "integer", "1024", "MiB that one heap may hold" },
  { "log_level", { "debug", "info", "warn", "error", "none" }, '`"info"`', "what is logged" },
  { "runtime_dir", "string", "see the manual", "where the control socket is" },
  { "handle_signals", "boolean", "`true`", "SIGTERM and SIGINT leave gracefully" },
})

M.hub = group("a hub: `hubs[i]` of a configuration, `node:start_hub`", {
  { "id", "string", "required", "1 to 255 bytes" },
  { "children", "table", "`{}`", "static child specs" },
  { "hooks", "table", "`{}`", "handlers by key" },
  { "distribution", "table", "`distribution.rendezvous{}`", "a strategy" },
  { "redundancy", "table", "`redundancy.singularity{}`", "a strategy" },
  { "migration", "table", "`migration.cold_swap{}`", "a strategy" },
  { "synchronization", "table", "`synchronization.pubsub{}`", "a strategy" },
  { "partition_tolerance", "table", "`partition_tolerance.divergence{}`", "a strategy" },
}, {
  renamed = {
    hub_id = "id",
    child_specs = "children",
    redundancy_strategy = "redundancy",
    migration_strategy = "migration",
    synchronization_strategy = "synchronization",
    partition_tolerance_strategy = "partition_tolerance",
    distribution_strategy = "distribution",
  },
  gone = {
    hubs_discover_interval = "nodes hear of each other's hubs when they are opened",
    deadlock_recovery_timeout = "nothing is locked: every operation has a deadline",
    storage_purge_interval = "what is over is forgotten at its time",
    migr_base_timeout = "a move that takes longer than 35 s is given up, and tried again",
    dsup_max_restarts = "children are restarted for ever, ever more slowly",
    dsup_max_seconds = "children are restarted for ever, ever more slowly",
    dsup_shutdown_timeout = "each child has its own `shutdown`",
    cluster_event_debounce = "deaths are taken together by agreement on the view",
    cross_node_request_timeout = "every operation has a deadline of its own",
    req_cleanup_interval = "every operation ends at its deadline",
    nodeup_reconcile_interval = "members and registries are compared by digest all the time",
    registry_backend = "nothing of a child is kept on disk",
    auto_recovery = "children of the dead are always recovered; nothing of a child is kept on disk",
  },
})

M.child = group("a child spec", {
  { "id", "string", "required", "1 to 255 bytes, unique in the hub" },
  { "start", "table", "required", '`{ "module", args... }`' },
  { "restart", { "permanent", "transient", "temporary" }, '`"permanent"`', "whether it is started again" },
  { "shutdown", "any", "5000; supervisors 60000", 'ms for `terminate`, `"brutal_kill"` or `"infinity"`' },
  { "type", { "worker", "supervisor" }, '`"worker"`', "" },
  { "metadata", "table", "`{}`", "plain data, at most 4096 bytes encoded; a string `tag` can be queried" },
  { "placement", "table", "none", "where it is to run, see below" },
  { "dedicated", "boolean", "`false`", "a thread of its own" },
  { "isolated", "boolean", "`false`", "a heap of its own" },
}, {
  gone = { modules = "the module is the first of `start`" },
})

M.handler = group("a handler of a hook or event", {
  { "id", "string", "required", "unique for its key in the hub on this node" },
  { "priority", "integer", "0", "higher ones run first" },
  { "handler", "any", "required", '`{ "module", "function", args... }`, or a function with `immediate`' },
  { "immediate", "boolean", "`false`", "called in the main program" },
}, { gone = { m = "it stands in `handler`", f = "it stands in `handler`", a = "it stands in `handler`" } })

M.start = group("`hub:start_child`, `hub:start_children`, `distributor.init_children`", {
  { "awaitable", "boolean", "`false`", "answer a future" },
  { "timeout", "ms", "10000 and 1 for each child", "for the whole operation" },
  { "check_existing", "boolean", "`true`",
    "refuse the whole call when an id is there; with `false` each such child is an error of its own" },
  { "on_failure", { "continue", "rollback" }, '`"continue"`', "or stop what started when something failed" },
  { "ack", { "none", "one", "majority", "all" }, '`"one"`',
    "how many nodes besides the child's own hold its row before it is answered" },
  { "metadata", "table", "`{}`", "metadata of all these children; a spec's own wins" },
  { "child_metadata", "table", "`{}`", "metadata by child id; wins over both" },
  { "child_mapping", "table", "none", "nodes by child id, for `distribution.guided` and `init` of one of your own" },
  { "disable_logging", "boolean", "`false`", "no log lines about children that failed to start" },
}, {
  renamed = OPERATION_RENAMED,
  gone = with({
    init_cids = "a strategy is asked for all ids at once",
    migration_add = "moves are the hub's own",
    durable = "nothing of a child is kept on disk",
    auto_recovery_replay = "nothing of a child is kept on disk",
  }, OPERATION_GONE),
})

M.stop = group("`hub:stop_child`, `hub:stop_children`, `distributor.stop_children`", {
  { "awaitable", "boolean", "`false`", "answer a future" },
  { "timeout", "ms", "10000 and 1 for each child", "for the whole operation" },
}, {
  renamed = OPERATION_RENAMED,
  gone = OPERATION_GONE,
})

M.metadata = group("`hub:set_metadata`", {
  { "remove", "table", "`{}`", "keys that go" },
  { "replace", "boolean", "`false`", "all keys go that are not set now" },
  { "timeout", "ms", "10000", "until all nodes of the hub know" },
})

M.lookup = group("`hub:child_lookup`", {
  { "with_metadata", "boolean", "`false`", "answer its metadata, too" },
})

M.watch = group("`hub:watch`; without any: all children", {
  { "id", "text", "none", "one child" },
  { "tag", "text", "none", "the children that have, or had, this tag" },
})

M.page = group("`hub:process_list` (after the scope), `hub:registry_dump`", {
  { "limit", "count", "all", "answer so many children at most" },
  { "after", "string", "from the first", "those behind this id only" },
})

M.nodes = group("`hub:nodes`", {
  { "include_local", "boolean", "`false`", "this node, too" },
}, { gone = { connected = "every member that is not dead is listed; `luahub.node` `members()` says how each is" } })

M.drain = group("`hub:drain`", {
  { "deadline", "ms", "60000", "until what is left moves cold, whatever the migration strategy says" },
}, { renamed = { timeout = "deadline" } })

M.migrate = group("`hub:migrate_child`", {
  { "timeout", "ms", "10000", "until it runs there" },
})

M.which_children = group("`hub:which_children`", {
  { "scope", { "local", "global" }, '`"local"`', "this node, or each node of the hub" },
  { "timeout", "ms", "5000", "for all nodes together" },
}, { gone = { ["global"] = 'it is scope = "global"', ["local"] = 'it is scope = "local"' } })

M.which_children_global = group("`distributor.which_children_global`", {
  { "timeout", "ms", "5000", "for all nodes together" },
})

M.redistribution = group("`distributor.children_redist_init`", {
  { "timeout", "ms", "10000", "for each start" },
}, { gone = { migration_add = "moves are the hub's own" } })

M.node_request = group("a request of `dispatcher.children_start` and `children_stop`", {
  { "node", "text", "where each belongs", "a node of the hub that carries it out, or passes it on" },
  { "children", "table", "required", "child specs; to stop: ids, or tables with an `id`" },
  { "reply_to", "table", "`{}`", "pids that hear what each child came to" },
  { "options", "table", "`{}`", "see the next table" },
  { "transaction", "any", '`"child_start"`, `"child_stop"`', "the key of the replies" },
}, { renamed = { transaction_id = "transaction" } })

M.node_request_options = group("`options` of such a request; all but `timeout` for starts", {
  { "timeout", "ms", "10000", "for each part of 1,000 children" },
  { "check_existing", "boolean", "`true`", "an id that is there is an error" },
  { "on_failure", { "continue", "rollback" }, '`"continue"`', "or stop what started of that part" },
  { "metadata", "table", "`{}`", "metadata of all these children; a spec's own wins" },
  { "child_metadata", "table", "`{}`", "metadata by child id; wins over both" },
})

M.event = group("`dispatcher.dispatch_event`", {
  { "discard_event", "boolean", "`false`", "drop the event while the hub is locked, instead of keeping it" },
  { "members", "any", '`"global"`', '`"global"`, `"local"`, `"external"` or a list of names' },
}, {
  gone = {
    priority = "events have no levels: one waits while the hub is locked",
    atomic_priority_set = "events have no levels: one waits while the hub is locked",
  },
})

M.propagation = group("`dispatcher.propagate_event`", {
  { "members", "any", '`"global"`', '`"global"`, `"local"`, `"external"` or a list of names' },
})

M.propagated = group("the request of `dispatcher.propagate_event`", {
  { "name", "text", "required", "the key whose handlers run" },
  { "data", "any", "`nil`", "plain data" },
})

M.stored = group("`storage.insert`, `storage.update`", {
  { "ttl", "number", "without end; of an update: what is left of the old one's", "ms that the value is kept" },
})

M.collect = group("`box:collect`, `box:collect_start_results`, `box:collect_stop_results` (`luahub.mailbox`)", {
  { "ids", "table", "this or `count`", "a list: wait for a message about each of these children" },
  { "count", "count", "this or `ids`", "or for so many messages" },
  { "key", "any", "any", "only messages with this key" },
  { "nodes", "table", "any", "a list: only messages of these nodes" },
  { "timeout", "ms", "10000", "for all together" },
  { "handler", "function", "none", "`(id, result, node)`: what it answers is taken in place of the result" },
}, {
  renamed = { collect_from = "nodes", receive_key = "key", required_cids = "ids", result_handler = "handler" },
  gone = { action = "`collect_start_results` and `collect_stop_results` are two functions" },
})

M.box_receive = group("`box:receive` (`luahub.mailbox`)", {
  { "id", "text", "any", "only a message about this child" },
  { "key", "any", "any", "only one with this key" },
  { "node", "text", "any", "only one of this node" },
  { "timeout", "ms", "10000", "how long to wait" },
})

M.placement = group("`placement` of a child spec or of a distribution", {
  { "node", "any", "none", "the name of a node, or a list of names: the first that is there" },
  { "pinned", "boolean", "`false`", "on no other node: the child waits until one of them is there" },
  { "require", "table", "`{}`", "only on nodes with these labels: `{ label = value, a list of values, or true }`" },
  { "prefer", "table", "`{}`", "on the nodes that have most of these labels" },
  { "spread", "text", "none", "evenly over the values of this label" },
})

local WEIGHTS = { "weights", "table", "`{}`", "by node, 0 to 100; before what a node says itself (`node.weight`)" }
local PLACEMENT = { "placement", "table", "none", "of children that have none of their own" }

M.rendezvous = group("`distribution.rendezvous`", {
  WEIGHTS,
  { "bounded", "number", "none", "no node takes more than so many times its share, 1 to 1000" },
  PLACEMENT,
})
M.consistent_hashing = group("`distribution.consistent_hashing`", { WEIGHTS, PLACEMENT })
M.ring = group("`ring.create_ring`", {
  { "weights", "table", "`{}`", "by node, 0 to 100; 1 for those that are not named" },
})
M.guided = group("`distribution.guided`", {
  { "pinned", "boolean", "`false`", "children wait for their node; without it they run elsewhere meanwhile" },
  WEIGHTS,
})
M.load_balancer = group("`distribution.load_balancer`", { WEIGHTS, PLACEMENT }, {
  gone = {
    max_history_size = "load is how many children a node has now, and what waits there",
    weight_decay_factor = "load is how many children a node has now, and what waits there",
    push_interval = "every node counts the rows of all nodes, and hears what waits when it changes",
    nodeup_redistribution = "a child stays where it was started",
  },
})
M.singularity = group("`redundancy.singularity`", {})
M.replication = group("`redundancy.replication`", {
  { "factor", "any", "2", 'on how many nodes each child runs, or `"cluster_size"`: on each node of the hub' },
  { "model", { "active_active", "active_passive" }, '`"active_active"`', "do all instances act, or one at a time" },
  { "signal", { "none", "active", "passive", "all" }, '`"none"`', "which instances are told their role" },
}, {
  renamed = { replication_factor = "factor", replication_model = "model", redundancy_signal = "signal" },
})
local CONSENT, CHILDREN_PER_SECOND, BYTES_PER_SECOND, QUIET_TIME =
  { "consent", "table", "none", "children are asked before they move, see below; `{}` takes its defaults" },
  { "children_per_second", "count", "none", "so many begin to move from a node each second" },
  { "bytes_per_second", "count", "none", "of states that go from a node, about so many each second" },
  { "quiet_time", "ms", "30000", "until children move to a node that was lost twice; then twice as long; 0: none" }

M.cold_swap = group("`migration.cold_swap`", {
  CONSENT,
  CHILDREN_PER_SECOND,
  BYTES_PER_SECOND,
  QUIET_TIME,
}, {
  renamed = { consent_settings = "consent" },
  gone = { state_ttl = "a state that is handed over is kept by nobody" },
})
local NO_STATE = "no state goes along in an autonomous move: `migration.hot_swap` takes one along"
local NOBODY_ASKED = "nobody is asked before an autonomous move: `migration.cold_swap` asks"
M.autonomous = group("`migration.autonomous`", { CHILDREN_PER_SECOND, QUIET_TIME }, {
  gone = {
    handover = NO_STATE,
    bytes_per_second = NO_STATE,
    consent = NOBODY_ASKED,
    consent_settings = NOBODY_ASKED,
  },
})
M.hot_swap = group("`migration.hot_swap`", {
  { "handover", "boolean", "`false`", "children go hot, with their state; without it they move cold" },
  CONSENT,
  CHILDREN_PER_SECOND,
  BYTES_PER_SECOND,
  QUIET_TIME,
}, {
  renamed = { consent_settings = "consent" },
  gone = {
    retention = "a move is over when the other side has said so",
    confirm_handover = "every handover is confirmed",
    handover_data_wait = "a move is over when the other side has said so",
    child_migration_timeout = "a move that takes longer than 35 s is given up, and tried again",
    state_ttl = "a state that is handed over is kept by nobody",
    state_query_timeout = "a move that takes longer than 35 s is given up, and tried again",
  },
})
M.moving = group("a migration of your own, beside `move` and `handover`", {
  CONSENT,
  CHILDREN_PER_SECOND,
  BYTES_PER_SECOND,
  QUIET_TIME,
}, { renamed = { consent_settings = "consent" } })
M.consent = group("`consent` of a migration", {
  { "timeout", "ms", "5000", "for a child's answer; silence is `\"defer\"`" },
  { "retry_interval", "ms", "10000", "until a child that put its move off is asked again" },
  { "max_defer_time", "ms", "600000", "after this it is moved all the same" },
}, { renamed = { consent_timeout = "timeout" } })
M.pubsub = group("`synchronization.pubsub`", {}, {
  gone = { sync_interval = "nodes send what changed when it changes, and compare one digest" },
})
M.gossip = group("`synchronization.gossip`", {
  { "recipients", "count", "3", "to how many nodes one sends an event on, 64 at most" },
}, {
  gone = {
    sync_interval = "nodes send what changed when it changes, and compare one digest",
    restricted_init = "there are no rounds that a node would begin",
  },
})
M.divergence = group("`partition_tolerance.divergence`", {})
M.static_quorum = group("`partition_tolerance.static_quorum`", {
  { "size", "count", "required", "so many nodes that run the hub are a quorum; more than half of `of`" },
  { "of", "count", "`2 * size - 1`", "so many nodes there are at most" },
}, {
  renamed = { quorum_size = "size" },
  gone = { startup_confirm = "nothing is started before there is a quorum, also at the start" },
})
M.majority_quorum = group("`partition_tolerance.majority_quorum`", {
  { "initial_size", "count", "required", "so many nodes found the member set; more than half of those started first" },
}, {
  renamed = { initial_cluster_size = "initial_size" },
  gone = { track_max_size = "the set of members grows with every node that joins; static_quorum has fixed numbers" },
})

M.dynamic_quorum = group("`partition_tolerance.dynamic_quorum`", {
  { "initial_size", "count", "required", "so many nodes found the member set; more than half of those started first" },
  { "size", "count", "required", "per cent of the members that are a quorum, 1 to 100; never half of them or less" },
  { "threshold_time", "ms", "30000", "who is gone for so long is taken out of the set" },
}, {
  renamed = { quorum_size = "size" },
})

return M
