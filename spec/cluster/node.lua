-- node.lua - one running node of a spec: signals to it, and questions to it through `luahub eval`.
--
-- Made by spec.cluster.helper (launch, start). `status` is nil while it runs.

local cjson = require("cjson")
local tool = require("spec.cluster.tool")

local eventually, read, quote = tool.eventually, tool.read, tool.quote

local Node = {}
Node.__index = Node

--- What the node printed and logged since it was started.
function Node:output()
  return (read(self.log) or ""):sub(self.mark + 1)
end

function Node:ready()
  eventually(self.name .. " is ready", function()
    local status = self:status()
    assert(not status, ("%s ended with status %s:\n%s"):format(self.name, tostring(status), self:output()))
    return self:output():match("luahub: [^\n]* ready[^\n]*\n"), self:output()
  end)
  return self
end

--- Its exit status, or nil while it runs.
function Node:status()
  return tonumber(read(self.status_file) or "")
end

function Node:wait()
  return eventually(self.name .. " has ended", function()
    return self:status(), self:output()
  end)
end

--- True while the process is there and not a zombie. `state`: true when it is in that state ("T": stopped).
function Node:is(state)
  local found = (read(("/proc/%d/stat"):format(self.pid)) or ""):match("^%d+ %b() (%a)")
  if state then return found == state end
  return found ~= nil and found ~= "Z" and found ~= "X"
end

--- True when the process used next to no processor for a moment.
function Node:is_idle()
  local pattern = "^%d+ %b() %a" .. (" %S+"):rep(10) .. " (%d+) (%d+)"
  local function ticks()
    local user, system = read(("/proc/%d/stat"):format(self.pid)):match(pattern)
    return user + system
  end
  local before = ticks()
  os.execute("sleep 0.3")
  return ticks() - before < 10
end

function Node:signal(name)
  assert(not self:status(), self.name .. " has ended already")
  assert(os.execute(("kill -%s %d"):format(name, self.pid)))
end

-- A signal to processes, with a line in the track just before it: the others are quicker than we are in
-- noticing that it is done.
local function strike(nodes, event, signal)
  local lines, pids = {}, {}
  for i, node in ipairs(nodes) do
    lines[i], pids[i] = ("%s - %d\n"):format(event, node.pid), node.pid
  end
  local file = assert(io.open(nodes[1].cluster.track_file, "a"))
  file:write(table.concat(lines))
  file:close()
  if signal then assert(os.execute(("kill -%s %s"):format(signal, table.concat(pids, " ")))) end
end

--- Says in the track that the others will take this node for dead though it goes on.
function Node:will_be_doubted()
  strike({ self }, "paused")
  strike({ self }, "continued")
end

local function stand_still(nodes)
  for _, node in ipairs(nodes) do node:signal("STOP") end
  for _, node in ipairs(nodes) do
    eventually(node.name .. " stands still", function() return node:is("T") end)
  end
end

--- A signal to all of these that each finds when it goes on after standing still: none acts before all have it.
---@param nodes table[]
---@param name string
function Node.all_at_once(nodes, name)
  stand_still(nodes)
  local pids = {}
  for i, node in ipairs(nodes) do
    node:signal(name)
    pids[i] = node.pid
  end
  assert(os.execute("kill -CONT " .. table.concat(pids, " ")))
end

--- SIGKILL to all of these at once, and waits until they are gone. Of several none sees another one's end: they stand
--- still before.
---@param nodes table[]
function Node.kill_all(nodes)
  if #nodes > 1 then stand_still(nodes) end
  strike(nodes, "killed", "KILL")
  for _, node in ipairs(nodes) do
    node:wait()
  end
end

function Node:kill()
  Node.kill_all({ self })
end

--- Stops the process where it stands.
function Node:pause()
  strike({ self }, "paused", "STOP")
  eventually(self.name .. " stands still", function()
    return self:is("T")
  end)
end

function Node:continue()
  strike({ self }, "continued", "CONT")
end

--- SIGTERM, waits for the end, answers the exit status.
function Node:leave()
  self:signal("TERM")
  return self:wait()
end

--- Evaluates a chunk through `luahub eval --json`. Answers true and the value, or false, the message and the status.
function Node:try(chunk, options)
  local extra = options and options.timeout and " --timeout " .. options.timeout or ""
  local text, status = self.cluster:run(("eval %s %s --json%s"):format(self.name, quote(chunk), extra))
  if status ~= 0 then return false, text, status end
  local value = cjson.decode("[" .. text .. "]")[1]
  if value == cjson.null then value = nil end
  return true, value
end

--- The value of a chunk; fails when it does.
function Node:eval(chunk, options)
  local ok, value, status = self:try(chunk, options)
  if not ok then error(("eval on %s, status %d: %s\n%s"):format(self.name, status, value, chunk), 2) end
  return value
end

--- Evaluates a chunk while the spec goes on. Answers a function that waits for its value.
function Node:background(chunk)
  local out = os.tmpname()
  local arguments = ("eval %s %s --json"):format(self.name, quote(chunk))
  local command = ("{ %s; echo $? >%s.status; } >%s 2>&1 </dev/null &"):format(
    self.cluster:command(arguments), quote(out), quote(out))
  assert(os.execute(command))
  return function()
    local status = eventually("the chunk on " .. self.name .. " has ended", function()
      return tonumber(read(out .. ".status") or "")
    end)
    local text = read(out)
    os.remove(out)
    os.remove(out .. ".status")
    assert(status == 0, text)
    return cjson.decode("[" .. text .. "]")[1]
  end
end

--- The member of this name that is not dead, as this node sees it.
function Node:member(name)
  for _, member in ipairs(self:eval("return members()")) do
    if member.name == name and member.state ~= "dead" and member.state ~= "left" then return member end
  end
  error(("%s knows no member %s"):format(self.name, name), 2)
end

-- Lua text of a list of specs for tracked children.
local function specs_of(ids, fields)
  return ([[(function()
    local specs = {}
    for id in (%q):gmatch "%%S+" do specs[#specs + 1] = { id = id, start = { "tracked" }, %s } end
    return specs
  end)()]]):format(table.concat(ids, " "), fields or "")
end

--- Starts tracked children and waits for the answer.
function Node:start_children(ids, fields)
  if #ids == 0 then return end
  local chunk = [[
    local future, err = hub:start_children(%s, { awaitable = true, timeout = 30000 })
    if not future then return nil, err end
    local result = assert(future:await())
    local out = {}
    for i, e in ipairs(result:errors()) do out[i] = tostring(e.id) .. ": " .. tostring(e.message) end
    return { status = result:status(), errors = out }]]
  local answer = self:eval(chunk:format(specs_of(ids, fields)))
  assert(answer.status == "ok", table.concat(answer.errors, "\n"))
end

--- Awaits the stop of these children. Answers its status, how many were stopped, and how many of them by an order
--- alone.
function Node:stop_children(ids, ms)
  return self:eval(([[
    local result = hub:stop_children({ "%s" }, { awaitable = true, timeout = %d }):await()
    return { status = result:status(), count = #result:cids(), ordered = #result:ordered() }]])
    :format(table.concat(ids, '", "'), ms or 10000))
end

--- What this node says of its hub: `members` (names in one text) and `locked`; and of its registry: `nodes`
--- { [id] = node }, `count`, and `doubled` (ids with more than one instance).
function Node:registry()
  local answer = self:eval([[
    local rows = { { id = "", node = "" } } -- never an empty list, which JSON cannot tell from an empty map
    for _, child in ipairs(hub:process_list("global")) do
      for _, instance in ipairs(child.instances) do
        rows[#rows + 1] = { id = child.id, node = instance.node }
      end
    end
    local members = table.concat(hub:nodes { include_local = true }, " ")
    return { members = members, locked = hub:is_locked(), rows = rows }]])
  local registry = { members = answer.members, locked = answer.locked, nodes = {}, count = 0, doubled = {} }
  for i = 2, #answer.rows do
    local row = answer.rows[i]
    if registry.nodes[row.id] then table.insert(registry.doubled, row.id) end
    registry.nodes[row.id], registry.count = row.node, registry.count + 1
  end
  return registry
end

--- Asks the children themselves: { [id] = answer }, or what went wrong.
function Node:ask(ids, request, ms)
  local answers = self:eval(([[
    local out = {}
    for id in (%q):gmatch "%%S+" do
      local answer, err = hub:call(id, %s, %d)
      out[#out + 1] = { id = id, answer = answer, error = err and tostring(err) }
    end
    return out]]):format(table.concat(ids, " "), request, ms or 5000))
  local out, wrong = {}, {}
  for _, entry in ipairs(answers) do
    out[entry.id] = entry.answer
    if entry.error then wrong[#wrong + 1] = entry.id .. ": " .. entry.error end
  end
  return out, wrong
end

--- The sum of the counts of children, asked of the children.
function Node:sum(ids)
  local counts, wrong = self:ask(ids, '"get"')
  assert(#wrong == 0, table.concat(wrong, "\n"))
  local sum = 0
  for _, id in ipairs(ids) do
    sum = sum + counts[id]
  end
  return sum
end

return Node
