-- A history with a child that ends abnormally as soon as it runs, while nodes die and others join. Answers what is
-- wrong: it is tried for ever, but ever more slowly, wherever it runs.
local history = require("spec.hub.history")

local MS = 60000
local ALONE_MAX = 12 -- ends in that time without a death: 3 at once, then after 0.5, 1, 2, ... 30 s
local PER_DEATH_MAX = 2

return function(seed)
  local h = history.new(seed, 4)
  local ends, deaths, began = 0, 0, h.now
  h:start(1, 1, 1)
  while h.now - began < MS do
    h:run(50)
    local runs_on = (h.sim:truth()["c1"] or {})[1]
    if h.sim:end_child("c1", true) then
      ends = ends + 1
      if h:draw(4) == 1 and deaths < 6 then
        h.sim:crash(tonumber(runs_on:sub(2)))
        deaths = deaths + 1
        h:join()
      end
    end
  end
  local most = ALONE_MAX + deaths * PER_DEATH_MAX
  if ends > most then
    return { ("L6 a crashing child slows down: it ended %d times, %d nodes died"):format(ends, deaths) }
  end
  h:run(40000)
  if not h.sim:truth()["c1"] then return { "L3 every child runs once: none is lost: the crashing child" } end
  return {}
end
