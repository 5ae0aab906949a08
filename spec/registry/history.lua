-- Random histories of registries by seed: rows change, links break and return, nodes return in new epochs, frames are
-- delayed, lost and forged. A history answers { invariant, text, final }: the invariant that did not hold, or none,
-- and what there was in the end.
local registry = require "luahub_test.registry"

local STEPS = 250
local SIZE = 4
local DELTA = 0x20

local History = {}
History.__index = History

local function fail(invariant, format, ...) error({ invariant = invariant, text = format:format(...) }, 0) end

local function new(seed)
  local self = setmetatable({
    c = registry.cluster(SIZE, seed),
    state = seed * 2654435761 % 4294967296,
    current = {},  -- process -> its run
    epochs = {},   -- run -> its epoch
    runs = SIZE, generation = 0,
    contents = {}, -- "run seq" -> { chain, dump }
    reached = {},  -- "process run" -> the highest sequence it held
  }, History)
  for i = 1, SIZE do self.current[i], self.epochs[i] = i, 1 end
  return self
end

function History:draw(n)
  self.state = (self.state * 1103515245 + 12345) % 2147483648
  return self.state // 65536 % n + 1
end

-- Only what was flushed is known by a sequence: the owner's copy is looked at after its flush.
function History:check(process, run)
  local c = self.c
  local seq, copy = c:seq(process, run), process .. " " .. run
  if seq < (self.reached[copy] or 0) then
    fail("S3 nothing goes back", "%d's copy of %d: %d after %d", process, run, seq, self.reached[copy])
  end
  self.reached[copy] = seq
  if seq == 0 then return end
  local key, found = run .. " " .. seq, c:dump(process, run)
  local known = self.contents[key]
  if known == nil then
    self.contents[key] = { c:chain(process, run), found }
  elseif known[2] ~= found or known[1] ~= c:chain(process, run) then
    fail("S4 one content at each sequence", "%d's copy of %d at %d is another", process, run, seq)
  end
end

function History:flush(i)
  self.c:flush(i)
  self:check(i, self.current[i])
end

function History:deliver()
  local answer, from, to = self.c:step()
  if not answer then return false end
  if answer ~= "ok" then fail("S5 what a node says is well formed", "%d refused what %d sent: %s", to, from, answer) end
  self:check(to, self.current[from])
  return true
end

-- A removal that the owner of the ledger never wrote, from another process, fit for the copy of a third.
function History:lie(liar, victim)
  local c, owner = self.c, self:draw(SIZE)
  if owner == liar or victim == liar or victim == owner then return end
  local run = self.current[owner]
  local seq, chain = c:seq(victim, run) + 1, c:chain(victim, run)
  if not chain or seq > 127 then return end
  local id = "c" .. self:draw(12)
  local data = "\x95\x92\xc4\x10" .. string.char(owner) .. ("\0"):rep(15) .. string.char(self.epochs[run], seq, seq)
    .. "\x91\xa4hub1\x91\x92\x00\xc4" .. string.pack("s1", id)
  local answer = c:inject(victim, self.current[liar], DELTA, c:seal(liar, "D", chain, data))
  if answer ~= "denied" then
    fail("S5 each fact has one author", "%d took a change of %d's ledger from %d", victim, owner, liar)
  end
end

local acts = {
  function(self, i)
    self.generation = self.generation + 1
    local spec = ("s"):rep(self:draw(4) == 1 and 20000 or self:draw(20))
    local born = self:draw(self.generation)
    local row = { generation = self.generation, born = born, spec = spec, pid = self:draw(1000) }
    self.c:put(i, "hub" .. self:draw(2), "c" .. self:draw(12), row)
  end,
  function(self, i) self.c:remove(i, "hub" .. self:draw(2), "c" .. self:draw(12)) end,
  function(self, i) self.c:order(i, "hub" .. self:draw(2), "c" .. self:draw(12), self:draw(self.generation + 1)) end,
  function(self, i) self.c:remove_order(i, "hub" .. self:draw(2), "c" .. self:draw(12)) end,
  function(self, i) self:flush(i) end,
  function(self)
    for _ = 1, self:draw(6) do self:deliver() end
  end,
  function(self, i, j)
    if i ~= j then self.c:link(i, j) end
  end,
  function(self, i, j)
    if i ~= j and self:draw(3) == 1 then self.c:cut(i, j) end
  end,
  function(self, i, j)
    if i ~= j then self.c:compare(i, j) end
  end,
  function(self, i)
    if self:draw(12) > 1 or self.runs >= 40 then return end
    local old = self.current[i]
    self.current[i] = self.c:restart(i)
    self.runs = self.runs + 1
    self.epochs[self.current[i]] = self.epochs[old] + 1
    for j = 1, SIZE do
      if j ~= i then self.c:drop(j, old) end
    end
  end,
  -- A frame that its receiver had no memory for.
  function(self, i, j)
    if i ~= j and self:draw(4) == 1 then self.c:lose(i, j) end
  end,
  function(self, i, j) self:lie(i, j) end,
}

function History:rest()
  local c = self.c
  for i = 1, SIZE do
    for j = i + 1, SIZE do c:link(i, j) end
  end
  for _ = 1, 3 do
    local moved
    repeat
      moved = false
      for i = 1, SIZE do self:flush(i) end
      while self:deliver() do moved = true end
    until not moved
    for i = 1, SIZE do
      for j = 1, SIZE do
        if i ~= j then c:compare(i, j) end
      end
    end
  end
end

-- What is stopped here is stopped everywhere, and counted among no children.
function History:check_orders(i)
  local c = self.c
  for k = 1, 24 do
    local hub, id = "hub" .. 1 + k % 2, "c" .. (k + 1) // 2
    if c:ordered(1, hub, id) ~= c:ordered(i, hub, id) or #c:find(1, hub, id) ~= #c:find(i, hub, id) then
      fail("L2 all registries are equal", "1 and %d know other orders about %s of %s", i, id, hub)
    end
  end
  for h = 1, 2 do
    local _, rows = c:scan(i, "hub" .. h):gsub("\n", "")
    if rows ~= c:children(i, "hub" .. h) then
      fail("L2 all registries are equal", "%d counts %d children and lists %d", i, c:children(i, "hub" .. h), rows)
    end
  end
end

function History:check_rest()
  local c, current = self.c, self.current
  for i = 1, SIZE do
    for j = 1, SIZE do
      if c:dump(j, current[j]) ~= c:dump(i, current[j]) then
        fail("L2 all registries are equal", "%d's copy of %d is not what %d holds", i, current[j], j)
      end
    end
    if c:digest(1) ~= c:digest(i) then fail("L2 all registries are equal", "the digests of 1 and %d differ", i) end
    if c:scan(1, "hub1"):len() ~= c:scan(i, "hub1"):len() then
      fail("L2 all registries are equal", "1 and %d list different rows", i)
    end
    self:check_orders(i)
    local counters = c:counters(i)
    if counters.malformed > 0 then fail("S5 what a node says is well formed", "%d met a malformed frame", i) end
    if counters.digest_mismatch > 0 then fail("S4 one content at each sequence", "a digest did not fit at %d", i) end
  end
end

local function live(self)
  for _ = 1, STEPS do acts[self:draw(#acts)](self, self:draw(SIZE), self:draw(SIZE)) end
  self:rest()
  self:check_rest()
  return self.c:dump(1, self.current[1]) .. self.c:digest(1)
end

return function(seed)
  local self = new(seed)
  local ok, result = pcall(live, self)
  self.c:close()
  if ok then return { final = result } end
  if type(result) ~= "table" then error(result, 0) end
  return result
end
