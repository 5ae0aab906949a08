-- What an awaited call came to as plain values, which is what ProcessHub's deprecated `async_wait` answered: T-050 to
-- T-056 in our form, on a real node. The spelling itself is refused.
local cluster = require("spec.cluster.helper")

describe("Awaited calls, as plain values", function()
  local world, node

  setup(function()
    world = cluster.new()
    node = world:start("n1")
  end)
  teardown(function()
    world:close()
  end)
  after_each(function()
    node:eval([[
      local ids = {}
      for i, child in ipairs(hub:process_list()) do ids[i] = child.id end
      if #ids > 0 then assert(hub:stop_children(ids, { awaitable = true }):await():status() == "ok") end]])
  end)

  -- What a chunk answers, with short words at hand: plain(call...) awaits, formats, and answers the status, what was
  -- done and what failed in one line each.
  local function run(chunk)
    return node:eval([[
      local awaited = { awaitable = true }
      local function good(id) return { id = id, start = { "tracked" } } end
      local function bad(id) return { id = id, start = { "raises", "refuse" } } end
      local function line(entry)
        local places = {}
        for i, at in ipairs(entry.instances or entry.nodes) do places[i] = type(at) == "table" and at.node or at end
        return entry.id .. " on " .. table.concat(places, " ")
      end
      local function lines(list, one)
        local out = {}
        for i, entry in ipairs(list) do out[i] = one(entry) end
        return table.concat(out, ", ")
      end
      local function plain(...)
        local status, value, rollback = luahub.await(...):format()
        if status == "ok" then return { status, lines(value, line) } end
        local errors = lines(value.errors, function(e) return e.id .. " " .. e.code end)
        return { status, lines(value.started or value.stopped, line), errors, rollback }
      end
    ]] .. chunk)
  end

  it("T-050: say what started, twice the same id, and what did not in time", function()
    assert.are.same({ "ok", "a on n1, b on n1" }, run([[
      return plain(hub:start_children({ good("a"), good("b") }, awaited))]]))
    assert.are.same({ "error", "c on n1", "c already_started" }, run([[
      return plain(hub:start_children({ good("c"), good("c") }, awaited))]]))
    assert.are.same({ "error", "", "d child_start_timeout" }, run([[
      return plain(hub:start_children({ good("d") }, { awaitable = true, timeout = 0 }))]]))
    cluster.eventually("the late one is there, too", function()
      return node:eval([[return hub:get_pid("d") ~= nil]])
    end)
  end)

  it("T-051: say which failed, one or several", function()
    assert.are.same({ "error", "", "a child_failed" }, run([[return plain(hub:start_children({ bad("a") }, awaited))]]))
    assert.are.same({ "error", "", "a child_failed, b child_failed" }, run([[
      return plain(hub:start_children({ bad("a"), bad("b") }, awaited))]]))
    assert.are.same({ "error", "c on n1", "a child_failed", "rollback" }, run([[
      return plain(hub:start_children({ bad("a"), good("c") }, { awaitable = true, on_failure = "rollback" }))]]))
  end)

  it("T-052: say of one child whether it started", function()
    assert.are.same({ "ok", "a on n1" }, run([[return plain(hub:start_child(good("a"), awaited))]]))
    assert.are.same({ "error", "", "a already_started" }, run([[
      return plain(hub:start_child(good("a"), { awaitable = true, check_existing = false }))]]))
    assert.are.same({ "error", "", "b child_failed" }, run([[return plain(hub:start_child(bad("b"), awaited))]]))
  end)

  it("T-053 to T-055: say what was stopped, and what was not there, by ids that are strings", function()
    assert.are.same({ { "ok", "a on n1, b on n1" }, { "error", "c on n1", "nobody not_found" }, { "ok", "d e on n1" },
      { "error", "", "nobody not_found" } }, run([[
      for _, id in ipairs { "a", "b", "c", "d e" } do plain(hub:start_child(good(id), awaited)) end
      return { plain(hub:stop_children({ "a", "b" }, awaited)), plain(hub:stop_children({ "c", "nobody" }, awaited)),
        plain(hub:stop_child("d e", awaited)), plain(hub:stop_child("nobody", awaited)) }]]))
  end)

  it("T-056: are of a future, and of nothing else", function()
    assert.are.same({ true, true, true, "f: unknown option 'async_wait': it is 'awaitable' here" }, run([[
      local said = {}
      for i, wrong in ipairs { "start_initiated", 5, {} } do
        local ok, problem = pcall(luahub.await, wrong)
        said[i] = not ok and problem:find("luahub.await: expected a future", 1, true) ~= nil
      end
      local _, problem = pcall(hub.start_child, hub, good("a"), { async_wait = true })
      said[4] = problem:gsub("^.-hub:start_child: ", "f: ")
      return said]]))
  end)
end)
