-- lost_disks.lua (spec) - three nodes found the set of a majority quorum, and lose their disks, one after another. One
-- that returns without is another node, and is added; the old one stays a member, and counts. When too few of the set
-- are left nothing runs, until the set is begun anew.

local luahub = require("luahub")

local function members(world, name)
  local set, err = world:eval(name, "return require('luahub').hub('shop'):quorum_members().members")
  world:expect(set, "the set", err and err.message)
  return #set
end

local function runs(world)
  local count = 0
  for _, name in ipairs(world:nodes(true)) do count = count + #world:children(name) end
  return count
end

local function lose_disk(world, name)
  world:crash(name)
  world:run_for(world.random:between(1, 20000))
  world:restart(name, { disk = false })
  world:run_for(60000)
end

return {
  hubs = { { id = "shop", partition_tolerance = luahub.partition_tolerance.majority_quorum({ initial_size = 3 }) } },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    world:settle()
    world:expect(world:populate(10, "living"), "ten start")
    world:expect(members(world, "n1") == 3, "three founded it")
    lose_disk(world, "n3")
    world:expect(members(world, "n1") == 4, "a fourth was added", members(world, "n1") .. " members")
    world:expect(runs(world) == 10, "three of four run all", runs(world) .. " run")
    lose_disk(world, "n2")
    world:expect(members(world, "n1") == 4, "two of four add nobody", members(world, "n1") .. " members")
    world:expect(runs(world) == 0, "two of four run nothing", runs(world) .. " run")
    world:eval("n1", "return require('luahub').hub('shop'):reset_quorum()")
    world:settle(60000)
  end,
}
