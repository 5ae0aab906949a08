local helper = require "spec_helper"
local script = require "luahub_test.script"

local core = "local core = require 'luahub.core' "

describe("a call", function()
  local state
  before_each(function() state = assert(script.open {}) end)
  after_each(function() state:close() end)

  it("answers what the function returns", function()
    assert.same({ true, 1, "two", { 3 } }, { state:call "return 1, 'two', { 3 }" })
  end)

  it("turns an error into a text with a traceback", function()
    local ok, text, code = state:call "local function inner() error 'oh' end inner()"
    assert.is_false(ok)
    assert.matches("^program:1: oh\nstack traceback:", text)
    assert.matches("in local 'inner'", text)
    assert.equal("failed", code)
  end)

  it("turns errors that are no strings into texts", function()
    local function text_of(code)
      local ok, text = state:call(code)
      assert.is_false(ok)
      return text
    end
    assert.matches("^%(error object is a nil value%)\nstack traceback:", text_of "error()")
    assert.matches("^%(error object is a table value%)\nstack traceback:", text_of "error {}")
    local function text_of_object(tostring)
      return text_of("error(setmetatable({}, { __tostring = function() " .. tostring .. " end }))")
    end
    assert.matches("^named\nstack traceback:", text_of_object "return 'named'")
    assert.matches("again", text_of_object "error 'again'")
    assert.matches("must return a string", text_of_object "return {}")
    assert.matches("overflow", text_of "local function f() return 1 + f() end f()")
  end)

  it("keeps the code of an error value", function()
    local ok, text, code = state:call(core .. "error(select(2, core.fail('not_found', 'no such child')))")
    assert.is_false(ok)
    assert.matches("^no such child\n", text)
    assert.equal("not_found", code)
  end)

  it("cannot wait and says so", function()
    local ok, text = state:call(core .. "assert(not core.can_wait()) core.wait()")
    assert.is_false(ok)
    assert.matches("cannot wait here", text)
    ok, text = state:call(core .. "coroutine.wrap(function() assert(not core.can_wait()) core.wait() end)()")
    assert.is_false(ok)
    assert.matches("cannot wait here", text)
  end)

  it("that exits fails", function()
    local ok, text = state:call(core .. "pcall(core.exit, 'bye') return 1")
    assert.is_false(ok)
    assert.matches("exit called outside a process", text)
    assert.same({ true, 2 }, { state:call "return 2" })
  end)

  it("that runs out of memory fails, and the state goes on", function()
    local small = assert(script.open { memory = 300000 })
    local ok, text = small:call "local t = {} while true do t[#t + 1] = {} end"
    assert.is_false(ok)
    assert.matches("not enough memory", text)
    assert.same({ true, 1 }, { small:call "collectgarbage() return 1" })
    assert.is_true(small:memory() <= 300000)
    small:close()
  end)
end)

describe("a state", function()
  it("is refused when its limit is too small", function()
    local state, text = script.open { memory = 2000 }
    assert.is_nil(state)
    assert.matches("memory", text)
    state, text = script.open { memory = 12000 }
    assert.is_nil(state)
    assert.matches("memory", text)
  end)

  it("finds modules in front of the others and reads a changed file again", function()
    local folder, remove = helper.temporary_directory()
    local function write(text) helper.write_file(folder .. "/door_module.lua", text) end
    local function load()
      local state = assert(script.open { path = folder .. "/?.lua" })
      local results = { state:call "return require 'door_module'" }
      state:close()
      return results
    end
    write "return 'first', ..."
    assert.same({ true, "first", folder .. "/door_module.lua" }, load())
    assert.same({ true, "first", folder .. "/door_module.lua" }, load())
    write "return 'second time'"
    assert.same({ true, "second time", folder .. "/door_module.lua" }, load())
    write "\n\nerror 'line three'"
    for _ = 1, 2 do assert.matches("door_module.lua:3: line three", load()[2], 1, true) end
    write "return return"
    assert.matches("error loading module 'door_module' from file", load()[2], 1, true)
    os.remove(folder .. "/door_module.lua")
    assert.matches("module 'door_module' not found", load()[2], 1, true)
    remove()
  end)
end)

describe("an actor", function()
  local state
  before_each(function() state = assert(script.open {}) end)
  after_each(function() state:close() end)

  it("waits and gets what it is resumed with", function()
    local how, turns, one, two = state:run(core .. "return core.wait(), core.wait()")
    assert.same({ "done", 2, 1, 2 }, { how, turns.waits, one, two })
  end)

  it("fails with its value, a text and the traceback", function()
    local how, turns, text, value = state:run "local function inner() error { code = 7 } end inner()"
    assert.equal("failed", how)
    assert.matches("in local 'inner'", text)
    assert.same({ code = 7 }, value)
    assert.is_true(turns.reusable)
  end)

  it("closes its variables when it fails, exits or ends", function()
    for _, ending in ipairs { "error 'x'", "require 'luahub.core'.exit()", "return" } do
      state:run("local x <close> = setmetatable({}, { __close = function() closed = true end }) " .. ending)
      assert.same({ true, true }, { state:call "local was = closed closed = nil return was" }, ending)
    end
  end)

  it("exits past every pcall", function()
    local programs = {
      "core.exit 'bye'",
      "pcall(core.exit, 'bye')",
      "xpcall(core.exit, print, 'bye')",
      "pcall(coroutine.wrap(function() pcall(core.exit, 'bye') end))",
      "coroutine.resume(coroutine.create(function() core.exit 'bye' end))",
      "pcall(table.sort, { 3, 2, 1 }, function() core.exit 'bye' end)",
      "table.sort({ 3, 2, 1 }, function() pcall(core.exit, 'bye') return false end)",
      "pcall(string.gsub, 'abc', '.', function() pcall(coroutine.wrap(function() core.exit 'bye' end)) end)",
      "setmetatable({}, { __index = function() core.exit 'bye' end }).x = 1 local _ = setmetatable({}, "
        .. "{ __index = function() core.exit 'bye' end }).x",
    }
    for _, program in ipairs(programs) do
      local how, _, reason = state:run(core .. program .. " return 'went on'")
      assert.same({ "exited", "bye" }, { how, reason }, program)
    end
    assert.same({ "done", 1 }, { (function(how, _, value) return how, value end)(state:run "return 1") })
  end)

  it("may yield only to a coroutine", function()
    for _, program in ipairs { "coroutine.yield(1)", core .. "core.raw_yield(1)" } do
      local how, _, text = state:run(program)
      assert.equal("failed", how)
      assert.matches("attempt to yield from outside a coroutine", text)
    end
  end)

  it("raises when another thread says so, once", function()
    local how, _, ok, text = state:run_and_raise(core .. [[
      local ok, text = pcall(function() core.ready() while true do end end)
      for _ = 1, 1e5 do end
      return ok, text]])
    assert.same({ "done", false, "stop now" }, { how, ok, text })
  end)

  it("raises until it ends when it has to", function()
    local loops = {
      "while true do end",
      "while true do pcall(function() while true do end end) end",
      "while true do pcall(table.sort, { 3, 2, 1 }, function() while true do end end) end",
      "while true do coroutine.wrap(function() while true do pcall(string.rep) end end)() end",
      "while true do xpcall(function() while true do end end, function() while true do end end) end",
    }
    for _, loop in ipairs(loops) do
      local how, _, text = state:run_and_raise(core .. "core.ready() " .. loop, true)
      assert.equal("failed", how, loop)
      assert.matches("^stop now\nstack traceback:", text)
    end
    assert.equal("done", (state:run "for _ = 1, 1e5 do end"))
  end)
end)
