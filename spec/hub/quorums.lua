-- A history of five nodes whose hub needs a quorum of three, drawn from a seed: splits, stalls, starts and stops, and
-- then rest. What is wrong in the end, each with its invariant.
local history = require("spec.hub.history")

return function(seed)
  local h = history.new(seed, 5, { quorum = { "static", 3, 5 }, hot = seed % 2 == 0 })
  local wrong = {}
  h:run(2000)
  h:start(1, 1, 40)
  h:run(3000)
  for _ = 1, 4 do
    h:split(h:draw(3000), { h:draw(5), h:draw(5) })
    h:start(h:draw(5), 41, 60)
    h:run(h:draw(25000))
    h.sim:stall(h:draw(5), h:draw(20000), h:draw(6000))
    h:stop(h:draw(5), 50, 60)
    h:heal(500)
    h:run(h:draw(15000))
  end
  h:run(60000)
  if h.sim:figures().twice > 0 then
    wrong[1] = ("S2 no child runs twice: %d did"):format(h.sim:figures().twice)
  end
  local truth = h.sim:truth()
  for i = 1, 40 do
    if not truth["c" .. i] then wrong[#wrong + 1] = ("L3 every child runs once: c%d is lost"):format(i) end
  end
  return wrong, h
end
