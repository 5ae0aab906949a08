-- Several hubs on one node, hubs that are not on every node, and children with a thread of their own.
local cluster = require("spec.cluster.helper")

-- HUBS names the hubs of a node: "red blue". Each has its own distribution.
local FILE = [[
local luahub = require "luahub"
local hubs = {}
for id in os.getenv("HUBS"):gmatch "%S+" do
  hubs[#hubs + 1] = { id = id, distribution = id == "blue" and luahub.distribution.consistent_hashing {} or nil,
    hooks = { news = { { id = "tell", handler = { "listener", "tell", "listener", "news" } } } } }
end
return { node = { secret_file = "secret", log_level = "debug" }, hubs = hubs }
]]

local function start_in(node, hub, ids)
  assert.are.equal("ok", node:eval(([[
    local specs = {}
    for id in (%q):gmatch "%%S+" do specs[#specs + 1] = { id = id, start = { "tracked" } } end
    return luahub.hub(%q):start_children(specs, { awaitable = true }):await():status()]]):format(
    table.concat(ids, " "), hub)))
end

-- Where the children of a hub say that they are, asked by one node: { [id] = node }, or nil and what is wrong.
local function where(node, hub, ids)
  local answer = node:eval(([[
    local places = { none = "" }
    for id in (%q):gmatch "%%S+" do
      local place, err = luahub.hub(%q):call(id, "where")
      places[id] = place and place.node or "no: " .. tostring(err)
    end
    return places]]):format(table.concat(ids, " "), hub))
  answer.none = nil
  return answer
end

local function all_on(node, hub, ids, allowed)
  cluster.eventually(("the children of %s run on %s"):format(hub, allowed), function()
    for id, place in pairs(where(node, hub, ids)) do
      if not allowed:find(place, 1, true) then return false, id .. " " .. place end
    end
    return true
  end)
end

describe("Hubs that are not on every node", function()
  local RED, BLUE = cluster.ids("red", 20), cluster.ids("blue", 20)

  it("keep their children on their own nodes, through a death and a join", function()
    cluster.with({ file = FILE }, function(world)
      local function start(name, hubs, join)
        return world:start(name, { environment = ("HUBS='%s'"):format(hubs), join = join })
      end
      local n1 = start("n1", "red blue")
      local n2 = start("n2", "red", { n1 })
      local n3 = start("n3", "blue", { n1 })
      cluster.eventually("each hub knows its nodes", function()
        local red = n1:eval([[return table.concat(luahub.hub("red"):nodes { include_local = true }, " ")]])
        local blue = n1:eval([[return table.concat(luahub.hub("blue"):nodes { include_local = true }, " ")]])
        return red == "n1 n2" and blue == "n1 n3", red .. "; " .. blue
      end)
      start_in(n1, "red", RED)
      start_in(n3, "blue", BLUE)
      all_on(n2, "red", RED, "n1 n2")
      all_on(n3, "blue", BLUE, "n1 n3")
      assert.are.equal("nil", n2:eval([[return tostring(luahub.hub("red"):get_pid("blue1"))]]))
      local ok, message = n2:try([[return luahub.hub("blue"):start_child({ id = "x", start = { "tracked" } })]])
      assert.is_false(ok)
      assert.matches("hub blue does not run on this node", message)
      for _, name in ipairs({ "local", "global" }) do
        assert.are.equal("not_alive", n2:eval(([[
          local answer, err = luahub.distributor.which_children_%s("blue")
          return answer or err.code]]):format(name)))
      end
      n1:kill()
      all_on(n2, "red", RED, "n2")
      all_on(n3, "blue", BLUE, "n3")
      local n4 = start("n4", "blue red", { n2 })
      for _, case in ipairs({ { n2, "red", RED }, { n3, "blue", BLUE } }) do
        cluster.eventually("some of " .. case[2] .. " have moved to n4", function()
          for _, place in pairs(where(case[1], case[2], case[3])) do
            if place == "n4" then return true end
          end
          return false
        end)
      end
      assert.is_true(n4:eval([[return luahub.hub("red"):stop()]]))
      all_on(n2, "red", RED, "n2")
      all_on(n4, "blue", BLUE, "n3 n4")
      assert.are.equal(40, n4:eval([[
        local seen = 0
        for _, answer in ipairs(luahub.distributor.which_children_global("blue")) do seen = seen + #answer.children end
        return seen]]) + #RED)
    end)
  end)
end)

describe("Children with a thread of their own", function()
  local IDS = cluster.ids("d", 9)
  -- A pattern that backtracks for longer than any test lasts: it runs in C and nothing interrupts it.
  local BLOCKS = [[
    local luahub = require("luahub")
    return { init = function() return {} end,
      call = function(state, request) return luahub.context().node end,
      cast = function() return (("a"):rep(40)):find(("a?"):rep(40) .. ("a"):rep(40)) end }]]

  it("run, move and are recovered as others, and one that blocks in C holds up nobody and no node", function()
    cluster.with(nil, function(world)
      local nodes = { world:start("n1") }
      for i = 2, 3 do
        nodes[i] = world:start("n" .. i, { join = { nodes[1] } })
      end
      world:write("blocks.lua", BLOCKS)
      nodes[1]:start_children(IDS, "dedicated = true")
      local before = world:settled(nodes, IDS)
      local place = nodes[1]:eval([[
        hub:start_child({ id = "blocks", start = { "blocks" }, dedicated = true, shutdown = "brutal_kill" },
          { awaitable = true }):await()
        local place = hub:call("blocks", "where")
        hub:cast("blocks", "go")
        return place]])
      cluster.eventually("it blocks", function()
        local _, message = nodes[1]:try([[return hub:call("blocks", "where", 300)]])
        return message ~= place
      end)
      for id, answer in pairs(nodes[2]:ask(IDS, '"where"')) do
        assert.are.equal(before[id], answer.node)
      end
      os.execute("sleep 6") -- longer than it takes to be found dead
      assert.are.equal("n1 n2 n3", nodes[1]:registry().members)
      for id, answer in pairs(nodes[2]:ask(IDS, '"where"')) do
        assert.are.equal(before[id], answer.node)
      end
      local host = nodes[tonumber(place:sub(2))]
      host:kill()
      local rest = {}
      for _, node in ipairs(nodes) do
        if node ~= host then rest[#rest + 1] = node end
      end
      cluster.eventually("it runs elsewhere", function()
        local ok, answer = rest[1]:try([[return hub:call("blocks", "where")]])
        return ok and answer ~= place, answer
      end)
      assert.are.equal("ok", rest[1]:eval([[return hub:stop_child("blocks", { awaitable = true }):await():status()]]))
      world:settled(rest, IDS)
    end)
  end)
end)
