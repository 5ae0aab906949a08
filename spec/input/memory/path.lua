-- path.lua (spec) - goes one path with its n-th allocation refused, in a process that may end of it.
--
--   LD_PRELOAD=refuse.so lua5.4 spec/input/memory/path.lua NAME N [more]      more: all after it as well
--
-- Prints "untouched" when the path has fewer allocations, "done" or "refused: CODE" when it lived through it; and fails
-- when what was there before is not there any more, or the same does not succeed afterwards.

local memory = require("luahub_test.memory")
local name, at, more_of_them = arg[1], math.tointeger(arg[2]), arg[3] == "more"

local function refused(...)
  return memory.refuse(0) > 0, ...
end

-- True when an allocation was refused, then what pcall answers. Nothing here allocates besides the path itself.
local function refusing(fn, ...)
  memory.refuse(at, more_of_them)
  return refused(pcall(fn, ...))
end

local function tell(was_refused, fine, code)
  print(not was_refused and "untouched" or fine and "done" or "refused: " .. tostring(code))
end

local path = {}

-- A message's value, into a Lua state.
function path.value()
  local script = require("luahub_test.script")
  local value = { a = { 1, 2, { b = ("text"):rep(50) } }, c = 1.5, list = {} }
  for i = 1, 40 do
    value.list[i] = { i, "item " .. i }
  end
  local bytes = script.encode(value)
  local was_refused, ok, decoded, code = refusing(script.decode, bytes)
  tell(was_refused, ok and decoded ~= nil, ok and code or decoded)
  assert(script.encode(script.decode(bytes)) == bytes, "the same bytes are another value afterwards")
end

-- Rows of a peer, as a delta and as a snapshot.
local function rows(whole)
  local registry = require("luahub_test.registry")
  registry.enter()
  local c = registry.cluster(2, 1)
  local function settle()
    repeat
      c:flush(1)
      c:flush(2)
      local moved = false
      while c:step() do moved = true end
    until not moved
  end
  local function put(from, to)
    for i = from, to do
      c:put(1, "web", "child" .. i, { spec = ("s"):rep(100), metadata = "\x81\xa3tag\xa1t" })
    end
  end
  put(1, 5)
  if not whole then
    c:link(1, 2)
    settle()
    put(6, 40)
    c:flush(1)
  else
    put(6, 40)
    c:flush(1)
    c:link(1, 2)
    c:deliver(2, 1)
    c:flush(1)
  end
  local kind, body
  repeat
    kind, body = c:lose(1, 2)
  until kind == (whole and 0x21 or 0x20)
  local before = c:dump(2, 1)
  local was_refused, ok, answer = refusing(c.inject, c, 2, 1, kind, body)
  tell(was_refused, ok and answer == "ok", answer)
  if answer ~= "ok" then
    assert(c:dump(2, 1) == before, "half of a frame was kept")
    assert(c:inject(2, 1, kind, body) == "ok")
  end
  assert(c:dump(2, 1) == c:dump(1, 1), "the copy is another one afterwards")
  c:close()
  registry.leave()
end

function path.delta() rows(false) end

function path.snapshot() rows(true) end

-- A child's start, in a heap that is there and in one of its own.
local function start(more)
  local World = dofile("spec/actor/world.lua")
  local world = World.new(1)
  local other = world:child({ "counter" })
  local add = { kind = "add", by = 1 }
  world.lua.call(other, add)
  local was_refused, ok, event = refusing(world.start, world, { "counter" }, more)
  tell(was_refused, ok and event.status == "ok", ok and event.text or event)
  assert(world.lua.call(other, add) == 2, "another child has lost its state")
  assert(world:start({ "counter" }, more).status == "ok")
  world:close()
end

function path.child() start() end

function path.isolated() start({ isolated = true }) end

path[name]()
