-- sim/node.lua - the words of a scenario for nodes: they start, crash, leave, come back, come to rest. They are words
-- of luahub.sim.world.

local liveness = require("luahub.sim.liveness")

local AGAIN_MS = 1000
local BOOT_MS = 60000
local LEAVE_MS = 120000
local CLONE_MS = 5000 -- until the two have heard of each other
local SEEN_MS = 10000 -- a node that had no trouble for so long hears where another one went

local M = {}

local function try_again(self, name, why)
  self:note("%s cannot start: %s", name, why)
  self.again[name] = self:now() + AGAIN_MS
end

-- Of two nodes of one identity the one that ended stays down: started again it would only end the other.
local function retire(self, name)
  self:note("%s is not started again: its copy lives", name)
  self.without[name] = true
  self.again[name] = nil
end

-- A node that cannot start its hubs ends, and is started again as a service manager would: one that lost its disk
-- is refused until the others have found out that its former self is gone.
local function boot(self, name)
  local number = self:number_of(name)
  local ok, err = self.core:start(number)
  if not ok then
    try_again(self, name, tostring(err))
    return nil
  end
  return self:begin(name, "boot", function(done, problem)
    if done then
      self.booted[name] = true
    elseif problem.code == "duplicate_identity" then
      self.core:finish(number)
      retire(self, name)
    elseif problem.code ~= "node_gone" then
      self.core:finish(number)
      try_again(self, name, problem.message)
    end
  end, BOOT_MS, self.file)
end

--- At each tick: nodes that have left end, and those whose machine lost power while they wrote.
function M:reap()
  for number, name in ipairs(self.names) do
    self:note_struck(name, number)
    local state = self.core:state(number)
    if state == "ended" or state == "lost" then
      local was_told = self.leaving[name]
      self.core:finish(number)
      self.booted[name], self.leaving[name] = nil, nil
      local struck = state == "lost" and self:struck(name)
      self:note(state == "ended" and "%s has left" or struck and "%s is killed there" or
        "%s loses power while it writes", name)
      self:lost(number, name .. " is gone")
      self.losses = self.losses + 1
      if state == "lost" then self.again[name] = self:now() + AGAIN_MS end
      if self.cloned[name] and state == "ended" and not was_told then retire(self, name) end
    end
  end
end

--- At each tick: nodes that could not start are started again.
function M:start_again()
  for _, name in ipairs(self.names) do
    if self.again[name] and self:now() >= self.again[name] then
      self.again[name] = nil
      if not self:is_up(name) then boot(self, name) end
    end
  end
end

-- The static children of the hub file are wanted as soon as one node has its hubs.
local function want_static(self)
  for _, hub in ipairs(self.hubs) do
    for _, spec in ipairs(hub.children or {}) do
      self:want(hub.id, spec)
    end
  end
end

local function is_done(commands)
  return function()
    for _, command in ipairs(commands) do
      if not command.done then return false end
    end
    return true
  end
end

local function named(self, number)
  local name = "n" .. number
  self.names[number], self.numbers[name] = name, number
  return name
end

--- Starts a cluster of `n` nodes and waits until all run their hubs. Shrinking leaves some of them out.
function M:cluster(n)
  local commands = {}
  for _ = 1, n do
    named(self, self.core:add())
  end
  for _, name in ipairs(self:nodes()) do
    commands[#commands + 1] = boot(self, name)
  end
  self:note("%d nodes start", #commands)
  self:run_until(BOOT_MS, is_done(commands))
  for i, name in ipairs(self:nodes()) do
    if not commands[i].ok then
      self:fail("every node starts", "%s: %s", name, commands[i].value and commands[i].value.message or "no answer")
    end
  end
  want_static(self)
end

-- A node that comes later. Shrinking may leave it out; its name is taken all the same.
local function come(self, number, how)
  local name = named(self, number)
  if self.without[name] then return nil end
  self:note("%s %s", name, how)
  boot(self, name)
  return name
end

--- Starts one more node, which nobody knows. Its name.
function M:add()
  return come(self, self.core:add(), "is new")
end

-- Of two nodes of one identity one may know only a node that stands still for longer than they have to hear of each
-- other: it is found when it dials that one again.
local function note_unheard(self)
  for _, heard_by in pairs(self.cloned) do
    for _, stalled_until in pairs(self.stalled) do
      if self:now() < heard_by and stalled_until > heard_by then self.moved_unseen = true end
    end
  end
end

--- Starts one more node, on another machine, with a copy of what is on a node's disk now, its identity too. One of the
--- two ends: the one whose epoch is earlier. The name of the copy.
function M:clone(name)
  local number = self:number_of(name)
  local clone = come(self, self.core:clone(number), "is a copy of " .. name)
  local until_ms = self:now() + CLONE_MS
  if not clone then return nil end
  self:disturb(name, until_ms)
  self:disturb(clone, until_ms)
  self.cloned[name], self.cloned[clone] = until_ms, until_ms
  note_unheard(self)
  return clone
end

local function down(self, name, vanish)
  local number = self:number_of(name)
  if not self:is_up(name) then return false end
  self.core:crash(number, vanish)
  self.booted[name], self.leaving[name] = nil, nil
  self.losses = self.losses + 1
  self:note(vanish and "%s vanishes with its machine" or "%s crashes", name)
  self:lost(number, name .. " crashed")
  return true
end

--- The node's process is killed; its machine lives on.
function M:crash(name)
  return down(self, name, false)
end

--- The node's machine is gone: nothing answers there any more.
function M:vanish(name)
  return down(self, name, true)
end

--- Starts a node that is down. `disk = false`: without its data, so as a new node. `address = "new"`: elsewhere.
---@param options? { disk: boolean?, address: "same"|"new"|nil }
function M:restart(name, options)
  if self:is_up(name) or self.without[name] then return false end
  local number, wiped = self:number_of(name), options and options.disk == false
  local moved = options and options.address == "new"
  if wiped then self.core:wipe(number) end
  if moved then
    self.core:move(number)
    self:machine_again(name)
    self.moved_unseen = self.moved_unseen or self:calm_for(table.unpack(self:nodes(true))) < SEEN_MS
  end
  self.again[name] = nil
  self:note("%s starts again%s%s", name, moved and " at another address" or "", wiped and " without its disk" or "")
  boot(self, name)
  return true
end

--- The node begins to leave: it hands its children on and ends.
function M:leave(name)
  if not self.booted[name] then return false end
  self:note("%s leaves", name)
  self.leaving[name] = true
  self:begin(name, "leave", nil, LEAVE_MS)
  return true
end

--- Nothing runs on the node for `ms`.
function M:stall(name, ms)
  self:note("%s does not run for %d ms", name, ms)
  local number = self:number_of(name)
  self:put_off(number, self:now() + ms)
  self:note_stall(name, ms)
  self.core:stall(number, ms)
  note_unheard(self)
end

--- The node is killed (its process, as by `crash`), or stands still for `options.stall` ms, when it comes to this step
--- of a hand-over (csrc/base/failpoint.h) for the `options.times`th time. In a build with steps only.
---@param options? { times: integer?, stall: integer? }
function M:strike(name, step, options)
  local times, ms = options and options.times or 1, options and options.stall or 0
  assert(self.core:strike(self:number_of(name), step, times, ms), "this build has no steps: make plant-build")
  self.strikes[name] = { step = step, ms = ms }
end

--- Whether it came to that step.
function M:struck(name)
  return self.strikes[name] ~= nil and self.core:struck(self:number_of(name))
end

-- At each tick.
function M:note_struck(name, number)
  local strike = self.strikes[name]
  if not strike or strike.noted or not self:struck(name) then return end
  strike.noted = true
  self:note("%s comes to the step %s", name, strike.step)
  if strike.ms > 0 then
    self:put_off(number, self:now() + strike.ms)
    self:note_stall(name, strike.ms)
  end
end

-- ---- rest ----

local function none_leaves(self, names)
  for _, name in ipairs(names) do
    if self.leaving[name] then return false end
  end
  return true
end

--- Nothing is wrong with these nodes any more; answers when each runs.
function M:recover_nodes(names)
  for _, name in ipairs(names) do
    self:mend_machine(name)
  end
  self:run_until(LEAVE_MS, function()
    return none_leaves(self, names)
  end)
  for _, name in ipairs(names) do
    if not self:is_up(name) then self:restart(name) end
  end
  for _, name in ipairs(names) do
    local left = (self.stalled[self:number_of(name)] or 0) - self:now()
    if left > 0 and self:is_up(name) then self:run_for(left) end
  end
end

--- Heals everything and waits until the cluster is at rest: L1 to L6 of luahub.sim.liveness hold, each by its time.
---@param ms? integer  all together by then, default 60000
---@param later? integer  each may be later by so much, default 0
---@return table<string, integer>  when each first held, in ms
function M:settle(ms, later)
  self:heal()
  self:recover_nodes(self:nodes())
  local held = liveness.converge(self, self:nodes(), { ms = ms, later = later })
  self:note("at rest")
  return held
end

--- Draws faults from the seed for a while; see luahub.sim.chaos.
function M:chaos(options)
  require("luahub.sim.chaos").run(self, options or {})
end

return M
