-- Random histories: whatever happens, nobody goes back in time, and after the heal all views become equal.
local member = require "luahub_test.member"
local cluster = dofile "spec/member/cluster.lua"

local SEEDS = tonumber(os.getenv "MEMBER_SEEDS") or 200
local HEALED_WITHIN = 15000

-- The faults of a history are drawn here, not from the simulator: it must not matter what that draws.
local function generator(seed)
  local state = seed * 2654435761 + 12345
  return function(bound)
    state = state * 6364136223846793005 + 1442695040888963407
    return (state >> 33) % bound + 1
  end
end

local function heal_network(world)
  for a = 1, world.nodes do
    for b = 1, world.nodes do world.sim:cut(a, b) end
  end
end

local faults = {
  function(world, a)
    if world.state[a] == "up" then
      world.sim:kill(a)
      world.state[a] = "down"
    end
  end,
  function(world, a, b)
    if world.state[a] == "down" then
      world.sim:start(a, a ~= b and b or nil)
      world.state[a] = "up"
    end
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
  heal_network,
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
      world.sim:kill(a)
      world.state[a] = "down"
    end
  end,
  function(world) world.sim:loss((world.random(5) - 1) * 0.1) end,
  function() end,
}

-- A run that was told to end does; `back` starts it again and lets it dial everybody.
local function carry_out_ends(world, back)
  local sim, state = world.sim, world.state
  for a = 1, world.nodes do
    if state[a] ~= "down" and sim:ended(a) then
      sim:kill(a)
      state[a] = "down"
      if back then
        sim:start(a)
        state[a] = "up"
        for b = 1, world.nodes do
          if b ~= a and state[b] == "up" then sim:join(a, b) end
        end
      end
    end
  end
end

local function live_through_faults(world)
  for _ = 1, 25 do
    local fault, a, b = world.random(#faults), world.random(world.nodes), world.random(world.nodes)
    faults[fault](world, a, b)
    world.sim:run(world.random(6000))
    carry_out_ends(world, false)
  end
end

-- No fault is left, and every node was given a seed.
local function heal(world)
  local first
  world.sim:loss(0)
  heal_network(world)
  for a = 1, world.nodes do
    if world.state[a] == "stalled" then
      world.sim:wake(a)
      world.state[a] = "up"
    end
    if world.state[a] == "up" then
      if first then world.sim:join(a, first) end
      first = first or a
    end
  end
end

local function history(seed)
  local random = generator(seed)
  local nodes = 2 + random(6)
  local sim = member.new { nodes = nodes, seed = seed,
    loss = (random(4) - 1) * 0.08, twice = 0.05, delay_max = random(30) }
  local world = { sim = sim, nodes = nodes, random = random, state = {} }
  for a = 1, nodes do
    sim:start(a, a > 1 and 1 or nil)
    world.state[a] = "up"
  end
  sim:run(3000)
  live_through_faults(world)
  heal(world)
  local healed, why = cluster.wait(sim, HEALED_WITHIN, function()
    carry_out_ends(world, true)
    return sim:agree()
  end)
  return { healed = healed, why = why, stats = sim:stats() }
end

describe("a random history", function()
  it("never goes back, and its nodes agree after the heal", function()
    for seed = 1, SEEDS do
      local result = history(seed)
      assert.is_nil(result.stats.violation, ("seed %d: %s"):format(seed, result.stats.violation))
      assert.is_truthy(result.healed, ("seed %d: %s"):format(seed, result.why))
    end
  end)

  it("is the same twice", function()
    for seed = 1, SEEDS do
      assert.equal(history(seed).stats.hash, history(seed).stats.hash, "seed " .. seed)
    end
  end)
end)
