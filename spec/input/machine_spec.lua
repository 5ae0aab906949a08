-- Bad luck with the machine under a real node: descriptors, disks, memory, the clock, the log.
--
-- Tagged #slow where something is preloaded into the node: a sanitizer's runtime has the same functions.
-- Tagged #notsan the rest: what is tried is not between threads, and real nodes are slow there.
local cluster = require("spec.cluster.helper")
local helper = require("spec_helper")
local tool = require("spec.cluster.tool")

local BUILD = os.getenv("LUAHUB_BUILD") or tool.output_of("pwd"):gsub("\n", "") .. "/build"
local KEPT = [[return { node = { data_dir = "data" }, hubs = { { id = "main" } } }]]

-- A shell text that runs the node with a small disk of its own, where `prepare` was done first.
local function on_disk(size, prepare)
  local script = [[mount -t tmpfs -o size=%s,mode=700 tmpfs data && cd data && %s; cd .. && exec "$@"]]
  script = script:format(size, prepare)
  return "unshare -rm sh -c " .. tool.quote(script) .. " sh"
end

-- True when this machine gives nodes no disks of their own; the spec is pending then.
local function no_disks()
  if os.execute("unshare -rm true 2>/dev/null") then return false end
  pending("mount namespaces of one's own are not allowed here")
  return true
end

-- Disks that are full or read-only are made in a mount namespace, which not every machine allows.
local CAN_MOUNT = os.execute("unshare -rm mount -t tmpfs tmpfs /tmp 2>/dev/null")

local function needs_mounts()
  if not CAN_MOUNT then pending("this machine lets nobody mount a disk of his own (unshare -rm)") end
end

-- Starts a node that does not start; answers what it said and its status.
local function refused(world, options)
  local node = world:launch("n1", options)
  local status = node:wait()
  return node:output(), status
end

describe("The data directory #notsan", function()
  local world

  before_each(function()
    world = cluster.new({ file = KEPT })
    helper.run("mkdir -m 700 " .. tool.quote(world.directory .. "/data"))
  end)
  after_each(function()
    world:close()
  end)

  local function start(options)
    options = options or {}
    options.listen = false
    return world:start("n1", options)
  end

  local function start_again()
    local node = start()
    local epoch = node:eval([[return require("luahub.core").request("info").epoch]])
    assert.are.equal(0, node:leave())
    return epoch
  end

  local FULL = "head -c 65536 /dev/zero >junk 2>/dev/null"
  for _, case in ipairs({
    { "is full at the first start", on_disk("4k", FULL), "cannot write ./data/identity: No space left on device" },
    { "is full when the epoch is to be raised", on_disk("8k", "head -c 32 /dev/urandom >identity; " .. FULL),
      "cannot write ./data/epoch.old: No space left on device" },
    { "is read-only", on_disk("16k", "mount -o remount,ro tmpfs ."),
      "cannot write ./data/identity: Read-only file system" },
  }) do
    it("that " .. case[1] .. " is named, and the node does not start", function()
      needs_mounts()
      if no_disks() then return end
      local text, status = refused(world, { listen = false, environment = case[2] })
      assert.are.equal("luahub: " .. case[3] .. "\n", text)
      assert.are.equal(6, status)
    end)
  end

  it("that cannot be made is named with the reason (case 82)", function()
    world:write("main.lua", [[return { node = { data_dir = "main.lua" }, hubs = {} }]])
    local text, status = refused(world, { listen = false })
    assert.are.equal("luahub: cannot make the data directory ./main.lua: there is a file of that name\n", text)
    assert.are.equal(6, status)
  end)

  it("with a torn epoch goes on from its copy, and never goes back (case 83)", function()
    assert.are.equal(1, start_again())
    assert.are.equal(2, start_again())
    world:write("data/epoch", "")
    assert.are.equal(3, start_again())
    world:write("data/epoch.old", "1")
    assert.are.equal(4, start_again())
    world:write("data/epoch", "4")
    assert.are.equal(5, start_again())
  end)

  for _, case in ipairs({
    { "epoch and no copy", { ["data/epoch"] = "x", ["data/epoch.old"] = "" },
      "./data/epoch is damaged and there is no copy; write a number higher than any before to it" },
    { "key", { ["data/identity"] = "short" },
      "./data/identity is damaged: expected 32 bytes, found 5; remove it to become a new node" },
  }) do
    it("with a torn " .. case[1] .. " is refused with what to do", function()
      for name, text in pairs(case[2]) do
        world:write(name, text)
      end
      local text, status = refused(world, { listen = false })
      assert.are.equal("luahub: " .. case[3] .. "\n", text)
      assert.are.equal(6, status)
    end)
  end

  it("that fills up later does not disturb the node (case 82)", function()
    needs_mounts()
    if no_disks() then return end
    local node = start({ environment = on_disk("64k", "true") })
    node:start_children({ "c1" })
    os.execute(("nsenter -U --preserve-credentials -m -t %d sh -c 'head -c 99999 /dev/zero >%s/data/junk' 2>/dev/null")
      :format(node.pid, world.directory))
    assert.are.equal(1, node:eval([[return hub:call("c1", "increment")]]))
    assert.are.equal(0, node:leave())
  end)
end)

describe("A node without descriptors #notsan", function()
  -- How many it needs depends on the machine, and on what it inherits: each number up to the first that is enough.
  it("says so when it cannot start #slow", function()
    cluster.with({ file = [[return { node = {}, hubs = {} }]] }, function(world)
      assert(os.execute("mkdir -m 700 " .. tool.quote(world.directory .. "/run")))
      local function starts_with(limit)
        local node = world:launch("n1", { listen = false, environment = "prlimit --nofile=" .. limit })
        local status = cluster.eventually("n1 has ended, or is ready", function()
          return node:status() or node:output():find(" ready", 1, true) and "ready"
        end)
        if status == "ready" then
          assert.are.equal(0, node:leave())
          return true
        end
        local text = node:output()
        -- Error 24 is the dynamic linker's word for the same.
        local named = text:find("[Tt]oo many open files") or text:find("Error 24", 1, true)
        assert.is_truthy(named, ("limit %d, status %d: %s"):format(limit, status, text))
        assert.is_true(status ~= 0 and status ~= 139)
        return false
      end
      local limit = 7
      while limit < 30 and not starts_with(limit) do
        limit = limit + 1
      end
      assert.is_true(limit > 10 and limit < 30, ("it starts with %d"):format(limit))
    end)
  end)

  it("keeps its links and children, refuses what is new, and takes it again later (case 81)", function()
    cluster.with(nil, function(world)
      local n1 = world:start("n1", { environment = "prlimit --nofile=60" })
      local n2 = world:start("n2", { join = { n1 } })
      local ids = cluster.ids("c", 10)
      n1:start_children(ids)
      local before = world:settled({ n1, n2 }, ids)
      world:write("hog.lua", [[
        local files = {}
        return {
          init = function() return {} end,
          call = function(_, request)
            while request == "take" do -- one that nobody keeps would be closed at some time
              local file = io.open("/dev/null")
              if not file then return #files end
              files[#files + 1] = file
            end
            for _, file in ipairs(files) do file:close() end
            return true
          end,
        }]])
      local taken = n2:background([[
        local hog = assert(luahub.spawn({ "hog" }, { node = "n1" }))
        local taken = assert(luahub.call(hog, "take"))
        for i = 1, 10 do assert(hub:call("c" .. i, "increment") == 1) end
        io.open("held", "w"):close()
        while not io.open("release") do luahub.sleep(20) end
        assert(luahub.call(hog, "let go"))
        return taken]])
      cluster.eventually("every descriptor is taken", function()
        return io.open(world.directory .. "/held")
      end)
      assert.are.equal(4, (select(2, world:run("members n1"))))
      world:write("release", "")
      assert.is_true(taken() > 5)
      cluster.eventually("clients are taken again", function()
        local ok, refused_count = n1:try("return luahub.counters().env.accepts_refused")
        return ok and refused_count >= 1
      end)
      assert.is_truthy(n1:output():find("cannot accept connections: Too many open files", 1, true))
      assert.are.same(before, world:settled({ n1, n2 }, ids))
      assert.are.equal(10, n2:sum(ids))
    end)
  end)
end)

describe("The clock on the wall #notsan", function()
  it("decides nothing when it is set back a day (case 56) #slow", function()
    cluster.with(nil, function(world)
      local back = world.directory .. "/back"
      local clock = ("LD_PRELOAD=%s/test/clock.so LUAHUB_CLOCK_BACK=%s"):format(BUILD, back)
      local n1 = world:start("n1", { environment = clock })
      local n2 = world:start("n2", { join = { n1 } })
      local ids = cluster.ids("c", 10)
      n1:start_children(ids)
      local before = world:settled({ n1, n2 }, ids)
      local now = n1:eval("return os.time()")
      world:write("back", "")
      assert.is_true(n1:eval("return os.time()") < now - 80000)
      assert.are.equal("timeout", n1:eval([[return select(2, luahub.receive(50)).code]]))
      n1:start_children({ "later" })
      ids[#ids + 1] = "later"
      assert.are.equal(0, n2:eval([[return hub:call("later", "get")]]))
      os.remove(back)
      local after = world:settled({ n1, n2 }, ids)
      after.later = nil
      assert.are.same(before, after)
      for _, node in ipairs({ n1, n2 }) do
        local member = node:eval("return luahub.counters().member")
        assert.are.same({ 0, 0, 0 }, { member.deaths, member.suspicions, member.stalls })
      end
    end)
  end)
end)

describe("A node's log #notsan", function()
  it("cuts a line that is too long, and escapes what would forge another", function()
    cluster.with(nil, function(world)
      local node = world:start("n1")
      node:eval([[luahub.log.warn("%s", "long" .. ("x"):rep(10000) .. "end") luahub.log.warn("two\nlines\27[2J")]])
      cluster.eventually("both lines are there", function()
        return node:output():find("two | lines\\x1b[2J\n", 1, true)
      end)
      local line = node:output():match("long(x+)")
      assert.is_true(#line > 3000 and #line < 4096)
      assert.is_nil(node:output():find("xend", 1, true))
      assert.are.equal(1, node:eval("return luahub.counters().base.log_cut"))
    end)
  end)

  it("holds nobody up while nobody reads it: lines are dropped and counted", function()
    cluster.with(nil, function(world)
      local fifo = world.directory .. "/fifo"
      assert(os.execute("mkfifo " .. tool.quote(fifo)))
      local reader = io.popen(("exec 3<>%s; echo open; sleep 120 & echo $!; wait"):format(tool.quote(fifo)))
      assert.are.equal("open", reader:read("l"))
      local sleeper = reader:read("n")
      local node = world:launch("n1", { environment = ("sh -c 'exec \"$@\" 2>%s' sh"):format(fifo) })
      node:ready()
      node:start_children({ "c1" })
      node:eval([[for i = 1, 20000 do luahub.log.warn("%d %s", i, ("x"):rep(100)) end]])
      assert.are.equal(1, node:eval([[return hub:call("c1", "increment")]]))
      assert.is_true(node:eval("return luahub.counters().base.log_dropped") > 5000)
      os.execute("kill " .. sleeper)
      reader:close()
    end)
  end)

  it("that goes to a full disk holds nobody up either (case 90)", function()
    cluster.with(nil, function(world)
      local node = world:start("n1", { environment = [[sh -c 'exec "$@" 2>/dev/full' sh]] })
      node:start_children({ "c1" })
      node:eval([[for i = 1, 100 do luahub.log.warn("line %d", i) end]])
      cluster.eventually("all lines are counted as dropped", function()
        return node:eval("return luahub.counters().base.log_dropped") >= 100
      end)
      assert.are.equal(1, node:eval([[return hub:call("c1", "increment")]]))
      assert.are.equal(0, node:leave())
    end)
  end)
end)

describe("Memory that is refused #notsan", function()
  local ONCE = [[
    local luahub = require("luahub")
    local function check(value, err)
      if value then return value end
      io.stderr:write("once: ", tostring(err), "\n")
      os.exit(6)
    end
    local settings = { name = "m1", secret = arg[1], listen = "127.0.0.1:0", runtime_dir = arg[2], schedulers = 1 }
    local node = check(luahub.start(settings))
    local hub = check(node:start_hub({ id = "main", children = { { id = "c", start = { "counter" } } } }))
    check(hub:call("c", "increment", 5000))
    node:stop()
    print("done")]]

  -- One life of a node in a program of its own. Answers its output and its status.
  local function live(world, at, bytes)
    local root = tool.output_of("pwd"):gsub("\n", "")
    local secret = tool.read(world.directory .. "/secret"):gsub("%s", "")
    return tool.output_of(([[cd %s && timeout -k 1 60 env LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;' \
      LUA_CPATH='%s/?.so;;' LUAHUB_REFUSE_AT=%d LUAHUB_REFUSE_BYTES=%d \
      LD_PRELOAD=%s/test/refuse.so lua5.4 once.lua %s run 2>&1]]):format(
      tool.quote(world.directory), root, root, BUILD, at, bytes, BUILD, secret))
  end

  -- Either it lives on as if nothing had been, or it says why it cannot and ends at once.
  local function said_why(text, status, at)
    local what = ("allocation %d refused: status %d: %s"):format(at, status, text)
    if status == 0 then return assert.is_truthy(text:find("done", 1, true), what) end
    -- The C library ends the process by itself when it has no memory for a thread's own data.
    if status == 127 then
      return assert.is_truthy(text:find("cannot allocate memory for thread-local data", 1, true), what)
    end
    assert.is_truthy(status == 1 or status == 6 or status == 134, what)
    local known = text:find("not enough memory", 1, true) or text:find("no memory", 1, true)
      or text:find("out of memory", 1, true) or text:find("cannot allocate", 1, true)
      or text:find("threads of the schedulers could not be started", 1, true)
      or text:find("OpenSSL failed", 1, true) or text:find("Assertion", 1, true)
      -- Stock Lua's words for a file that it cannot open.
      or text:find("module 'luahub[%.%a]*' not found") or text:find("Cannot allocate memory", 1, true)
      -- A row that found no memory counts as one too many.
      or text:find("the registry takes no more rows", 1, true)
      -- glibc's, for a thread that it could not set up.
      or text:find("Unexpected error.", 1, true)
      -- The programs that a node asks about its directories run under the same refusals.
      or text:find("the program stat could not be run", 1, true)
    assert.is_truthy(known, what)
  end

  it("while a node starts is survived, or said in one line #slow", function()
    cluster.with(nil, function(world)
      world:write("once.lua", ONCE)
      local text, status = live(world, 0, 0)
      assert.are.equal(0, status, text)
      for at = 9000, 26000, 613 do
        local text_of_one, status_of_one = live(world, at, 0)
        said_why(text_of_one, status_of_one, at)
        local text_of_all, status_of_all = live(world, at + 307, 1)
        said_why(text_of_all, status_of_all, at + 307)
      end
    end)
  end)

  it("for a large message loses that message, and no more #slow", function()
    cluster.with(nil, function(world)
      local n1 = world:start("n1")
      local short = ("LD_PRELOAD=%s/test/refuse.so LUAHUB_REFUSE_AT=1 LUAHUB_REFUSE_BYTES=900000"):format(BUILD)
      local n2 = world:start("n2", { join = { n1 }, environment = short })
      local ids = cluster.ids("c", 20)
      n1:start_children(ids)
      local before = world:settled({ n1, n2 }, ids)
      local id
      for name, node in pairs(before) do
        if node == "n2" then id = name end
      end
      for _ = 1, 3 do
        assert.is_true(n1:eval(([[
          local value, err = hub:call(%q, { "add", 1, ("x"):rep(1000000) }, 1000)
          return value == nil and err.code ~= nil]]):format(id)))
        world:settled({ n1, n2 }, ids)
        assert.are.equal(0, n1:eval(([[return assert(hub:call(%q, "get"))]]):format(id)))
      end
      assert.is_nil(n2:status())
    end)
  end)
end)
