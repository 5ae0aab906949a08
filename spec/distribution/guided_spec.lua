-- Guided distribution on real nodes: whoever starts says where. T-003; and L-25: the mapping is checked against the
-- members, goes with the child, and no child is lost with its node.
local cluster = require("spec.cluster.helper")

local IDS = cluster.ids("c", 12)

local function started(world, count)
  local nodes = {}
  for i = 1, count do
    nodes[i] = world:start("n" .. i, { join = i > 1 and { nodes[1] } or nil })
  end
  cluster.eventually("all see all", function()
    for _, node in ipairs(nodes) do
      if node:eval("return #hub:nodes { include_local = true }") ~= count then return false end
    end
    return true
  end)
  return nodes
end

-- Starts the children with this mapping: "ok", or the code and the message.
local function start(node, ids, mapping)
  return node:eval(([[
    local specs = {}
    for id in (%q):gmatch("%%S+") do specs[#specs + 1] = { id = id, start = { "tracked" } } end
    local options = { awaitable = true, child_mapping = %s }
    local future, err = hub:start_children(specs, options)
    local result
    if future then result, err = future:await() end
    if not result then return err.code .. ": " .. err.message end
    local first = result:errors()[1]
    return first and first.code .. ": " .. first.message or result:status()]]):format(table.concat(ids, " "), mapping))
end

-- c1 on n1, c2 on n2, ...
local function in_turn(count)
  local places, text = {}, {}
  for i, id in ipairs(IDS) do
    places[id] = "n" .. (i - 1) % count + 1
    text[i] = ("[%q] = %q"):format(id, places[id])
  end
  return places, "{ " .. table.concat(text, ", ") .. " }"
end

local function hub(options)
  return ("distribution = luahub.distribution.guided { %s }"):format(options or "")
end

local STRANGER = "child 'b' is to run on 'n3', which is no node of hub 'main'"
local NAMELESS = "child 'b' needs the name of a node, or a list of names in order"

describe("A guided start", function()
  it("is refused in one line while something is wrong with its mapping, and starts nothing (T-003, L-25)", function()
    cluster.with({ hub = hub() }, function(world)
      local nodes = started(world, 2)
      for _, case in ipairs({
        { "nil",
          "missing_child_mapping: child_mapping: child 'a' has no node: the hub is guided, and the start says none" },
        { "{}", "child_mapping_mismatch: child_mapping: child 'a' is not in it" },
        { "{ b = 'n1' }", "child_mapping_mismatch: child_mapping: child 'a' is not in it" },
        { "{ a = 'n1' }", "child_mapping_mismatch: child_mapping: child 'b' is not in it" },
        { "{ 'n1', 'n2' }", "invalid_child_mapping: child_mapping: expected a table { [id] = node }" },
        { "{ a = 'n1', b = 'n3' }", "unknown_node: child_mapping: " .. STRANGER },
        { "{ a = 'n1', b = { 'n2', 'n3' } }", "unknown_node: child_mapping: " .. STRANGER },
        { "{ a = 'n1', b = {} }", "child_replication_mismatch: child_mapping: " .. NAMELESS },
        { "{ a = 'n1', b = 7 }", "child_replication_mismatch: child_mapping: " .. NAMELESS },
      }) do
        assert.are.equal(case[2], start(nodes[1], { "a", "b" }, case[1]))
      end
      local answered, problem = nodes[1]:try([[
        return hub:start_child({ id = "a", start = { "tracked" } }, { child_mapping = "n1" })]])
      assert.is_false(answered)
      assert.matches('child_mapping: expected a table, got "n1"', problem)
      assert.are.equal(0, nodes[1]:registry().count)
      assert.are.same({}, world:starts())
    end)
  end)

  it("runs each child on its node, from whichever it is started; a spec may say it itself (G15)", function()
    cluster.with({ hub = hub() }, function(world)
      local nodes = started(world, 3)
      local places, mapping = in_turn(3)
      assert.are.equal("ok", start(nodes[2], IDS, mapping))
      assert.are.same(places, world:settled(nodes, IDS))
      nodes[1]:start_children({ "own" }, [[placement = { node = "n3" }]])
      assert.are.equal("n3", world:settled(nodes, { "own", table.unpack(IDS) }).own)
      assert.are.same({ status = "ok", count = 13, ordered = 0 },
        nodes[3]:stop_children({ "own", table.unpack(IDS) }, 5000))
      assert.are.equal(0, nodes[1]:registry().count)
    end)
  end)
end)

describe("A static child that is pinned", function()
  it("is started by the node that may have it, from its own FILE", function()
    local static = [[, children = {
      { id = "mail", start = { "tracked" }, placement = { node = "n2", pinned = true } } }]]
    cluster.with({ hub = hub() .. static }, function(world)
      local nodes = started(world, 2)
      assert.are.same({ mail = "n2" }, world:settled(nodes, { "mail" }))
    end)
  end)
end)

describe("Guided children", function()
  it("run elsewhere while their node is dead, and go back to it when it returns (L-25)", function()
    cluster.with({ hub = hub() }, function(world)
      local nodes = started(world, 3)
      local places, mapping = in_turn(3)
      assert.are.equal("ok", start(nodes[1], IDS, mapping))
      assert.are.same(places, world:settled(nodes, IDS))
      nodes[2]:kill()
      for id, node in pairs(world:settled({ nodes[1], nodes[3] }, IDS)) do
        if places[id] ~= "n2" then assert.are.equal(places[id], node) end
      end
      -- A node that never heard of the mapping honours it.
      nodes[4] = world:start("n4", { join = { nodes[1] } })
      world:settled({ nodes[1], nodes[3], nodes[4] }, IDS)
      nodes[1]:kill()
      nodes[2] = world:start("n2", { join = { nodes[4] } })
      cluster.eventually("those of n2 are back", function()
        local now = world:settled({ nodes[2], nodes[3], nodes[4] }, IDS)
        for id, node in pairs(places) do
          if node ~= "n1" and now[id] ~= node then return false, id .. " is on " .. now[id] end
        end
        return true
      end)
    end)
  end)

  it("that name nodes in order run on the first that is there", function()
    cluster.with({ hub = hub() }, function(world)
      local nodes = started(world, 3)
      assert.are.equal("ok", start(nodes[1], { "a" }, "{ a = { 'n3', 'n2' } }"))
      assert.are.same({ a = "n3" }, world:settled(nodes, { "a" }))
      nodes[3]:kill()
      assert.are.same({ a = "n2" }, world:settled({ nodes[1], nodes[2] }, { "a" }))
    end)
  end)

  it("that are pinned wait for their node and nobody else runs them", function()
    cluster.with({ hub = hub("pinned = true") }, function(world)
      local nodes = started(world, 3)
      local places, mapping = in_turn(3)
      assert.are.equal("ok", start(nodes[1], IDS, mapping))
      world:settled(nodes, IDS)
      nodes[2]:kill()
      local others = {}
      for _, id in ipairs(IDS) do
        if places[id] ~= "n2" then others[#others + 1] = id end
      end
      cluster.eventually("those of n2 run nowhere", function()
        return nodes[1]:registry().count == #others
      end)
      -- They hold up nobody else's leave.
      local n4 = world:start("n4", { join = { nodes[1] } })
      assert(world:run("stop n4", 20))
      n4:wait()
      assert.is_nil(n4:output():find("not all children could be handed on", 1, true))
      nodes[2] = world:start("n2", { join = { nodes[1] } })
      assert.are.same(places, world:settled(nodes, IDS))
    end)
  end)

  it("go on elsewhere when their node leaves, where they are not pinned", function()
    cluster.with({ hub = hub() }, function(world)
      local nodes = started(world, 2)
      local _, mapping = in_turn(2)
      assert.are.equal("ok", start(nodes[1], IDS, mapping))
      assert(world:run("stop n2", 30))
      nodes[2]:wait()
      world:settled({ nodes[1] }, IDS)
    end)
  end)
end)
