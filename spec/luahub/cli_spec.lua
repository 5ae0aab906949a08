local helper = require("spec_helper")
local core, cli, options

-- Runs the program in this process. Answers its exit code, what it wrote to stdout and to stderr.
local function run(...)
  local out, err = {}, {}
  local real = io
  local function sink(list)
    return {
      write = function(self, ...)
        for _, text in ipairs({ ... }) do
          list[#list + 1] = tostring(text)
        end
        return self
      end,
      flush = function() end,
    }
  end
  _G.io = setmetatable({ stdout = sink(out), stderr = sink(err) }, { __index = real })
  local ok, code = pcall(cli.main, { ... })
  _G.io = real
  assert(ok, code)
  return code, table.concat(out), table.concat(err)
end

-- A connection to a node that answers with these messages, then closes.
local function connection(messages)
  local client = { sent = {} }
  function client:send(message)
    self.sent[#self.sent + 1] = message
    return true
  end

  function client:receive()
    local message = table.remove(messages, 1)
    if message then return message end
    return nil, core.failure("closed", "closed")
  end

  function client:close() end
  core.control = function(path)
    client.path = path
    return client
  end
  return client
end

describe("luahub.cli", function()
  local directory, remove
  before_each(function()
    core = dofile("spec/luahub/fake_core.lua").install()
    cli = require("luahub.cli")
    options = require("luahub.cli.options")
    directory, remove = helper.temporary_directory()
  end)
  after_each(function()
    remove()
  end)

  it("reads options in both forms, repeated ones, and positional arguments", function()
    local command = require("luahub.cli.start")
    assert.are.same({ FILE = "f.lua", name = "n1", join = { "a:1", "b:2" } },
      options.parse({ "--join", "a:1", "f.lua", "--join=b:2", "--name", "n1" }, command))
    local _, problem = options.parse({ "--nam", "x", "f.lua" }, command)
    assert.are.equal("unknown option '--nam' (did you mean '--name'?)", problem)
    _, problem = options.parse({}, command)
    assert.are.equal("FILE is missing", problem)
    _, problem = options.parse({ "f.lua", "--name" }, command)
    assert.are.equal("--name: N is missing", problem)
    _, problem = options.parse({ "f.lua", "g.lua" }, command)
    assert.are.equal("unexpected argument 'g.lua'", problem)
  end)

  it("prints help and version", function()
    local code, out = run("--help")
    assert.are.equal(0, code)
    assert.matches("attach +a REPL", out)
    code, out = run("eval", "--help")
    assert.are.equal(0, code)
    assert.matches("usage: luahub eval NAME", out)
    assert.are.equal("luahub 0.1.0\n", (select(2, run("--version"))))
  end)

  it("ends with 2 on misuse and suggests the command", function()
    local code, _, err = run("strat")
    assert.are.equal(2, code)
    assert.matches("unknown command 'strat' %(did you mean 'start'%?%)", err)
    assert.are.equal(2, (run("eval", "n1")))
    assert.are.equal(2, (run("eval", "n1", "1", "--timeout", "soon")))
  end)

  it("checks a configuration file", function()
    local path = directory .. "/node.lua"
    helper.write_file(path, 'return { node = { name = "n1" }, hubs = { { id = "main" } } }')
    assert.are.same({ 0, path .. ": ok\n", "" }, { run("check", path) })
    helper.write_file(path, 'return { nod = {}, hubs = { { id = "main", children = { { id = "a", start = 1 } } } } }')
    local code, _, err = run("check", path)
    assert.are.equal(3, code)
    local expected = "luahub: %s: configuration: unknown field 'nod' (did you mean 'node'?)\n"
      .. 'luahub: %s: hubs[1].children[1].start: expected a list { "module", args... }, got number\n'
    assert.are.equal(expected:format(path, path), err)
    code, _, err = run("check", directory .. "/missing.lua")
    assert.are.equal(3, code)
    assert.matches("cannot read", err)
  end)

  it("starts a node, prints one line, and waits", function()
    local path = directory .. "/node.lua"
    helper.write_file(directory .. "/key", ("k"):rep(40))
    assert(os.execute("chmod 600 " .. directory .. "/key"))
    local node = '{ name = "n1", secret_file = "key", join = { "a:1" } }'
    helper.write_file(path, ('return { node = %s, hubs = { { id = "main" } } }'):format(node))
    core.start = function(settings)
      core.settings = settings
      return true
    end
    core.stop_now = function() end
    core.answers = { ready = { name = "n2", address = "127.0.0.1:7102" }, hub_start = true, wait = true }
    local code, out, err = run("start", path, "--name", "n2", "--listen", "127.0.0.1:7102", "--join", "b:2")
    assert.are.same({ 0, "luahub: n2 ready on 127.0.0.1:7102\n", "" }, { code, out, err })
    assert.are.equal("n2", core.settings.name)
    assert.are.same({ "a:1", "b:2" }, core.settings.join)
    core.answers.ready = { name = "n2" }
    helper.write_file(path, "return {}")
    assert.are.equal("luahub: n2 ready, local only\n", (select(2, run("start", path))))
  end)

  it("says in one line why a node does not start", function()
    local path = directory .. "/node.lua"
    helper.write_file(path, "return {}")
    core.start = function()
      return nil, core.failure("exists", "port 7101 is in use")
    end
    assert.are.same({ 6, "", "luahub: port 7101 is in use\n" }, { run("start", path) })
  end)

  it("evaluates on a node and prints value, output and failures", function()
    local client = connection({
      { op = "print", text = "hi\n" },
      { op = "part", text = "{ 1," },
      { op = "result", text = " 2 }" },
    })
    assert.are.same({ 0, "hi\n{ 1, 2 }\n", "" }, { run("eval", "n1", "return x", "--json", "--timeout", "50") })
    assert.are.same({ op = "eval", code = "return x", json = true, timeout = 50 }, client.sent[1])
    assert.matches("/n1%.sock$", client.path)
    connection({ { op = "error", text = "repl:1: no" } })
    assert.are.same({ 1, "", "repl:1: no\n" }, { run("eval", "n1", "error('no')") })
  end)

  it("ends with 4 when nobody answers and 5 when it takes too long", function()
    core.control = function()
      return nil, core.failure("not_found", "no such file")
    end
    local code, _, err = run("eval", "n1", "1")
    assert.are.equal(4, code)
    assert.are.equal("luahub: node n1 cannot be reached: no such file\n", err)
    local client = connection({})
    client.receive = function()
      return nil, core.failure("timeout")
    end
    assert.are.equal(5, (run("eval", "n1", "1", "--timeout", "1")))
    assert.are.equal("interrupt", client.sent[2].op)
  end)

  it("prints members and children in columns or as JSON", function()
    local text = '[{"name":"n1","state":"alive","address":"127.0.0.1:1","hubs":["main"],"is_self":true}]'
    connection({ { op = "result", text = text } })
    local code, out = run("members", "n1")
    assert.are.equal(0, code)
    assert.are.equal("NAME  STATE  ADDRESS      HUBS\nn1*   alive  127.0.0.1:1  main\n", out)
    connection({ { op = "result", text = text } })
    assert.are.equal(text .. "\n", (select(2, run("members", "n1", "--json"))))
    connection({ { op = "result", text = '[{"hub":"main","id":"a","instances":[{"node":"n1","pid":"<n1.1>"}]}]' } })
    assert.matches("main +a +n1 +<n1%.1>", (select(2, run("children", "n1"))))
  end)

  it("stops a node and waits until it is gone", function()
    local client = connection({ { op = "stopped" } })
    assert.are.equal(0, (run("stop", "n1")))
    assert.are.same({ op = "stop" }, client.sent[1])
  end)
end)
