local core = dofile("spec/luahub/fake_core.lua").install()
local future = require("luahub.future")
local result = require("luahub.result")

local OK = { status = "ok", ids = { "a", "b" }, nodes = { "n1", "n2" }, pids = { 11, 12 }, errors = {} }
local PART = {
  status = "error",
  ids = { "a" },
  nodes = { "n1" },
  pids = { 11 },
  errors = { { id = "b", node = "n2", code = "init_failed", message = "no" } },
}

local NONE = {
  status = "error",
  ids = {},
  nodes = {},
  pids = {},
  errors = { { id = "a", node = "n1", code = "not_found", message = "no" } },
}

describe("luahub.result", function()
  it("T-066, T-068, T-070, T-072, T-074, T-076, T-078: tells what was started", function()
    local started = result.start(OK)
    assert.are.equal("ok", started:status())
    assert.are.same({ "a", "b" }, started:cids())
    assert.are.same({ "n1", "n2" }, started:nodes())
    assert.are.same({ 11, 12 }, started:pids())
    assert.are.equal("n1", started:node())
    assert.are.equal(11, started:pid())
    assert.are.same({}, started:errors())
    assert.are.same({ id = "a", instances = { { node = "n1", pid = 11 } } }, started:first())
  end)

  it("T-069, T-071, T-073, T-075, T-077, T-079: has nothing to tell where nothing started", function()
    local started = result.start(NONE)
    assert.are.same({ 0, 0, 0 }, { #started:cids(), #started:nodes(), #started:pids() })
    assert.is_nil(started:node())
    assert.is_nil(started:pid())
    assert.is_nil(started:first())
  end)

  it("T-064, T-066: tells each failure, and that there was one", function()
    local started = result.start(PART)
    assert.are.equal("error", started:status())
    assert.are.same({ { id = "b", node = "n2", code = "init_failed", message = "no" } }, started:errors())
    assert.are.same({ "a" }, started:cids())
  end)

  it("T-061, T-062: formats success and failure", function()
    local status, started = result.start(OK):format()
    assert.are.equal("ok", status)
    assert.are.equal(2, #started)
    local failed, detail, rollback = result.start(PART):format()
    assert.are.equal("error", failed)
    assert.are.equal("init_failed", detail.errors[1].code)
    assert.are.equal("a", detail.started[1].id)
    assert.is_nil(rollback)
  end)

  it("T-060: says that it was rolled back", function()
    local raw = { status = "error", ids = {}, nodes = {}, pids = {}, errors = PART.errors, rollback = true }
    assert.are.equal("rollback", (select(3, result.start(raw):format())))
  end)

  it("T-074, T-078: puts the instances of a child together, and names each node once", function()
    local raw = { status = "ok", ids = { "a", "a" }, nodes = { "n1", "n2" }, pids = { 1, 2 }, errors = {} }
    assert.are.equal(2, #result.start(raw):first().instances)
    assert.are.same({ "a" }, result.start(raw):cids())
    raw = { status = "ok", ids = { "a", "b", "c" }, nodes = { "n1", "n2", "n1" }, pids = { 1, 2, 3 }, errors = {} }
    assert.are.same({ "n1", "n2" }, result.start(raw):nodes())
  end)

  it("T-081, T-085, T-087, T-089, T-091: tells what was stopped", function()
    local stopped = result.stop({ status = "ok", ids = { "a", "b" }, nodes = { "n1", "n1" }, errors = {} })
    assert.are.same({ id = "a", nodes = { "n1" } }, stopped:first())
    assert.are.same({ "n1" }, stopped:nodes())
    assert.are.same({ "a", "b" }, stopped:cids())
    assert.are.equal("ok", stopped:status())
    local status, list = stopped:format()
    assert.are.same({ "ok", "a", "b" }, { status, list[1].id, list[2].id })
    assert.are.same({}, stopped:ordered())
  end)

  it("T-080, T-083, T-085, T-088, T-090, T-092: tells what could not be stopped", function()
    local stopped = result.stop(NONE)
    assert.are.equal("error", stopped:status())
    assert.are.same({ { id = "a", node = "n1", code = "not_found", message = "no" } }, stopped:errors())
    assert.is_nil(stopped:first())
    assert.are.same({ 0, 0 }, { #stopped:cids(), #stopped:nodes() })
    local status, detail = stopped:format()
    assert.are.same({ "error", "not_found", 0 }, { status, detail.errors[1].code, #detail.stopped })
  end)

  it("T-063, T-065, T-067, T-082, T-084, T-086: is none of a call that was refused: its error is handed on", function()
    for _, kind in ipairs({ "start", "stop" }) do
      core.answers[kind] = function()
        return nil, core.failure("not_alive", "hub main does not run here")
      end
      local value, err = future.await(future.request(kind, {}, 1000, result[kind]))
      assert.is_nil(value)
      assert.are.same({ "not_alive", "hub main does not run here" }, { err.code, err.message })
      value, err = future.await(nil, err)
      assert.is_nil(value)
      assert.are.equal("not_alive", err.code)
    end
  end)

  it("tells what an order stops", function()
    local raw = { status = "ok", ids = { "a", "b" }, nodes = { "n1", "n2" }, ordered = { "b" }, errors = {} }
    assert.are.same({ "b" }, result.stop(raw):ordered())
  end)

  it("prints as one line", function()
    assert.are.equal("start_result(ok, 2 children)", tostring(result.start(OK)))
    assert.matches("1 error, the first b: no", tostring(result.start(PART)))
  end)
end)

describe("luahub.future", function()
  it("answers the same when awaited again, and can be called", function()
    core.answers.start = OK
    local pending = future.request("start", {}, 1000, result.start)
    local first = pending:await()
    assert.are.equal(first, pending:await(5))
    assert.are.equal(first, pending())
  end)

  it("can be awaited again after a wait that was too short", function()
    local pending = future.request("start", {}, 1000, result.start)
    core.refs[#core.refs] = { nil, core.failure("timeout") }
    local value, err = pending:await(1)
    assert.is_nil(value)
    assert.are.equal("timeout", err.code)
    core.refs[#core.refs] = { OK }
    assert.are.equal("ok", pending:await():status())
  end)

  it("keeps an error", function()
    core.answers.start = function()
      return nil, core.failure("no_nodes")
    end
    local pending = future.request("start", {}, 1000, result.start)
    assert.are.equal("no_nodes", select(2, pending:await()).code)
    assert.are.equal("no_nodes", select(2, pending:await()).code)
  end)
end)
