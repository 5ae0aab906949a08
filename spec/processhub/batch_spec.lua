-- A start of more than one request to the node holds, on real nodes: it is one call for its caller all the same.
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
