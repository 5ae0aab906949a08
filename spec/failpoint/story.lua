-- story.lua - what became of each child's state, read from what the children wrote (spec/cluster/track.lua says how).
--
-- An instance goes on as another when it took over from it; the one that runs at the end is either of the same line as
-- the first one, or was begun anew.

local M = {}

local ENDS = { terminate = true, crash = true, exit = true }

local Story = {}
Story.__index = Story

local function child_of(story, id)
  local child = story.children[id]
  if not child then
    child = { roots = {}, processes = {}, alive = {}, taken = {} }
    story.children[id] = child
  end
  return child
end

local function happened(story, name, id, process, instance)
  local child, key = child_of(story, id), process .. "/" .. instance
  if name == "init" then
    child.first = child.first or key
    child.roots[key], child.processes[key], child.alive[key] = key, process, true
  elseif name == "handover" then
    child.handed = key
  elseif name == "takeover" then
    child.roots[key] = child.roots[child.handed]
    child.taken[process] = child.taken[process] or child.roots[key] == child.first
  elseif ENDS[name] then
    child.alive[key] = nil
  end
end

local function process_ended(story, process)
  for _, child in pairs(story.children) do
    for key in pairs(child.alive) do
      if child.processes[key] == process then child.alive[key] = nil end
    end
  end
end

--- Reads the track.
---@param path string
function M.read(path)
  local story = setmetatable({ children = {}, struck = {} }, Story)
  for line in io.lines(path) do
    local name, id, process, instance = line:match("^(%S+) (%S+) (%S+) ?(%S*)")
    if id ~= "-" then
      happened(story, name, id, process, instance)
    elseif name ~= "settled" then
      story.struck[#story.struck + 1] = { how = name, process = process, step = instance }
      if name == "killed" then process_ended(story, process) end
    end
  end
  return story
end

--- Whether the child has one instance, and none on its way.
function Story:is_one(id)
  local alive = self.children[id].alive
  local key = next(alive)
  return key ~= nil and next(alive, key) == nil
end

--- Whether the instance that runs is the first one, or of its line. Only of a child that is one.
function Story:kept(id)
  local child = self.children[id]
  return child.roots[next(child.alive)] == child.first
end

--- Whether an instance in this process has taken over the state of the first line.
function Story:taken_in(id, process)
  return self.children[id].taken[tostring(process)] == true
end

--- Whether the first instance of the child was in this process.
function Story:began_in(id, process)
  local child = self.children[id]
  return child.processes[child.first] == tostring(process)
end

--- Whether an instance elsewhere than in this process took over the state of the first line.
function Story:taken_elsewhere(id, process)
  for other, first in pairs(self.children[id].taken) do
    if first and other ~= tostring(process) then return true end
  end
  return false
end

return M
