-- helper.lua - real nodes for specs: programs of their own on loopback, in a temporary directory.
--
--   local cluster = cluster.new { hub = "migration = luahub.migration.cold_swap {}" }
--   local n1 = cluster:start "n1"             waits for its ready line
--   local n2 = cluster:start("n2", { join = { n1 } })
--   n1:eval "return #hub:process_list()"      through `luahub eval`
--   n2:kill()                                 SIGKILL, and waits until it is gone
--   cluster:close()                           kills all that is left, by pid
--
-- Every wait looks again and again until a generous deadline. Nothing here measures time.

local helper = require("spec_helper")
local Node = require("spec.cluster.node")
local tool = require("spec.cluster.tool")
local track = require("spec.cluster.track")

local output_of, quote, read = tool.output_of, tool.quote, tool.read

local M = { eventually = tool.eventually, free_port = tool.free_port, kill = Node.kill_all }

local Cluster = {}
Cluster.__index = Cluster

local ROOT = output_of("pwd"):gsub("\n", "")
local BUILD = os.getenv("LUAHUB_BUILD") or ROOT .. "/build"
local PROGRAM = "lua5.4 " .. quote(ROOT .. "/bin/luahub")

local FILE = [[
local luahub = require "luahub"
return { node = { secret_file = "secret", log_level = "debug", %s }, hubs = { { id = "main", %s } } }
]]

--- Ids "prefix1" to "prefixN".
function M.ids(prefix, count)
  local ids = {}
  for i = 1, count do
    ids[i] = prefix .. i
  end
  return ids
end

--- A cluster without nodes.
---@param options? { hub: string?, node: string?, file: string?, secret: boolean?, hot: boolean? }
---   hub, node: Lua, fields of the configuration; file: the whole of it; hot: children are handed over
function M.new(options)
  options = options or {}
  local directory, remove = helper.temporary_directory()
  local cluster = setmetatable({
    directory = directory,
    remove = remove,
    nodes = {},
    hot = options.hot,
    track_file = directory .. "/track",
    environment = ("LUAHUB_RUNTIME_DIR=%s LUAHUB_BUILD=%s LUAHUB_TRACK=%s"):format(
      quote(directory .. "/run"), quote(BUILD), quote(directory .. "/track")),
  }, Cluster)
  local hub = options.hub or ""
  if options.hot then hub = "migration = luahub.migration.hot_swap { handover = true }, " .. hub end
  cluster:write("main.lua", options.file or FILE:format(options.node or "", hub))
  cluster:write("track", "")
  cluster:secret("secret")
  assert(os.execute(("cp spec/cluster/modules/*.lua examples/*.lua %s/"):format(quote(directory))))
  return cluster
end

--- Writes a file into the cluster's directory, where FILE and the modules of children are.
function Cluster:write(name, text)
  helper.write_file(self.directory .. "/" .. name, text)
end

--- Makes a secret file and answers its name.
function Cluster:secret(name)
  local path = quote(self.directory .. "/" .. name)
  assert(os.execute(("%s %s keygen >%s && chmod 600 %s"):format(self.environment, PROGRAM, path, path)))
  return name
end

--- The shell command that runs the program with these arguments (a shell text) in the cluster's directory.
function Cluster:command(arguments, before)
  return ("cd %s && %s %s %s %s"):format(quote(self.directory), self.environment, before or "", PROGRAM, arguments)
end

--- Runs the program. Answers stdout and stderr together, and its exit status.
function Cluster:run(arguments, seconds)
  local before = ("timeout -k 1 %d"):format(seconds or tool.DEADLINE_S)
  return output_of(self:command(arguments, before) .. " 2>&1 </dev/null")
end

local function join_of(options)
  local out = {}
  for i, other in ipairs(options.join or {}) do
    out[i] = " --join " .. (type(other) == "table" and other.address or other)
  end
  return table.concat(out)
end

--- Starts a node without waiting for it.
---@param name string
---@param options? { join: table?, file: string?, port: integer?, listen: string|false?, environment: string?,
---   within: string?, log: string? }  within: the beginning of a command that runs it, in a network of its own;
---   log: names its log file, where a node of the same name has one too
function Cluster:launch(name, options)
  options = options or {}
  local log = ("%s/%s.log"):format(self.directory, options.log or name)
  local address = options.listen
  if address == nil then address = ("127.0.0.1:%d"):format(options.port or M.free_port()) end
  local count = #self.nodes + 1
  local node = setmetatable({
    cluster = self, name = name, address = address or nil, log = log, mark = #(read(log) or ""),
    status_file = ("%s/status.%d"):format(self.directory, count),
  }, Node)
  local start = ("%s start %s --name %s%s%s"):format(
    PROGRAM, options.file or "main.lua", name, address and " --listen " .. address or "", join_of(options))
  -- The shell that waits holds no pipe of ours, and writes the status when the node has ended.
  local run = ("%s %s %s %s >>%s 2>&1 </dev/null"):format(
    self.environment, options.environment or "", options.within or "", start, quote(log))
  local command = ("cd %s; { %s & p=$!; echo $p; exec >/dev/null 2>&1; wait $p; echo $? >%s; } &"):format(
    quote(self.directory), run, quote(node.status_file))
  local pipe = assert(io.popen(command))
  node.pid = assert(pipe:read("n"), "no process id for " .. name)
  pipe:close()
  self.nodes[count] = node
  return node
end

--- Starts a node and waits for its ready line.
function Cluster:start(name, options)
  return self:launch(name, options):ready()
end

local function names_of(nodes)
  local names = {}
  for i, node in ipairs(nodes) do
    names[i] = node.name
  end
  table.sort(names)
  return table.concat(names, " ")
end

-- What one node gets wrong, or nil: its view of the hub, or its registry against what runs.
local function node_wrong(node, expected, ids, running)
  local registry = node:registry()
  if registry.members ~= expected then
    return ("%s sees the nodes %s instead of %s"):format(node.name, registry.members, expected)
  end
  if registry.locked then return node.name .. " is moving children" end
  if #registry.doubled > 0 then return ("%s lists %s twice"):format(node.name, registry.doubled[1]) end
  for _, id in ipairs(ids) do
    if registry.nodes[id] ~= running[id][1] then
      return ("%s has %s on %s, and it runs on %s"):format(node.name, id, tostring(registry.nodes[id]), running[id][1])
    end
  end
  if registry.count == #ids then return nil end
  return ("%s lists %d children instead of %d"):format(node.name, registry.count, #ids)
end

-- Where the children themselves say that they are, against where they were seen to run.
local function answers_wrong(node, ids, running)
  local places, wrong = node:ask(ids, '"where"')
  if #wrong > 0 then return wrong[1] end
  for _, id in ipairs(ids) do
    local place = places[id].node
    if place ~= running[id][1] then return ("%s answers from %s, and runs on %s"):format(id, place, running[id][1]) end
  end
  return nil
end

-- One look at everything: nil and where the children run, or what is wrong, and whether that is for good.
local function look(cluster, nodes, ids)
  local seen = track.read(cluster.track_file, cluster.hot)
  local lines = seen:wrong(ids)
  if #lines > 0 then return lines, #seen.problems > 0 end
  local running, expected = seen:running(), names_of(nodes)
  for _, node in ipairs(nodes) do
    local line = node_wrong(node, expected, ids, running)
    if line then return { line } end
  end
  local line = answers_wrong(nodes[#nodes], ids, running)
  if line then return { line } end
  return nil, running
end

--- Waits until these nodes form the hub, each child runs exactly once as the children themselves wrote, nothing is on
--- its way, every node's registry says the same, and the children answer from there. Fails at once when a child ran
--- twice at a time. Answers { [id] = node }.
function Cluster:settled(nodes, ids)
  local places = {}
  M.eventually("every child runs once on " .. names_of(nodes), function()
    local lines, more = look(self, nodes, ids)
    if lines and more then error(table.concat(lines, "\n", 1, math.min(#lines, 10)), 0) end
    if lines then return false, lines end
    for _, id in ipairs(ids) do
      places[id] = more[id][1]
    end
    return true
  end)
  local file = assert(io.open(self.track_file, "a"))
  file:write("settled - 0\n")
  file:close()
  return places
end

--- Starts nodes n1 to n`count`, and children on n1; waits until they are settled. Answers the list of nodes.
---@param ids? string[]  none: the nodes see each other, and that is all
function Cluster:hub_of(count, ids)
  local nodes = { self:start("n1") }
  for i = 2, count do
    nodes[i] = self:start("n" .. i, { join = { nodes[1] } })
  end
  nodes[1]:start_children(ids or {})
  self:settled(nodes, ids or {})
  return nodes
end

--- Waits until the children are settled, and where they were before.
function Cluster:settled_as(before, nodes, ids)
  M.eventually("every child is back where it was", function()
    local places = self:settled(nodes, ids)
    for _, id in ipairs(ids) do
      if places[id] ~= before[id] then return false, ("%s is on %s, not on %s"):format(id, places[id], before[id]) end
    end
    return true
  end)
end

--- The children of a node that never wrote that they ended.
function Cluster:left_behind(node)
  return track.read(self.track_file, self.hot):left_behind(node.pid)
end

--- How often children were begun: the starts of each id.
function Cluster:starts()
  return track.read(self.track_file, self.hot).starts
end

--- The logs of all nodes, for a failure's message.
function Cluster:logs()
  local out, seen = {}, {}
  for _, node in ipairs(self.nodes) do
    if not seen[node.log] then out[#out + 1] = ("--- %s\n%s"):format(node.log, read(node.log) or "") end
    seen[node.log] = true
  end
  return table.concat(out, "\n")
end

--- Kills what still runs, by pid, and removes the directory.
function Cluster:close()
  for _, node in ipairs(self.nodes) do
    if not node:status() then os.execute(("kill -KILL %d 2>/dev/null"):format(node.pid)) end
  end
  for _, node in ipairs(self.nodes) do
    node:wait()
  end
  self.remove()
end

--- Runs `body(cluster)` with a new cluster and closes it; a failure carries the logs of the nodes.
---@param options table?
---@param body fun(cluster: table)
function M.with(options, body)
  local cluster = M.new(options)
  local ok, problem = xpcall(body, function(raised)
    if type(raised) ~= "string" then return raised end -- busted's own
    return debug.traceback(raised, 2)
  end, cluster)
  local logs = not ok and cluster:logs()
  cluster:close()
  if ok then return end
  io.stderr:write("\n", logs:sub(-20000), "\n")
  error(problem, 0)
end

return M
