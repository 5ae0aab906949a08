-- Histories of many hubs: what is asked, what must then be true. One seed, one history.
--
-- For each child the oracle knows whether it must run, must not, or may (an operation is under way or its outcome is
-- not known, because whoever asked died or the deadline passed). It keeps that in a book: one for all, or one for each
-- side of a split. When the sides meet, what only one of them was asked about is as that side has it; where both were
-- asked and do not say the same, the child may run or not. What one side started in the split is news to the other:
-- a stop that comes before all have met (MEETING_MS) need not know of it.
local hub = require("luahub_test.hub")

local MEETING_MS = 15000

local history = {}
history.__index = history

--- A history over `count` nodes that have met. options: hot, custom, deterministic, load.
function history.new(seed, count, options)
  options = options or {}
  local self = setmetatable({
    seed = seed, random = seed * 7919 + 17, nodes = 0, now = 0,
    sim = hub.new(seed, options.hot or false, options.custom or false, options.deterministic or false,
      options.load or false),
    joined = {}, calls = {}, wrong = {},
  }, history)
  local book = { must = {}, open = {}, mixed = {}, touched = {}, news = {} }
  self.healed = 0
  self.books = { [false] = book, [true] = book }
  if options.on_conflict then self.sim:set_on_conflict(options.on_conflict) end
  if options.quorum then self.sim:set_quorum(table.unpack(options.quorum)) end
  for _ = 1, count do self:join() end
  self:run(3000)
  return self
end

function history:draw(n)
  self.random = (self.random * 1103515245 + 12345) % 2147483648
  return self.random // 65536 % n + 1
end

local function name(i) return "c" .. i end

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

--- A node that is up, runs the hub, and has met the others; `across`: on that side of a split.
function history:asker(across)
  local up = {}
  for _, node in ipairs(self:up()) do
    local there = across == nil or self.sim:across(node) == across
    if there and self.now - self.joined[node] >= 500 and self.sim:runs_hub(node) then up[#up + 1] = node end
  end
  return up[1] and up[self:draw(#up)]
end

function history:note(text) self.wrong[#self.wrong + 1] = ("%d ms: %s"):format(self.now, text) end

local function book_of(self, node) return self.books[self.sim:across(node)] end

local function copied(map)
  local copy = {}
  for key, value in pairs(map) do copy[key] = value end
  return copy
end

-- What is under way goes on on the side of whoever asked.
local function open_calls(self, across)
  local open = {}
  for _, call in pairs(self.calls) do
    for i = call.done and 1 or call.first, call.done and 0 or call.last do
      if self.sim:across(call.node) == across then open[name(i)] = (open[name(i)] or 0) + 1 end
    end
  end
  return open
end

--- Nothing passes any more between `nodes` and the others, who take each other for dead within `within` ms.
function history:split(within, nodes)
  local book = self.books[false]
  self.sim:split(within, table.unpack(nodes))
  for _, across in ipairs { false, true } do
    local open = open_calls(self, across)
    self.books[across] = {
      must = copied(book.must), open = open, mixed = copied(book.mixed), touched = copied(open),
      news = copied(book.news),
    }
  end
  self.is_split = true
end

local function merge(one, other)
  local book = { must = {}, open = {}, mixed = {}, touched = {}, news = {} }
  local ids = {}
  for _, each in ipairs { one, other } do
    for _, map in pairs(each) do
      for id in pairs(map) do ids[id] = true end
    end
  end
  for id in pairs(ids) do
    local both = one.touched[id] and other.touched[id]
    local teller = one.touched[id] and one or other
    book.open[id] = (one.open[id] or 0) + (other.open[id] or 0)
    book.must[id] = teller.must[id]
    book.mixed[id] = one.mixed[id] or other.mixed[id] or nil
    book.news[id] = one.touched[id] or other.touched[id] or one.news[id] or other.news[id]
    if both and one.must[id] ~= other.must[id] then
      book.must[id] = nil
      book.mixed[id] = book.open[id] > 0 or nil
    end
  end
  return book
end

--- The sides meet within `within` ms.
function history:heal(within)
  local book = merge(self.books[false], self.books[true])
  self.sim:heal(within)
  self.healed = self.now
  self.books = { [false] = book, [true] = book }
  self.is_split = false
  for _, call in pairs(self.calls) do call.spans = call.spans or not call.done end
end

local function ask(self, kind, node, first, last, ...)
  local options = select(select("#", ...), ...) or {}
  local caller = self.sim[kind](self.sim, node, first, last, ...)
  local call = { kind = kind, node = node, at = self.now, first = first, last = last, was = {} }
  local book = book_of(self, node)
  call.timeout = options.timeout or 10000
  self.calls[caller] = call
  for i = first, last do
    local id = name(i)
    call.was[id] = (book.open[id] or 0) == 0 and book.must[id] or nil
    book.open[id] = (book.open[id] or 0) + 1
    book.must[id], book.touched[id] = nil, true
  end
  return caller
end

function history:start(node, first, last, options)
  return ask(self, "start", node, first, last, "permanent", options or {})
end
function history:stop(node, first, last, options) return ask(self, "stop", node, first, last, options or {}) end

local function close(self, call, caller)
  local book = book_of(self, call.node)
  call.done = true
  for i = call.first, call.last do
    local id = name(i)
    book.open[id] = book.open[id] - 1
    -- Two operations at once on one child: either may have been the last.
    if book.open[id] > 0 then book.mixed[id] = true end
  end
  self.calls[caller] = call
end

local function settle(book, id, value)
  if book.open[id] > 0 then return end
  if value == "stopped" and book.news[id] then value = nil end
  if book.mixed[id] then
    book.mixed[id] = nil
    book.must[id] = nil
  else
    book.must[id] = value
  end
end

-- In a split, and a while after, a child that was started on the far side may be unknown on this one.
local function not_found(self, call, err, book)
  if self.is_split or call.spans or self.now - self.healed < MEETING_MS then return nil end
  if call.was[err.id] == "runs" and not book.mixed[err.id] then
    self:note(("stop of %s on n%d: %s"):format(err.id, call.node, err.code))
  end
  return call.kind == "stop" and "stopped" or nil
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
  local book = book_of(self, call.node)
  local result = reply.result or { ids = {}, errors = {} }
  local runs = call.kind == "start" and not result.rollback -- else what had started was taken back
  for _, id in ipairs(result.ids) do settle(book, id, runs and "runs" or "stopped") end
  for _, err in ipairs(result.errors) do
    local known = nil
    if err.code == "not_found" then known = not_found(self, call, err, book) end
    if err.code == "already_started" and not call.spans then known = call.was[err.id] end
    settle(book, err.id, known)
  end
end

--- Time passes; answers are taken in as they come.
function history:run(ms)
  while ms > 0 do
    if not self.is_split and self.now - self.healed > MEETING_MS then self.books[false].news = {} end
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
  local book = self.books[false]
  local must = (book.open[id] or 0) == 0 and book.must[id] or nil
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
  for id in pairs(self.books[false].open) do ids[#ids + 1] = id end
  for id in pairs(truth) do
    if not self.books[false].open[id] then ids[#ids + 1] = id end
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
