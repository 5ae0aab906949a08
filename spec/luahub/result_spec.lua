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

describe("luahub.result", function()
  it("tells what was started", function()
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

  it("formats success and failure", function()
    local status, started = result.start(OK):format()
    assert.are.equal("ok", status)
    assert.are.equal(2, #started)
    local failed, detail, rollback = result.start(PART):format()
    assert.are.equal("error", failed)
    assert.are.equal("init_failed", detail.errors[1].code)
    assert.are.equal("a", detail.started[1].id)
    assert.is_nil(rollback)
  end)

  it("says that it was rolled back", function()
    local raw = { status = "error", ids = {}, nodes = {}, pids = {}, errors = PART.errors, rollback = true }
    assert.are.equal("rollback", (select(3, result.start(raw):format())))
  end)

  it("puts the instances of a child together", function()
    local raw = { status = "ok", ids = { "a", "a" }, nodes = { "n1", "n2" }, pids = { 1, 2 }, errors = {} }
    assert.are.equal(2, #result.start(raw):first().instances)
    assert.are.same({ "a" }, result.start(raw):cids())
  end)

  it("tells what was stopped", function()
    local stopped = result.stop({ status = "ok", ids = { "a", "b" }, nodes = { "n1", "n1" }, errors = {} })
    assert.are.same({ id = "a", nodes = { "n1" } }, stopped:first())
    assert.are.same({ "n1" }, stopped:nodes())
    assert.are.equal("ok", (stopped:format()))
    assert.are.same({}, stopped:ordered())
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
