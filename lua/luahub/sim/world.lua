-- sim/world.lua - the words of a scenario: nodes that start, crash and leave, a network that fails, children, time.
--
-- Time passes only inside these words. Between two ticks (100 ms) the invariants given to `always` are looked at, and
-- nodes that have left end. Whoever breaks an invariant raises a `luahub.sim.Failure`, which sim.run turns into a
-- report. A command on a node is answered once: by the node, by its crash, or by its deadline.

local core = require("luahub.core")
local delivery = require("luahub.sim.delivery")
local random = require("luahub.sim.random")
local roles = require("luahub.sim.roles")

local TICK_MS = 100
local HASH_MS = 1000
local AFTER_STALL_MS = 5000 -- what a node may take to answer what came while it did not run
local PROGRAM = "luahub.sim.program"

---@class luahub.sim.World
---@field seed integer
---@field random luahub.sim.Random
local World = {}
World.__index = World

local NOT_FOUND = "no node '%s' in this simulation"

local Failure = { __name = "luahub.sim.failure" }

function Failure.__tostring(failure)
  return ("%s: %s"):format(failure.invariant, failure.message)
end

local M = { Failure = Failure }

--- A world without nodes.
---@param options { seed: integer, file: string, path: string, hubs: table[], listener: fun(line: string)?,
---  ciphers: "real"|"imitated" }
---@return luahub.sim.World
function M.new(options)
  local self = setmetatable({
    seed = options.seed,
    file = options.file,
    hubs = options.hubs,
    listener = options.listener,
    random = random.new(options.seed),
    core = core.world(options.seed, options.path, package.cpath, true, options.ciphers == "imitated"),
    names = {},     -- number -> name
    numbers = {},   -- name -> number
    booted = {},    -- name -> true once its hubs run
    pending = {},   -- token -> command
    next_token = 0,
    checks = {},
    wanted = {},    -- hub -> id -> true: its start was acknowledged and nobody asked for its stop
    hosts = {},     -- see luahub.sim.safety
    held_at = {},   -- see luahub.sim.invariant
    children_at = {}, -- number -> { at, list }, what was listed last
    rows_at = {},   -- number -> { at, [hub] = list }
    stopped = {},   -- hub -> id -> { generation, by }: its stop was acknowledged
    history = {},
    conditions = { loss = 0, duplicate = 0, delay_min = 1, delay_max = 3 },
    cuts = {},
    stalled = {},   -- number -> until when
    again = {},     -- name -> when a node that could not start is started again
    without = {},   -- name -> true: shrinking leaves it out
    hashes = {},    -- of the history, each virtual second
    trouble = {},   -- name -> until when it was in trouble, see luahub.sim.truth
    alone = {},     -- name -> how often it acted without agreement
    slow_readers = {},
    skews = {},     -- name -> { rate, wall }
    disks = {},     -- name -> true: its disk is not good
    delivery = delivery.new(),
    roles = roles.new(), -- which instance was told what, by those children that tell it
    bursts = 0,
    probes = {},    -- id -> true: chaos started it
    next_probe = 0,
    failures = {},  -- id -> how often chaos told it to fail
    losses = 0,     -- nodes that went down with what they knew
    losses_before = {}, -- id -> how many had, when another node than the keeper was told that it started
    leaving = {},   -- name -> true: it was told to
    strikes = {},   -- name -> the step at which it is struck
    cloned = {},    -- name -> until when the other of its identity may not have heard of it
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
---@return integer
function World:number_of(name)
  local number = self.numbers[name]
  if not number then error(NOT_FOUND:format(tostring(name)), 3) end
  return number
end

--- True while the node's process runs.
function World:is_up(name)
  return self.core:state(self:number_of(name)) ~= "down"
end

--- Names of the nodes, or of those whose process runs.
function World:nodes(only_up)
  local out = {}
  for _, name in ipairs(self.names) do
    if not self.without[name] and (not only_up or self:is_up(name)) then out[#out + 1] = name end
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

local function take_told(self)
  for _, told in ipairs(self.core:told()) do
    if told.role then
      self.roles:take(told)
    else
      self.delivery:take(told)
    end
  end
end

--- Whatever was asked of that node is answered: it is gone.
function World:lost(number, why)
  take_told(self)
  self.roles:lost(self.names[number])
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
  local number = self:number_of(name)
  self.next_token = self.next_token + 1
  local token = self.next_token
  local starts_at = math.max(self:now(), self.stalled[number] or 0)
  local command = { node = number, what = what, on_answer = on_answer, deadline = starts_at + ms }
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

--- The node does not run until then: what was asked of it begins later, or has not come to its end.
function World:put_off(number, until_ms)
  local before = math.max(self.stalled[number] or 0, self:now())
  if until_ms <= before then return end
  self.stalled[number] = until_ms
  for _, command in pairs(self.pending) do
    if command.node == number then command.deadline = command.deadline + until_ms - before end
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

local function check_all(self)
  for _, check in ipairs(self.checks) do
    if check.each then
      local name, problem = check.each(self)
      if name then self:fail(name, "%s", problem) end
    else
      local ok, problem = check.fn(self)
      if not ok then self:fail(check.name, "%s", problem or "it does not hold") end
    end
  end
end

local function tick(self)
  self:reap()
  self:start_again()
  self:note_trouble()
  take_told(self)
  check_deadlines(self)
  check_all(self)
  if self.ticker then self.ticker() end
  if self:now() % HASH_MS == 0 then self.hashes[#self.hashes + 1] = self.core:hash() end
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

--- The same for many: `fn(world)` answers the name of the first that does not hold and what was found, or nothing.
function World:always_each(fn)
  self.checks[#self.checks + 1] = { each = fn }
end

--- Runs until `stop()` says so, for `ms` at most.
function World:run_until(ms, stop)
  advance(self, self:now() + ms, stop)
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

-- The words for nodes, their machines, the network and children; and what is so.
for _, part in ipairs({ "node", "machine", "network", "children", "truth" }) do
  for name, word in pairs((require("luahub.sim." .. part))) do
    World[name] = word
  end
end

return M
