-- sim/truth.lua - what is so in a simulated cluster, whatever its nodes believe. Words of luahub.sim.world: the bodies
-- that live, and since when nodes have had no trouble.
--
-- A node is troubled while it is cut from another one, stalls, reads slowly, or bad weather is over the network; and
-- at times when somebody acted without the agreement of the others. Only then may a child run twice.

local M = {}

local BAD_LOSS, BAD_DELAY_MS, BAD_STALL_MS = 0.04, 100, 300

local function take_census(self)
  local all = {}
  for _, name in ipairs(self:nodes(true)) do
    for _, child in ipairs(self:children(name)) do
      local hub = all[child.hub] or {}
      all[child.hub] = hub
      hub[child.id] = hub[child.id] or {}
      child.node = name
      table.insert(hub[child.id], child)
    end
  end
  return all
end

--- hub -> id -> list of { node, generation, works, starts, prepared }, one for each body of that child; not to be
--- changed.
function M:bodies()
  local now = self.core:bodies()
  if now ~= self.census_of then
    self.census_of, self.census = now, take_census(self)
  end
  return self.census
end

--- Keys of a table, sorted.
function M.sorted(set)
  local out = {}
  for key in pairs(set or {}) do
    out[#out + 1] = key
  end
  table.sort(out)
  return out
end

--- The node is in trouble until then (default: until now).
function M:disturb(name, until_ms)
  self.trouble[name] = math.max(self.trouble[name] or 0, until_ms or self:now())
end

local function note_cuts(self)
  for _, pair in pairs(self.cuts) do
    self:disturb(pair[1])
    self:disturb(pair[2])
  end
end

local function is_bad(conditions)
  return conditions.loss >= BAD_LOSS or conditions.delay_max >= BAD_DELAY_MS or (conditions.corrupt or 0) > 0
    or (conditions.reorder or 0) > 0.2
end

local function note_weather(self)
  if not is_bad(self.conditions) then return end
  for _, name in ipairs(self.names) do
    self:disturb(name)
  end
end

local function note_alone(self)
  for number, name in ipairs(self.names) do
    local times = self.core:alone(number)
    if times > (self.alone[name] or 0) then self.alone_at = self:now() end
    self.alone[name] = times
  end
end

--- At each tick: what goes on just now.
function M:note_trouble()
  note_cuts(self)
  note_weather(self)
  note_alone(self)
  for _, name in pairs(self.slow_readers) do
    self:disturb(name)
  end
end

--- A stall that is long enough to be taken for a death.
function M:note_stall(name, ms)
  if ms >= BAD_STALL_MS then self:disturb(name, self:now() + ms) end
end

--- For how long none of these nodes was in trouble.
---@param ... string
---@return integer ms  0 while there is trouble
function M:calm_for(...)
  local last = self.alone_at or 0
  for _, name in ipairs({ ... }) do
    last = math.max(last, self.trouble[name] or 0)
  end
  return math.max(0, self:now() - last)
end

return M
