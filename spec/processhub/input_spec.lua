-- Bad input to every function of a hub and of its services: one clear line that names function and argument, at the
-- caller's place; a failure where only the node can tell. Nothing starts, and the child that runs is not disturbed.
local cluster = require("spec.cluster.helper")

local GOOD = [[{ id = "x", start = { "tracked" } }]]

-- The call, and words of what is said.
local MISUSES = {
  { [[luahub.hub("")]], "luahub.hub: id: expected a string that is not empty" },
  { [[luahub.hub(7)]], "luahub.hub: id: expected a string that is not empty, got 7" },
  { [[hub:start_child(7)]], "children[1]: expected a child spec" },
  { [[hub:start_children("x")]], 'hub:start_children: specs: expected a table, got "x"' },
  { [[hub:start_children({ id = "x" })]], "specs: expected a list of child specs, got a table with keys" },
  { [[hub:start_child(GOOD, { async_wait = true })]], "unknown option 'async_wait': it is 'awaitable' here" },
  { [[hub:start_child(GOOD, { init_cids = {} })]], "unknown option 'init_cids': there is none here" },
  { [[hub:start_child(GOOD, { awaitabl = true })]], "unknown option 'awaitabl' (did you mean 'awaitable'?)" },
  { [[hub:start_child(GOOD, { awaitable = "yes" })]], 'awaitable: expected a boolean, got "yes"' },
  { [[hub:start_child(GOOD, { on_failure = "retry" })]], "on_failure: expected one of continue, rollback" },
  { [[hub:start_child(GOOD, { ack = 1 })]], "ack: expected one of none, one, majority, all, got 1" },
  { [[hub:start_child(GOOD, { metadata = 1 })]], "metadata: expected a table, got 1" },
  { [[hub:start_child(GOOD, "awaitable")]], 'options: expected a table, got "awaitable"' },
  { [[hub:start_child(GOOD, { "awaitable" })]], "options: expected { name = value, ... }, got a list" },
  { [[hub:stop_child(7)]], "hub:stop_child: ids[1]: expected a string that is not empty, got 7" },
  { [[hub:stop_children("x")]], 'hub:stop_children: ids: expected a table, got "x"' },
  { [[hub:stop_children({ a = 1 })]], "ids: expected a list, got a table with keys" },
  { [[hub:stop_child("x", { check_existing = true })]], "hub:stop_child: unknown option 'check_existing'" },
  { [[hub:call(7, "get")]], "hub:call: id: expected a string that is not empty, got 7" },
  { [[hub:call("x", "get", -1)]], "hub:call: ms: expected a number of milliseconds" },
  { [[hub:cast(nil, "get")]], "hub:cast: id: expected a string that is not empty, got nil" },
  { [[hub:cast_tag(1, "get")]], "hub:cast_tag: tag: expected a string that is not empty, got 1" },
  { [[hub:child_lookup({})]], "hub:child_lookup: id: expected a string that is not empty, got table" },
  { [[hub:child_lookup("x", { metadata = true })]], "unknown option 'metadata'" },
  { [[hub:get_pid(true)]], "hub:get_pid: id: expected a string that is not empty, got boolean" },
  { [[hub:get_pids()]], "hub:get_pids: id: expected a string that is not empty, got nil" },
  { [[hub:process_list("everywhere")]], "hub:process_list: scope: expected one of global, local" },
  { [[hub:process_list("global", { limit = 0 })]], "limit: expected an integer from 1 on, got 0" },
  { [[hub:registry_dump({ after = 7 })]], "hub:registry_dump: after: expected a string, got 7" },
  { [[hub:tag_query({})]], "hub:tag_query: tag: expected a string that is not empty, got table" },
  { [[hub:metadata_query()]], "hub:metadata_query: key: expected a string that is not empty, got nil" },
  { [[hub:nodes({ "include_local" })]], "hub:nodes: options: expected { name = value, ... }, got a list" },
  { [[hub:which_children({ scope = "glob" })]], "hub:which_children: scope: expected one of local, global" },
  { [[hub:unwatch("x")]], 'hub:unwatch: ref: expected an integer from 1 on, got "x"' },
  { [[hub:register_hook_handlers("", {})]], "hub:register_hook_handlers: key: expected a string" },
  { [[hub:cancel_hook_handlers("k", { 1 })]], "hub:cancel_hook_handlers: ids[1]: expected a string" },
  { [[luahub.distributor.init_children(7, {})]], "init_children: hub (a hub or its id): expected a string" },
  { [[luahub.distributor.child_terminate(hub, 7)]], "distributor.child_terminate: id: expected a string" },
  { [[luahub.distributor.children_redist_init(hub, {}, 7)]], "children_redist_init: node: expected a string" },
  { [[luahub.dispatcher.children_start(hub, { { childen = {} } })]], "(did you mean 'children'?)" },
  { [[luahub.dispatcher.dispatch_event("main", "e")]], "dispatch_event: queue: expected hub.event_queue, got string" },
  { [[luahub.dispatcher.dispatch_event(hub.event_queue, "e", 1, { priority = 10 })]],
    "unknown option 'priority': there is none here: events have no levels" },
  { [[luahub.ring.get_ring(7)]], "ring.get_ring: hub (a hub or its id): expected a string that is not empty, got 7" },
  { [[luahub.cluster.new_node(hub, 7)]], "cluster.new_node: name: expected a string that is not empty, got 7" },
  { [[luahub.registry.contains_children(hub, "x")]], 'registry.contains_children: ids: expected a table, got "x"' },
  { [[luahub.storage.get(hub, 7)]], "storage.get: key: expected a string that is not empty, got 7" },
  { [[luahub.storage.insert(hub, "k", nil)]], "storage.insert: value: expected a value, got nil" },
  { [[luahub.storage.insert(hub, "k", 1, { ttl = -1 })]], "storage.insert: ttl: expected a number of milliseconds" },
  { [[hub:drain({ deadlin = 1 })]], "hub:drain: unknown option 'deadlin' (did you mean 'deadline'?)" },
  { [[hub:migrate_child(7, "n1")]], "hub:migrate_child: id: expected a string that is not empty, got 7" },
  { [[hub:migrate_child("x", 7)]], "hub:migrate_child: node: expected a string that is not empty, got 7" },
  { [[hub:release_child({})]], "hub:release_child: id: expected a string that is not empty, got table" },
  { [[hub:set_metadata("x", 7)]], "hub:set_metadata: changes: expected a table, got 7" },
  { [[luahub.distribution.rendezvous({ bounded = 0.5 })]], "bounded: expected a number from 1 to 1000, got 0.5" },
  { [[luahub.ring.add_node({}, 7)]], "ring.add_node: " },
  { [[luahub.ring.key_to_nodes(luahub.ring.create_ring({ "n1" }), "k", 0)]],
    "ring.key_to_nodes: count: expected an integer" },
  { [[hub:watch({ tga = "x" })]], "hub:watch: unknown option 'tga' (known: id, tag)" },
  { [[hub:watch({ tag = 7 })]], "hub:watch: tag: expected a string that is not empty, got 7" },
  { [[luahub.cluster.nodes(7)]], "cluster.nodes: hub (a hub or its id): expected a string" },
  { [[luahub.cluster.topology_signature({})]], "cluster.topology_signature: hub (a hub or its id): expected a string" },
  { [[luahub.state.is_locked()]], "state.is_locked: hub (a hub or its id): expected a string" },
  { [[luahub.state.await_unlocked(hub, "soon")]], "state.await_unlocked: ms: expected a number of milliseconds" },
  { [[luahub.storage.update(hub, "k", 7)]], "storage.update: fn: expected a function, got 7" },
  { [[luahub.storage.match(hub, 7)]], "storage.match: pattern: expected a string, got 7" },
  { [[luahub.synchronizer.trigger_sync(7)]], "synchronizer.trigger_sync: hub (a hub or its id): expected a string" },
  { [[luahub.hook_manager.registered_handlers(hub, 7)]], "hook_manager.registered_handlers: key: expected a string" },
  { [[luahub.hook_manager.dispatch_hooks(hub, { { 7, 1 } })]], "list[1][1] (the key): expected a string" },
  { [[luahub.hook_manager.dispatch_alter_hook(hub, "k", nil)]],
    "hook_manager.dispatch_alter_hook: value: expected a value" },
  { [[luahub.mailbox.new():collect({})]], "box:collect: expected ids = { ... } or count = N: what to wait for" },
  { [[luahub.mailbox.new():receive({ nod = "n1" })]], "box:receive: unknown option 'nod' (did you mean 'node'?)" },
  { [[luahub.migration.hot_swap({ handover = 1 })]], "migration.hot_swap: handover: expected a boolean, got 1" },
}

-- The call, the code of the failure, and words of its message.
local FAILURES = {
  { [[hub:start_children({})]], "no_children", "the list is empty" },
  { [[hub:start_child({ id = "x" })]], "invalid_spec", "children[1].start: expected a list" },
  { [[hub:start_child({ id = "x", start = { "tracked" }, restrat = "permanent" })]], "invalid_spec", "restrat" },
  { [[hub:start_child({ id = ("x"):rep(256), start = { "tracked" } })]], "invalid_spec", "255" },
  { [[hub:start_child({ id = "x", start = { "tracked", print } })]], "invalid", "function" },
  { [[luahub.hub("other"):start_child(GOOD)]], "not_alive", "hub other does not run on this node" },
  { [[luahub.hub("other"):stop_child("x")]], "not_alive", "hub other does not run on this node" },
  { [[hub:call("nobody", "get", 50)]], "not_found", "hub main has no running child nobody" },
  { [[hub:cast("nobody", "get")]], "not_found", "hub main has no running child nobody" },
  { [[hub:set_metadata("nobody", {})]], "not_found", "hub main has no child nobody" },
  { [[luahub.distributor.child_terminate(hub, "nobody")]], "not_found", "no such child runs here" },
  { [[luahub.distributor.children_redist_init(hub, { GOOD }, "n9")]], "not_found", "no live node has that name" },
  { [[luahub.dispatcher.children_start(hub, { { node = "n9", children = {} } })]], "not_found",
    "no node n9 in hub main" },
}

describe("Bad input", function()
  local world, node

  setup(function()
    world = cluster.new()
    node = world:start("n1")
    node:start_children({ "quiet" })
  end)
  teardown(function()
    world:close()
  end)

  local function said(call, first)
    return node:eval(("local GOOD = %s\nlocal %s = (function() return %s end)()\n%s"):format(GOOD, first, call, [[
      return { tostring(err and err.code), tostring(err and err.message) }]]))
  end

  it("that is a misuse is said in one line, by function and argument", function()
    for _, case in ipairs(MISUSES) do
      local answer = node:eval(("local GOOD = %s\nlocal ok, a, b = pcall(function() return %s end)\n%s"):format(
        GOOD, case[1] .. ", nil", [[return { ok, tostring(a), tostring(b) }]]))
      -- A spec of the wrong type is a failure: it is found where all specs are looked at.
      local text = answer[2]
      if answer[1] then text = said(case[1], "_, err")[2] end
      assert.is_truthy(text:find(case[2], 1, true), case[1] .. " said: " .. text)
      assert.is_nil(text:find("\n"), text)
    end
  end)

  it("that only the node can tell is a failure with a code", function()
    for _, case in ipairs(FAILURES) do
      local code, message = table.unpack(said(case[1], "_, err"))
      assert.are.equal(case[2], code, case[1] .. " said: " .. message)
      assert.is_truthy(message:find(case[3], 1, true), case[1] .. " said: " .. message)
      assert.is_nil(message:find("\n"), message)
    end
  end)

  it("starts nothing and disturbs nobody", function()
    assert.are.same({ "quiet", 0 }, node:eval([[
      local list = hub:process_list()
      return { #list == 1 and list[1].id, hub:call("quiet", "get") }]]))
    assert.are.equal(1, world:starts().quiet)
  end)
end)
