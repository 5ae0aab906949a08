-- Real nodes in network namespaces: the network is split, both sides go on, and it is healed.
local apart = require("spec.cluster.apart")
local cluster = require("spec.cluster.helper")
local tool = require("spec.cluster.tool")

local IDS = cluster.ids("c", 60)

local launch, settled = apart.launch, apart.settled

local function with_network(...)
  local why_not = apart.with(...)
  if why_not then pending(why_not) end
end

-- The generation that each child knows of itself now: it may have been raised since its init.
local function known_generations(node, ids)
  local chunk = [[
    local out = {}
    for id in ("%s"):gmatch("%%S+") do out[id] = assert(hub:call(id, "where")).generation end
    return out]]
  return node:eval(chunk:format(table.concat(ids, " ")))
end

local function pick(nodes, indexes)
  local out = {}
  for i, index in ipairs(indexes) do out[i] = nodes[index] end
  return out
end

local function joined(...)
  local out = {}
  for _, list in ipairs { ... } do table.move(list, 1, #list, #out + 1, out) end
  return out
end

local function status_of(answer) return answer.status, answer.count end

describe("A network that is split and heals", function()
  for _, sides in ipairs { { { 1, 2, 3 }, { 4, 5, 6 } }, { { 1, 5 }, { 2, 3, 4 } } } do
    local count = #sides[1] + #sides[2]
    it(("leaves %d nodes whole on both sides, later one hub of the higher generations"):format(count), function()
      with_network(count, nil, function(world, net, nodes)
        nodes[1]:start_children(IDS)
        local first = settled(world, nodes, IDS)
        local one, two = pick(nodes, sides[1]), pick(nodes, sides[2])
        net:split(sides)
        local of_one, of_two = settled(world, one, IDS), settled(world, two, IDS)
        for _, id in ipairs(IDS) do
          assert.is_true(of_one[id] >= first[id] and of_two[id] >= first[id])
        end
        local new_one, new_two = cluster.ids("one", 10), cluster.ids("two", 10)
        one[1]:start_children(new_one)
        two[1]:start_children(new_two)
        of_one, of_two = settled(world, one, joined(IDS, new_one)), settled(world, two, joined(IDS, new_two))
        net:heal()
        settled(world, nodes, joined(IDS, new_one, new_two))
        for id, generation in pairs(known_generations(nodes[1], joined(IDS, new_one, new_two))) do
          local on_one, on_two = of_one[id] or 0, of_two[id] or 0
          assert.is_true(generation >= math.max(on_one, on_two),
            ("%s: generations %d and %d, then %d"):format(id, on_one, on_two, generation))
        end
      end)
    end)
  end
end)

describe("What is stopped on one side of a split", function()
  it("does not run after the heal, whoever ran it, and can be started anew (case 64)", function()
    with_network(5, nil, function(world, net, nodes)
      nodes[1]:start_children(IDS)
      settled(world, nodes, IDS)
      local one, two = pick(nodes, { 1, 2, 3 }), pick(nodes, { 4, 5 })
      local by_one, by_two = table.move(IDS, 1, 20, 1, {}), table.move(IDS, 21, 40, 1, {})
      local rest = table.move(IDS, 41, 60, 1, {})
      net:split { { 1, 2, 3 }, { 4, 5 } }
      -- At once: nobody knows of the split yet.
      assert.same({ "ok", 20 }, { status_of(one[1]:stop_children(by_one)) })
      settled(world, one, joined(by_two, rest))
      settled(world, two, IDS)
      assert.same({ "ok", 20 }, { status_of(two[1]:stop_children(by_two)) })
      settled(world, two, joined(by_one, rest))
      net:heal()
      settled(world, nodes, rest)
      nodes[2]:start_children(by_one)
      settled(world, nodes, joined(by_one, rest))
    end)
  end)
end)

describe("Two nodes of one name on both sides of a split", function()
  -- A strategy that says which node it is asked by.
  local HUB = [[synchronization = { propagate = function(_, members, view)
      local file = assert(io.open("asked_by", "w"))
      file:write(view.self)
      file:close()
      return members
    end }]]

  local function asked_by(world, node)
    os.remove(world.directory .. "/asked_by")
    node:eval('return luahub.dispatcher.propagate_event(hub, { name = "bell", data = 1 })')
    return cluster.eventually("the strategy is asked", function()
      local file = io.open(world.directory .. "/asked_by")
      local name = file and file:read("a")
      if file then file:close() end
      return name ~= "" and name
    end)
  end

  -- What a node runs stands in its registry under the name that it has now.
  local function assert_rows_name(node)
    local own = node:eval([[
      local names = {}
      for _, child in ipairs(hub:process_list("local")) do names[#names + 1] = child.instances[1].node end
      return names]])
    for _, name in ipairs(own) do assert.are.equal(node.known_as or node.name, name) end
    assert.is_true(#own > 0)
  end

  it("T-274, L-20: are one hub after the heal: one keeps the name, the other takes another (case 45) #slow", function()
    with_network(5, { hub = HUB }, function(world, net, nodes)
      nodes[2]:start_children(IDS)
      settled(world, nodes, IDS)
      net:split { { 1, 2, 3 }, { 4, 5 } }
      nodes[5]:kill()
      settled(world, pick(nodes, { 1, 2, 3 }), IDS)
      settled(world, { nodes[4] }, IDS)
      tool.output_of(("rm %s/track.5"):format(world.directory))
      world:write("second.lua", [[
        local node = { secret_file = "secret", runtime_dir = "run5", log_level = "debug" }
        return { node = node, hubs = { { id = "main", ]] .. HUB .. [[ } } }]])
      local second = launch(world, net, 5, 4, "n1", "second.lua"):ready()
      second.try = function(self, chunk)
        local command = world:command("eval n1 " .. tool.quote(chunk) .. " --json", "LUAHUB_RUNTIME_DIR=run5")
        local text, status = tool.output_of(command .. " 2>&1 </dev/null")
        if status ~= 0 then return false, text, status end
        return true, require("cjson").decode("[" .. text .. "]")[1]
      end
      settled(world, { nodes[4], second }, IDS)
      net:heal()
      local called
      cluster.eventually("one of them takes another name", function()
        for _, node in ipairs { nodes[1], second } do
          called = node:output():match("the name n1 is held by another node: this one is (n1#%x%x%x%x) from now on")
          node.known_as = called
          if called then return true end
        end
        return false
      end)
      settled(world, { nodes[1], nodes[2], nodes[3], nodes[4], second }, IDS)
      for _, node in ipairs { nodes[1], second } do
        assert.are.equal(node.known_as or node.name, asked_by(world, node))
        assert_rows_name(node)
      end
    end)
  end)
end)

describe("One identity on both sides of a split", function()
  it("ends on one of them with status 3 and one line, and the other goes on (case 44) #slow", function()
    with_network(4, { node = 'data_dir = "data-" .. os.getenv("NODE")' }, function(world, net, nodes)
      nodes[2]:start_children(IDS)
      settled(world, nodes, IDS)
      net:split { { 1, 2 }, { 3, 4 } }
      nodes[4]:kill()
      tool.output_of(("rm %s/track.4"):format(world.directory))
      settled(world, { nodes[3] }, IDS)
      settled(world, { nodes[1], nodes[2] }, IDS)
      assert(os.execute(("cd '%s' && rm -r data-4 && cp -a data-1 data-4"):format(world.directory)))
      local twin = launch(world, net, 4, 3):ready() -- the identity of n1, one epoch later
      settled(world, { nodes[3], twin }, IDS)
      net:heal()
      -- The one whose epoch is the higher goes on: the twin's, unless n1 was told first that its epoch is over.
      local ended = cluster.eventually("one of the two has ended", function()
        return nodes[1]:status() and nodes[1] or twin:status() and twin, "both run"
      end)
      assert.are.equal(3, ended:wait())
      assert.matches("\nluahub: duplicate identity: [^\n]*\n$", ended:output())
      settled(world, { nodes[2], nodes[3], ended == twin and nodes[1] or twin }, IDS)
    end)
  end)
end)
