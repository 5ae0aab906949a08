-- A history of joins, deaths and leaves drawn from a seed, in which moves are to keep to what was said of them: who
-- puts its move off stays, what was put somewhere by hand stays there, and no more go from a node than its budget
-- gives. What is wrong, as a list, each with its invariant.
local history = require("spec.hub.history")

local PER_SECOND, COUNT = 5, 60

local function began(seed)
  local h = history.new(seed, 0, { hot = seed % 2 == 0 })
  h.sim:set_consent(500, 2000, 3600000)
  h.sim:set_budget(PER_SECOND, 0)
  for _ = 1, 2 do h:join() end
  h:run(3000)
  h:start(1, 1, COUNT)
  h:run(3000)
  h.leaving, h.held, h.pinned = {}, {}, {}
  return h
end

local function hosts(h)
  local out = {}
  for id, instances in pairs(h.sim:truth()) do out[id] = #instances == 1 and instances[1] or nil end
  return out
end

local function number(name) return tonumber(name:match("%d+")) end

local function stays_up(h, name) return h.sim:up(number(name)) and not h.leaving[number(name)] end

-- Puts three children by hand to the other one of the first two nodes.
local function pin(h)
  for _ = 1, 3 do
    local id = "c" .. h:draw(COUNT)
    local from = hosts(h)[id]
    local to = "n" .. 3 - number(from)
    if h.sim:move(number(from), id, to) == 0 then h.pinned[id] = to end
    h:run(1000)
  end
end

local function put_off(h)
  local where = hosts(h)
  for i = 1, COUNT do
    local id = "c" .. i
    if h:draw(3) == 1 and not h.pinned[id] then
      h.sim:answer(id, "defer")
      h.held[id] = where[id]
    end
  end
end

local function note(h, text, ...) h.wrong[#h.wrong + 1] = text:format(...) end

-- `places`: where each is to be, by id; who was on a node that went is not looked at any more.
local function check_places(h, places, where, text)
  for id, name in pairs(places) do
    if not stays_up(h, name) then
      places[id] = nil
    elseif where[id] and where[id] ~= name then
      note(h, text, id, name, where[id])
      places[id] = nil
    end
  end
end

local function check_budget(h, before, where, ms)
  local gone = {}
  for id, name in pairs(before) do
    if where[id] and where[id] ~= name and stays_up(h, name) then gone[name] = (gone[name] or 0) + 1 end
  end
  local most = PER_SECOND + (ms + 500) * PER_SECOND // 1000
  for name, count in pairs(gone) do
    if count > most then note(h, "M2 moves keep to the budget: %d went from %s in %d ms", count, name, ms) end
  end
end

local function act(h)
  local up = h:up()
  local victim = up[h:draw(#up)]
  local what = h:draw(4)
  if what == 1 and #up > 2 then
    h.leaving[victim] = true
    h.sim:leave(victim)
  elseif what == 2 and #up > 2 then
    h.sim:crash(victim)
  elseif h.nodes < 8 then
    h:join()
  end
end

return function(seed)
  local h = began(seed)
  pin(h)
  h:join()
  h:run(5000)
  put_off(h)
  for _ = 1, 6 do
    act(h)
    for _ = 1, 3 do
      local before, ms = hosts(h), h:draw(1500)
      h:run(ms)
      local where = hosts(h)
      check_places(h, h.held, where, "M1 who puts its move off stays: %s went from %s to %s")
      check_places(h, h.pinned, where, "M3 what was put somewhere stays: %s went from %s to %s")
      check_budget(h, before, where, ms)
    end
  end
  table.sort(h.wrong)
  return h.wrong
end
