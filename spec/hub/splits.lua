-- A history of splits drawn from a seed: a split of `count` nodes with eighty children, once or `times`; both sides are
-- asked for things before they know of it, and after.
local history = require("spec.hub.history")

local function one_side(h)
  local up, some = h:up(), {}
  for _, node in ipairs(up) do
    if h:draw(2) == 1 then some[#some + 1] = node end
  end
  if #some == 0 then some[1] = up[1] end
  if #some == #up then some[#some] = nil end
  return some
end

local function act_on(h, across)
  local asker, first = h:asker(across), h:draw(60)
  if not asker then return end
  local kind = h:draw(2) == 1 and "start" or "stop"
  h[kind](h, asker, first, first + h:draw(20))
end

--- What is wrong in the end, and the history.
return function(seed, count, options)
  local h = history.new(seed, count, options)
  h:start(1, 1, 80)
  h:run(2000)
  for _ = 1, options.times or 1 do
    h:split(h:draw(4000), one_side(h))
    for _ = 1, 10 do
      act_on(h, h:draw(2) == 1)
      h:run(h:draw(1500))
    end
    h:run(h:draw(12000))
    h:heal(500)
    h:run(h:draw(8000))
    for _ = 1, options.after or 0 do
      act_on(h)
      h:run(h:draw(500))
    end
  end
  return h:rest(options.rest), h
end
