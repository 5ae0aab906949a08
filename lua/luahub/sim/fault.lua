-- sim/fault.lua - the kinds of fault that chaos draws.
--
-- `draw(random, names)` decides all about one when it is planned, before anything happens: names.all are the nodes,
-- names.others those that may go down. `nodes` of what was drawn names those it is about. `act(world, drawn, later)`
-- does it; later(ms, fn) is how it ends. What does not apply by then is passed over.

local DAY_MS = 24 * 3600 * 1000

local M = {}

---@class luahub.sim.Fault
---@field draw fun(random: luahub.sim.Random, names: { all: string[], others: string[] }): table
---@field act fun(world: luahub.sim.World, drawn: table, later: fun(ms: integer, fn: fun()))

---@type table<string, luahub.sim.Fault>
local KIND = {}
M.KIND = KIND

local function comes_back(world, name, later, ms, options)
  later(ms, function()
    world:restart(name, options)
  end)
end

KIND.crash = {
  draw = function(r, names)
    return { nodes = { r:pick(names.others) }, vanish = r:once_in(3), ms = r:between(200, 15000), moves = r:once_in(4) }
  end,
  act = function(world, drawn, later)
    local name = drawn.nodes[1]
    if drawn.vanish then world:vanish(name) else world:crash(name) end
    comes_back(world, name, later, drawn.ms, { address = drawn.moves and "new" or nil })
  end,
}

KIND.wipe = {
  draw = function(r, names)
    return { nodes = { r:pick(names.others) }, ms = r:between(200, 15000) }
  end,
  act = function(world, drawn, later)
    world:crash(drawn.nodes[1])
    comes_back(world, drawn.nodes[1], later, drawn.ms, { disk = false })
  end,
}

KIND.leave = {
  draw = function(r, names)
    return { nodes = { r:pick(names.others) }, ms = r:between(3000, 15000) }
  end,
  act = function(world, drawn, later)
    world:leave(drawn.nodes[1])
    comes_back(world, drawn.nodes[1], later, drawn.ms)
  end,
}

local NEW_MAX = 3

KIND.join = {
  draw = function()
    return {}
  end,
  act = function(world)
    if #world.names < world.node_count + NEW_MAX then world:add() end
  end,
}

-- A machine made from the disk of another one: one of the two ends, for good.
KIND.clone = {
  draw = function(r, names)
    return { nodes = { r:pick(names.others) } }
  end,
  act = function(world, drawn)
    local name = drawn.nodes[1]
    if world.booted[name] and #world.names < world.node_count + NEW_MAX then world:clone(name) end
  end,
}

KIND.stall = {
  draw = function(r, names)
    local ms = r:once_in(4) and r:between(3000, 15000) or r:between(10, 3000)
    return { nodes = { r:pick(names.all) }, ms = r:once_in(20) and ms * 8 or ms }
  end,
  act = function(world, drawn)
    if world:is_up(drawn.nodes[1]) then world:stall(drawn.nodes[1], drawn.ms) end
  end,
}

KIND.cut = {
  draw = function(r, names)
    local picked = r:shuffle(names.all)
    local how = r:pick({ "cut", "cut_one_way", #picked > 2 and "bridge" or "cut" })
    local nodes = table.move(picked, 1, how == "bridge" and 3 or 2, 1, {})
    return { nodes = nodes, how = how, ms = r:between(200, 20000) }
  end,
  act = function(world, drawn, later)
    local a, b, c = table.unpack(drawn.nodes)
    world[drawn.how](world, a, b, c)
    later(drawn.ms, function()
      world:mend(a, c or b)
    end)
  end,
}

KIND.split = {
  draw = function(r, names)
    local picked = r:shuffle(names.all)
    return { group = table.move(picked, 1, r:between(1, #picked - 1), 1, {}), ms = r:between(500, 25000) }
  end,
  act = function(world, drawn, later)
    if #drawn.group == 0 then return end
    world:split(drawn.group)
    later(drawn.ms, function()
      world:mend()
    end)
  end,
}

KIND.weather = {
  draw = function(r)
    local harsh = r:once_in(3)
    return {
      loss = r:between(0, harsh and 50 or 10) / 100, duplicate = r:between(0, 10) / 100,
      reorder = r:between(0, 20) / 100, delay = harsh and r:between(1, 1500) or r:between(1, 80),
      ms = r:between(500, 15000),
    }
  end,
  act = function(world, drawn, later)
    world:drop(drawn.loss)
    world:duplicate(drawn.duplicate)
    world:reorder(drawn.reorder)
    world:delay(1, drawn.delay)
    later(drawn.ms, function()
      world:clear_up()
    end)
  end,
}

KIND.corrupt = {
  draw = function(r)
    return { p = r:between(1, 40) / 1000, ms = r:between(200, 6000) }
  end,
  act = function(world, drawn, later)
    world:corrupt(drawn.p)
    later(drawn.ms, function()
      world:corrupt(0)
    end)
  end,
}

KIND.skew = {
  draw = function(r, names)
    return { nodes = { r:pick(names.all) }, rate = r:between(-200, 200) / 10000, wall = r:between(-1, 1) * DAY_MS }
  end,
  act = function(world, drawn)
    world:skew(drawn.nodes[1], drawn.rate, drawn.wall)
  end,
}

-- A disk that is bad while its node is started again, or begins a new epoch.
KIND.disk = {
  draw = function(r, names)
    return {
      nodes = { r:pick(names.others) }, how = r:pick({ "full", "unsynced", "tearing" }), ms = r:between(1000, 10000),
      crash = r:once_in(2), back = r:between(200, 3000),
    }
  end,
  act = function(world, drawn, later)
    local name = drawn.nodes[1]
    world:disk(name, drawn.how)
    later(drawn.ms, function()
      world:disk(name, "good")
    end)
    if not drawn.crash then return end
    world:crash(name)
    comes_back(world, name, later, drawn.back)
  end,
}

KIND.slow_hook = {
  draw = function(r, names)
    return { nodes = { r:pick(names.all) }, ms = r:once_in(4) and r:between(5000, 8000) or r:between(10, 2000),
      last = r:between(1000, 10000) }
  end,
  act = function(world, drawn, later)
    world:slow_hook(drawn.nodes[1], drawn.ms)
    later(drawn.last, function()
      world:slow_hook(drawn.nodes[1], 0)
    end)
  end,
}

KIND.slow_receiver = {
  draw = function(r, names)
    return { nodes = { r:pick(names.all) }, rate = r:between(1, 200), last = r:between(500, 8000) }
  end,
  act = function(world, drawn, later)
    world:slow_receiver(drawn.nodes[1], drawn.rate)
    later(drawn.last, function()
      world:slow_receiver(drawn.nodes[1], 0)
    end)
  end,
}

--- In a fixed order.
M.NAMES = {
  "clone", "corrupt", "crash", "cut", "disk", "join", "leave", "skew", "slow_hook", "slow_receiver", "split", "stall",
  "weather", "wipe",
}

return M
