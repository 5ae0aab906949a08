-- Nodes that keep a list of those they link with (node.allow_file), and nodes that are not on it.
local cluster = require("spec.cluster.helper")

local FILE = [[
local luahub = require "luahub"
return {
  node = { secret_file = "secret", data_dir = "data.%s"%s },
  hubs = { { id = "main" } },
}
]]

local function in_place(body)
  local world = cluster.new()
  world:write("n1.lua", FILE:format("n1", ', allow_file = "n1.allowed"'))
  world:write("n2.lua", FILE:format("n2", ""))
  world:write("n1.allowed", "# nobody but n1 itself\n")
  local ok, err = xpcall(body, debug.traceback, world, world:start("n1", { file = "n1.lua" }))
  world:close()
  if not ok then error(err, 0) end
end

-- n2's id, as n1 tells it in its refusal.
local function refused(world, n1)
  local n2 = world:launch("n2", { file = "n2.lua", join = { n1 } })
  assert.are.equal(6, n2:wait())
  local told = "\nluahub: this node is not wanted: its id (%x+) is not in the allow_file of n1\n"
  local id = ("\n" .. n2:output()):match(told)
  assert.is_truthy(id, n2:output())
  return id
end

local function names(node)
  return node:eval([[
    local names = {}
    for i, member in ipairs(require("luahub.members").list()) do names[i] = member.name .. " " .. member.state end
    return names]])
end

local function see_each_other(n1, n2)
  cluster.eventually("n1 and n2 see each other", function()
    local one, two = table.concat(names(n1), ","), table.concat(names(n2), ",")
    return one == "n1 alive,n2 alive" and two == one, one .. " / " .. two
  end)
end

describe("A node with an allow_file", function()
  it("refuses who is not in it, who then does not start, until it is (wire 37)", function()
    in_place(function(world, n1)
      local id = refused(world, n1)
      world:write("n1.allowed", ("%s  n2, at last\n"):format(id:upper()))
      assert.are.same({ "{ allowed = 1 }\n", 0 }, { world:run("reload n1") })
      see_each_other(n1, world:start("n2", { file = "n2.lua", join = { n1 } }))
    end)
  end)

  it("ends the link of who is taken off at once, and takes it back (wire 39)", function()
    in_place(function(world, n1)
      local id = refused(world, n1)
      world:write("n1.allowed", id .. "\n")
      world:run("reload n1")
      local n2 = world:start("n2", { file = "n2.lua", join = { n1 } })
      see_each_other(n1, n2)
      world:write("n1.allowed", "")
      assert.are.same({ "{ allowed = 0 }\n", 0 }, { world:run("reload n1") })
      cluster.eventually("n1 has ended the link", function()
        return n1:output():find("the link to n2 is gone: it is not on this node's list any more", 1, true), n1:output()
      end)
      cluster.eventually("n2 was told", function()
        return n2:output():find(("refuses this node: its id %s is not in the allow_file of n1"):format(id), 1, true)
      end)
      cluster.eventually("n1 has given n2 up", function()
        return n1:output():find("n2 %(epoch %d+%) is dead"), n1:output()
      end)
      world:write("n1.allowed", id .. "\n")
      world:run("reload n1")
      see_each_other(n1, n2)
    end)
  end)

  it("is left alone for a while by who was refused (wire 37) #slow", function()
    in_place(function(world, n1)
      local id = refused(world, n1)
      world:write("n1.allowed", id .. "\n")
      world:run("reload n1")
      see_each_other(n1, world:start("n2", { file = "n2.lua", join = { n1 } }))
      world:write("n1.allowed", "")
      world:run("reload n1")
      -- Without that pause it would come every 8 s at most, as any half of a split does.
      cluster.eventually("n2 comes again after a pause", function()
        local last, gap = nil, 0
        for minute, second in n1:output():gmatch("T%d+:(%d+):([%d%.]+)Z warn  n1 link: n2 is refused") do
          local now = minute * 60 + second
          gap = math.max(gap, last and (now - last) % 3600 or 0)
          last = now
        end
        return gap >= 15, n1:output()
      end)
    end)
  end)

  it("keeps its list when the file is wrong, and says which line is", function()
    in_place(function(world, n1)
      world:write("n1.allowed", ("0123456789abcdef0123456789ABCDEF\n\nn2\n"))
      local text, status = world:run("reload n1")
      assert.are.equal(1, status)
      assert.are.equal(
        "node.allow_file: ./n1.allowed:3: expected the id of a node, 32 hex digits, got \"n2\"\n", text)
      refused(world, n1)
      text, status = world:run("start n1.lua --name n3 --listen 127.0.0.1:0")
      assert.are.equal(3, status)
      assert.is_truthy(text:find("n1.allowed:3: expected the id of a node", 1, true), text)
    end)
  end)

  it("is needed for a list to be read again", function()
    cluster.with(nil, function(world)
      world:start("n1")
      assert.are.same({ "this node has no allow_file: there is nothing to read again\n", 1 },
        { world:run("reload n1") })
    end)
  end)
end)
