-- A history of an agreed member set, drawn from a seed: five nodes found it, six join while it is split, on either
-- side; then five die, and start anew apart from the others. What is wrong in the end, each with its invariant.
local history = require("spec.hub.history")

return function(seed)
  local h = history.new(seed, 5, { quorum = { "majority", 5 }, hot = seed % 2 == 0 })
  h:run(2000)
  h:start(1, 1, 40)
  h:run(3000)
  h:split(h:draw(1000), { 4, 5 })
  for _ = 1, 6 do
    h:join()
    h:run(h:draw(2000))
  end
  h:run(50000 + h:draw(10000))
  h:heal(500)
  h:run(30000)
  for node = 7, 11 do h.sim:crash(node, 200) end
  h:run(500)
  h:split(200, { 7, 8, 9, 10, 11 })
  for node = 7, 11 do h.sim:restart(node) end
  h:run(1500)
  h:start(7, 1, 40)
  h:run(20000 + h:draw(10000))
  h:heal(500)
  h:run(30000)
  if h.sim:figures().twice > 0 then
    return { ("S2 no child runs twice: %d did"):format(h.sim:figures().twice) }, h
  end
  local wrong, truth = {}, h.sim:truth()
  for i = 1, 40 do
    if not truth["c" .. i] then wrong[#wrong + 1] = ("L3 every child runs once: c%d is lost"):format(i) end
  end
  return wrong, h
end
