-- Real nodes in network namespaces that are cut off and come back: what their hooks are told, as the handlers write it
-- themselves, and where children go to a node that does so again and again, as the children write it.
local apart = require("spec.cluster.apart")
local cluster = require("spec.cluster.helper")
local tool = require("spec.cluster.tool")

local QUORUM = "partition_tolerance = luahub.partition_tolerance.static_quorum { size = %d, of = %d }"
local KEYS = { "node_lost", "node_returned", "quorum_lost", "quorum_regained" }

local function hooks()
  local out = {}
  for i, key in ipairs(KEYS) do
    out[i] = ('%s = { { id = "hear", handler = { "hears", "hear", "%s" } } }'):format(key, key)
  end
  return ("hooks = { %s }"):format(table.concat(out, ", "))
end

local function with(count, hub, body)
  local why_not = apart.with(count, { hub = hub }, body)
  if why_not then pending(why_not) end
end

local function heard(world, node)
  local out = {}
  for line in (tool.read(("%s/heard.%d"):format(world.directory, node.index)) or ""):gmatch("[^\n]+") do
    out[#out + 1] = line
  end
  return out
end

local function count_of(lines, pattern)
  local count = 0
  for _, line in ipairs(lines) do count = count + (line:match(pattern) and 1 or 0) end
  return count
end

-- The last that a node was told of another one.
local function await_word(world, node, other, key)
  cluster.eventually(("%s hears %s of %s"):format(node.name, key, other.name), function()
    local last
    for _, line in ipairs(heard(world, node)) do
      if line:match("^node_%l+ " .. other.name .. " ") then last = line:match("^%S+") end
    end
    return last == key, table.concat(heard(world, node), "; ")
  end)
end

local function await_words(world, some, others, key)
  for _, node in ipairs(some) do
    for _, other in ipairs(others) do await_word(world, node, other, key) end
  end
end

local function await_quorum(nodes)
  cluster.eventually("all have a quorum", function()
    for _, node in ipairs(nodes) do
      if node:eval("return hub:is_partitioned()") then return false, node.name end
    end
    return true
  end)
end

describe("Hooks of real nodes whose network is split and heals", function()
  it("tell who is lost and who is back, and of the quorum on the side that has none", function()
    with(5, QUORUM:format(3, 5) .. ", " .. hooks(), function(world, net, nodes)
      local few, many = { nodes[1], nodes[2] }, { nodes[3], nodes[4], nodes[5] }
      await_quorum(nodes)
      for _, node in ipairs(nodes) do os.remove(("%s/heard.%d"):format(world.directory, node.index)) end
      net:split { { 1, 2 }, { 3, 4, 5 } }
      await_words(world, few, many, "node_lost")
      await_words(world, many, few, "node_lost")
      for _, node in ipairs(few) do
        cluster.eventually(node.name .. " hears that its quorum is lost", function()
          return count_of(heard(world, node), "^quorum_lost n1,n2%S* 3$") > 0, table.concat(heard(world, node), "; ")
        end)
        assert.are.equal(0, count_of(heard(world, node), "^quorum_regained"))
      end
      net:heal()
      await_words(world, few, many, "node_returned")
      await_words(world, many, few, "node_returned")
      for _, node in ipairs(few) do
        cluster.eventually(node.name .. " hears that its quorum is back", function()
          local lines = heard(world, node)
          return count_of(lines, "^quorum_regained") == count_of(lines, "^quorum_lost"), table.concat(lines, "; ")
        end)
      end
      for _, node in ipairs(many) do assert.are.equal(0, count_of(heard(world, node), "^quorum")) end
    end)
  end)
end)

describe("A real node that is cut off and comes back again and again", function()
  local IDS = cluster.ids("c", 60)

  -- How many children begin on a node, as they write it there.
  local function begun_on(world, node)
    local count = 0
    for _ in (tool.read(("%s/track.%d"):format(world.directory, node.index)) or ""):gmatch("init c%d+ ") do
      count = count + 1
    end
    return count
  end

  local function cut_off(world, net, nodes)
    net:split { { 1, 2 }, { 3 } }
    await_words(world, { nodes[1], nodes[2] }, { nodes[3] }, "node_lost")
    cluster.eventually("the others run what it ran", function()
      local places, wrong = nodes[1]:ask(IDS, '"where"')
      for _, id in ipairs(IDS) do
        if not places[id] or places[id].node == "n3" then return false, id .. " " .. tostring(wrong[1]) end
      end
      return true
    end)
    net:heal()
    await_words(world, { nodes[1], nodes[2] }, { nodes[3] }, "node_returned")
    cluster.eventually("all agree that it is back", function()
      for _, node in ipairs(nodes) do
        local seen = node:registry()
        if seen.members ~= "n1 n2 n3" or seen.locked then return false, node.name .. " sees " .. seen.members end
      end
      return true
    end)
  end

  it("gets its children back once, and when it was lost twice only after the quiet time (case 52) #slow", function()
    local migration = "migration = luahub.migration.cold_swap { quiet_time = 3600000 }, "
    with(3, migration .. QUORUM:format(2, 3) .. ", " .. hooks(), function(world, net, nodes)
      await_quorum(nodes)
      nodes[1]:start_children(IDS)
      cluster.eventually("some run on n3", function() return begun_on(world, nodes[3]) > 5 end)
      local first = begun_on(world, nodes[3])
      cut_off(world, net, nodes)
      cluster.eventually("its children are back", function() return begun_on(world, nodes[3]) >= 2 * first end)
      cut_off(world, net, nodes)
      for _, node in ipairs({ nodes[1], nodes[2] }) do assert.is_true(node:eval("return hub:moves().quiet") >= 1) end
      assert.are.equal(0, nodes[3]:eval("return #hub:process_list('local')"))
      local places = nodes[3]:ask(IDS, '"where"')
      for _, id in ipairs(IDS) do assert.are_not.equal("n3", places[id].node) end
      -- What has to start goes there all the same.
      nodes[1]:kill()
      cluster.eventually("it takes children of the dead", function()
        local all = nodes[2]:ask(IDS, '"where"')
        local there = 0
        for _, id in ipairs(IDS) do
          if not all[id] or all[id].node == "n1" then return false, id end
          there = there + (all[id].node == "n3" and 1 or 0)
        end
        return there > 0, there
      end)
    end)
  end)
end)
