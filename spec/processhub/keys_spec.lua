-- The keys of ProcessHub's hooks, HK-1 to HK-18, and ours, under their final names, each with all of its data, on real
-- nodes; T-110 to T-127 in their order, T-130 and T-131; that each row that comes or goes is told of once (T-251,
-- T-252, T-254, T-255); and that there is no key without a test in which it is called.
local cluster = require("spec.cluster.helper")
local hook = require("luahub.hook")
local sim = require("luahub.sim")

-- Keys that take more than what is done here: they are called in these.
local ELSEWHERE = {
  drain_completed = "spec/cluster/drain_spec.lua",
  migration_deferred = "spec/cluster/consent_spec.lua",
  on_conflict = "spec/cluster/conflict_spec.lua",
  node_lost = "spec/cluster/flap_spec.lua", -- and spec/sim/scenario/heal_hooks.lua, as are the next
  node_returned = "spec/cluster/flap_spec.lua",
  quorum_lost = "spec/cluster/flap_spec.lua",
  quorum_regained = "spec/cluster/flap_spec.lua",
  reconcile_round = "spec/sim/scenario/wanted.lua", -- run by spec/sim/reconcile_spec.lua
}

local called = {} -- the keys that handlers were called for here

local function hooks()
  local out = {}
  for _, key in ipairs(hook.KEYS) do
    local how = key == hook.ALTER and "mark" or "fields"
    if not ELSEWHERE[key] then
      out[#out + 1] = ('%s = { { id = "note", handler = { "ears", %q, %q } } }'):format(key, how, key)
    end
  end
  return ("hooks = { %s }"):format(table.concat(out, ", "))
end

-- What was told so far: line -> how often, and all lines, sorted.
local function told(world)
  local found, all = {}, {}
  local file = io.open(world.directory .. "/ears")
  for line in file and file:lines() or function() end do
    called[line:match("^n%d ([%w_]+)") or line] = true
    found[line] = (found[line] or 0) + 1
    all[#all + 1] = line
  end
  if file then file:close() end
  table.sort(all)
  return found, all
end

-- Waits until each of these lines was told, and finds it told once.
local function once(world, lines)
  for _, line in ipairs(lines) do
    cluster.eventually("told: " .. line, function()
      local found, all = told(world)
      return found[line], all
    end)
  end
  local found, all = told(world)
  for _, line in ipairs(lines) do
    assert.are.equal(1, found[line], line .. " in:\n" .. table.concat(all, "\n"))
  end
end

describe("The hub's own hooks", function()
  local world, n1, n2

  setup(function()
    world = cluster.new({ hub = hooks() })
    n1 = world:start("n1")
  end)
  teardown(function()
    world:close()
  end)
  before_each(function()
    os.remove(world.directory .. "/ears")
  end)

  it("T-114, T-121, T-122, T-125, T-127: tell of a start: who is asked, what is altered, what came of it", function()
    n1:start_children({ "a" }, [[metadata = { tag = "x" }]])
    once(world, {
      "n1 pre_children_start {children={a}}",
      "n1 child_data_alter {id=a metadata={tag=x} spec={id=a start={tracked}}}",
      "n1 post_children_start {children={{child_id=a node=n1 pid=PID result=ok}}}",
      "n1 child_registered {child_id=a node_pids={{node=n1 pid=PID}}}",
    })
    assert.are.equal("by child_data_alter", n1:eval([[
      return hub:child_lookup("a", { with_metadata = true }).metadata.marked]]))
  end)

  it("T-107, T-126: tell that a child runs again, and as whom", function()
    n1:try([[return hub:call("a", "crash")]])
    once(world, { "n1 child_pid_updated {child_id=a node=n1 pid=PID}" })
  end)

  it("T-115: tell that a child ended for good", function()
    assert.are.equal("ok", n1:stop_children({ "a" }).status)
    once(world, { "n1 child_unregistered {child_id=a}" })
  end)

  it("T-100, T-110, T-111, T-116, T-118 to T-120, T-123, T-130, T-131: tell of a node that joins, and of what moves to "
    .. "it, while the hub is locked", function()
    local ids = cluster.ids("c", 20)
    n1:start_children(ids)
    os.remove(world.directory .. "/ears")
    n2 = world:start("n2", { join = { n1 } })
    local places = world:settled({ n1, n2 }, ids)
    local moved, lines = {}, {
      "n1 pre_node_join {node=n2}",
      "n1 post_node_join {node=n2}",
      "n1 pre_redistribution {event=node_join nodes={n1 n2}}",
      "n1 post_redistribution {event=node_join nodes={n1 n2}}",
    }
    for _, id in ipairs(ids) do
      if places[id] == "n2" then
        moved[#moved + 1] = id
        lines[#lines + 1] = ("n1 migration_completed {children={%s} nodes={n2}}"):format(id)
      end
    end
    assert.is_true(#moved > 0)
    table.sort(moved)
    local list = table.concat(moved, " ")
    lines[#lines + 1] = ("n1 pre_children_redistribution {children={%s} event=node_join node=n2}"):format(list)
    once(world, lines)
    cluster.eventually("it is locked as often as it is not any more", function()
      local found, all = told(world)
      local locks = found["n1 priority_state_updated {locked=true}"]
      return locks and locks == found["n1 priority_state_updated {locked=false}"], all
    end)
  end)

  it("T-117: tell of a start that was asked of one node and belongs to another (children_forwarded)", function()
    local places = world:settled({ n1, n2 }, cluster.ids("c", 20))
    local mine
    for id, node in pairs(places) do
      if node == "n1" then mine = id end
    end
    assert.are.equal("ok", n1:stop_children({ mine }).status)
    os.remove(world.directory .. "/ears")
    assert.is_true(n1:eval(([[return luahub.dispatcher.children_start(hub,
      { { node = "n2", children = { { id = %q, start = { "tracked" } } } } })]]):format(mine)))
    once(world, {
      ("n2 children_forwarded {forwards={{children={%s} node=n1 request=start}}}"):format(mine),
      ("n1 child_registered {child_id=%s node_pids={{node=n1 pid=PID}}}"):format(mine),
    })
    world:settled({ n1, n2 }, cluster.ids("c", 20))
  end)

  it("T-101, T-112, T-113, T-124: tell of a node that leaves", function()
    assert.are.equal(0, n2:leave())
    world:settled({ n1 }, cluster.ids("c", 20))
    once(world, { "n1 pre_node_leave {node=n2}", "n1 post_node_leave {node=n2}" })
    local _, all = told(world)
    assert.is_truthy(table.concat(all, "\n"):match("n2 coordinator_shutdown {reason=[^\n]+}"), table.concat(all, "\n"))
  end)
end)

describe("A hub whose children are handed over", function()
  local world, n1

  setup(function()
    world = cluster.new({ hub = "migration = luahub.migration.hot_swap { handover = true }, " .. hooks() })
    world:write("entering.lua", [[
      local luahub = require("luahub")
      local function take(_, handed)
        local file <close> = io.open("entering", "a")
        file:write(luahub.context().id, "\n")
        file:close()
        while io.open("hold") do luahub.sleep(20) end
        return handed
      end
      local function same(state) return state end
      return { init = function() return {} end, handover = same, takeover = take }]])
    n1 = world:start("n1")
  end)
  teardown(function()
    world:close()
  end)

  it("T-117: tells that a stop went after a child to its new node (children_forwarded), and of the handover", function()
    n1:eval([[
      local specs = {}
      for i = 1, 40 do specs[i] = { id = "c" .. i, start = { "entering" } } end
      return luahub.await(hub:start_children(specs, { awaitable = true })):status()]])
    world:write("hold", "")
    world:start("n2", { join = { n1 } })
    local id
    cluster.eventually("a child is being taken in", function()
      local file = io.open(world.directory .. "/entering")
      id = file and file:read("l")
      if file then file:close() end
      return id ~= nil
    end)
    -- The second answer says that the first stop has reached this node, which has the child still.
    assert.are.equal("not_found", n1:eval(([[
      assert(hub:stop_child(%q) == "stop_initiated")
      return luahub.await(hub:stop_child("nobody", { awaitable = true })):errors()[1].code]]):format(id)))
    assert(os.remove(world.directory .. "/hold"))
    once(world, {
      ("n1 handover_delivered {child_ids={%s} target_node=n2}"):format(id),
      ("n1 children_forwarded {forwards={{children={%s} node=n2 request=stop}}}"):format(id),
      ("n2 child_unregistered {child_id=%s}"):format(id),
    })
    assert.is_nil(n1:eval(("return hub:child_lookup(%q)"):format(id)))
  end)
end)

describe("Starts and stops that are passed on", function()
  it("T-117: are told of by children_forwarded, each child once, and answered #notsan", function()
    for seed = 1, 20 do
      local report = assert(sim.run("spec/sim/scenario/forwards.lua", { seed = seed }))
      assert(report.ok, ("seed %d: %s: %s"):format(seed, tostring(report.invariant), tostring(report.message)))
    end
  end)
end)

describe("Rows that come and go", function()
  local world, node

  setup(function()
    world = cluster.new()
    node = world:start("n1")
  end)
  teardown(function()
    world:close()
  end)
  after_each(function()
    node:eval([[
      hub:cancel_hook_handlers("child_registered", { "in" })
      hub:cancel_hook_handlers("child_unregistered", { "out" })]])
  end)

  -- Waits until exactly these lines are there, in whatever order.
  local function heard(expected)
    table.sort(expected)
    cluster.eventually("each was told once", function()
      local _, lines = told(world)
      return table.concat(lines, ", ") == table.concat(expected, ", "), table.concat(lines, ", ")
    end)
    os.remove(world.directory .. "/ears")
  end

  it("T-251, T-252: are told of once each, and listed as they were given, and then not any more", function()
    local begun, ended = {}, {}
    for i = 1, 50 do
      begun[i], ended[i] = "n1 in b" .. i, "n1 out b" .. i
    end
    assert.are.same({ "ok", 50, 50 }, node:eval([[
      for key, word in pairs { child_registered = "in", child_unregistered = "out" } do
        assert(hub:register_hook_handlers(key, { { id = word, handler = { "ears", "note", word } } }))
      end
      local specs = {}
      for i = 1, 50 do specs[i] = { id = "b" .. i, start = { "tracked", i }, metadata = { n = i } } end
      local status, same = luahub.await(hub:start_children(specs, { awaitable = true })):status(), 0
      local rows = hub:registry_dump()
      for _, row in ipairs(rows) do
        local given = specs[row.metadata.n]
        if row.id == given.id and row.spec.start[2] == given.start[2] and #row.instances == 1 then same = same + 1 end
      end
      return { status, same, #rows }]]))
    heard(begun)
    assert.are.same({ "ok", 0 }, node:eval([[
      local ids = {}
      for i = 1, 50 do ids[i] = "b" .. i end
      return { luahub.await(hub:stop_children(ids, { awaitable = true })):status(), #hub:registry_dump() }]]))
    heard(ended)
  end)

  it("T-254, T-255: are told of from when there is a handler, and not before", function()
    node:eval([[
      local function start(id)
        assert(hub:start_child({ id = id, start = { "tracked" } }, { awaitable = true }):await())
      end
      start("before")
      assert(hub:register_hook_handlers("child_registered", { { id = "in", handler = { "ears", "note", "in" } } }))
      start("after")
      hub:stop_child("before", { awaitable = true }):await()
      assert(hub:register_hook_handlers("child_unregistered", { { id = "out", handler = { "ears", "note", "out" } } }))
      hub:stop_child("after", { awaitable = true }):await()]])
    heard({ "n1 in after", "n1 out after" })
  end)
end)

describe("The keys of the hub's hooks", function()
  it("are each called above, or in the test that is named here", function()
    for _, key in ipairs(hook.KEYS) do
      local path = ELSEWHERE[key]
      if path then
        local file <close> = assert(io.open(path))
        assert(file:read("a"):find(key, 1, true), path .. " is silent about " .. key)
      else
        assert(called[key], key .. " was never called")
      end
    end
  end)
end)
