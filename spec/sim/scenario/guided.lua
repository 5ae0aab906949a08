-- A guided hub: each node's children are on it, elsewhere while it is down, and back when it returns; pinned ones wait.
local luahub = require("luahub")

local function specs(prefix, count)
  local list, mapping = {}, {}
  for i = 1, count do
    list[i] = { id = prefix .. i, start = { "luahub.sim.probe" } }
    mapping[prefix .. i] = "n" .. (i - 1) % 4 + 1
  end
  return list, mapping
end

local START = [[
  local hub, specs, mapping = ...
  local future = require("luahub").hub(hub):start_children(specs, { awaitable = true, child_mapping = mapping })
  local result, err = future:await()
  return result and result:status() or err.message]]

-- The children of a hub by the node where they have a body.
local function placed(world, hub)
  local out = {}
  for _, name in ipairs(world:nodes(true)) do
    for _, child in ipairs(world:children(name)) do
      if child.hub == hub then out[child.id] = (out[child.id] and out[child.id] .. "+" or "") .. name end
    end
  end
  return out
end

local function expect_as(world, hub, mapping, what, other)
  world:eventually(what, function()
    local now = placed(world, hub)
    for id, node in pairs(mapping) do
      local there = now[id]
      local fits = other and there ~= nil and not there:find("+", 1, true) or there == node
      if not other and not fits or other and not other(id, node, there) then
        return false, ("%s is on %s"):format(id, tostring(there))
      end
    end
    return true
  end, 20000)
end

return {
  hubs = {
    { id = "soft", distribution = luahub.distribution.guided() },
    { id = "hard", distribution = luahub.distribution.guided({ pinned = true }) },
  },
  nodes = 4,
  run = function(world)
    world:cluster(4)
    world:run_for(1000)
    local list, mapping = specs("c", 12)
    for _, hub in ipairs({ "soft", "hard" }) do
      local status, err = world:eval("n2", START, hub, list, mapping)
      world:expect(status == "ok", "guided children start", status or tostring(err.message or err))
      expect_as(world, hub, mapping, hub .. " children are where they were sent")
    end
    local down = "n" .. world.random:between(2, 4)
    world:crash(down)
    expect_as(world, "soft", mapping, "soft children of the dead run elsewhere", function(_, node, there)
      return there ~= nil and (there == node) == (node ~= down)
    end)
    expect_as(world, "hard", mapping, "hard children of the dead run nowhere", function(_, node, there)
      return there == (node ~= down and node or nil)
    end)
    world:add()
    world:run_for(5000)
    world:restart(down)
    for _, hub in ipairs({ "soft", "hard" }) do
      expect_as(world, hub, mapping, hub .. " children are back")
    end
  end,
}
