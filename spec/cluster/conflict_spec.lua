-- Real nodes in network namespaces: a split heals, children run twice, and an on_conflict hook decides. What came of it
-- is said by the children themselves.
local cluster = require("spec.cluster.helper")
local network = require("spec.cluster.network")

local WHY_NOT = network.why_not()
local IDS = cluster.ids("c", 12)

-- What each handler does; every call is one line in the file `asked`.
local HOOKS = [[
local hooks = {}

local function note(conflict)
  local file = assert(io.open("asked", "a"))
  file:write(conflict.child_id, "\n")
  file:close()
end

function hooks.sum(conflict)
  note(conflict)
  local one, two = conflict.sides[1], conflict.sides[2]
  assert(one.generation > two.generation and one.node ~= two.node and one.metadata.of == conflict.child_id)
  conflict.state = { count = one.state.count + two.state.count }
  return conflict
end

function hooks.second(conflict)
  note(conflict)
  conflict.keep = 2
  return conflict
end

function hooks.raise(conflict)
  note(conflict)
  error("told to raise")
end

function hooks.endless(conflict)
  note(conflict)
  while true do end
end

function hooks.nonsense(conflict)
  note(conflict)
  return { keep = "n1" }
end

return hooks
]]

local HUB = [[migration = luahub.migration.hot_swap { handover = true },
  hooks = { on_conflict = { { id = "decide", handler = { "deciding", "%s" } } } }]]

local function launch(world, net, index)
  local node = world:launch("n" .. index, {
    listen = net:address(index), within = net:within(index), join = index > 1 and { net:address(1) } or nil,
    environment = ("LUAHUB_TRACK=%s/track.%d NODE=%d"):format(world.directory, index, index),
  })
  return node
end

local function whole(nodes, count)
  cluster.eventually(count .. " nodes are one hub at rest", function()
    for _, node in ipairs(nodes) do
      local seen = node:registry()
      local _, members = seen.members:gsub("%S+", "")
      if members ~= count or seen.locked or #seen.doubled > 0 or seen.count ~= #IDS then
        return false, node.name .. " sees " .. seen.members
      end
    end
    return true
  end)
end

local function each(node, request)
  return node:eval(([[
    local out = {}
    for id in ("%s"):gmatch("%%S+") do out[id] = assert(hub:call(id, %s)) end
    return out]]):format(table.concat(IDS, " "), request))
end

-- Two nodes that count 3 and 4 in each child while they are apart, and what the children say when they have met.
local function counts_after(handler)
  local counts, asked
  cluster.with({ hub = HUB:format(handler) }, function(world)
    world:write("deciding.lua", HOOKS)
    local net <close> = setmetatable({ network.new(2) }, { __close = function(box) box[1]:close() end })
    local nodes = {}
    for index = 1, 2 do nodes[index] = launch(world, net[1], index):ready() end
    nodes[1]:eval(([[
      local specs = {}
      for id in ("%s"):gmatch("%%S+") do
        specs[#specs + 1] = { id = id, start = { "tracked", 0 }, metadata = { of = id } }
      end
      return hub:start_children(specs, { awaitable = true }):await():status()]]):format(table.concat(IDS, " ")))
    whole(nodes, 2)
    net[1]:split { { 1 }, { 2 } }
    for index, node in ipairs(nodes) do
      whole({ node }, 1)
      each(node, ('{ "add", %d }'):format(index + 2))
    end
    net[1]:heal()
    whole(nodes, 2)
    cluster.eventually("no child ends any more", function()
      counts = each(nodes[1], '"get"')
      local again = each(nodes[2], '"get"')
      for id, count in pairs(counts) do
        if again[id] ~= count then return false, id end
      end
      return true
    end)
    asked = {}
    for id in io.lines(world.directory .. "/asked") do asked[id] = (asked[id] or 0) + 1 end
  end)
  return counts, asked
end

describe("An on_conflict hook of real nodes whose network heals", function()
  if WHY_NOT then
    pending(WHY_NOT)
    return
  end

  it("merges what both instances counted", function()
    local counts, asked = counts_after("sum")
    for _, id in ipairs(IDS) do
      assert.equal(1, asked[id], id)
      assert.equal(7, counts[id], id)
    end
  end)

  it("keeps the instance that would have ended", function()
    local counts, asked = counts_after("second")
    for _, id in ipairs(IDS) do
      assert.equal(1, asked[id], id)
      assert.is_true(counts[id] == 3 or counts[id] == 4, id .. " has " .. counts[id])
    end
  end)

  for _, handler in ipairs { "raise", "nonsense", "endless" } do
    it("harms nobody but itself: one that says " .. handler, function()
      local counts, asked = counts_after(handler)
      for _, id in ipairs(IDS) do
        assert.equal(1, asked[id], id)
        assert.is_true(counts[id] == 3 or counts[id] == 4, id .. " has " .. counts[id])
      end
    end)
  end
end)
