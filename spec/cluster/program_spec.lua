local cluster = require("spec.cluster.helper")

-- Starts what cannot start; answers what it says beside the log, which must be one line, and its exit status.
local function refused(world, name, options)
  local node = world:launch(name, options)
  local status = node:wait()
  local said = {}
  for line in node:output():gmatch("[^\n]+") do
    if not line:find("^%d%d%d%d%-%d%d%-%d%dT") then said[#said + 1] = line end
  end
  assert(#said == 1, "expected one line, got:\n" .. node:output())
  return said[1], status
end

local IDENTITY_LINE = "luahub: duplicate identity: another node runs with the identity of this one and goes on "
  .. "(was its data_dir copied?)"

describe("A node that cannot start says why in one line", function()
  it("when its port is in use", function()
    cluster.with(nil, function(world)
      local n1 = world:start("n1")
      local text, status = refused(world, "n2", { listen = n1.address })
      assert.matches("cannot listen on " .. n1.address, text, 1, true)
      assert.are.equal(6, status)
    end)
  end)

  it("when its name is taken by a live member, which goes on", function()
    cluster.with(nil, function(world)
      local n1 = world:start("n1")
      local n2 = world:start("n2", { join = { n1 } })
      world:write("elsewhere.lua", [[
        return { node = { secret_file = "secret", runtime_dir = "run2" }, hubs = { { id = "main" } } }]])
      local text, status = refused(world, "n2", { file = "elsewhere.lua", join = { n1 } })
      assert.matches("n2", text)
      assert.matches("name", text)
      assert.are.equal(6, status)
      world:settled({ n1, n2 }, {})
    end)
  end)

  it("when a running node has the identity and epoch of its data_dir, and that one goes on", function()
    cluster.with({ node = 'data_dir = os.getenv("DATA")' }, function(world)
      local n1 = world:start("n1", { environment = "DATA=d1" })
      local n2 = world:start("n2", { environment = "DATA=d2", join = { n1 } })
      for i, seed in ipairs({ n1, n2 }) do
        -- As two machines that were made from one image: this start will be the first, too.
        assert(os.execute(("cd '%s' && mkdir -m 700 copy%d && cp d2/identity copy%d"):format(world.directory, i, i)))
        local text, status = refused(world, "n3", { environment = "DATA=copy" .. i, join = { seed } })
        assert.are.equal(IDENTITY_LINE, text)
        assert.are.equal(3, status)
      end
      world:settled({ n1, n2 }, {})
    end)
  end)

  it("when its name's socket belongs to a running node", function()
    cluster.with(nil, function(world)
      local n1 = world:start("n1")
      local text, status = refused(world, "n1")
      assert.matches("n1", text)
      assert.are.equal(6, status)
      assert.are.equal(2, n1:eval("return 1 + 1"))
    end)
  end)

  it("when it should listen without a secret", function()
    cluster.with({ file = [[return { node = {} }]] }, function(world)
      local text, status = refused(world, "n1")
      assert.matches("luahub keygen", text)
      assert.are.equal(3, status)
    end)
  end)

  it("when its secret file is missing, open to others, or nonsense", function()
    cluster.with(nil, function(world)
      os.execute(("chmod 644 '%s/secret'"):format(world.directory))
      local text, status = refused(world, "n1")
      assert.matches("secret", text)
      assert.are.equal(3, status)
      world:write("secret", "nonsense\n")
      os.execute(("chmod 600 '%s/secret'"):format(world.directory))
      text, status = refused(world, "n1")
      assert.matches("secret", text)
      assert.are.equal(3, status)
      os.remove(world.directory .. "/secret")
      text, status = refused(world, "n1")
      assert.matches("secret", text)
      assert.are.equal(3, status)
    end)
  end)

  for _, case in ipairs({
    { "is missing", nil, "cannot read" },
    { "does not compile", "return {", "unexpected symbol" },
    { "raises", "error('as told')", "as told" },
    { "has an unknown field", "return { nodes = {} }", "node" },
    { "has a child without a module", "return { hubs = { { id = 'h', children = { { id = 'c' } } } } }", "start" },
  }) do
    it("when its file " .. case[1], function()
      cluster.with(nil, function(world)
        if case[2] then world:write("wrong.lua", case[2]) end
        local text, status = refused(world, "n1", { file = "wrong.lua", listen = false })
        assert.matches(case[3], text)
        assert.are.equal(3, status)
        text, status = world:run("check wrong.lua")
        assert.matches(case[3], text)
        assert.are.equal(3, status)
      end)
    end)
  end

  it("when the module of a static child does not compile", function()
    local file = [[return { hubs = { { id = "main", children = { { id = "bad", start = { "torn" } } } } } }]]
    cluster.with({ file = file }, function(world)
      world:write("torn.lua", "return {")
      local text, status = refused(world, "n1", { listen = false })
      assert.matches("child bad: error loading module 'torn' from file '[^']*torn.lua': ", text)
      assert.matches("torn.lua:1: unexpected symbol near <eof>$", text)
      assert.are.equal(6, status)
    end)
  end)

  it("when a static child does not start", function()
    cluster.with({ file = [[return { hubs = { { id = "main", children = {
        { id = "bad", start = { "raises", "raise" } } } } } }]] }, function(world)
      local text, status = refused(world, "n1", { listen = false })
      assert.matches("bad", text)
      assert.matches("init raised as told", text)
      assert.are.equal(6, status)
    end)
  end)
end)

describe("A node whose data_dir was copied", function()
  it("ends with status 3 when the copy runs with a later epoch, and the copy goes on with the children", function()
    cluster.with({ node = 'data_dir = os.getenv("DATA")' }, function(world)
      local ids = cluster.ids("c", 30)
      local n1 = world:start("n1", { environment = "DATA=d1" })
      local n2 = world:start("n2", { environment = "DATA=d2", join = { n1 } })
      n1:start_children(ids)
      world:settled({ n1, n2 }, ids)
      assert(os.execute(("cd '%s' && cp -a d2 copy"):format(world.directory)))
      n2:will_be_doubted()
      local n3 = world:start("n3", { environment = "DATA=copy", join = { n1 } })
      assert.are.equal(3, n2:wait())
      assert.are.equal(IDENTITY_LINE, n2:output():match("\n(luahub: duplicate[^\n]*)\n"))
      world:settled({ n1, n3 }, ids)
      assert.are.same({}, world:left_behind(n2))
    end)
  end)
end)

describe("Strangers", function()
  local IDS = cluster.ids("c", 20)

  -- Sends a text to a port and ends the connection.
  local function shout(address, text)
    local host, port = address:match("^(.*):(%d+)$")
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    os.execute(("timeout 5 bash -c 'cat %s >/dev/tcp/%s/%s' 2>/dev/null"):format(path, host, port))
    os.execute(("timeout 5 bash -c 'cat %s >/dev/udp/%s/%s' 2>/dev/null"):format(path, host, port))
    os.remove(path)
  end

  local function members(node)
    local names = {}
    for i, member in ipairs(node:eval("return members()")) do
      names[i] = member.name .. " " .. member.state
    end
    return names
  end

  it("with garbage, HTTP or another secret change nothing", function()
    cluster.with(nil, function(world)
      local n1 = world:start("n1")
      local n2 = world:start("n2", { join = { n1 } })
      n1:start_children(IDS)
      local before = world:settled({ n1, n2 }, IDS)
      world:secret("other")
      world:write("other.lua", [[return { node = { secret_file = "other" }, hubs = { { id = "main" } } }]])
      local stranger = world:start("stranger", { file = "other.lua", join = { n1, n2 } })
      local random = assert(io.open("/dev/urandom", "rb"))
      for _, node in ipairs({ n1, n2 }) do
        shout(node.address, random:read(1))
        shout(node.address, random:read(1000))
        shout(node.address, random:read(100000))
        shout(node.address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        shout(node.address, ("\255"):rep(70000))
        shout(node.address, "")
      end
      random:close()
      assert.are.same(before, world:settled({ n1, n2 }, IDS))
      assert.are.same({ "n1 alive", "n2 alive" }, members(n1))
      assert.are.same({ "stranger alive" }, members(stranger))
      assert.are.equal(0, stranger:eval([[return #hub:process_list()]]))
      for _, count in pairs(world:starts()) do
        assert.are.equal(1, count)
      end
    end)
  end)
end)
