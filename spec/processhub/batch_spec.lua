-- A start or a stop of more than one request to the node holds, on real nodes: it is one call for its caller all the
-- same, and nothing of it begins when something is wrong with any of its children.
local cluster = require("spec.cluster.helper")

-- Its argument makes 300 of them larger than a message may be (16 MiB).
local BIG = [[
local big = {}
function big.init(text, word)
  if word == "fail" then return nil, "told to fail" end
  return { size = #text }
end
function big.call(state)
  return { size = state.size, metadata = require("luahub").context().metadata }
end
return big]]

local SPECS = [[
  local text = ("x"):rep(60000)
  local specs = {}
  for i = 1, 300 do specs[i] = { id = "b" .. i, start = { "big", text } } end
]]

local function on_two(body)
  cluster.with(nil, function(world)
    world:write("big.lua", BIG)
    body(world:hub_of(2))
  end)
end

local function count(node)
  return node:eval("return #hub:process_list('global')")
end

describe("A start of more children than one message holds", function()
  it("is one call with one answer, which has every child", function()
    on_two(function(nodes)
      local answer = nodes[1]:eval(SPECS .. [[
        local own = { b7 = { own = 7 }, b299 = { own = 9 } }
        local options = { awaitable = true, metadata = { all = 1 }, child_metadata = own }
        local future = assert(hub:start_children(specs, options))
        local result = assert(luahub.await(future))
        return { status = result:status(), started = #result:cids(), pids = #result:pids(),
          same = future:await() == result, own = hub:call("b7", "").metadata.own,
          last = hub:call("b299", "").metadata.own,
          all = hub:call("b8", "").metadata.all, size = hub:call("b300", "").size }]])
      assert.are.same({ status = "ok", started = 300, pids = 300, same = true, own = 7, last = 9, all = 1,
        size = 60000 }, answer)
      assert.are.equal(300, count(nodes[2]))
    end)
  end)

  it("leaves nothing under rollback when the last child fails, and all others without", function()
    on_two(function(nodes)
      local START = SPECS .. [[
        specs[300].start[3] = "fail"
        local result = assert(luahub.await(hub:start_children(specs, { awaitable = true, on_failure = %q })))
        local word, both, rolled = result:format()
        return { word, rolled or "no", #both.errors, both.errors[1].id, both.errors[1].code }]]
      assert.are.same({ "error", "rollback", 1, "b300", "child_failed" }, nodes[1]:eval(START:format("rollback")))
      assert.are.equal(0, count(nodes[1]))
      assert.are.same({ "error", "no", 1, "b300", "child_failed" }, nodes[1]:eval(START:format("continue")))
      assert.are.equal(299, count(nodes[1]))
    end)
  end)

  it("is refused as a whole when one of them runs already", function()
    on_two(function(nodes)
      local answer = nodes[1]:eval(SPECS .. [[
        assert(luahub.await(hub:start_child(specs[290], { awaitable = true })))
        local _, err = hub:start_children(specs, { awaitable = true })
        return { err.code, err.ids[1], #err.ids, #hub:process_list("global") }]])
      assert.are.same({ "already_started", "b290", 1, 1 }, answer)
    end)
  end)

  -- What is wrong with the last of them, and what is said.
  local WRONG = {
    ["specs[290].start[3] = print"] = { "invalid", "message.children[290].start[3]: a function cannot be sent" },
    ["specs[290].start[3] = ('y'):rep(17 * 2 ^ 20)"] =
      { "too_large", "message.children[290].start[3]: too large to be sent: 16777216 bytes at most" },
    ["specs[290].start[3] = ('y'):rep(2 ^ 16)"] =
      { "invalid_spec", "child spec 'b290': start and placement are larger than 64 kB" },
    ["specs[290].metadata = { text = ('y'):rep(5000) }"] =
      { "invalid_spec", "child spec 'b290': metadata is larger than 4096 bytes" },
    ["specs[290].restart = 'sometimes'"] =
      { "invalid_spec", "child spec 'b290': restart must be \"permanent\", \"transient\" or \"temporary\"" },
    ["options.child_metadata = { b290 = { text = ('y'):rep(5000) } }"] =
      { "invalid_spec", "child spec 'b290': metadata is larger than 4096 bytes" },
  }

  it("begins nothing when one of them cannot be sent, or is refused, and says which in one line", function()
    on_two(function(nodes)
      for change, expected in pairs(WRONG) do
        for _, option in ipairs({ "awaitable = true", "awaitable = true, on_failure = 'rollback'", "" }) do
          local said = nodes[1]:eval(SPECS .. ([[
            local options = { %s }
            %s
            local future, err = hub:start_children(specs, options)
            if future then return { "begun" } end
            return { err.code, err.message }]]):format(option, change))
          assert.are.same(expected, said, change)
          assert.are.equal(0, count(nodes[1]))
        end
      end
      -- Nothing of it is on its way either: what was asked for later has begun, and is alone.
      nodes[1]:eval([[return luahub.await(hub:start_child({ id = "one", start = { "big", "" } },
        { awaitable = true })):status()]])
      assert.are.equal(1, count(nodes[1]))
      assert.are.equal(1, count(nodes[2]))
    end)
  end)

  it("is begun by dispatcher.children_start as a whole or not at all", function()
    on_two(function(nodes)
      local DISPATCH = SPECS .. [[
        %s
        local ok, err = luahub.dispatcher.children_start(hub, { { children = { specs[1] } }, { children = specs } })
        return { ok or err.code, err and err.message }]]
      assert.are.same({ "invalid_spec", "child spec 'b290': metadata is larger than 4096 bytes" },
        nodes[1]:eval(DISPATCH:format("specs[290].metadata = { text = ('y'):rep(5000) }")))
      nodes[1]:eval([[return luahub.await(hub:start_child({ id = "one", start = { "big", "" } },
        { awaitable = true })):status()]])
      assert.are.equal(1, count(nodes[1]))
      assert.are.same({ true }, nodes[1]:eval(DISPATCH:format("")))
      cluster.eventually("all run", function()
        return count(nodes[2]) == 301
      end)
    end)
  end)

  it("need not be awaited, unless it is to be taken back when one fails", function()
    on_two(function(nodes)
      local answer = nodes[1]:eval(SPECS .. [[
        local _, err = hub:start_children(specs, { on_failure = "rollback" })
        local before = #hub:process_list("global")
        return { err.code, err.message, before, (hub:start_children(specs)) }]])
      assert.are.same({ "invalid", "so many children need several requests: with rollback await them", 0,
        "start_initiated" }, answer)
      cluster.eventually("all run", function()
        return count(nodes[2]) == 300
      end)
    end)
  end)
end)

-- 70,000 ids of 250 bytes are more than a message holds.
local MANY = [[
  local ids, specs = {}, {}
  for i = 1, 70000 do
    ids[i] = ("%06d"):format(i) .. ("i"):rep(244)
    specs[i] = { id = ids[i], start = { "big", "" } }
  end
]]

describe("A stop of more children than one message holds #notsan", function()
  -- By the nodes themselves, not by rows.
  local function running(nodes)
    local sum = 0
    for _, node in ipairs(nodes) do
      sum = sum + node:eval("return #luahub.distributor.which_children_local(hub).children")
    end
    return sum
  end

  it("is one call with one answer, which has every child", function()
    on_two(function(nodes)
      nodes[1]:eval(MANY .. [[
        local result = assert(luahub.await(hub:start_children(specs, { awaitable = true })))
        return assert(result:status() == "ok" and #result:cids() == 70000)]])
      assert.are.equal(70000, running(nodes))
      assert.are.same({ "invalid", "stop: ids must be a list of child ids (strings of at most 255 bytes)" },
        nodes[2]:eval(MANY .. [[
          ids[70000] = ("x"):rep(256)
          local _, err = hub:stop_children(ids, { awaitable = true })
          return { err.code, err.message }]]))
      assert.are.equal(70000, running(nodes))
      assert.are.same({ "error", 69999, 1, "nobody", "not_found", 2 }, nodes[2]:eval(MANY .. [[
        ids[70000] = "nobody"
        local future = assert(hub:stop_children(ids, { awaitable = true }))
        local result = assert(luahub.await(future))
        local errors = result:errors()
        assert(future:await() == result)
        return { result:status(), #result:cids(), #errors, errors[1].id, errors[1].code, #result:nodes() }]]))
      assert.are.equal(1, running(nodes))
    end)
  end)

  it("need not be awaited", function()
    on_two(function(nodes)
      assert.are.equal("stop_initiated", nodes[1]:eval(MANY .. [[
        assert(luahub.await(hub:start_children(specs, { awaitable = true })))
        return hub:stop_children(ids)]]))
      cluster.eventually("none runs", function()
        local left = running(nodes)
        return left == 0, left
      end)
      cluster.eventually("no row is left", function()
        local left = count(nodes[2])
        return left == 0, left
      end)
    end)
  end)
end)
