-- A history of five nodes whose hub needs a quorum of three, drawn from a seed: splits, stalls, starts and stops, and
-- then rest; where the member set is agreed also nodes that join, on either side of a split, that die and start anew.
-- What is wrong in the end, each with its invariant. Half of them move hot, or all as `hot` says.
local history = require("spec.hub.history")

local KINDS = { static = { "static", 3, 5 }, majority = { "majority", 5 },
  dynamic = { "dynamic", 5, 0, 60, 12000 } }

local function start_anew(h)
  for node = 1, h.nodes do
    if not h.sim:up(node) then h.sim:restart(node) end
  end
end

-- Where nodes may come and go, some do.
local function come_and_go(h)
  local what = h:draw(4)
  if what == 1 and h.nodes < 9 then
    h:join()
  elseif what == 2 then
    h.sim:crash(h:draw(h.nodes), 500)
  elseif what == 3 then
    for node = 1, h.nodes do
      if h:draw(2) == 1 then h.sim:crash(node, 500) end
    end
    h:run(h:draw(3000))
    start_anew(h)
  else
    start_anew(h)
  end
end

local function up(h)
  for _ = 1, 20 do
    local node = h:draw(h.nodes)
    if h.sim:up(node) then return node end
  end
end

return function(seed, kind, hot)
  kind = kind or "static"
  local changes = kind ~= "static"
  local h = history.new(seed, 5, { quorum = KINDS[kind], hot = hot or seed % 2 == 0 })
  local wrong = {}
  h:run(2000)
  h:start(1, 1, 40)
  h:run(3000)
  for _ = 1, 4 do
    h:split(h:draw(3000), { h:draw(h.nodes), h:draw(h.nodes) })
    local node = changes and up(h) or h:draw(5)
    if node then h:start(node, 41, 60) end
    h:run(h:draw(25000))
    if changes then come_and_go(h) end
    h.sim:stall(h:draw(h.nodes), h:draw(20000), h:draw(6000))
    if changes then h:run(h:draw(20000)) end
    node = changes and up(h) or h:draw(5)
    if node then h:stop(node, 50, 60) end
    h:heal(500)
    h:run(h:draw(15000))
    if changes then come_and_go(h) end
  end
  if changes then start_anew(h) end
  h:run(60000)
  if h.sim:figures().twice > 0 then
    wrong[1] = ("S2 no child runs twice: %d did"):format(h.sim:figures().twice)
  end
  -- A cluster that was down as a whole has forgotten its children; then all are gone, or none.
  local truth, lost = h.sim:truth(), {}
  for i = 1, 40 do
    if not truth["c" .. i] then lost[#lost + 1] = ("L3 every child runs once: c%d is lost"):format(i) end
  end
  if not changes then table.move(lost, 1, #lost, #wrong + 1, wrong) end
  if changes and h.sim:state(1) == "partitioned" then wrong[#wrong + 1] = "L8 all are here and nobody acts" end
  return wrong, h
end
