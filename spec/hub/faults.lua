-- A history of faults drawn from a seed: acts of the kinds that are given, and what is wrong when all has come to rest.
local history = require("spec.hub.history")

local act = {}

function act.join(h)
  if h.nodes >= 12 then return end
  h:join()
  -- A newcomer that has met only some of the others is no part of the cluster yet.
  if h.strict then h:run(400) end
end

-- One that may go: two others stay, who are not about to leave.
local function dispensable(h)
  local victim, stay = h:victim(3), 0
  for _, node in ipairs(h:up()) do
    if node ~= victim and not h.leaving[node] then stay = stay + 1 end
  end
  return stay >= 2 and victim or nil
end

function act.crash(h)
  local victim = dispensable(h)
  if victim then h.sim:crash(victim) end
end

function act.leave(h)
  local victim = dispensable(h)
  if not victim then return end
  h.leaving[victim] = true
  h.sim:leave(victim)
end

function act.start(h)
  local asker, first = h:asker(), h:draw(60)
  if asker then h:start(asker, first, first + h:draw(20), { rollback = first % 4 == 0 }) end
end

function act.stop(h)
  local asker, first = h:asker(), h:draw(60)
  if asker then h:stop(asker, first, first + h:draw(20)) end
end

function act.break_link(h)
  local a, b, ms = h:victim(2), h:victim(2), h:draw(3000)
  if a and a ~= b then h.sim:break_link(a, b, ms) end
end

--- One at a time: somebody must stay who knows what went on meanwhile.
function act.stall(h)
  local victim, ms = h:victim(3), h:draw(5000)
  if not victim then return end
  for _, call in pairs(h.calls) do call.late = call.late or call.node == victim end
  h.sim:stall(victim, ms)
  h:run(h:draw(ms))
  local asker, first = h:asker(), h:draw(60)
  if asker and asker ~= victim then h:stop(asker, first, first + 9) end
  h:run(ms + 1500)
end

function act.end_child(h) h.sim:end_child("c" .. h:draw(80), true) end

-- What the actors carry is what each child was given, and each is where the placement wants it.
local function misplaced(h, wrong)
  for id, instances in pairs(h.sim:truth()) do
    local home = h.sim:home(id)
    if instances[1] ~= home then
      wrong[#wrong + 1] = ("L5 every child comes home: %s runs on %s, not on %s"):format(id, instances[1], home)
    end
  end
end

local function stateless(h, wrong)
  for id, instances in pairs(h.sim:truth()) do
    if instances.state ~= tonumber(id:sub(2)) then
      wrong[#wrong + 1] = ("S12 a hot move takes the state along: %s has %d"):format(id, instances.state)
    end
  end
end

--- `kinds` of acts, twelve of them, over three nodes with eighty children; what is wrong then, as a list. options: as
--- history.new's, and `strict`: nobody who lives is taken for dead, so no child has two instances at any time;
--- `stops_only`: nothing is started after the beginning; `state`: the children have one, which no act may cost them.
return function(seed, kinds, options)
  local h = history.new(seed, 3, options)
  h.strict, h.leaving = options.strict or false, {}
  h.sim:strict(h.strict, options.stops_only)
  h:start(1, 1, 80)
  h:run(options.state and 2000 or h:draw(300))
  if options.state then h.sim:set_state() end
  for _ = 1, 12 do
    act[kinds[h:draw(#kinds)]](h)
    h:run(h:draw(1500))
  end
  if options.custom then h.sim:set_policy("spread") end
  local wrong = h:rest()
  local idle = h.sim:figures().idle
  if idle > 0 then wrong[#wrong + 1] = ("L3 every child runs once: %d are prepared or frozen"):format(idle) end
  if not options.custom then misplaced(h, wrong) end
  if options.state then stateless(h, wrong) end
  table.sort(wrong)
  return wrong
end
