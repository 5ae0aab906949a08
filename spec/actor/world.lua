-- A set of actors for one spec: started, asked for events, closed again.
local actor = require "luahub_test.actor"

local World = {}
World.__index = World

local PATH = "spec/actor/modules/?.lua"

function World.new(schedulers)
  actor.quiet()
  return setmetatable({ raw = actor.new(schedulers, PATH), token = 0, held = {}, lua = actor.api() }, World)
end

function World:close() self.raw:close() end

function World:next_token()
  self.token = self.token + 1
  return self.token
end

-- The event of that type and token; others are kept for whoever asks for them.
function World:expect(kind, token, ms)
  for i, event in ipairs(self.held) do
    if event.type == kind and (not token or event.token == token) then return table.remove(self.held, i) end
  end
  while true do
    local event = self.raw:next(ms or 10000)
    if not event then error(("no event '%s' came"):format(kind), 2) end
    if event.type == kind and (not token or event.token == token) then return event end
    self.held[#self.held + 1] = event
  end
end

-- Starts one child; answers the event, whose pid is the child's.
function World:start(start, more)
  local token = self:next_token()
  local child = { token = token, id = "c" .. token, spec = { start = start } }
  for key, value in pairs(more or {}) do
    if key == "dedicated" or key == "isolated" then child.spec[key] = value else child[key] = value end
  end
  self.raw:start { child }
  return self:expect("started", token)
end

-- Starts a child that must start; answers its pid and token.
function World:child(start, more)
  local event = self:start(start, more)
  assert(event.status == "ok", event.text)
  return event.pid, event.token
end

-- Runs jobs[name](argument) in an actor and answers its first result.
function World:run(name, argument, ms)
  local token = self:next_token()
  self.raw:run(token, "jobs", name, argument or {}, ms or 20000)
  local event = self:expect("ran", token, 20000)
  if event.status ~= "ok" then error(event.text, 2) end
  return event.value
end

function World:stop(pid, reason, ms, forward)
  local token = self:next_token()
  self.raw:stop(token, pid, reason, ms, forward)
  return self:expect("stopped", token)
end

return World
