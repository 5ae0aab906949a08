-- The public interface as ProcessHub's users know it, on a real hub of three nodes. T- numbers are those of the table
-- in doc/coming_from_processhub.md, which also says what took the place of those that are not here.
local cluster = require("spec.cluster.helper")

describe("Starting, stopping and asking, on three nodes", function()
  local world, nodes, n1

  setup(function()
    world = cluster.new({ hub = [[
      children = { { id = "static", start = { "tracked" }, metadata = { tag = "fixed" } } }]] })
    nodes = { world:start("n1") }
    for i = 2, 3 do
      nodes[i] = world:start("n" .. i, { join = { nodes[1] } })
    end
    n1 = nodes[1]
    world:settled(nodes, { "static" })
  end)
  teardown(function()
    world:close()
  end)

  -- All children but the static one are stopped.
  after_each(function()
    n1:eval([[
      local ids = {}
      for _, child in ipairs(hub:process_list()) do
        if child.id ~= "static" then ids[#ids + 1] = child.id end
      end
      if #ids > 0 then assert(hub:stop_children(ids, { awaitable = true }):await():status() == "ok") end]])
  end)

  -- What a chunk answers on n1, with `start` and `good` at hand: `start(specs, options)` awaits and answers a short
  -- form of the result.
  local function run(chunk)
    return n1:eval([[
      local function good(id, more)
        local spec = { id = id, start = { "tracked" } }
        for k, v in pairs(more or {}) do spec[k] = v end
        return spec
      end
      local bad = function(id) return { id = id, start = { "raises", "refuse" } } end
      local function brief(result)
        local errors = {}
        for i, e in ipairs(result:errors()) do errors[i] = e.id .. " " .. e.code end
        return { result:status(), table.concat(result:cids(), " "), table.concat(errors, " ") }
      end
      local function start(specs, options)
        options = options or {}
        options.awaitable = true
        local result, err = luahub.await(hub:start_children(specs, options))
        return result and brief(result) or { "refused", err.code }
      end
    ]] .. chunk)
  end

  it("T-020 starts children, awaited or not", function()
    assert.are.same({ "refused", "no_children" }, run("return start({})"))
    assert.are.equal("start_initiated", run([[return hub:start_children({ good("a") })]]))
    assert.are.same({ "ok", "b c", "" }, run([[return start({ good("b"), good("c") })]]))
    assert.are.same({ "ok", 1, true, true }, run([[
      local result = hub:start_children({ good("d") }, { awaitable = true }):await()
      local place = hub:call("d", "where").node
      return { result:status(), #result:cids(), result:node() == place, result:pid() == hub:get_pid("d") }]]))
  end)

  it("T-020 refuses a call that names what runs, and names it", function()
    assert.are.same({ "already_started", { "a" } }, run([[
      start({ good("a") })
      local _, err = hub:start_children({ good("a"), good("b") })
      return { err.code, err.ids }]]))
    assert.is_nil(run([[return hub:child_lookup("b")]]))
  end)

  it("T-020 starts one of two that have the same id", function()
    assert.are.same({ "error", "a", "a already_started" }, run([[return start({ good("a"), good("a") })]]))
  end)

  it("T-021 tells each child that did not start, with its reason", function()
    assert.are.same({ "error", "", "a child_failed b child_failed" }, run([[
      return start({ { id = "a", start = { "no.such.module" } }, bad("b") })]]))
    assert.matches("module 'no.such.module' not found", run([[
      local future = hub:start_child({ id = "a", start = { "no.such.module" } }, { awaitable = true })
      return future:await():errors()[1].message]]))
  end)

  it("T-022 start_child: with check_existing = false what runs is an error of its own", function()
    assert.are.same({ "ok", "a", "" }, run([[
      luahub.send(luahub.self(), { "stray", "message" })
      return start({ good("a") })]]))
    assert.are.same({ "error", "b", "a already_started" }, run([[
      return start({ good("a"), good("b") }, { check_existing = false })]]))
    assert.are.same({ "already_started", true }, run([[
      local e = hub:start_child(good("a"), { awaitable = true, check_existing = false }):await():errors()[1]
      return { e.code, e.pid == hub:get_pid("a") }]]))
  end)

  it("T-023 takes back what started when something failed", function()
    assert.are.same({ "error", 1, "a", "rollback", true }, run([[
      local result = hub:start_children({ good("a"), bad("b") }, { awaitable = true, on_failure = "rollback" }):await()
      local word, both, rolled = result:format()
      return { word, #both.errors, both.started[1].id, rolled, hub:child_lookup("a") == nil }]]))
    for _, node in ipairs(nodes) do
      cluster.eventually("nobody lists it", function()
        return node:eval([[return hub:child_lookup("a") == nil and hub:child_lookup("b") == nil]])
      end)
    end
  end)

  it("T-023 takes it back when nobody awaits it, too", function()
    assert.are.equal("start_initiated", run([[
      return hub:start_children({ good("back"), bad("b") }, { on_failure = "rollback", disable_logging = true })]]))
    cluster.eventually("it was started, and is gone", function()
      if world:starts().back ~= 1 then return false end
      return n1:eval([[return hub:child_lookup("back") == nil]])
    end)
  end)

  it("T-024, T-025, T-026, L-7 stops children wherever they run, at once, and says which are not there", function()
    assert.are.same({ "ok", "a b", "" }, run([[
      start({ good("a"), good("b") })
      return brief(hub:stop_children({ "a", "b" }, { awaitable = true, timeout = 60000 }):await())]]))
    assert.are.same({ "error", "c", "nobody not_found" }, run([[
      start({ good("c") })
      return brief(hub:stop_children({ "c", "nobody" }, { awaitable = true, timeout = 60000 }):await())]]))
    assert.are.equal("stop_initiated", run([[start({ good("d") }) return hub:stop_child("d")]]))
    cluster.eventually("it is gone", function()
      return n1:eval([[return hub:child_lookup("d") == nil]])
    end)
  end)

  it("T-027 which_children: this node, or all", function()
    assert.are.same({ "n1", "n1 n2 n3" }, run([[
      local names = {}
      for i, entry in ipairs(hub:which_children({ scope = "global" })) do names[i] = entry.node end
      return { hub:which_children().node, table.concat(names, " ") }]]))
  end)

  it("T-028, T-031, T-033 knows whether it runs here, and where else", function()
    assert.are.same({ true, false, "n2 n3", "n1 n2 n3", "not_alive" }, run([[
      local other = luahub.hub("other")
      local _, err = other:stop()
      return { hub:is_alive(), other:is_alive(), table.concat(hub:nodes(), " "),
        table.concat(hub:nodes({ include_local = true }), " "), err.code }]]))
  end)

  it("T-029, T-406 awaits late, twice, and hands errors on", function()
    assert.are.same({ "ok", "ok", "no_children" }, run([[
      local future = hub:start_child(good("a"), { awaitable = true, timeout = 2000 })
      while not hub:get_pid("a") do luahub.sleep(5) end
      luahub.sleep(50)
      local _, err = luahub.await(hub:start_children({}, { awaitable = true }))
      return { future:await():status(), future:await():status(), err.code }]]))
    assert.matches("luahub.await: expected a future (of a call with awaitable = true), got \"start_initiated\"", run([[
      return select(2, pcall(luahub.await, "start_initiated"))]]), 1, true)
  end)

  it("T-036 to T-040 looks up, lists and dumps what every node knows", function()
    run([[start({ good("a", { metadata = { tag = "x", size = 3 } }), good("b") })]])
    for _, node in ipairs(nodes) do
      cluster.eventually(node.name .. " has them", function()
        return node:eval([[return #hub:process_list() == 3]])
      end)
      assert.are.same({ true, true, "tracked", 1, 0, true, "x", 3 }, node:eval([[
        local child, dump = hub:child_lookup("a", { with_metadata = true }), hub:registry_dump()
        return { hub:child_lookup("nobody") == nil, hub:get_pid("nobody") == nil, child.spec.start[1],
          #hub:get_pids("a"), #hub:get_pids("nobody"),
          hub:get_pid("a") == child.instances[1].pid, dump[1].metadata.tag, #dump }]]))
    end
    assert.are.equal(3, run([[
      local count = 0
      for _, node in ipairs(hub:which_children({ scope = "global" })) do count = count + #node.children end
      return count]]))
  end)

  it("T-041, T-042, T-043 registers hook handlers, and cancels them", function()
    assert.are.same({ true, "handler_id_not_unique", true, true }, run([[
      local handler = { id = "h", handler = { "listener", "tell", "nobody", "registered" } }
      local first = hub:register_hook_handlers("child_registered", { handler })
      local _, err = hub:register_hook_handlers("child_registered", { { id = "i", handler = { "m", "f" } }, handler })
      return { first, err.code, hub:cancel_hook_handlers("child_registered", { "h", "unknown" }),
        hub:cancel_hook_handlers("no_such_key", { "h" }) }]]))
  end)

  it("T-044, L-12 has its static children once, though every node's configuration has them", function()
    assert.are.equal(1, world:starts().static)
    assert.are.same({ "fixed" }, run([[return { hub:child_lookup("static", { with_metadata = true }).metadata.tag }]]))
  end)

  it("T-045, L-11 forgets a transient or temporary child that ends normally, and disturbs no other", function()
    run([[
      start({ good("t", { restart = "transient" }), good("u", { restart = "temporary" }), good("v") })
      hub:call("t", { "exit", "normal" })
      hub:call("u", { "exit", "normal" })]])
    for _, node in ipairs(nodes) do
      cluster.eventually("they are gone", function()
        return node:eval([[return hub:child_lookup("t") == nil and hub:child_lookup("u") == nil]])
      end)
    end
    local starts = world:starts()
    assert.are.same({ 1, 1, 1 }, { starts.t, starts.u, starts.v })
  end)

  it("T-257, API-17 finds children by tag, on every node", function()
    run([[start({ good("a"), good("b"), good("c", { metadata = { tag = "y" } }) }, { metadata = { tag = "x" } })]])
    for _, node in ipairs(nodes) do
      cluster.eventually(node.name .. " has them", function()
        return node:eval([[return #hub:tag_query("x") == 2 and #hub:tag_query("y") == 1 and #hub:tag_query("z") == 0]])
      end)
    end
    assert.matches('hub:tag_query: tag: expected a string that is not empty, got boolean', run([[
      return select(2, pcall(hub.tag_query, hub, true))]]), 1, true)
  end)

  it("T-400 API-20 finds children by a key of their metadata, with its value; per-child metadata wins", function()
    run([[start({ good("a"), good("b"), good("c", { metadata = { other = 1 } }) },
      { metadata = { size = 1 }, child_metadata = { b = { size = { 2, 3 } } } })]])
    for _, node in ipairs(nodes) do
      cluster.eventually(node.name .. " has them", function()
        return node:eval([[return #hub:process_list() == 4]])
      end)
      assert.are.same({ "a", 1, "b", { 2, 3 }, 2 }, node:eval([[
        local found = hub:metadata_query("size")
        return { found[1].id, found[1].value, found[2].id, found[2].value, #found }]]))
      assert.are.same({ "static", "n/a" }, node:eval([[
        local found, none = hub:metadata_query("tag"), hub:metadata_query("siz")
        return { found[1].id, #none == 0 and "n/a" }]]))
    end
  end)

  it("T-020 answers at its deadline with what there is", function()
    assert.are.same({ "error", "", "a child_start_timeout" }, run([[
      return start({ good("a") }, { timeout = 0 })]]))
  end)

  -- Each node's registry: how many children, of how many different ids, and how many of them tag and key find.
  local function counts(node)
    return node:eval([[
      local rows, ids, seen = hub:process_list(), {}, 0
      for _, row in ipairs(rows) do
        if not ids[row.id] then seen = seen + 1 end
        ids[row.id] = true
      end
      return ("%d %d %d %d"):format(#rows, seen, #hub:tag_query("many"), #hub:metadata_query("number"))]])
  end

  local function eventually_counts(expected)
    for _, node in ipairs(nodes) do
      cluster.eventually(node.name .. " has them all", function()
        local found = counts(node)
        return found == expected, found
      end)
    end
  end

  it("T-002, T-009 starts 1,000 tagged children, each once, known to every node; and stops them", function()
    local ids = cluster.ids("many", 1000)
    n1:start_children(ids, [[metadata = { tag = "many" }]])
    local all = { "static", table.unpack(ids) }
    world:settled(nodes, all)
    eventually_counts("1001 1001 1000 0")
    assert.are.same({ status = "ok", count = 1000, ordered = 0 }, n1:stop_children(ids))
    eventually_counts("1 1 0 0")
  end)

  it("L-24 starts each id once when three nodes ask at once, and tells the others so", function()
    local answers = {}
    for i, node in ipairs(nodes) do
      answers[i] = node:background([[
        local specs = {}
        for i = 1, 200 do specs[i] = { id = "same" .. i, start = { "tracked" } } end
        local result = assert(luahub.await(hub:start_children(specs, { awaitable = true, check_existing = false })))
        local other = "none"
        for _, e in ipairs(result:errors()) do
          if e.code ~= "already_started" then other = e.code end
        end
        return { #result:cids(), #result:errors(), other }]])
    end
    local started, refused = 0, 0
    for _, answer in ipairs(answers) do
      local got = answer()
      started, refused = started + got[1], refused + got[2]
      assert.are.equal("none", got[3])
    end
    assert.are.same({ 200, 400 }, { started, refused })
    world:settled(nodes, { "static", table.unpack(cluster.ids("same", 200)) })
  end)

  it("T-407 refuses a timeout that is none, at the caller's line", function()
    for _, wrong in ipairs({ "-1", '"soon"', "1/0", "0/0", "{}" }) do
      assert.matches("hub:start_child: timeout: expected a number of milliseconds", run(([[
        return select(2, pcall(hub.start_child, hub, good("a"), { timeout = %s }))]]):format(wrong)), 1, true)
    end
  end)
end)

describe("A batch of any size", function()
  it("T-401, L-7: starts in one call on three nodes, each child with metadata of its own, and stops", function()
    cluster.with(nil, function(world)
      local nodes = world:hub_of(3)
      assert.are.same({ "ok", 30000, 30000, 15000 }, nodes[1]:eval([=[
        local specs, own = {}, {}
        for i = 1, 30000 do
          local id = "k" .. i
          specs[i] = { id = id, start = { "listener" } }
          own[id] = { number = i, tag = i % 2 == 0 and "even" or "odd" }
        end
        local started = assert(luahub.await(hub:start_children(specs, { awaitable = true, child_metadata = own })))
        return { started:status(), #started:cids(), #hub:metadata_query("number"), #hub:tag_query("even") }]=]))
      for _, node in ipairs(nodes) do
        cluster.eventually(node.name .. " lists them, and has its share", function()
          local all, own = table.unpack(node:eval([[return { #hub:process_list(), #hub:process_list("local") }]]))
          return all == 30000 and own > 8000 and own < 12000, all .. " " .. own
        end)
      end
      assert.are.same({ "ok", 30000, 0 }, nodes[2]:eval([=[
        local ids = {}
        for i = 1, 30000 do ids[i] = "k" .. i end
        local stopped = assert(luahub.await(hub:stop_children(ids, { awaitable = true })))
        return { stopped:status(), #stopped:cids(), #hub:process_list("local") }]=]))
    end)
  end)
end)
