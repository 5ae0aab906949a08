local core = dofile("spec/luahub/fake_core.lua").install()
local complete = require("luahub.repl.complete")
local evaluate = require("luahub.repl.evaluate")
local inspect = require("luahub.repl.inspect").inspect
local json = require("luahub.json")

describe("luahub.repl.inspect", function()
  it("prints readable Lua with sorted keys", function()
    local value = { 1, 2, ["b c"] = "x", a = true, ["end"] = 1.5 }
    assert.are.equal('{ 1, 2, a = true, ["b c"] = "x", ["end"] = 1.5 }', inspect(value))
    assert.are.equal("{}", inspect({}))
    assert.are.equal('"a\\nb\\"\\x00"', inspect('a\nb"\0'))
    assert.are.equal("{ x = 1.0, y = math.huge }", inspect({ x = 1.0, y = math.huge }))
  end)

  it("prints what reads back as the same", function()
    local value = { 1, { "a", 2.5 }, name = "x", nested = { deep = { true, false } }, [10] = -1, [1.5] = "f" }
    assert.are.same(value, load("return " .. inspect(value))())
  end)

  it("marks cycles and cuts what is long or deep", function()
    local cycle = { name = "c" }
    cycle.me = cycle
    assert.matches("me = %-%-%[%[ itself %]%] nil", inspect(cycle))
    assert.matches("and 5 more", inspect({ 1, 2, 3, 4, 5, 6, 7 }, { entries = 2 }))
    assert.matches("%.%.%.", inspect({ { { { 1 } } } }, { depth = 2 }))
    assert.matches("and 90 bytes more", inspect(("x"):rep(100), { string = 10 }))
  end)

  it("lets objects print themselves", function()
    assert.are.equal("{ hub(main) }", inspect({ require("luahub").hub("main") }))
  end)
end)

describe("luahub.json", function()
  it("writes empty lists as [] and keeps objects", function()
    assert.are.equal("[]", json.encode({}))
    assert.are.equal('{"a":[]}', json.encode({ a = {} }))
    assert.are.equal('[[],[],"x"]', json.encode({ {}, {}, "x" }))
  end)

  it("keeps strings that look like its own marks", function()
    for _, text in ipairs({ "\1", "\1\1", ',"\1"', "[]", '\\"\1', "" }) do
      assert.are.equal(text, require("cjson").decode(json.encode({ text, {} }))[1])
    end
  end)

  it("writes numbers beyond cjson's precision as strings", function()
    assert.are.equal('["9007199254740993","123456789012345",12345678901234,0.5,"inf"]',
      json.encode({ 9007199254740993, 123456789012345, 12345678901234, 0.5, math.huge }))
  end)

  it("writes pids and objects as their text, results as tables", function()
    local result = require("luahub.result").stop({ status = "ok", ids = { "a" }, nodes = { "n1" }, errors = {} })
    local decoded = require("cjson").decode(json.encode(result))
    assert.are.equal("ok", decoded.status)
    assert.are.equal('"hub(main)"', json.encode(require("luahub").hub("main")))
  end)

  it("writes text that is not UTF-8 and refuses cycles", function()
    assert.are.equal('"a\\\\xFF"', json.encode("a\255"))
    local cycle = {}
    cycle[1] = cycle
    assert.has_error(function()
      json.encode(cycle)
    end)
  end)
end)

describe("luahub.repl.evaluate", function()
  it("prints expressions and runs statements", function()
    local ok, results = evaluate.run(evaluate.compile("1, nil, 3", {}))
    assert.is_true(ok)
    assert.are.same({ 1, nil, 3, n = 3 }, results)
    assert.are.same({ 7, n = 1 }, select(2, evaluate.run(evaluate.compile("= 3 + 4", {}))))
    local environment = {}
    assert.is_true((evaluate.run(evaluate.compile("x = 5", environment))))
    assert.are.equal(5, environment.x)
  end)

  it("asks for more when a chunk ends too early", function()
    assert.is_true((select(3, evaluate.compile("for i = 1, 2 do", {}))))
    assert.is_falsy((select(3, evaluate.compile("for for", {}))))
  end)

  it("answers errors with a traceback that begins at the chunk", function()
    local ok, text = evaluate.run(evaluate.compile("error('no')", _G))
    assert.is_false(ok)
    assert.matches("^repl:1: no\nstack traceback:", text)
    assert.is_nil(text:find("evaluate.lua", 1, true))
  end)

  it("takes nil and an error for a failure", function()
    assert.are.equal("why", evaluate.failure({ nil, "why", n = 2 }))
    assert.is_nil(evaluate.failure({ nil, n = 1 }))
    assert.is_nil(evaluate.failure({ false, "x", n = 2 }))
  end)
end)

describe("luahub.repl.complete", function()
  local names = { hub = require("luahub").hub("main"), value = { alpha = 1, beta = {} } }
  local environment = setmetatable(names, { __index = _G })

  it("completes names and fields", function()
    assert.are.same({ "value.alpha" }, complete.complete(environment, "print(value.al"))
    assert.are.same({ "print" }, complete.complete(environment, "x = prin"))
    assert.are.same({ "string.format" }, complete.complete(environment, "string.form"))
  end)

  it("completes methods of objects", function()
    assert.are.same({ "hub:start_child", "hub:start_children" }, complete.complete(environment, "hub:start_ch"))
    assert.are.same({ "hub:process_list" }, complete.complete(environment, "return hub:proc"))
  end)

  it("runs no code of anyone", function()
    local trap = setmetatable({}, {
      __index = function()
        error("called")
      end,
    })
    assert.are.same({}, complete.complete({ trap = trap }, "trap.x.y"))
    assert.are.same({}, complete.complete({}, "nothing.here."))
  end)

  it("completes keywords", function()
    assert.are.same({ "return" }, complete.complete({}, "retur"))
  end)
end)

describe("luahub.repl.session", function()
  local sent, inbox
  local session = require("luahub.repl.session")

  before_each(function()
    sent, inbox = {}, {}
    core.answers.hubs = { "main" }
    core.answers.info = { name = "n1" }
    core.answers.control_send = function(value)
      sent[#sent + 1] = value.message
      return true
    end
    core.receive = function()
      return table.remove(inbox, 1) or { type = "control", closed = true }
    end
  end)

  local function attach(...)
    for _, message in ipairs({ ... }) do
      inbox[#inbox + 1] = { type = "control", message = message }
    end
    session(1, { op = "attach" })
    table.remove(sent, 1)
    return sent
  end

  local function eval(code, as_json)
    session(1, { op = "eval", code = code, json = as_json })
    return sent
  end

  it("answers a chunk's first value after what it printed", function()
    assert.are.same({ { op = "print", text = "hi\t2\n" }, { op = "result", text = "{ 1 }" }, { op = "end" } },
      eval("print('hi', 2) return { 1 }, 3"))
  end)

  it("answers JSON when asked", function()
    assert.are.equal('{"a":[]}', eval("return { a = {} }", true)[1].text)
    assert.are.equal("null", eval("local x = 1", true)[3].text)
  end)

  it("answers an error when a chunk raises, fails or does not compile", function()
    for code, expected in pairs({
      ["error('no')"] = "repl:1: no",
      ["return nil, 'because'"] = "because",
      ["x x"] = "syntax error",
    }) do
      sent = {}
      local answer = eval(code)[1]
      assert.are.equal("error", answer.op)
      assert.matches(expected, answer.text, 1, true)
    end
  end)

  it("gives chunks the hub, the module and the last result", function()
    assert.are.equal("hub(main)", eval("return hub")[1].text)
    sent = {}
    local answers = attach({ op = "line", code = "20 + 1" }, { op = "line", code = "_ * 2" })
    assert.are.same({ "21", "42" }, { answers[1].text, answers[2].text })
  end)

  it("keeps globals between lines and lives on after an error", function()
    local function line(code)
      return { op = "line", code = code }
    end
    local answers = attach(line("x = 1"), line("error('no')"), line("x"))
    assert.are.equal("error", answers[2].op)
    assert.are.equal("1", answers[3].text)
  end)

  it("asks for more lines and completes", function()
    local answers = attach({ op = "line", code = "for i = 1, 2 do" }, { op = "complete", text = "hub:get_pid" })
    assert.is_true(answers[1].more)
    assert.are.same({ "hub:get_pid", "hub:get_pids" }, answers[2].list)
  end)

  it("outlives an interrupt between two lines", function()
    local receive = core.receive
    local once = true
    core.receive = function()
      if once then
        once = false
        error("interrupted!", 0)
      end
      return receive()
    end
    assert.are.equal("1", attach({ op = "line", code = "1" })[1].text)
  end)

  it("sends long results in parts", function()
    local answers = eval("return ('x'):rep(600000)")
    assert.are.same({ "part", "part", "result", "end" }, { answers[1].op, answers[2].op, answers[3].op, answers[4].op })
    assert.are.equal(600002, #answers[1].text + #answers[2].text + #answers[3].text)
  end)
end)
