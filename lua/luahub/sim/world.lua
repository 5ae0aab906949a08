-- sim/world.lua - the words of a scenario: nodes that start, crash and leave, a network that fails, children, time.
--
-- Time passes only inside these words. Between two ticks (100 ms) the invariants given to `always` are looked at, and
-- nodes that have left end. Whoever breaks an invariant raises a `luahub.sim.Failure`, which sim.run turns into a
-- report. A command on a node is answered once: by the node, by its crash, or by its deadline.

local core = require("luahub.core")
local invariant = require("luahub.sim.invariant")
local random = require("luahub.sim.random")

local TICK_MS = 100
local AGAIN_MS = 1000
local AFTER_STALL_MS = 5000 -- what a node may take to answer what came while it did not run
local BOOT_MS = 60000
local LEAVE_MS = 120000
local PROGRAM = "luahub.sim.program"

---@class luahub.sim.World
---@field seed integer
---@field random luahub.sim.Random
local World = {}
World.__index = World

local Failure = { __name = "luahub.sim.failure" }

function Failure.__tostring(failure)
  return ("%s: %s"):format(failure.invariant, failure.message)
end

local M = { Failure = Failure }

--- A world without nodes.
---@param options { seed: integer, file: string, path: string, hubs: table[], listener: fun(line: string)? }
---@return luahub.sim.World
function M.new(options)
  local self = setmetatable({
    seed = options.seed,
    file = options.file,
    hubs = options.hubs,
    listener = options.listener,
    random = random.new(options.seed),
    core = core.world(options.seed, options.path, package.cpath),
    names = {},     -- number -> name
    numbers = {},   -- name -> number
    booted = {},    -- name -> true once its hubs run
    pending = {},   -- token -> command
    next_token = 0,
    checks = {},
    wanted = {},    -- hub -> id -> true: its start was acknowledged and nobody asked for its stop
    stopped = {},   -- hub -> id -> true: its stop was acknowledged
    history = {},
    conditions = { loss = 0, duplicate = 0, delay_min = 1, delay_max = 3 },
    cuts = {},
    stalled = {},   -- number -> until when
    again = {},     -- name -> when a node that could not start is started again
  }, World)
  return self
end

function World:close()
  self.core:close()
end

--- Virtual milliseconds since the scenario began.
function World:now()
  return self.core:now()
end

--- One line of the history.
function World:note(format, ...)
  local line = ("%9.3f s  %s"):format(self:now() / 1000, format:format(...))
  self.history[#self.history + 1] = line
  if self.listener then self.listener(line) end
end

--- Ends the scenario: the invariant does not hold.
function World:fail(name, format, ...)
  error(setmetatable({ invariant = name, message = format:format(...), at = self:now() }, Failure), 0)
end

--- The number of a node; raises at the caller's caller when there is none.
local function number_of(self, name)
  local number = self.numbers[name]
  if not number then error(("no node '%s' in this simulation"):format(tostring(name)), 3) end
  return number
end

--- True while the node's process runs.
function World:is_up(name)
  return self.core:state(number_of(self, name)) ~= "down"
end

--- Names of the nodes, or of those whose process runs.
function World:nodes(only_up)
  local out = {}
  for _, name in ipairs(self.names) do
    if not only_up or self:is_up(name) then out[#out + 1] = name end
  end
  return out
end

-- ---- commands ----

local function settle(self, token, ok, value)
  local command = self.pending[token]
  if not command then return end
  self.pending[token] = nil
  command.done, command.ok, command.value = true, ok, value
  if command.on_answer then command.on_answer(ok, value) end
end

local function lost(self, number, why)
  local tokens = {}
  for token, command in pairs(self.pending) do
    if command.node == number then tokens[#tokens + 1] = token end
  end
  table.sort(tokens)
  for _, token in ipairs(tokens) do
    settle(self, token, false, { code = "node_gone", message = why })
  end
end

--- Has a node do something and goes on; `on_answer(ok, value)` comes when it is done.
function World:begin(name, what, on_answer, ms, ...)
  local number = number_of(self, name)
  self.next_token = self.next_token + 1
  local token = self.next_token
  local command = { node = number, what = what, on_answer = on_answer, deadline = self:now() + ms }
  self.pending[token] = command
  if self.core:state(number) == "down" then
    settle(self, token, false, { code = "node_gone", message = name .. " is down" })
    return command
  end
  local ok, err = self.core:command(number, PROGRAM, token, what, ...)
  if not ok then settle(self, token, false, { code = err.code, message = err.message }) end
  return command
end

local function take_answers(self)
  while true do
    local token, _, ok, value = self.core:take()
    if not token then return end
    settle(self, token, ok, value)
  end
end

-- A command that is never answered breaks a promise of the hub's: every wait has a deadline.
local function check_deadlines(self)
  local late
  for token, command in pairs(self.pending) do
    local by = math.max(command.deadline, (self.stalled[command.node] or 0) + AFTER_STALL_MS)
    if self:now() > by and (not late or token < late) then late = token end
  end
  if not late then return end
  local command = self.pending[late]
  self:fail("every request is answered", "%s on %s got no answer by its deadline", command.what,
    self.names[command.node])
end

local function reap(self)
  for number, name in ipairs(self.names) do
    if self.core:state(number) == "ended" then
      self.core:finish(number)
      self.booted[name] = nil
      self:note("%s has left", name)
      lost(self, number, name .. " has left")
    end
  end
end

local boot

local function start_again(self)
  for _, name in ipairs(self.names) do
    if self.again[name] and self:now() >= self.again[name] then
      self.again[name] = nil
      if not self:is_up(name) then boot(self, name) end
    end
  end
end

local function tick(self)
  reap(self)
  start_again(self)
  check_deadlines(self)
  for _, check in ipairs(self.checks) do
    local ok, problem = check.fn(self)
    if not ok then self:fail(check.name, "%s", problem or "it does not hold") end
  end
end

-- Runs to `at`, or until `stop()` says so.
local function advance(self, at, stop)
  while not (stop and stop()) do
    local now = self:now()
    if now >= at then return end
    local whole, spins = self.core:run(math.min(at, now - now % TICK_MS + TICK_MS))
    if spins then self:fail("every node rests", "%s: a node is busy without end", spins.message) end
    take_answers(self)
    if whole then tick(self) end
  end
end

--- Has a node do something and waits for it. The value, or nil and an error { code, message }.
function World:ask(name, what, ms, ...)
  local command = self:begin(name, what, nil, ms + TICK_MS, ...)
  advance(self, self:now() + ms, function()
    return command.done
  end)
  if not command.done then return nil, { code = "timeout", message = ("no answer within %d ms"):format(ms) } end
  if command.ok then return command.value end
  return nil, command.value
end

-- ---- time ----

--- Lets time pass.
function World:run_for(ms)
  advance(self, self:now() + ms)
end

--- From now on `fn(world)` must hold at every tick. It may look, and must not wait.
function World:always(name, fn)
  self.checks[#self.checks + 1] = { name = name, fn = fn }
end

--- `fn(world)` must hold within `ms`. It may wait.
function World:eventually(name, fn, ms)
  local until_ms = self:now() + ms
  while true do
    local ok, problem = fn(self)
    if ok then return end
    if self:now() >= until_ms then self:fail(name, "%s (after %d ms)", problem or "it does not hold", ms) end
    self:run_for(TICK_MS)
  end
end

--- The condition must hold now.
function World:expect(condition, name, text)
  if not condition then self:fail(name, "%s", text or "it does not hold") end
end

-- ---- nodes ----

-- A node that cannot start its hubs ends, and is started again as a service manager would: one that lost its disk
-- is refused until the others have found out that its former self is gone.
function boot(self, name)
  local number = number_of(self, name)
  local ok, err = self.core:start(number)
  if not ok then error(("%s cannot be started: %s"):format(name, tostring(err)), 0) end
  return self:begin(name, "boot", function(done, problem)
    if done then
      self.booted[name] = true
    elseif problem.code ~= "node_gone" then
      self:note("%s cannot start: %s", name, problem.message)
      self.core:finish(number)
      self.again[name] = self:now() + AGAIN_MS
    end
  end, BOOT_MS, self.file)
end

-- The static children of the hub file are wanted as soon as one node has its hubs.
local function want_static(self)
  for _, hub in ipairs(self.hubs) do
    for _, spec in ipairs(hub.children or {}) do
      self:want(hub.id, spec)
    end
  end
end

--- Starts a cluster of `n` nodes and waits until all run their hubs.
function World:cluster(n)
  local commands = {}
  for _ = 1, n do
    local number = self.core:add()
    local name = "n" .. number
    self.names[number], self.numbers[name] = name, number
  end
  for i, name in ipairs(self.names) do
    commands[i] = boot(self, name)
  end
  self:note("%d nodes start", n)
  advance(self, self:now() + BOOT_MS, function()
    for _, command in ipairs(commands) do
      if not command.done then return false end
    end
    return true
  end)
  for i, command in ipairs(commands) do
    if not command.ok then
      self:fail("every node starts", "%s: %s", self.names[i], command.value and command.value.message or "no answer")
    end
  end
  want_static(self)
end

local function down(self, name, vanish)
  local number = number_of(self, name)
  if not self:is_up(name) then return false end
  self.core:crash(number, vanish)
  self.booted[name] = nil
  self:note(vanish and "%s vanishes with its machine" or "%s crashes", name)
  lost(self, number, name .. " crashed")
  return true
end

--- The node's process is killed; its machine lives on.
function World:crash(name)
  return down(self, name, false)
end

--- The node's machine is gone: nothing answers there any more.
function World:vanish(name)
  return down(self, name, true)
end

--- Starts a node that is down; `disk = false`: without its data, so as a new node.
function World:restart(name, options)
  if self:is_up(name) then return false end
  local wiped = options and options.disk == false
  if wiped then self.core:wipe(number_of(self, name)) end
  self:note("%s starts again%s", name, wiped and " without its disk" or "")
  boot(self, name)
  return true
end

--- The node begins to leave: it hands its children on and ends.
function World:leave(name)
  if not self.booted[name] then return false end
  self:note("%s leaves", name)
  self:begin(name, "leave", nil, LEAVE_MS)
  return true
end

--- Nothing runs on the node for `ms`.
function World:stall(name, ms)
  self:note("%s does not run for %d ms", name, ms)
  local number = number_of(self, name)
  self.stalled[number] = math.max(self.stalled[number] or 0, self:now() + ms)
  self.core:stall(number, ms)
end

--- The node's disk takes no more writes, or does again (`full` = false).
function World:disk_full(name, full)
  self:note("the disk of %s is %s", name, full == false and "good again" or "full")
  self.core:disk_full(number_of(self, name), full ~= false)
end

-- ---- rest ----

--- Heals the network and waits until the cluster is at rest: the invariants of luahub.sim.invariant hold.
function World:settle(ms)
  self:heal()
  for _, name in ipairs(self.names) do
    if not self:is_up(name) then self:restart(name) end
  end
  for number, name in ipairs(self.names) do
    local left = (self.stalled[number] or 0) - self:now()
    if left > 0 and self:is_up(name) then self:run_for(left) end
  end
  invariant.wait_for_rest(self, ms or 60000)
  self:note("at rest")
end

--- Draws faults from the seed for a while; see luahub.sim.chaos.
function World:chaos(options)
  require("luahub.sim.chaos").run(self, options or {})
end

-- The words for the network and for children.
for _, part in ipairs({ "network", "children" }) do
  for name, word in pairs((require("luahub.sim." .. part))) do
    World[name] = word
  end
end

return M
