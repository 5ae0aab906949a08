-- What starts after its call was given up, on real nodes: L-26.
local cluster = require("spec.cluster.helper")

-- A child whose init waits for a file, and which says in another one that it got so far.
local SLOW = [[
local luahub = require("luahub")
local slow = {}
function slow.init()
  assert(io.open("begun-" .. luahub.context().id, "w")):close()
  while not io.open("go") do luahub.sleep(20) end
  return {}
end
return slow]]

local START = [[
  local specs = { { id = "quick", start = { "tracked" } } }
  for i = 1, 12 do specs[#specs + 1] = { id = "s" .. i, start = { "slow" } } end
  local options = { awaitable = true, timeout = 1500, on_failure = %q }
  local result = assert(luahub.await(hub:start_children(specs, options)))
  local word, both, rolled = result:format()
  local codes = {}
  for _, e in ipairs(result:errors()) do codes[e.code] = (codes[e.code] or 0) + 1 end
  return { word = word, rolled = rolled or "no", started = result:cids(), codes = codes }]]

local function given_up(rolled)
  return { word = "error", rolled = rolled, started = { "quick" }, codes = { child_start_timeout = 12 } }
end

local function begun(world)
  for i = 1, 12 do
    if not io.open(("%s/begun-s%d"):format(world.directory, i)) then return false end
  end
  return true
end

describe("L-26: a start whose deadline passes", function()
  it("under rollback leaves nothing, neither what had started nor what starts later", function()
    cluster.with(nil, function(world)
      world:write("slow.lua", SLOW)
      local nodes = world:hub_of(3)
      assert.are.same(given_up("rollback"), nodes[1]:eval(START:format("rollback")))
      assert.is_true(begun(world))
      world:write("go", "")
      world:settled(nodes, {})
    end)
  end)

  it("runs what it began otherwise", function()
    cluster.with(nil, function(world)
      world:write("slow.lua", SLOW)
      local nodes = world:hub_of(2)
      assert.are.same(given_up("no"), nodes[1]:eval(START:format("continue")))
      world:write("go", "")
      for _, node in ipairs(nodes) do
        cluster.eventually("all are listed", function()
          return node:registry().count == 13
        end)
      end
    end)
  end)
end)
