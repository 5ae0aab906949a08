-- Changing a child's metadata while it runs, on a real hub of three nodes (API-42, T-264 in our form).
local cluster = require("spec.cluster.helper")

describe("The metadata of a child that runs", function()
  local world, nodes, n1

  before_each(function()
    world = cluster.new({ hot = true })
    nodes = { world:start("n1") }
    for i = 2, 3 do
      nodes[i] = world:start("n" .. i, { join = { nodes[1] } })
    end
    n1 = nodes[1]
    world:settled(nodes, {})
    -- One child on each node, and a plain process.
    assert.are.equal("ok", n1:eval([[
      local specs = { { id = "plain", start = { "procs", 600000 } } }
      for i = 1, 12 do
        specs[#specs + 1] = { id = "d" .. i, start = { "described" }, metadata = { tag = "old", step = 0, kept = "k" } }
      end
      return luahub.await(hub:start_children(specs, { awaitable = true, ack = "all" })):status()]]))
  end)
  after_each(function()
    world:close()
  end)

  local function place(id)
    return n1:eval(([[return hub:child_lookup(%q).instances[1].node]]):format(id))
  end

  -- An id whose child runs on this node.
  local function one_on(name)
    for i = 1, 12 do
      if place("d" .. i) == name then return "d" .. i end
    end
    error("no child on " .. name)
  end

  local function set(node, id, changes, options)
    return node:eval(([[
      local ok, err = hub:set_metadata(%q, %s, %s)
      return ok or { err.code, err.message }]]):format(id, changes, options or "nil"))
  end

  local function seen(node, id)
    return node:eval(([[
      local metadata = hub:child_lookup(%q, { with_metadata = true }).metadata
      local out = {}
      for key, value in pairs(metadata) do out[#out + 1] = key .. "=" .. tostring(value) end
      table.sort(out)
      return table.concat(out, " ")]]):format(id))
  end

  it("T-264: is changed by any node, and known to every node when the call is over", function()
    for i, node in ipairs(nodes) do
      local id = one_on("n" .. i % 3 + 1)
      assert.is_true(set(node, id, [[{ tag = "new", step = 1 }]], [[{ remove = { "kept" } }]]))
      for _, other in ipairs(nodes) do
        assert.are.equal("step=1 tag=new", seen(other, id))
        assert.is_true(other:eval(([[
          local new, old = {}, {}
          for _, child in ipairs(hub:tag_query("new")) do new[child.id] = true end
          for _, child in ipairs(hub:tag_query("old")) do old[child.id] = true end
          return new[%q] and not old[%q] ]]):format(id, id)))
      end
      assert.are.same({ tag = "new", step = 1 }, node:eval(([[return hub:call(%q, "context")]]):format(id)))
      assert.are.same({ 1 }, node:eval(([[return hub:call(%q, "told")]]):format(id)))
      assert.is_true(set(node, id, [[{ only = true }]], [[{ replace = true }]]))
      assert.are.equal("only=true", seen(nodes[1], id))
    end
    assert.is_true(set(n1, "plain", [[{ tag = "p" }]]))
    assert.are.equal("tag=p", seen(nodes[3], "plain"))
  end)

  it("keeps what callers on different nodes change at once, when their keys differ", function()
    local id = one_on("n2")
    local ends = {}
    for i, node in ipairs(nodes) do
      ends[i] = node:background(([[
        for n = 1, 50 do assert(hub:set_metadata(%q, { ["from" .. %d] = n })) end
        return true]]):format(id, i))
    end
    for _, ended in ipairs(ends) do
      assert.is_true(ended())
    end
    for _, node in ipairs(nodes) do
      assert.are.equal("from1=50 from2=50 from3=50 kept=k step=0 tag=old", seen(node, id))
    end
  end)

  it("is told to a child that is busy once it is free: the last of several changes", function()
    local told = n1:eval(([[
      local id = %q
      local pid = hub:get_pid(id)
      luahub.spawn({ "caller", pid })
      for n = 1, 20 do assert(hub:set_metadata(id, { step = n })) end
      local told = hub:call(id, "told")
      return { told[#told], #told <= 20, hub:call(id, "context").step }]]):format(one_on("n1")))
    assert.are.same({ 20, true, 20 }, told)
  end)

  it("stays with the child when it crashes, moves, and is recovered", function()
    local moved, lost = one_on("n2"), one_on("n3")
    assert.is_true(set(n1, moved, [[{ tag = "new", step = 7 }]]))
    assert.is_true(set(n1, lost, [[{ tag = "new", step = 8 }]]))
    nodes[3]:kill()
    assert.are.equal(0, nodes[2]:leave())
    cluster.eventually("both run on n1", function()
      return n1:eval(([[return hub:call(%q, "context", 1000) ~= nil and hub:call(%q, "context", 1000) ~= nil
        and #hub:nodes() == 0]]):format(moved, lost))
    end)
    assert.are.equal("kept=k step=7 tag=new", seen(n1, moved))
    assert.are.equal(8, n1:eval(([[return hub:call(%q, "context").step]]):format(lost)))
    assert.are.same({ 7 }, n1:eval(([[return hub:call(%q, "told")]]):format(moved)))
    assert.is_true(set(n1, moved, [[{ crash = true }]]))
    assert.is_true(set(n1, moved, "{}", [[{ remove = { "crash" } }]]))
    cluster.eventually("it runs again", function()
      return n1:eval(([[local found = hub:call(%q, "context") return found and found.step == 7 and not found.crash]])
        :format(moved))
    end)
  end)

  it("T-264: is refused with one clear line when the change cannot be", function()
    assert.are.same({ "not_found", "hub main has no child nobody" }, set(n1, "nobody", "{}"))
    local id = one_on("n2")
    assert.are.same({ "invalid", ("child spec '%s': metadata is larger than 4096 bytes"):format(id) },
      set(n1, id, [[{ long = ("x"):rep(5000) }]]))
    assert.are.equal("kept=k step=0 tag=old", seen(n1, id))
    for _, case in ipairs({
      { [["d1", 5]], "changes: expected a table, got 5" },
      { [["d1", { 1, 2 }]], "a key of changes: expected a string that is not empty, got 1" },
      { [[7, {}]], "id: expected a string that is not empty, got 7" },
      { [["d1", {}, { removed = { "x" } }]], "unknown option 'removed' (did you mean 'remove'?)" },
      { [["d1", {}, { remove = "x" }]], 'remove: expected a table, got "x"' },
    }) do
      local text = n1:eval(([[return select(2, pcall(hub.set_metadata, hub, %s))]]):format(case[1]))
      assert.matches("hub:set_metadata: " .. case[2], text, 1, true)
    end
  end)
end)
