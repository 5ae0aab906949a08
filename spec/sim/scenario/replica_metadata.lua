-- replica_metadata.lua (spec) - the metadata of replicated children changes from several nodes at once, while nodes die
-- and are cut off: at rest all instances have the same, know it themselves, and all nodes list it.

local luahub = require("luahub")

local CHANGES = 12

local START = [[
  local result, err = require("luahub").hub("main"):start_children({
    { id = "a", start = { "noted" } }, { id = "b", start = { "noted" } } }, { awaitable = true }):await()
  return result and { result:status(), #result:started(), #result:pids() } or err.message]]

local SET = [[
  local id, x = ...
  local done, err = require("luahub").hub("main"):set_metadata(id, { x = x }, { timeout = 3000 })
  return done and "done" or err.code]]

-- Of a child, as a node sees it: what is listed, and what each instance says.
local SEEN = [[
  local luahub = require("luahub")
  local child = luahub.hub("main"):child_lookup((...), { with_metadata = true })
  if not child then return nil end
  local out = { listed = child.metadata.x or 0, said = {} }
  for i, instance in ipairs(child.instances) do
    local said, err = luahub.call(instance.pid, "x", 2000)
    if not said then return { listed = 0, said = { err.code .. " " .. err.message } } end
    out.said[i] = said and said[1] or -1
  end
  return out]]

local function wrong(world, id, last)
  local wanted = math.min(3, #world:nodes(true))
  for _, name in ipairs(world:nodes(true)) do
    local seen = world:eval(name, SEEN, id)
    if not seen or #seen.said ~= wanted then return ("%s does not list %s %d times"):format(name, id, wanted) end
    last = last or seen.listed
    if seen.listed ~= last then return ("%s lists %s with %d, another with %d"):format(name, id, seen.listed, last) end
    for _, x in ipairs(seen.said) do
      if x ~= last then return ("%s: an instance of %s says %s instead of %d"):format(name, id, x, last) end
    end
  end
  return nil, last
end

local function rest(world, id, last)
  world:eventually("all instances of " .. id .. " have one metadata", function()
    local line = wrong(world, id, last)
    return not line, line
  end, 60000)
end

return {
  hubs = { { id = "main", redundancy = luahub.redundancy.replication({ factor = 3 }) } },
  nodes = 5,
  run = function(world)
    world:cluster(5)
    local r = world.random
    local started = world:eval("n1", START)
    world:expect(type(started) == "table" and started[1] == "ok" and started[2] == 2 and started[3] == 6,
      "children start three times", tostring(type(started) == "table" and started[3] or started))
    world:delay(1, r:between(1, 600))
    for i = 1, CHANGES do
      for k = 1, r:between(1, 3) do
        local name = "n" .. r:between(1, 5)
        local id, x = r:between(1, 2) == 1 and "a" or "b", 10 * i + k
        if world:is_up(name) then world:begin(name, "eval", nil, 6000, SET, id, x) end
      end
      world:run_for(r:between(0, 300))
      local trouble, node, other = r:between(1, 8), "n" .. r:between(2, 5), "n" .. r:between(1, 5)
      if trouble == 1 and world:is_up(node) then world:crash(node) end
      if trouble == 2 and not world:is_up(node) then world:restart(node) end
      if trouble == 3 and node ~= other then world:cut(node, other) end
      if trouble == 4 then world:heal() end
      if trouble == 4 or trouble == 5 then world:delay(1, r:between(1, 600)) end
    end
    world:heal()
    world:delay(0, 1)
    world:run_for(8000)
    rest(world, "a")
    rest(world, "b")
    -- What was awaited is what all have.
    for i, id in ipairs({ "a", "b" }) do
      world:expect(world:eval("n1", SET, id, 1000 + i) == "done", "it is set")
      rest(world, id, 1000 + i)
    end
  end,
}
