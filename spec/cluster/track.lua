-- track.lua - reads what tracked children wrote and says what was wrong: a child that ran twice at a time, or not at
-- all, or was never told that it was stopped.
--
-- Lines are in the order of events (see modules/tracked.lua). The spec adds lines of its own, "killed - PROCESS" and
-- "paused - PROCESS", just before it sends the signal: from there on what runs in that process does not count.
--
--   init -> active -> (terminate | crash | exit | its process killed) -> ended
--           active -> handover -> frozen -> takeover elsewhere -> over -> terminate -> ended
--           over -> its successor killed, or paused, before it was seen -> frozen
--           any -> its process paused -> paused -> its process continued -> revived -> ended
--   init while another is active -> prepared -> takeover -> active                (only with `hot`)
--
-- Whatever is over or revived must end too: it is told so by terminate. A process that goes on may begin what others
-- have begun meanwhile, until all is settled ("settled - 0"): it has yet to learn that it was taken for dead.

local M = {}

local ENDS = { terminate = true, crash = true, exit = true }

local Track = {}
Track.__index = Track

local function complain(track, number, text, ...)
  track.problems[#track.problems + 1] = ("line %d: " .. text):format(number, ...)
end

local function others(instances, key, state)
  for name, instance in pairs(instances) do
    if name ~= key and instance.state == state then return name, instance end
  end
  return nil
end

local function began(track, number, event, instances, key)
  local other = others(instances, key, "active")
  local returned = track.returned[event.process]
  if other and not track.hot and not returned then
    complain(track, number, "%s runs on %s while %s still does", event.child, event.node, other)
  end
  instances[key] = {
    state = other and (track.hot and "prepared" or "revived") or "active",
    process = event.process,
    generation = event.generation,
    node = event.node,
  }
end

-- What another one had taken over goes on after all when that one falls silent before it is seen.
local function silenced(instances, key, state)
  local was_active = instances[key].state == "active"
  instances[key].state = state
  for _, instance in pairs(instances) do
    if was_active and instance.state == "over" then instance.state = "frozen" end
  end
end

-- Other threads of a process that is being stopped may write a line more.
local function took_over(track, number, event, instances, key)
  local other = others(instances, key, "active")
  if other then complain(track, number, "%s took over on %s while %s still runs", event.child, event.node, other) end
  for name, instance in pairs(instances) do
    if name ~= key and instance.state == "frozen" then instance.state = "over" end
  end
  instances[key].state = "active"
  if track.paused[event.process] then silenced(instances, key, "paused") end
end

local function happened(track, number, event)
  local instances = track.children[event.child] or {}
  track.children[event.child] = instances
  local key = event.process .. "/" .. event.instance
  local instance = instances[key]
  if event.name == "init" then
    track.starts[event.child] = (track.starts[event.child] or 0) + 1
    began(track, number, event, instances, key)
  elseif ENDS[event.name] then
    instances[key] = nil
  elseif not instance then
    return -- Of a paused process that goes on, or frozen and overtaken.
  elseif event.name == "handover" then
    instance.state = "frozen"
  elseif event.name == "takeover" then
    took_over(track, number, event, instances, key)
  end
end

local function struck(track, event, process)
  if event == "settled" then track.returned = {} end
  if event == "continued" then track.returned[process] = true end
  if event == "paused" or event == "continued" then track.paused[process] = event == "paused" end
  for _, instances in pairs(track.children) do
    for key, instance in pairs(instances) do
      local hit = instance.process == process
      if hit and event == "killed" then
        silenced(instances, key)
        instances[key] = nil
      elseif hit and event == "paused" then
        silenced(instances, key, "paused")
      elseif hit and instance.state == "paused" then
        instance.state = "revived"
      end
    end
  end
end

--- Reads the file anew. `hot`: children are handed over, so that one is prepared while another runs; `strictly`: a
--- process that was paused had to keep what it ran, and nobody else to begin it.
function M.read(path, hot, strictly)
  local track = setmetatable({
    children = {}, problems = {}, starts = {}, returned = {}, paused = {}, hot = hot,
  }, Track)
  local number, killed = 0, {}
  for line in io.lines(path) do
    number = number + 1
    local name, child, process, instance, generation, node, count =
      line:match("^(%S+) (%S+) (%S+) ?(%S*) ?(%S*) ?(%S*) ?(%S*)$")
    assert(name, "a torn line in the track: " .. line)
    if child == "-" then
      if name == "killed" or not strictly then struck(track, name, process) end
      killed[process] = killed[process] or name == "killed"
    elseif not killed[process] then
      happened(track, number, {
        name = name, child = child, process = process, instance = instance, generation = tonumber(generation),
        node = node, count = tonumber(count),
      })
    end
  end
  return track
end

local COUNTS = { active = true, frozen = true, revived = true }

--- The instances that run of each child: { [id] = { node, ... } }.
function Track:running()
  local running = {}
  for id, instances in pairs(self.children) do
    running[id] = {}
    for _, instance in pairs(instances) do
      if COUNTS[instance.state] then table.insert(running[id], instance.node) end
    end
  end
  return running
end

--- The children of a process that never wrote that they ended, sorted.
function Track:left_behind(process)
  local ids = {}
  for id, instances in pairs(self.children) do
    for _, instance in pairs(instances) do
      if instance.process == tostring(process) then ids[#ids + 1] = id .. " " .. instance.state end
    end
  end
  table.sort(ids)
  return ids
end

--- What is wrong now, given the ids that should run: a list of lines, empty when nothing is.
function Track:wrong(ids)
  local lines = table.move(self.problems, 1, #self.problems, 1, {})
  local running, wanted = self:running(), {}
  for _, id in ipairs(ids) do
    wanted[id] = true
    local nodes = running[id] or {}
    if #nodes ~= 1 then
      table.sort(nodes)
      lines[#lines + 1] = ("%s runs %d times: %s"):format(id, #nodes, table.concat(nodes, ", "))
    end
  end
  for id, nodes in pairs(running) do
    if not wanted[id] and #nodes > 0 then lines[#lines + 1] = ("%s runs, and should not"):format(id) end
  end
  for id, instances in pairs(self.children) do
    for key, instance in pairs(instances) do
      if instance.state == "prepared" or instance.state == "over" then
        lines[#lines + 1] = ("%s: %s (%s) was never told that it is stopped"):format(id, key, instance.state)
      end
    end
  end
  table.sort(lines)
  return lines
end

return M
