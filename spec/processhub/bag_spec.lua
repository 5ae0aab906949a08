-- What the helpers of ProcessHub's own tests did (T-280, T-284, T-285), said with what there is for everybody: handlers
-- that pass on what they hear, and mailboxes. T-282 is in mailbox_spec.lua.
local cluster = require("spec.cluster.helper")

describe("A process that wants to hear what happens", function()
  local world, node

  setup(function()
    world = cluster.new()
    node = world:start("n1")
  end)
  teardown(function()
    world:close()
  end)

  it("T-280: is sent a hook's data by a handler that names it", function()
    assert.are.same({ "heard", 1, "n1" }, node:eval([[
      assert(hub:register_hook_handlers("child_registered", {
        { id = "send", handler = { "luahub", "send", luahub.self() } } }))
      assert(luahub.await(hub:start_child({ id = "heard", start = { "tracked" } }, { awaitable = true })))
      local data = assert(luahub.receive(30000))
      assert(data.node_pids[1].pid == hub:get_pid("heard"))
      hub:cancel_hook_handlers("child_registered", { "send" })
      return { data.child_id, #data.node_pids, data.node_pids[1].node }]]))
  end)

  it("T-284: has what was sent to it in its order, and then nothing", function()
    assert.are.same({ 1, 2, 3, "timeout" }, node:eval([[
      local out = {}
      for i = 1, 3 do luahub.send(luahub.self(), i) end
      for i = 1, 3 do out[i] = luahub.receive(30000) end
      local message, err = luahub.receive(0)
      out[4] = message == nil and err.code
      return out]]))
  end)

  it("T-285: is a handler with an id, a function of a module, and what that is given before the data", function()
    assert.are.same({ "to me", 7, false, "luahub", "send", 1, true }, node:eval([[
      assert(hub:register_hook_handlers("bell", {
        { id = "to me", priority = 7, handler = { "luahub", "send", luahub.self() } } }))
      local list = luahub.hook_manager.registered_handlers(hub, "bell")
      local one = list[1]
      hub:cancel_hook_handlers("bell", { "to me" })
      return { one.id, one.priority, one.immediate, one.module, one["function"], #one.args,
        one.args[1] == luahub.self() }]]))
  end)
end)
