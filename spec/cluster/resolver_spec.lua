-- A name server that never answers: the node looks its seed's name up for a while, and nobody waits for that.
local cluster = require("spec.cluster.helper")
local tool = require("spec.cluster.tool")

-- The beginning of a command that runs a node where names are asked of an address behind which nobody is. Routed to
-- the loopback of a machine that it is not an address of, a packet is dropped without a word.
local SCRIPT = table.concat({
  "ip link set lo up", "ip route add 10.77.1.2/32 dev lo", "echo nameserver 10.77.1.2 >resolv.conf",
  "mount --bind resolv.conf /etc/resolv.conf", [[exec "$@"]],
}, " && ")
local WITHIN = "unshare -rmn sh -c " .. tool.quote(SCRIPT) .. " sh"

local GIVEN_UP = "the seed nobody.example:7946 has no address (timeout)"

local function why_not(directory)
  local text, status = tool.output_of(("cd %s && %s true 2>&1"):format(tool.quote(directory), WITHIN))
  return status ~= 0 and "networks and mounts of one's own are not allowed here: " .. text:gsub("%s+$", "") or nil
end

local function place(text, words)
  return assert(text:find(words, 1, true), words .. ": not in\n" .. text)
end

describe("A name server that does not answer", function()
  it("holds neither the start of a node, nor its children, nor its end (case 89) #notsan", function()
    local problem
    cluster.with(nil, function(world)
      problem = why_not(world.directory)
      if problem then return end
      local node = world:start("n1", { within = WITHIN, join = { "nobody.example:7946" } })
      node:start_children(cluster.ids("c", 20))
      local answered = 0
      tool.eventually("the name server is given up", function()
        assert.equal("n1", node:eval("return hub:call('c1', 'where').node"))
        if node:output():find(GIVEN_UP, 1, true) then return true end
        answered = answered + 1
      end)
      local output = node:output()
      assert.is_true(place(output, "n1 ready") < place(output, GIVEN_UP))
      assert.is_true(answered > 0, "nothing was answered while the name was looked up")
      assert.equal(0, node:leave())
    end)
    if problem then pending(problem) end
  end)
end)
