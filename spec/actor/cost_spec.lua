-- What an idle child costs: its struct, its identity, its Lua state and its share of the heap.
local World = dofile "spec/actor/world.lua"
local actor = require "luahub_test.actor"

local function start(world, from, count)
  local batch = {}
  for i = 1, count do batch[i] = { token = i, id = "child-" .. from + i, spec = { start = { "idle" } } } end
  world.raw:start(batch)
  for _ = 1, count do world.raw:next() end
end

describe("an idle server child", function()
  it("costs less than 900 bytes in all", function()
    local world = World.new(0)
    start(world, 0, 10)
    collectgarbage()
    local before = actor.memory()
    start(world, 1000, 4000)
    collectgarbage()
    local each = (actor.memory() - before) / 4000
    world:close()
    assert.is_true(each < 900, ("%.0f bytes"):format(each))
  end)
end)
