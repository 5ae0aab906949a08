-- A request that is passed on, because a node joins just then: whoever carries it out answers whoever asked (L-5).
local history = require("spec.hub.history")

describe("a start or a stop that is passed on", function()
  it("L-5: is answered by who carries it out, once for each child, and nobody waits for another word (G14)", function()
    local forwarded = 0
    for seed = 1, 200 do
      local h = history.new(seed, 3)
      h:start(1, 1, 40)
      h:run(2000)
      local joined = h:join()
      h:run(h:draw(400))
      local calls = { h:start(1, 41, 80), h:stop(2, 1, 20) }
      h:run(3000)
      for _, call in ipairs(calls) do
        local answer = assert(h:answer(call), "seed " .. seed .. ": no answer")
        assert.equal("ok", answer.result.status, "seed " .. seed)
      end
      for node = 1, joined do forwarded = forwarded + h.sim:counters(node).forwarded end
      assert.same({}, h:rest(), "seed " .. seed)
    end
    assert.is_true(forwarded > 0, "nothing was passed on")
  end)
end)
