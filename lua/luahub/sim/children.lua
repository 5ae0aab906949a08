-- sim/children.lua - the words of a scenario for children: start, stop, call. They are words of luahub.sim.world, which
-- carries `wanted` (hub -> id -> true) and `stopped` (hub -> id -> { generation, by }): what was acknowledged.

local COMMAND_MS = 30000

local M = {}

--- The child must run exactly once whenever the cluster is at rest. Children that are not restarted always are not
--- wanted: their end is no loss.
function M:want(hub, spec)
  local keeps = spec.restart == nil or spec.restart == "permanent"
  self.wanted[hub] = self.wanted[hub] or {}
  self.wanted[hub][spec.id] = keeps or nil
  self.wanted_changed, self.stopped_changed = true, true
  if self.stopped[hub] then self.stopped[hub][spec.id] = nil end
end

local function unwant(self, hub, ids)
  self.stopped_changed = true
  for _, id in ipairs(ids) do
    if self.wanted[hub] then self.wanted[hub][id] = nil end
    if self.stopped[hub] then self.stopped[hub][id] = nil end
  end
end

local function hub_of(self, options)
  local id = options and options.hub or self.hubs[1] and self.hubs[1].id
  if not id then error("the scenario's file has no hub", 3) end
  return id
end

local function node_of(self, options)
  if options and options.on then return options.on end
  for _, name in ipairs(self.names) do
    if self.booted[name] then return name end
  end
  error("no node runs its hubs", 3)
end

local function as_list(specs)
  return specs.id and { specs } or specs
end

-- The keeper never goes down. What another node was told may be lost with those who know it.
local function is_kept(self, name)
  return not self.keeper or name == self.keeper
end

local function started(self, hub, name, specs, answer)
  local by_id = {}
  for _, spec in ipairs(specs) do
    by_id[spec.id] = spec
  end
  for _, id in ipairs(answer.ids) do
    self:want(hub, by_id[id])
    self.losses_before[id] = not is_kept(self, name) and self.losses or nil
  end
end

--- Starts children and waits. What was acknowledged must run from then on. Answers { ids, errors }, or nil and an
--- error.
---@param specs luahub.ChildSpec|luahub.ChildSpec[]
---@param options? { hub: string?, on: string?, timeout: integer? }
function M:start(specs, options)
  specs = as_list(specs)
  local hub, name = hub_of(self, options), node_of(self, options)
  local timeout = options and options.timeout or COMMAND_MS
  self:note("%s starts %s", name, #specs == 1 and specs[1].id or #specs .. " children")
  local answer, err = self:ask(name, "start", timeout + 10000, hub, specs, timeout)
  if not answer then return nil, err end
  started(self, hub, name, specs, answer)
  return answer
end

--- Starts `count` children c1, c2, ... of a module and waits.
---@param count integer
---@param module string
---@param options? { hub: string?, on: string?, timeout: integer? }
function M:populate(count, module, options)
  local specs = {}
  for i = 1, count do
    specs[i] = { id = "c" .. i, start = { module } }
  end
  return self:start(specs, options)
end

--- The same without waiting.
function M:begin_start(specs, options)
  specs = as_list(specs)
  local hub, name = hub_of(self, options), node_of(self, options)
  self:note("%s starts %s", name, #specs == 1 and specs[1].id or #specs .. " children")
  return self:begin(name, "start", function(ok, answer)
    if ok then started(self, hub, name, specs, answer) end
  end, COMMAND_MS + 30000, hub, specs, COMMAND_MS)
end

-- The highest generation of any body of the child: those of before its stop.
local function highest_generation(self, hub, id)
  local highest = 0
  for _, body in ipairs(self:bodies()[hub] and self:bodies()[hub][id] or {}) do
    highest = math.max(highest, body.generation)
  end
  return highest
end

local function stopped(self, hub, name, answer)
  if not is_kept(self, name) then return end
  self.stopped[hub], self.stopped_changed = self.stopped[hub] or {}, true
  for _, id in ipairs(answer.ids) do
    self.stopped[hub][id] = { generation = highest_generation(self, hub, id), by = name }
  end
end

local function prepare_stop(self, ids, options)
  if type(ids) == "string" then ids = { ids } end
  local hub, name = hub_of(self, options), node_of(self, options)
  unwant(self, hub, ids)
  self:note("%s stops %s", name, #ids == 1 and ids[1] or #ids .. " children")
  return ids, hub, name
end

--- Stops children and waits. What was acknowledged must not run any more.
function M:stop(ids, options)
  local hub, name
  ids, hub, name = prepare_stop(self, ids, options)
  local answer, err = self:ask(name, "stop", COMMAND_MS + 10000, hub, ids, COMMAND_MS)
  if not answer then return nil, err end
  stopped(self, hub, name, answer)
  return answer
end

--- The same without waiting.
function M:begin_stop(ids, options)
  local hub, name
  ids, hub, name = prepare_stop(self, ids, options)
  return self:begin(name, "stop", function(ok, answer)
    if ok then stopped(self, hub, name, answer) end
  end, COMMAND_MS + 10000, hub, ids, COMMAND_MS)
end

--- Calls a child and does not wait for its reply.
function M:begin_call(id, request, options)
  local hub, name = hub_of(self, options), node_of(self, options)
  return self:begin(name, "call", nil, options.timeout + 5000, hub, id, request, options.timeout)
end

--- Sends a child so many numbered messages from one actor; see luahub.sim.delivery.
function M:burst(id, count, options)
  local hub, name = hub_of(self, options), node_of(self, options)
  return self:begin(name, "burst", nil, 10000, hub, id, self:next_burst(), count)
end

function M:next_burst()
  self.bursts = self.bursts + 1
  return self.bursts
end

--- Calls a child from a node. Its reply, or nil and an error.
function M:call(id, request, options)
  local hub, name = hub_of(self, options), node_of(self, options)
  local ms = options and options.timeout or 5000
  local answer, err = self:ask(name, "call", ms + 5000, hub, id, request, ms)
  if not answer then return nil, err end
  return answer.value
end

--- Runs Lua code on a node; its result must be plain data.
function M:eval(name, code, ...)
  local answer, err = self:ask(name, "eval", COMMAND_MS, code, ...)
  if not answer then return nil, err end
  return answer.value
end

--- The children that have a body on a node now, whatever its registry says: a list of { id, hub, generation, works,
--- starts, prepared }, not to be changed.
function M:children(name)
  local number = self.numbers[name]
  local now, known = self.core:bodies(number), self.children_at[number]
  if not known or known.at ~= now then
    known = { at = now, list = self.core:children(number) }
    self.children_at[number] = known
  end
  return known.list
end

--- What a node's registry says of a hub: a list of { id, node, generation, runs }, not to be changed.
function M:rows(name, hub)
  local number = self.numbers[name]
  local now, known = self.core:registries(number), self.rows_at[number]
  if not known or known.at ~= now then
    known = { at = now }
    self.rows_at[number] = known
  end
  known[hub] = known[hub] or self.core:rows(number, hub)
  return known[hub]
end

return M
