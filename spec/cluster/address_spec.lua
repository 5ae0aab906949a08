-- How nodes are told where others are: IPv6, host names, advertised addresses, and seeds that do not answer.
local cluster = require("spec.cluster.helper")

local function count(text, pattern)
  return select(2, text:gsub(pattern, ""))
end

describe("Nodes find each other", function()
  it("by IPv6", function()
    cluster.with(nil, function(world)
      local n1 = world:start("n1", { listen = ("[::1]:%d"):format(cluster.free_port()) })
      assert.matches("n1 ready on [::1]:", n1:output(), 1, true)
      local n2 = world:start("n2", { listen = ("[::1]:%d"):format(cluster.free_port()), join = { n1 } })
      n2:start_children(cluster.ids("c", 10))
      world:settled({ n1, n2 }, cluster.ids("c", 10))
      assert.are.equal(n2.address, n1:member("n2").address)
    end)
  end)

  it("by host names, also of what they listen on and advertise", function()
    if not os.execute("getent hosts localhost >/dev/null") then
      pending("this machine knows no address of localhost")
      return
    end
    local port = cluster.free_port()
    cluster.with({ node = ([[advertise = os.getenv("ADVERTISE")]]) }, function(world)
      local n1 = world:start("n1", { listen = "localhost:" .. port, environment = "ADVERTISE=localhost:" .. port })
      local n2 = world:start("n2", { join = { "localhost:" .. port } })
      world:settled({ n1, n2 }, {})
      assert.are.equal("localhost:" .. port, n2:member("n1").address)
      local n3 = world:start("n3", { join = { n2 } })
      world:settled({ n1, n2, n3 }, {})
    end)
  end)

  it("from the command line's seeds and those of the file", function()
    local ports = { cluster.free_port(), cluster.free_port() }
    cluster.with({ node = ([[join = { "127.0.0.1:%d" }]]):format(ports[1]) }, function(world)
      local n1 = world:start("n1", { port = ports[1] })
      local n2 = world:launch("n2", { port = ports[2], join = { "127.0.0.1:1" } })
      world:settled({ n1, n2:ready() }, {})
    end)
  end)

  it("whenever one comes, and are ready meanwhile; what is wrong with a seed is said once (case 47)", function()
    cluster.with(nil, function(world)
      local port = cluster.free_port()
      local n1 = world:start("n1", { join = { "127.0.0.1:" .. port, "no.such.host.invalid:7000" } })
      assert.are.equal(1, count(n1:output(), "no node of `join` has answered yet; it goes on trying\n"))
      local n2 = world:start("n2", { port = port })
      world:settled({ n1, n2 }, {})
      assert.are.equal(1, count(n1:output(), "the seed no.such.host.invalid:7000 has no address"))
    end)
  end)
end)

describe("The control socket", function()
  it("is its owner's only, in a directory that nobody else may write", function()
    cluster.with(nil, function(world)
      local n1 = world:start("n1")
      local tool = require("spec.cluster.tool")
      local run = world.directory .. "/run"
      assert.are.equal("600\n", (tool.output_of(("stat -c %%a '%s/n1.sock'"):format(run))))
      assert.are.equal("700\n", (tool.output_of(("stat -c %%a '%s'"):format(run))))
      assert.are.equal(0, n1:leave())
      assert(os.execute(("chmod 777 '%s'"):format(run)))
      local n2 = world:launch("n2")
      assert.are.equal(6, n2:wait())
      assert.matches("can be written by others: chmod 700", n2:output(), 1, true)
    end)
  end)
end)

describe("luahub eval", function()
  it("waits until the node is ready, prints at once, and ends what it ran when it is killed", function()
    cluster.with(nil, function(world)
      local port = cluster.free_port()
      local node = world:launch("n1", { join = { "127.0.0.1:" .. port } }) -- nobody: ready after a while
      cluster.eventually("it listens to commands", function()
        return io.open(world.directory .. "/run/n1.sock") or os.execute(
          ("test -S '%s/run/n1.sock'"):format(world.directory))
      end)
      assert.are.equal("main", node:eval("return hub.id"))
      local pid_file, out = world.directory .. "/pid", world.directory .. "/out"
      assert(os.execute(world:command(
        ([[eval n1 'print("begun") while true do end' >'%s' 2>&1 & echo $! >'%s']]):format(out, pid_file))))
      cluster.eventually("it has begun", function()
        local file = io.open(out)
        local text = file and file:read("a")
        if file then file:close() end
        return text == "begun\n", text
      end)
      os.execute("kill -KILL $(cat '" .. pid_file .. "')")
      cluster.eventually("the loop is over", function()
        return node:is_idle()
      end)
    end)
  end)

  it("prints JSON that keeps what numbers cannot, and nothing for a chunk without values", function()
    cluster.with(nil, function(world)
      world:start("n1")
      local function run(chunk, options)
        return world:run(("eval n1 '%s' %s"):format(chunk, options or ""))
      end
      assert.are.equal('["9007199254740993",1.5]\n', (run("return { 9007199254740993, 1.5 }", "--json")))
      assert.are.equal('"9007199254740993"\n', (run("return 9007199254740993", "--json")))
      assert.are.equal("[]\n", (run("return {}", "--json")))
      assert.are.equal("null\n", (run("return nil", "--json")))
      assert.are.equal("", (run("local x = 1")))
      assert.are.equal("false\n", (run("return false")))
    end)
  end)
end)
