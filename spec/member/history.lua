-- Random histories of membership alone: faults drawn from a seed, and what must hold. A history answers a table
-- { invariant, text, hash }: the invariant that did not hold, or none.
--
--   faults   anything may happen to anybody; nothing goes back, and after the heal all views become equal
--   gentle   only what must not kill: pauses, lost packets, one broken or firewalled link, and real deaths beside;
--            no healthy node is declared dead, and the dead are
local member = require "luahub_test.member"
local cluster = dofile "spec/member/cluster.lua"

local HEALED_WITHIN = 15000
local DEAD_WITHIN = 15000
local REFUTATIONS_MAX = 12

local history = {}

-- The faults of a history are drawn here, not from the simulator: it must not matter what that draws.
local function generator(seed)
  local state = seed * 2654435761 + 12345
  return function(bound)
    state = state * 6364136223846793005 + 1442695040888963407
    return (state >> 33) % bound + 1
  end
end

local World = {}
World.__index = World

local function new_world(seed, random, nodes, conditions)
  conditions.nodes, conditions.seed = nodes, seed
  local world = setmetatable({
    sim = member.new(conditions), nodes = nodes, random = random, state = {}, returned = {},
  }, World)
  for a = 1, nodes do
    world.sim:start(a, a > 1 and 1 or nil)
    world.state[a] = "up"
  end
  world.sim:run(3000)
  return world
end

function World:kill(a)
  self.sim:kill(a)
  self.state[a] = "down"
end

function World:start(a, seed)
  self.sim:start(a, seed)
  self.state[a], self.returned[a] = "up", true
end

function World:heal_network()
  for a = 1, self.nodes do
    for b = 1, self.nodes do
      self.sim:cut(a, b)
      self.sim:refuse(a, b, false)
    end
  end
end

local faults = {
  function(world, a)
    if world.state[a] == "up" then world:kill(a) end
  end,
  function(world, a, b)
    if world.state[a] == "down" then world:start(a, a ~= b and b or nil) end
  end,
  function(world, a)
    if world.state[a] == "up" then
      world.sim:stall(a)
      world.state[a] = "stalled"
    end
  end,
  function(world, a)
    if world.state[a] == "stalled" then
      world.sim:wake(a)
      world.state[a] = "up"
    end
  end,
  function(world, a, b) world.sim:cut(a, b, "datagrams") end,
  function(world, a, b) world.sim:cut(a, b, "all") end,
  World.heal_network,
  function(world, a, b) world.sim:break_link(a, b) end,
  function(world)
    local half = world.nodes // 2
    for a = 1, world.nodes do
      for b = 1, world.nodes do
        if (a <= half) ~= (b <= half) then world.sim:cut(a, b, "all") end
      end
    end
  end,
  function(world, a, b)
    if world.state[a] == "up" and a ~= b and world.sim:state(a, b) == "dead" then world.sim:fence(a, b) end
  end,
  function(world, a)
    if world.state[a] == "up" and world.random(3) == 1 then
      world.sim:leave(a)
      world.sim:run(50)
      world:kill(a)
    end
  end,
  function(world) world.sim:loss((world.random(5) - 1) * 0.1) end,
  function(world, a, b) world.sim:refuse(a, b, true) end,
  -- A fact about one node that another made and a third one signed.
  function(world, a, b)
    local c = world.random(world.nodes)
    if world.state[a] ~= "up" or a == b or a == c or b == c or world.state[c] == "down" then return end
    local forged = ({ "left", "dead", "alive" })[world.random(3)]
    world.sim:inject(a, b, world.sim:fact(forged, c, 1, forged == "dead" and b or c, a), true)
  end,
  function() end,
}

-- A run that was told to end does; `back` starts it again and lets it dial everybody.
function World:carry_out_ends(back)
  local sim, state = self.sim, self.state
  for a = 1, self.nodes do
    if state[a] ~= "down" and sim:ended(a) then
      self:kill(a)
      if back then
        self:start(a)
        for b = 1, self.nodes do
          if b ~= a and state[b] == "up" then sim:join(a, b) end
        end
      end
    end
  end
end

--- How often the node that was suspected most has answered.
function World:most_refutations()
  local most = 0
  for a = 1, self.nodes do
    if self.state[a] == "up" then most = math.max(most, self.sim:counters(a).refutations) end
  end
  return most
end

-- No fault is left. Who started anew was given a seed; the others have to find each other.
function World:heal()
  local first
  self.sim:loss(0)
  self:heal_network()
  for a = 1, self.nodes do
    if self.state[a] == "stalled" then
      self.sim:wake(a)
      self.state[a] = "up"
    end
    if self.state[a] == "up" then first = first or a end
  end
  for a = 1, self.nodes do
    local seed = a == first and 0 or first
    if self.state[a] == "up" and self.returned[a] and seed > 0 then self.sim:join(a, seed) end
  end
  if not first or not self.returned[first] then return end
  for b = first + 1, self.nodes do
    if self.state[b] == "up" then self.sim:join(first, b) end
  end
end

local function verdict(world, invariant, text)
  local stats = world.sim:stats()
  if stats.violation then
    invariant, text = stats.violation:match "^(.-): (.*)$"
  end
  return { invariant = invariant, text = text, hash = stats.hash }
end

-- With no fault left: why the views are not equal, or nil.
local function disagreement(world)
  world:heal()
  local healed, why = cluster.wait(world.sim, HEALED_WITHIN, function()
    world:carry_out_ends(true)
    return world.sim:agree()
  end)
  return not healed and why or nil
end

--- Anything may happen.
function history.faults(seed)
  local random = generator(seed)
  local world = new_world(seed, random, 2 + random(6),
    { loss = (random(4) - 1) * 0.08, twice = 0.05, delay_max = random(30) })
  for _ = 1, 25 do
    local fault, a, b = random(#faults), random(world.nodes), random(world.nodes)
    faults[fault](world, a, b)
    world.sim:run(random(6000))
    world:carry_out_ends(false)
  end
  local why = disagreement(world)
  return verdict(world, why and "L1 all views are equal", why)
end

-- Faults that leave every node that runs in touch with all others, if only through one of them.
local gentle = {
  function(world, a)
    if world.state[a] ~= "up" then return end
    world.sim:stall(a)
    world.sim:run(world.random(8000))
    world.sim:wake(a)
    world.sim:run(12000)
  end,
  function(world)
    for a = 1, world.nodes do
      if world.state[a] == "up" then world.sim:stall(a) end
    end
    world.sim:run(world.random(20000))
    for a = 1, world.nodes do
      if world.state[a] == "up" then world.sim:wake(a) end
    end
    world.sim:run(12000)
  end,
  function(world, a, b)
    world:heal_network()
    world.sim:cut(a, b, "datagrams")
  end,
  function(world, a)
    world:heal_network()
    for b = 1, world.nodes do
      world.sim:cut(a, b, "datagrams")
      world.sim:cut(b, a, "datagrams")
    end
  end,
  function(world, a, b)
    world:heal_network()
    if a == b then return end
    world.sim:cut(a, b, "all")
    world.sim:cut(b, a, "all")
    world.sim:run(world.random(10 * 60000))
  end,
  function(world, a, b)
    world:heal_network()
    world.sim:refuse(a, b, true)
    world.sim:break_link(a, b)
  end,
  function(world, a, b) world.sim:break_link(a, b) end,
  function(world) world.sim:loss((world.random(6) - 1) * 0.01) end,
  function(world, a)
    if a == 1 or world.state[a] ~= "up" then return end
    world:kill(a)
    world.sim:run(DEAD_WITHIN)
    world:start(a, 1)
  end,
  function() end,
}

-- Every node that runs holds a node that was killed for dead.
local function finds_the_dead(world, a)
  world:kill(a)
  return cluster.wait(world.sim, DEAD_WITHIN, function()
    return cluster.all_see(world.sim, cluster.others(world.nodes, a), a, "dead")
  end)
end

--- Nothing happens that may kill a healthy node.
function history.gentle(seed)
  local random = generator(seed)
  local world = new_world(seed, random, 3 + random(5), { loss = (random(3) - 1) * 0.02, twice = 0.02, delay_max = 5 })
  local kinds = {}
  for _ = 1, 3 do kinds[#kinds + 1] = random(#gentle) end
  for _ = 1, 12 do
    gentle[kinds[random(#kinds)]](world, random(world.nodes), random(world.nodes))
    world.sim:run(random(6000))
    world:carry_out_ends(true)
  end
  if world.sim:stats().false_verdicts > 0 then
    return verdict(world, "S5 no healthy node is declared dead", "a node that runs was declared dead")
  end
  local why = disagreement(world)
  if why then return verdict(world, "L1 all views are equal", why) end
  local most = world:most_refutations()
  if most > REFUTATIONS_MAX + world.sim:now() // 15000 then
    return verdict(world, "L5 no suspicion goes on", ("a node had to say %d times that it lives"):format(most))
  end
  local found
  found, why = finds_the_dead(world, 1 + random(world.nodes - 1))
  return verdict(world, not found and "L1 the dead are found" or nil, why)
end

return history
