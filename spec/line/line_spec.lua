local helper = require "spec_helper"
local pty = require "luahub_test.pty"

local module = assert(package.searchpath("luahub.line", package.cpath))

-- Reads lines until the end and says what it got, one line each.
local PROGRAM = [[
package.cpath = arg[1]:gsub("line%.so$", "?.so"):gsub("luahub/%?", "?")
local names = { "hub", "hub.nodes", "hub.name", "print", "gr\u{fc}n" }
local editor = require("luahub.line").new {
  prompt = "ready> ",
  history = arg[2],
  complete = function(text, cursor)
    local word = text:sub(1, cursor):match "[^%s(]*$"
    if word == "raise" then error "no" end
    if word == "junk" then return { {}, 1 } end
    local list = {}
    for _, name in ipairs(names) do
      if name:sub(1, #word) == word then list[#list + 1] = name end
    end
    return list, cursor - #word + 1
  end,
}
print(editor:is_plain() and "plain" or "editing")
while true do
  local line, why = editor:read()
  print(line and ("got <%s>"):format(line) or ("none, " .. why))
  if why == "eof" then break end
end
editor:close()
]]

describe("luahub.line", function()
  local place, remove, terminal

  setup(function()
    place, remove = helper.temporary_directory()
    helper.write_file(place .. "/program.lua", PROGRAM)
  end)
  teardown(function() remove() end)
  before_each(function() os.remove(place .. "/history") end)
  after_each(function()
    if terminal then terminal:finish(0) end
    terminal = nil
  end)

  local function start()
    terminal = pty.spawn {
      "lua5.4", place .. "/program.lua", module, place .. "/history",
      TERM = "xterm", LC_ALL = "C.UTF-8", HOME = place,
    }
    terminal:expect "editing"
    terminal:expect "ready> "
  end

  -- Types keys, and answers once the program has read its line.
  local function type_keys(keys, answer)
    terminal:send(keys)
    terminal:expect(answer)
    return terminal
  end

  local function leave()
    type_keys("\4", "none, eof")
    local rest, status = terminal:finish()
    assert.are.equal("\r\n0", rest .. status)
    terminal = nil
  end

  it("reads lines on a terminal until Ctrl-D", function()
    start()
    type_keys("1 + 1\r", "got <1 + 1>"):expect "ready> "
    type_keys("\r", "got <>"):expect "ready> "
    leave()
  end)

  it("edits: moves, deletes, and takes characters that are not ASCII", function()
    start()
    type_keys("bXc\2\127\1a\5d\r", "got <abcd>"):expect "ready> "
    type_keys("gr\u{fc}\u{df}e\r", "got <gr\u{fc}\u{df}e>"):expect "ready> "
    leave()
  end)

  it("reports Ctrl-C as an interrupt, forgets the line, and reads on", function()
    start()
    terminal:send "half a line"
    terminal:expect "half a line"
    type_keys("\3", "none, interrupt"):expect "ready> "
    type_keys("whole\r", "got <whole>"):expect "ready> "
    leave()
  end)

  it("keeps a history across runs, each line once, readable by its owner only", function()
    start()
    type_keys("first\r", "got <first>"):expect "ready> "
    type_keys("second\r", "got <second>"):expect "ready> "
    type_keys("second\r", "got <second>"):expect "ready> "
    leave()
    assert.are.equal("600\n", (helper.run("stat -c %a " .. place .. "/history")))
    start()
    type_keys("\27[A\27[A\r", "got <first>"):expect "ready> "
    leave()
  end)

  it("completes a name on Tab", function()
    start()
    type_keys("pri\t(1)\r", "got <print(1)>"):expect "ready> "
    type_keys("print(gr\t)\r", "got <print(gr\u{fc}n)>"):expect "ready> "
    leave()
  end)

  it("completes what all candidates share, then shows them", function()
    start()
    terminal:send "h\t.n\t"
    terminal:expect "hub.n"
    terminal:send "\t"
    terminal:expect "hub.nodes"
    terminal:expect "hub.name"
    type_keys("o\t\r", "got <hub.nodes>"):expect "ready> "
    leave()
  end)

  it("survives a completion that raises, and one that answers nonsense", function()
    start()
    type_keys("raise\t\r", "got <raise>"):expect "ready> "
    type_keys("junk\t\r", "got <junk>"):expect "ready> "
    leave()
  end)

  it("reads plain lines from a pipe, without a prompt", function()
    local output, status = helper.run(("printf 'a\\n\\nlast' | lua5.4 %s/program.lua %s"):format(place, module))
    assert.are.equal("plain\ngot <a>\ngot <>\ngot <last>\nnone, eof\n", output)
    assert.are.equal(0, status)
  end)

  it("reads plain lines on a dumb terminal, with a prompt", function()
    terminal = pty.spawn { "lua5.4", place .. "/program.lua", module, TERM = "dumb" }
    terminal:expect "plain"
    terminal:expect "ready> "
    type_keys("x\r", "got <x>"):expect "ready> "
    leave()
  end)

  it("opens twice, closes twice, and raises on misuse", function()
    local line = require "luahub.line"
    package.loaded["luahub.line"] = nil
    local editor = require("luahub.line").new()
    assert.truthy(line.new {})
    editor:close()
    editor:close()
    assert.has_error(function() editor:read() end, "the editor is closed")
    assert.has_error(function() line.new { prompt = 1 } end, "line.new: prompt is a number, expected a string")
    assert.has_error(function() line.new { complete = "x" } end, "line.new: complete is a string, expected a function")
  end)
end)
