-- `luahub attach` on a terminal, as a person types, to a real node.
local cluster = require("spec.cluster.helper")
local pty = require("luahub_test.pty")

local DEADLINE_MS = 30000

describe("luahub attach, on a terminal", function()
  local world, node, terminal

  setup(function()
    world = cluster.new({ hub = [[children = { { id = "c1", start = { "counter", 5 } } }]] })
    node = world:start("n1")
  end)
  teardown(function()
    world:close()
  end)
  after_each(function()
    if terminal then terminal:finish(0) end
    terminal = nil
  end)

  local function attach()
    terminal = pty.spawn({
      "/bin/sh", "-c", world:command("attach n1", "exec"),
      TERM = "xterm", LC_ALL = "C.UTF-8", HOME = world.directory, XDG_STATE_HOME = "",
    })
    terminal:expect("node n1; help() helps, Ctrl-D leaves", DEADLINE_MS)
    terminal:expect("n1> ", DEADLINE_MS)
  end

  -- Types a line and waits for what it prints, then for the next prompt.
  local function type_line(line, answer)
    terminal:send(line .. "\n")
    terminal:expect(answer, DEADLINE_MS)
    terminal:expect("n1> ", DEADLINE_MS)
  end

  -- A chunk that runs until it is interrupted. Keys count as signals once it runs, which it says itself.
  local function run(chunk)
    terminal:send("print('it ' .. 'runs') " .. chunk .. "\n")
    terminal:expect("it runs\r\n", DEADLINE_MS)
  end

  it("prints results as Lua, keeps names, and leaves at Ctrl-D", function()
    attach()
    type_line("x = { 1, b = { true } }", "\r\n")
    type_line("x", "{ 1, b = { true } }\r\n")
    type_line("_.b, nil, 'y'", "{ true }\r\nnil\r\n\"y\"\r\n")
    type_line("hub:call('c1', 'get')", "\r\n5\r\n")
    type_line("nodes()", '{ "n1" }\r\n')
    terminal:send("\4")
    local _, status = terminal:finish(DEADLINE_MS)
    terminal = nil
    assert.are.equal(0, status)
  end)

  it("goes on in the next line, also of a text that is not closed", function()
    attach()
    terminal:send("for i = 1, 2 do\n")
    terminal:expect("  >> ", DEADLINE_MS)
    terminal:send("print('line', i)\n")
    terminal:expect("  >> ", DEADLINE_MS)
    type_line("end", "line\t1\r\nline\t2\r\n")
  end)

  it("shows an error with its traceback and lives on", function()
    attach()
    type_line("kept = 1", "\r\n")
    terminal:send("error('as told')\n")
    terminal:expect("repl:1: as told\r\nstack traceback:", DEADLINE_MS)
    terminal:expect("n1> ", DEADLINE_MS)
    type_line("return nil, 'why'", 'nil, "why"\r\n')
    type_line("kept", "\r\n1\r\n")
  end)

  it("completes names, fields and methods, and what the session defined", function()
    attach()
    type_line("mine = { alpha = 7 }", "\r\n")
    terminal:send("mine.al\t")
    terminal:expect("pha", DEADLINE_MS)
    type_line("", "\r\n7\r\n")
    terminal:send("hub:tag_q\t")
    terminal:expect("uery", DEADLINE_MS)
    type_line("('x')", "{}\r\n")
  end)

  it("remembers lines for the next time", function()
    attach()
    type_line("'remembered'", "\"remembered\"\r\n")
    terminal:send("\4")
    terminal:finish(DEADLINE_MS)
    attach()
    terminal:send("\27[A")
    terminal:expect("'remembered'", DEADLINE_MS)
    type_line("", "\"remembered\"\r\n")
  end)

  it("interrupts what runs at Ctrl-C, and a loop without end costs the node nothing", function()
    attach()
    for _, chunk in ipairs({ "while true do end", "luahub.sleep(600000)", "luahub.receive()" }) do
      run(chunk)
      assert.are.equal(5, node:eval([[return hub:call("c1", "get")]]))
      terminal:send("\3")
      terminal:expect("interrupted!", DEADLINE_MS)
      terminal:expect("n1> ", DEADLINE_MS)
    end
    type_line("1 + 1", "2\r\n")
  end)

  it("ends the session when a chunk catches the third Ctrl-C", function()
    attach()
    run("while true do pcall(function() while true do end end) end")
    for _ = 1, 3 do
      terminal:send("\3")
      terminal:expect("^C\r\n", DEADLINE_MS) -- the second part is the program's answer to the signal
    end
    terminal:expect("the chunk catches Ctrl-C, so the session was ended", DEADLINE_MS)
    local _, status = terminal:finish(DEADLINE_MS)
    terminal = nil
    assert.are.equal(4, status)
    cluster.eventually("the loop is over", function()
      return node:is_idle()
    end)
  end)

  it("ends what runs when the terminal is gone", function()
    attach()
    terminal:send("while true do end\n")
    terminal:expect("\r\n", DEADLINE_MS)
    terminal:finish(0)
    terminal = nil
    cluster.eventually("the loop is over", function()
      return node:is_idle()
    end)
  end)

  it("says that the node is gone", function()
    local other = world:start("n2", { file = "main.lua" })
    local command = world:command("attach n2", "exec")
    terminal = pty.spawn({ "/bin/sh", "-c", command, TERM = "xterm", HOME = world.directory })
    terminal:expect("n2> ", DEADLINE_MS)
    other:kill()
    terminal:send("1\n")
    local rest, status = terminal:finish(DEADLINE_MS)
    terminal = nil
    assert.matches("luahub: node n2: ", rest)
    assert.are.equal(4, status)
  end)
end)
