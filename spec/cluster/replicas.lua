-- replicas.lua - what the children of a replicated hub wrote (modules/replica.lua), and waiting until they are at rest.
--
-- At rest each child runs on as many nodes as it is to, each of which wrote so itself; every node lists exactly those;
-- where there is an active one, it is the only one that was last told so, and every node names it.

local cluster = require("spec.cluster.helper")

local M = {}

local MODES = { active = true, passive = true }

--- Starts children on `node` and waits for the answer.
function M.start(node, ids, fields)
  local answer = node:eval(([[
    local specs = {}
    for id in (%q):gmatch "%%S+" do specs[#specs + 1] = { id = id, start = { "replica" }, %s } end
    local result = hub:start_children(specs, { awaitable = true, timeout = 60000 }):await()
    local out = { status = result:status(), errors = {} }
    for i, e in ipairs(result:errors()) do out.errors[i] = e.id .. ": " .. e.message end
    return out]]):format(table.concat(ids, " "), fields or ""))
  assert(answer.status == "ok", table.concat(answer.errors, "\n"))
end

--- What was written: { [id] = { [node] = "untold" | "active" | "passive" } } of those that run, the lines that show two
--- active ones at a time, and how often each mode was told.
function M.track(world)
  local children, doubled, told, killed = {}, {}, { active = 0, passive = 0 }, {}
  for line in io.lines(world.track_file) do
    local event, id, process, node = line:match("^(%S+) (%S+) (%d+) ?(%S*)$")
    local on = children[id] or {}
    if event == "killed" then
      killed[process] = true
      for _, instances in pairs(children) do
        for name, instance in pairs(instances) do
          if instance.process == process then instances[name] = nil end
        end
      end
    elseif id ~= "-" and not killed[process] then
      children[id] = on
      if event == "init" then
        on[node] = { process = process, mode = "untold" }
      elseif MODES[event] then
        told[event] = told[event] + 1
        on[node].mode = event
        for name, other in pairs(on) do
          if event == "active" and name ~= node and other.mode == "active" then doubled[#doubled + 1] = line end
        end
      else
        on[node] = nil
      end
    end
  end
  local modes = {}
  for id, instances in pairs(children) do
    modes[id] = {}
    for node, instance in pairs(instances) do
      modes[id][node] = instance.mode
    end
  end
  return modes, doubled, told
end

local function sorted(set)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, " ")
end

-- { [id] = { nodes = "n1 n2", active = "n1" } } as this node lists them, and its members.
local function listed(node)
  local answer = node:eval([[
    local children = { [""] = false }
    for _, child in ipairs(hub:registry_dump()) do
      local nodes, active, states = {}, {}, {}
      for i, instance in ipairs(child.instances) do
        nodes[i], states[i] = instance.node, instance.state ~= "running" and instance.state or nil
        if instance.active then active[#active + 1] = instance.node end
      end
      table.sort(nodes)
      children[child.id] = { nodes = table.concat(nodes, " "), active = table.concat(active, " "), states = #states }
    end
    return { children = children, members = table.concat(hub:nodes { include_local = true }, " "),
      locked = hub:is_locked() }]])
  answer.children[""] = nil
  return answer
end

local function actives(modes)
  local out = {}
  for node, mode in pairs(modes) do
    if mode == "active" then out[node] = true end
  end
  return sorted(out)
end

local function child_wrong(id, modes, seen, count, single)
  local nodes = sorted(modes)
  local found = select(2, nodes:gsub("%S+", ""))
  if found ~= count then return ("%s runs on %d nodes instead of %d: %s"):format(id, found, count, nodes) end
  if not seen or seen.nodes ~= nodes then
    return ("%s is listed on %s, and runs on %s"):format(id, seen and seen.nodes, nodes)
  end
  if seen.states > 0 then return id .. " is not listed as running" end
  if not single then return nil end
  if select(2, seen.active:gsub("%S+", "")) ~= 1 then return ("%s: active is %q"):format(id, seen.active) end
  if single == "told" and actives(modes) ~= seen.active then
    return ("%s: %s is listed as the active one, told were %s"):format(id, seen.active, actives(modes))
  end
  return nil
end

local function wrong(world, nodes, ids, count, single)
  local modes, doubled = M.track(world)
  if single and #doubled > 0 then error("two active ones at a time: " .. doubled[1], 0) end
  local names = {}
  for i, node in ipairs(nodes) do
    names[i] = node.name
  end
  table.sort(names)
  for _, node in ipairs(nodes) do
    local seen = listed(node)
    if seen.members ~= table.concat(names, " ") then return node.name .. " sees the nodes " .. seen.members end
    if seen.locked then return node.name .. " is locked" end
    for _, id in ipairs(ids) do
      local line = child_wrong(id, modes[id] or {}, seen.children[id], count, single)
      if line then return ("%s: %s"):format(node.name, line) end
      seen.children[id] = nil
    end
    local left = next(seen.children)
    if left then return ("%s lists %s too"):format(node.name, left) end
  end
  local wanted = {}
  for _, id in ipairs(ids) do
    wanted[id] = true
  end
  for id, on in pairs(modes) do
    if not wanted[id] and next(on) then return id .. " still runs on " .. sorted(on) end
  end
  return nil
end

--- Waits until all is at rest on these nodes. `single`: "told" when each child has one active instance that was told,
--- true when nobody is told. Answers { [id] = { [node] = mode } }.
function M.settled(world, nodes, ids, count, single)
  cluster.eventually(("every child runs on %d nodes"):format(count), function()
    local line = wrong(world, nodes, ids, count, single)
    return not line, line
  end)
  return (M.track(world))
end

return M
