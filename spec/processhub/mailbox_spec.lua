-- Collecting results: T-200 to T-203, T-190 and T-192 to T-194; and that L-5 to L-7 (answers that never came, whole
-- passes repeated, one deadline for each node) are not here.

local cluster = require("spec.cluster.helper")

describe("A mailbox", function()
  local world, nodes, n1

  setup(function()
    world = cluster.new()
    nodes = world:hub_of(3)
    n1 = nodes[1]
  end)
  teardown(function()
    world:close()
  end)

  -- Runs a chunk with a new box, and say(key, id, result, node) to put messages in.
  local function box(chunk)
    return n1:eval(([[
      local box = assert(luahub.mailbox.new())
      local function say(...) assert(luahub.dispatcher.reply_respondents({ box.pid }, ...)) end
      local answer = (function() %s end)()
      box:close()
      return answer]]):format(chunk))
  end

  it("T-200, T-201: receives the answer about one child of one node, or any", function()
    assert.are.same({ "k", "c2", 2, "n2" }, box([[
      say("k", "c1", 1, "n1") say("k", "c2", 1, "n1") say("k", "c2", 2, "n2")
      return box:receive{ id = "c2", node = "n2" }]]))
    assert.are.same({ "k", "c1", 1, "n1" }, box([[
      say("k", "c1", 1, "n1") say("k", "c2", 1, "n1")
      return box:receive()]]))
  end)

  it("T-200: says so when nothing comes in time", function()
    assert.are.same({ "timeout", "nothing came within 20 ms" }, box([[
      say("other", "c1", 1, "n1")
      local message, err = box:receive{ key = "k", timeout = 20 }
      return { err.code, err.message }]]))
  end)

  it("T-202: gathers what children of several nodes came to, whatever the order", function()
    assert.are.same({ "ok", "a b c", "n1 n2 n3" }, box([[
      local pid = luahub.self()
      for i, id in ipairs { "c", "a", "b" } do
        say("child_start", id, { status = "ok", pid = pid }, "n" .. i)
      end
      local result = box:collect_start_results{ ids = { "a", "b", "c" } }
      local ids, names = result:cids(), result:nodes()
      table.sort(ids) table.sort(names)
      return { result:status(), table.concat(ids, " "), table.concat(names, " ") }]]))
  end)

  it("T-202: answers at its deadline with what there is, and names what is missing", function()
    local missing = { "c", "no_response", "no answer in time" }
    assert.are.same({ "error", { "a" }, { "b", "child_failed", "as told" }, missing }, box([[
      say("child_start", "a", { status = "ok", pid = luahub.self() }, "n1")
      say("child_start", "b", { status = "error", code = "child_failed", message = "as told" }, "n2")
      local result = box:collect_start_results{ ids = { "a", "b", "c" }, timeout = 50 }
      local e = result:errors()
      return { result:status(), result:cids(), { e[1].id, e[1].code, e[1].message },
        { e[2].id, e[2].code, e[2].message } }]]))
  end)

  it("T-202: leaves the messages of other nodes, and of other keys, for the next to ask", function()
    assert.are.same({ { "n1" }, { "n2" }, { "later" } }, box([[
      local function ok(key, node) say(key, "a", { status = "ok", pid = luahub.self() }, node) end
      ok("k", "n2") ok("later", "n1") ok("k", "n1")
      local first = box:collect_start_results{ ids = { "a" }, nodes = { "n1" }, key = "k" }
      local second = box:collect_start_results{ ids = { "a" }, nodes = { "n2" } }
      return { first:nodes(), second:nodes(), { box:receive()[1] } }]]))
  end)

  it("T-202: takes what a handler makes of each result", function()
    assert.are.same({ { "a" }, { "b" } }, box([[
      for _, id in ipairs { "a", "b" } do say("k", id, id == "a" and 1 or 2, "n1") end
      local result = box:collect_start_results{ ids = { "a", "b" }, handler = function(id, answer, node)
        if answer == 1 then return { status = "ok", pid = luahub.self() } end
        return { status = "error", code = "two", message = id .. " of " .. node }
      end }
      return { result:cids(), { result:errors()[1].id } }]]))
  end)

  it("T-192, T-194, T-203, L-7: collects a start and a stop; unknown ids are answered at once", function()
    assert.are.same({ "ok", 30, 3, "error", 30, { "unknown", "not_found" } }, n1:eval([[
      local box = assert(luahub.mailbox.new())
      local children, ids = {}, {}
      for i = 1, 30 do
        ids[i] = "m" .. i
        children[i] = { id = ids[i], start = { "tracked" } }
      end
      luahub.dispatcher.children_start(hub, { { children = children, reply_to = { box.pid } } })
      local started = assert(box:collect_start_results{ ids = ids, timeout = 20000 })
      ids[31] = "unknown"
      luahub.dispatcher.children_stop(hub, { { children = ids, reply_to = { box.pid } } })
      local stopped = assert(box:collect_stop_results{ ids = ids, timeout = 20000 })
      local e = stopped:errors()[1]
      box:close()
      return { started:status(), #started:cids(), #started:nodes(), stopped:status(), #stopped:cids(),
        { e.id, e.code } }]]))
  end)

  it("T-193: of a child that is sent to another node finds it there", function()
    n1:start_children({ "sent" })
    assert.are.equal("redistribution_initiated", n1:eval([[
      return luahub.distributor.children_redist_init(hub, { { id = "new", start = { "tracked" } } }, "n2")]]))
    cluster.eventually("it runs there", function()
      local ok, answer = n1:try([[return assert(hub:call("new", "where")).node]])
      return ok and answer == "n2", answer
    end)
  end)

  it("T-204, T-282: waits for so many messages, at most so long, and answers what came, in its order", function()
    assert.are.same({ "a b c", "d", "x" }, box([[
      local function names(messages)
        local out = {}
        for i, message in ipairs(messages) do out[i] = message[2] end
        return table.concat(out, " ")
      end
      for _, id in ipairs { "a", "b", "c", "d" } do say("k", id, 1, "n1") end
      say("other", "x", 1, "n1")
      local three = box:collect{ key = "k", count = 3, timeout = 20000 }
      local rest = box:collect{ key = "k", count = 3, timeout = 50 }
      return { names(three), names(rest), box:receive()[2] }]]))
  end)

  it("disturbs nobody's own mailbox, and ends with its owner", function()
    assert.are.same({ "mine", "down", "normal" }, n1:eval([[
      local me = luahub.self()
      luahub.send(me, "mine")
      luahub.spawn(function()
        local box = assert(luahub.mailbox.new())
        luahub.send(me, { box = box.pid })
        luahub.receive(60000)
      end)
      local mine = luahub.receive(5000)
      local box = assert(luahub.receive(5000)).box
      luahub.monitor(box)
      luahub.spawn(function()
        local own = assert(luahub.mailbox.new())
        luahub.send(me, { box = own.pid })
        luahub.sleep(50)
      end)
      local second = assert(luahub.receive(5000)).box
      luahub.monitor(second)
      local down = assert(luahub.receive(20000))
      assert(down.pid == second)
      return { mine, down.type, down.reason }]]))
  end)

  it("keeps a limited number of messages, the oldest goes", function()
    assert.are.same({ "2", "10001" }, box([[
      for i = 1, 10001 do say("k", tostring(i), 1, "n1") end
      local messages = box:collect{ count = 10000, timeout = 20000 }
      return { messages[1][2], messages[10000][2] }]]))
  end)

  it("is asked for something, in one line when for nothing", function()
    local said = box([[return select(2, pcall(box.collect, box, { timeout = 5 }))]])
    assert.is_truthy(said:find("box:collect: expected ids = { ... } or count = N: what to wait for", 1, true), said)
    said = box([[return select(2, pcall(box.collect, box, { id = { "a" } }))]])
    assert.is_truthy(said:find("unknown option 'id' (did you mean 'ids'?)", 1, true), said)
  end)
end)
