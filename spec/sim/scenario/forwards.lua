-- forwards.lua (spec) - starts and stops that a node passes on, because the child's node is another by then: the hook
-- children_forwarded tells of each child, once, on the node that passed it on, and everybody is answered.
local luahub = require("luahub")

local COUNT = 40

local function unchanged(data) return data end

local function hear(hub)
  return { { id = "hear", handler = { "forwarded", "hear", hub } } }
end

local function ask(world, name, code, ...)
  local answer, err = world:eval(name, 'local luahub = require("luahub") ' .. code, ...)
  world:expect(answer ~= nil, "an answer", err and err.message)
  return answer
end

local function specs(prefix, ...)
  local out = {}
  for i = 1, COUNT do out[i] = { id = prefix .. i, start = { ... } } end
  return out
end

-- What the handlers were told, as "node request child" -> how often, and what the nodes themselves counted.
local function told(world, hub)
  local found, count, counted = {}, 0, 0
  for _, name in ipairs(world:nodes(true)) do
    for _, line in ipairs(ask(world, name, [[return luahub.storage.get(..., "forwarded") or {}]], hub)) do
      local key = name .. " " .. line
      found[key], count = (found[key] or 0) + 1, count + 1
    end
    counted = counted + ask(world, name, "return luahub.counters().hub.forwarded")
  end
  return found, count, counted
end

local function expect_told(world, hub, request, before)
  world:run_for(1000)
  local found, count, counted = told(world, hub)
  for key, times in pairs(found) do
    world:expect(times == 1 and key:match("^n%d " .. request .. " n%d %l%d+$"), "each child is told of once", key)
  end
  world:expect(count > 0 and count == counted - before, "handlers are told of all that is passed on",
    ("%d children told, %d passed on"):format(count, counted - before))
  return counted
end

-- The nodes' programs take their time to alter what is to start, and meanwhile another node comes.
local function starts(world)
  for _, name in ipairs(world:nodes(true)) do world:slow_hook(name, 1500) end
  local command = world:begin_start(specs("s", "luahub.sim.probe"), { hub = "altered" })
  world:run_for(world.random:between(10, 300))
  world:add()
  world:run_for(5000)
  for _, name in ipairs(world:nodes(true)) do world:slow_hook(name, 0) end
  world:settle()
  world:expect(command.done, "the start is answered")
  world:expect(#ask(world, "n1", [[return luahub.hub("altered"):process_list()]]) == COUNT, "all run")
  return expect_told(world, "altered", "start", 0)
end

-- Children are stopped while another node takes them in: their stops go after them.
local function stops(world, before)
  local result = world:start(specs("h", "taken_in", 1000), { hub = "hot" })
  world:expect(result and #result.errors == 0, "children start")
  world:add()
  world:eventually("children are taken in", function()
    return ask(world, "n5", [[return luahub.storage.get("hot", "taking") or false]])
  end, 10000)
  local ids = {}
  for i = 1, COUNT do ids[i] = "h" .. i end
  local answer = world:stop(ids, { hub = "hot", on = "n" .. world.random:between(1, 3) })
  world:expect(answer and #answer.errors == 0 and #answer.ids == COUNT, "each stop is answered")
  world:settle()
  world:expect(#ask(world, "n1", [[return luahub.hub("hot"):process_list()]]) == 0, "none runs")
  expect_told(world, "hot", "stop", before)
end

return {
  hubs = {
    { id = "altered", hooks = { child_data_alter = { { id = "same", handler = unchanged } },
      children_forwarded = hear("altered") } },
    { id = "hot", migration = luahub.migration.hot_swap { handover = true },
      hooks = { children_forwarded = hear("hot") } },
  },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    stops(world, starts(world))
  end,
}
