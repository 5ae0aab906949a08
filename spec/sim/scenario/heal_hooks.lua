-- heal_hooks.lua (spec) - a split and its heal, as the hooks of each node tell of them: where a quorum decides, where a
-- strategy of the user's does, and where every side goes on.
local luahub = require("luahub")

local function hear(hub)
  local hooks = {}
  for _, key in ipairs { "node_lost", "node_returned", "quorum_lost", "quorum_regained" } do
    hooks[key] = { { id = "hear", handler = { "healing", "hear", hub, key } } }
  end
  return hooks
end

local function three_of_five(view) return #view.nodes >= 3, "too few" end

local function heard(world, name, hub)
  local all = world:eval(name, [[return require("luahub").storage.get(..., "heard") or {}]], hub)
  world:expect(all ~= nil, "an answer")
  return all
end

local function count_of(all, pattern)
  local count = 0
  for _, line in ipairs(all) do
    if line:match(pattern) then count = count + 1 end
  end
  return count
end

-- So many lines of the hub's hooks on this node match.
local function expect(world, name, hub, pattern, count)
  local all = heard(world, name, hub)
  local found = ("%s, hub %s: %s is not told %d times: %s"):format(name, hub, pattern, count, table.concat(all, "; "))
  world:expect(count_of(all, pattern) == count, "hooks tell of splits and heals", found)
end

-- The last word on `node` is that it is here again.
local function expect_returned(world, name, hub, node)
  local last
  for _, line in ipairs(heard(world, name, hub)) do
    if line:match("^node_%w+ " .. node .. "$") then last = line end
  end
  local found = ("%s, hub %s: %s"):format(name, hub, tostring(last))
  world:expect(last == "node_returned " .. node, "hooks tell of heals", found)
end

local HUBS = { "quorum", "own", "both" }
local SIDES = { { "n1", "n2" }, { "n3", "n4", "n5" } }

local function forget(world)
  for _, name in ipairs(world:nodes()) do
    for _, hub in ipairs(HUBS) do
      world:eval(name, [[require("luahub").storage.remove(..., "heard") return true]], hub)
    end
  end
end

local function expect_split(world)
  for side, names in ipairs(SIDES) do
    for _, name in ipairs(names) do
      for _, hub in ipairs(HUBS) do
        for _, node in ipairs(SIDES[3 - side]) do expect(world, name, hub, "^node_lost " .. node .. "$", 1) end
        expect(world, name, hub, "^node_lost", #SIDES[3 - side])
        expect(world, name, hub, "^node_returned", 0)
      end
      expect(world, name, "both", "^quorum", 0)
      for _, hub in ipairs { "own", "quorum" } do expect(world, name, hub, "^quorum_lost", 2 - side) end
    end
  end
end

local function expect_healed(world)
  for side, names in ipairs(SIDES) do
    for _, name in ipairs(names) do
      for _, hub in ipairs(HUBS) do
        for _, node in ipairs(SIDES[3 - side]) do expect_returned(world, name, hub, node) end
      end
      expect(world, name, "both", "^quorum", 0)
      for _, hub in ipairs { "own", "quorum" } do expect(world, name, hub, "^quorum_regained", 2 - side) end
    end
  end
end

local QUORUM = luahub.partition_tolerance.static_quorum { size = 3, of = 5 }

return {
  hubs = {
    { id = "both", hooks = hear("both") },
    { id = "own", hooks = hear("own"), partition_tolerance = { may_act = three_of_five } },
    { id = "quorum", hooks = hear("quorum"), partition_tolerance = QUORUM },
  },
  nodes = 5,
  run = function(world)
    world:cluster(5)
    world:settle()
    forget(world)
    world:split(SIDES[1])
    world:run_for(20000)
    expect_split(world)
    forget(world)
    world:heal()
    world:run_for(30000)
    expect_healed(world)
  end,
}
