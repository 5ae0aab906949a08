-- Histories of many hubs: what is asked, what must then be true. One seed, one history.
--
-- For each child the oracle knows whether it must run, must not, or may (an operation is under way or its outcome is
-- not known, because whoever asked died or the deadline passed).
local hub = require("luahub_test.hub")

local history = {}
history.__index = history

--- A history over `count` nodes that have met. options: hot, custom, deterministic.
function history.new(seed, count, options)
  options = options or {}
  local self = setmetatable({
    seed = seed, random = seed * 7919 + 17, nodes = 0, now = 0,
    sim = hub.new(seed, options.hot or false, options.custom or false, options.deterministic or false),
    joined = {}, calls = {}, must = {}, open = {}, mixed = {}, wrong = {},
  }, history)
  for _ = 1, count do self:join() end
  self:run(3000)
  return self
end

function history:draw(n)
  self.random = (self.random * 1103515245 + 12345) % 2147483648
  return self.random // 65536 % n + 1
end

function history:join(without_hub)
  self.nodes = self.sim:join(without_hub or false)
  self.joined[self.nodes] = self.now
  return self.nodes
end

function history:up()
  local up = {}
  for i = 1, self.nodes do
    if self.sim:up(i) then up[#up + 1] = i end
  end
  return up
end

--- A node that is up, or nil when fewer than `least` are.
function history:victim(least)
  local up = self:up()
  return #up >= least and up[self:draw(#up)] or nil
end

--- A node that is up, runs the hub, and has met the others.
function history:asker()
  local up = {}
  for _, node in ipairs(self:up()) do
    if self.now - self.joined[node] >= 500 and self.sim:runs_hub(node) then up[#up + 1] = node end
  end
  return up[1] and up[self:draw(#up)]
end

local function name(i) return "c" .. i end

function history:note(text) self.wrong[#self.wrong + 1] = ("%d ms: %s"):format(self.now, text) end

local function ask(self, kind, node, first, last, ...)
  local options = select(select("#", ...), ...) or {}
  local caller = self.sim[kind](self.sim, node, first, last, ...)
  local call = { kind = kind, node = node, at = self.now, first = first, last = last, was = {} }
  call.timeout = options.timeout or 10000
  self.calls[caller] = call
  for i = first, last do
    local id = name(i)
    call.was[id] = (self.open[id] or 0) == 0 and self.must[id] or nil
    self.open[id] = (self.open[id] or 0) + 1
    self.must[id] = nil
  end
  return caller
end

function history:start(node, first, last, options)
  return ask(self, "start", node, first, last, "permanent", options or {})
end
function history:stop(node, first, last, options) return ask(self, "stop", node, first, last, options or {}) end

local function close(self, call, caller)
  call.done = true
  for i = call.first, call.last do
    local id = name(i)
    self.open[id] = self.open[id] - 1
    -- Two operations at once on one child: either may have been the last.
    if self.open[id] > 0 then self.mixed[id] = true end
  end
  self.calls[caller] = call
end

local function settle(self, id, value)
  if self.open[id] > 0 then return end
  if self.mixed[id] then
    self.mixed[id] = nil
    self.must[id] = nil
  else
    self.must[id] = value
  end
end

local function take(self, reply)
  local call = self.calls[reply.caller]
  if not call then return self:note("a reply to nobody") end
  if call.done then return self:note("a second reply to " .. reply.caller) end
  call.reply = reply
  if self.now - call.at > call.timeout + 1000 and not call.late then
    self:note(("%s on n%d was answered after %d ms"):format(call.kind, call.node, self.now - call.at))
  end
  close(self, call, reply.caller)
  local result = reply.result or { ids = {}, errors = {} }
  for _, id in ipairs(result.ids) do settle(self, id, call.kind == "start" and "runs" or "stopped") end
  for _, err in ipairs(result.errors) do
    if err.code == "not_found" and call.was[err.id] == "runs" and not self.mixed[err.id] then
      self:note(("stop of %s on n%d: %s"):format(err.id, call.node, err.code))
    end
    local known = call.kind == "stop" and err.code == "not_found" and "stopped" or nil
    if err.code == "already_started" then known = call.was[err.id] end
    settle(self, err.id, known)
  end
end

--- Time passes; answers are taken in as they come.
function history:run(ms)
  while ms > 0 do
    local step = math.min(ms, 100)
    self.sim:run(step)
    self.now, ms = self.now + step, ms - step
    for _, reply in ipairs(self.sim:replies()) do take(self, reply) end
  end
end

function history:answer(caller) return self.calls[caller].reply end

--- What a node asked that is down now, nobody answers.
local function forgive(self)
  for caller, call in pairs(self.calls) do
    if not call.done and not self.sim:up(call.node) then
      close(self, call, caller)
    elseif not call.done then
      self:note(("%s of %d..%d on n%d was never answered"):format(call.kind, call.first, call.last, call.node))
    end
  end
end

local function check_instances(self, id, instances)
  local must = (self.open[id] or 0) == 0 and self.must[id] or nil
  local count = instances and #instances or 0
  if must == "runs" and count == 0 then self:note(id .. " is lost") end
  if must == "stopped" and count > 0 then self:note(id .. " runs, and was stopped") end
  if count > 1 then self:note(id .. " runs on " .. table.concat(instances, ", ")) end
end

local function rows_of(self, node)
  local rows = self.sim:rows(node)
  table.sort(rows)
  return rows
end

local function check_rows(self, truth)
  local up = self:up()
  local first = rows_of(self, up[1])
  for i = 2, #up do
    local text, other = table.concat(first, "\n"), table.concat(rows_of(self, up[i]), "\n")
    if text ~= other then
      self:note(("n%d and n%d hold different rows:\n%s\n--\n%s"):format(up[1], up[i], text, other))
    end
  end
  local seen = {}
  for _, row in ipairs(first) do
    local id, node, state, spec = row:match("^(.-)@(.-)/%d+/(%d)/(%d)")
    local instances = truth[id]
    if seen[id] then self:note("two rows: " .. row) end
    if not instances or instances[1] ~= node then self:note("a row of what does not run there: " .. row) end
    if state ~= "2" or spec ~= "1" then self:note("not a row of a running child: " .. row) end
    seen[id] = true
  end
  for id in pairs(truth) do
    if not seen[id] then self:note(id .. " runs and has no row") end
  end
end

--- Lets everything come to rest and answers what is wrong then, as a list.
function history:rest(ms)
  self:run(ms or 60000)
  forgive(self)
  local truth = self.sim:truth()
  local ids = {}
  for id in pairs(self.open) do ids[#ids + 1] = id end
  for id in pairs(truth) do
    if not self.open[id] then ids[#ids + 1] = id end
  end
  table.sort(ids)
  for _, id in ipairs(ids) do check_instances(self, id, truth[id]) end
  check_rows(self, truth)
  for _, node in ipairs(self:up()) do
    local kept = table.concat(self.sim:frozen(node), " ")
    if kept ~= "" then self:note(("n%d keeps rows of the dead: %s"):format(node, kept)) end
  end
  if not self.sim:settled() then self:note("a hub is busy still") end
  local violation = self.sim:violation()
  if violation then self:note(violation) end
  local malformed = self.sim:figures().malformed
  if malformed > 0 then self:note(malformed .. " frames or payloads were malformed") end
  return self.wrong
end

return history
