local helper = require("spec_helper")
dofile("spec/luahub/fake_core.lua").install()
local config = require("luahub.config")

local function problems(value)
  return table.concat(config.problems(value), "\n")
end

describe("luahub.config", function()
  local directory, remove
  before_each(function()
    directory, remove = helper.temporary_directory()
  end)
  after_each(function()
    remove()
  end)

  local function file(name, text, mode)
    local path = directory .. "/" .. name
    helper.write_file(path, text)
    if mode then assert(os.execute(("chmod %s '%s'"):format(mode, path))) end
    return path
  end

  it("T-030: accepts a whole configuration", function()
    local strategies = require("luahub.distribution")
    assert.are.equal("", problems({
      node = { name = "n1", listen = "127.0.0.1:7101", join = { "[::1]:7102", "n3:7103" }, secret_file = "key" },
      hubs = {
        {
          id = "main",
          distribution = strategies.rendezvous(),
          children = { { id = "a", start = { "counter", 1, { step = 2 } }, restart = "transient", shutdown = 100 } },
          hooks = { child_registered = { { id = "h", handler = { "hooks", "seen" } } } },
        },
      },
    }))
  end)

  it("names the path and what was expected", function()
    local hubs = { { id = "main", children = { { id = "a", start = { "m" } }, { id = "b", start = "m" } } } }
    local expected = 'hubs[1].children[2].start: expected a list { "module", args... }, got string'
    assert.are.equal(expected, problems({ hubs = hubs }))
  end)

  it("suggests the field that was meant", function()
    assert.matches("node: unknown field 'lisen' %(did you mean 'listen'%?%)", problems({ node = { lisen = "x:1" } }))
    assert.matches("hubs%[1%]: unknown field 'childs'", problems({ hubs = { { id = "h", childs = {} } } }))
  end)

  it("refuses more addresses to join than it takes", function()
    local join = {}
    for i = 1, 65 do
      join[i] = "10.0.0.1:" .. i
    end
    local node = { secret_file = "s", join = join }
    assert.are.equal("node.join: expected at most 64 addresses, got 65", problems({ node = node }))
    join[65] = nil
    assert.are.equal("", problems({ node = node }))
  end)

  it("shows the length of what is too long to be shown", function()
    local hubs = { { id = ("x"):rep(256) } }
    local expected = "hubs[1].id: expected a string of 1 to 255 bytes, got a string of 256 bytes"
    assert.are.equal(expected, problems({ hubs = hubs }))
  end)

  it("takes a memory limit for heaps, in MiB", function()
    assert.are.equal("", problems({ node = { heap_memory = 64 } }))
    for _, value in ipairs({ 0, -1, 1.5, "64", 1 << 21 }) do
      local text = problems({ node = { heap_memory = value } })
      assert.matches("^node.heap_memory: expected an integer from 1 to 1048576, got ", text)
    end
  end)

  it("reports every problem, one line each", function()
    local lines = config.problems({ node = { name = "a b", schedulers = -1 }, hubs = { { children = 1 }, 7 } })
    assert.are.equal(5, #lines)
    for _, line in ipairs(lines) do
      assert.is_nil(line:find("\n"))
    end
  end)

  it("refuses listen and join without a secret and says how to make one", function()
    local text = problems({ node = { listen = "127.0.0.1:7101", join = { "a:1" }, allow_file = "f" } })
    assert.matches("node.listen: needs a secret: make one with `luahub keygen", text)
    assert.matches("node.join: needs a secret", text)
    assert.matches("node.allow_file: needs a secret", text)
  end)

  it("refuses what cannot travel in a child's arguments", function()
    local hubs = { { id = "h", children = { { id = "a", start = { "m", { f = print } } } } } }
    local expected = "hubs[1].children[1].start[2].f: a function cannot be sent to another node"
    assert.are.equal(expected, problems({ hubs = hubs }))
  end)

  it("refuses ids that are there twice", function()
    local child = { id = "a", start = { "m" } }
    assert.matches("children%[2%]%.id: \"a\" is the id of hubs%[1%]%.children%[1%] too",
      problems({ hubs = { { id = "h", children = { child, child } } } }))
    assert.matches("hubs%[2%]%.id: 'h' is the id of hubs%[1%] too", problems({ hubs = { { id = "h" }, { id = "h" } } }))
  end)

  it("refuses a waiting handler that is a function", function()
    local hooks = { child_registered = { { id = "x", handler = print } } }
    assert.matches("handler: a function needs immediate = true", problems({ hubs = { { id = "h", hooks = hooks } } }))
  end)

  it("refuses a strategy of another kind, and one that was not called", function()
    local distribution, migration = require("luahub.distribution"), require("luahub.migration")
    assert.matches("hubs%[1%]%.distribution: expected .* got a migration strategy: cold",
      problems({ hubs = { { id = "h", distribution = migration.cold_swap() } } }))
    assert.matches("was it meant to be called",
      problems({ hubs = { { id = "h", distribution = distribution.rendezvous } } }))
  end)

  it("reads addresses of hosts, IPv4 and IPv6", function()
    assert.are.same({ "n1.local", 7 }, { config.split_address("n1.local:7") })
    assert.are.same({ "::1", 7946 }, { config.split_address("[::1]:7946") })
    assert.is_nil(config.split_address("::1:7946"))
    assert.is_nil(config.split_address("host:99999"))
    assert.is_nil(config.split_address("host"))
  end)

  it("listens on the default port once there is a secret", function()
    file("key", ("k"):rep(40) .. "\n", "600")
    local complete = assert(config.prepare({ node = { name = "n1", secret_file = "key" } }, directory))
    assert.are.equal("0.0.0.0:7946", complete.node.listen)
    assert.are.equal(("k"):rep(40), complete.node.secret)
  end)

  it("stays local without a secret, under the host's name", function()
    local complete = assert(config.prepare({}))
    assert.is_nil(complete.node.listen)
    assert.matches("^[%w_%.%-]+$", complete.node.name)
  end)

  it("refuses a secret that others can read", function()
    file("key", ("k"):rep(40), "644")
    local complete, err = config.prepare({ node = { secret_file = "key" } }, directory)
    assert.is_nil(complete)
    assert.are.equal("invalid_config", err.code)
    assert.matches("can be read by others %(mode 644%): chmod 600", err.message)
  end)

  it("tells where a file is wrong", function()
    local _, err = config.load(file("bad.lua", "return {\n  node = {,\n}"))
    assert.matches("bad.lua:2: ", err.message)
    _, err = config.load(file("raises.lua", "local x = nil\nreturn x.y"))
    assert.matches("raises.lua:2: ", err.message)
    _, err = config.load(file("number.lua", "return 7"))
    assert.matches("number.lua: must return a table .* got 7", err.message)
    _, err = config.load(directory .. "/missing.lua")
    assert.matches("cannot read .*missing.lua: No such file", err.message)
  end)

  it("finds modules beside the file", function()
    local path = package.path
    file("beside_config.lua", "return { name = 'n9' }")
    local loaded = assert(config.load(file("node.lua", "return { node = require('beside_config') }")))
    package.path = path
    assert.are.equal("n9", loaded.node.name)
  end)
end)

describe("redundancy.replication", function()
  local luahub = require("luahub")

  it("takes a number of nodes or all of them, and says so of anything else", function()
    for _, factor in ipairs({ 0, -1, 4097, 2.5, "two", "all", {}, true }) do
      local ok, message = pcall(luahub.redundancy.replication, { factor = factor })
      assert.is_false(ok)
      assert.matches('factor: expected a whole number from 1 to 4096 or "cluster_size", got ', message)
    end
    assert.is_false(pcall(luahub.redundancy.replication, { factors = 2 }))
    assert.matches("it is 'factor' here", select(2, pcall(luahub.redundancy.replication, { replication_factor = 2 })))
    assert.are.equal(4096, luahub.redundancy.replication({ factor = 4096 }).factor({ nodes = {} }))
    assert.are.equal(2, luahub.redundancy.replication().factor({ nodes = {} }))
    local all = luahub.redundancy.replication({ factor = "cluster_size" })
    assert.are.equal(3, all.factor({ nodes = { "a", "b", "c" } }))
  end)

  it("T-402 is refused with handover, and with what places each child by more than its id", function()
    local function problems_of(fields, factor)
      fields.id, fields.redundancy = "main", luahub.redundancy.replication({ factor = factor })
      return problems({ hubs = { fields } })
    end
    assert.matches("hubs%[1%].migration: handover does not go with replication",
      problems_of({ migration = luahub.migration.hot_swap({ handover = true }) }))
    local line = "hubs%[1%].distribution: replication by a number takes a distribution that says the same of a child "
      .. "on every node %(not bounded, load_balancer, or deterministic = false%); factor = \"cluster_size\" takes each"
    assert.matches(line, problems_of({ distribution = luahub.distribution.load_balancer() }))
    assert.matches(line, problems_of({ distribution = luahub.distribution.rendezvous({ bounded = 2 }) }))
    assert.matches(line, problems_of({ distribution = { deterministic = false, place = function() end } }))
    assert.are.equal("", problems_of({ distribution = { place = function() end } }))
    assert.are.equal("", problems_of({ distribution = luahub.distribution.load_balancer() }, "cluster_size"))
    local own = { deterministic = false, place = function() end }
    assert.are.equal("", problems_of({ distribution = own }, "cluster_size"))
    local guided, cold = luahub.distribution.guided(), luahub.migration.hot_swap()
    assert.are.equal("", problems_of({ distribution = guided, migration = cold }))
  end)
end)

describe("An autonomous migration", function()
  local luahub = require("luahub")

  it("takes a pace and a quiet time, and says of the other migrations' options why it has none", function()
    local autonomous = luahub.migration.autonomous
    assert.are.equal("", problems({ hubs = { { id = "main", migration = autonomous() } } }))
    assert.are.same({ "cold", "cold" }, autonomous({ children_per_second = 5, quiet_time = 0 }).move({ {}, {} }))
    local function refusal(name, value)
      local ok, message = pcall(autonomous, { [name] = value })
      assert.is_false(ok)
      return message
    end
    assert.matches("migration.autonomous: unknown option 'handover': there is none here: no state goes along",
      refusal("handover", true), 1, true)
    assert.matches("'bytes_per_second': there is none here: no state goes", refusal("bytes_per_second", 1))
    assert.matches("unknown option 'consent': there is none here: nobody is asked", refusal("consent", {}))
  end)

  it("is refused with a distribution that answers each node something else", function()
    local function problems_of(distribution)
      local migration = luahub.migration.autonomous()
      return problems({ hubs = { { id = "main", migration = migration, distribution = distribution } } })
    end
    local function place() end
    local line = "hubs%[1%].distribution: migration.autonomous goes with distributions that give every node the same"
    assert.matches(line, problems_of(luahub.distribution.load_balancer()))
    assert.matches(line, problems_of(luahub.distribution.rendezvous({ bounded = 2 })))
    assert.matches(line, problems_of({ place = place, deterministic = false }))
    assert.are.equal("", problems_of({ place = place }))
    assert.are.equal("", problems_of(luahub.distribution.consistent_hashing()))
  end)
end)

describe("A migration of the user's", function()
  local function problems_of(migration)
    migration.move = function() end
    return problems({ hubs = { { id = "main", migration = migration } } })
  end

  it("may say what the built-in ones say of consent, pace and quiet time", function()
    local settings = { consent = {}, children_per_second = 5, bytes_per_second = 1 << 40, quiet_time = 1.5 }
    assert.are.equal("", problems_of(settings))
    assert.are.same({
      kind = "custom", handover = false, children_per_second = 5, bytes_per_second = 0x7fffffff, quiet_time = 1,
      consent = { timeout = 5000, retry_interval = 10000, max_defer_time = 600000 },
    }, require("luahub.strategy").describe("migration", settings))
  end)

  it("is refused with settings of the wrong kind", function()
    local at = "hubs[1].migration: "
    assert.are.equal(at .. "consent: expected a table, got 7", problems_of({ consent = 7 }))
    assert.are.equal(at .. "consent.timeout: expected a number of milliseconds up to 86400000, got -1",
      problems_of({ consent = { timeout = -1 } }))
    assert.are.equal(at .. "consent: unknown field 'timout' (did you mean 'timeout'?)",
      problems_of({ consent = { timout = 1 } }))
    assert.are.equal(at .. "children_per_second: expected an integer from 1 on, got 0",
      problems_of({ children_per_second = 0 }))
    assert.are.equal(at .. 'quiet_time: expected a number of milliseconds up to 86400000, got "long"',
      problems_of({ quiet_time = "long" }))
  end)
end)
