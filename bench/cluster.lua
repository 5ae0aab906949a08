-- cluster.lua - the nodes of a measurement: programs of their own on loopback, asked over their control sockets.
--
-- Needs `make` to have run. Every node started is killed by its process id in `close`. That, and the end of the
-- directory, is the work of a shell that waits for the end of a pipe from us: so it is done too when we are killed.

local cjson = require("cjson")
local core = require("luahub.core")

local M = {}

local READY_S = 30

local ROOT -- of the checkout, absolute
local BUILD

--- Where the checkout and its build are.
function M.set_paths(root, build)
  ROOT, BUILD = root, build
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- What a command prints.
function M.output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  pipe:close()
  return text
end

--- Waits so many seconds. A command of os.execute would hold the pipes of our guards, and an interrupt back.
function M.sleep(seconds)
  io.popen("exec sleep " .. seconds):close()
end

--- What a file holds, or nil.
function M.read(path)
  local file = io.open(path, "r")
  local text = file and file:read("a")
  if file then file:close() end
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- --- questions ---

local Question = {}
Question.__index = Question

-- The answer of a chunk that was sent off; raises when the chunk did.
function Question:answer()
  local parts = {}
  while true do
    local message, err = self.client:receive(600000)
    if not message then error(("%s: %s"):format(self.node.name, err.message), 0) end
    if message.op == "part" then parts[#parts + 1] = message.text end
    if message.op == "error" then error(("%s: %s"):format(self.node.name, message.text), 0) end
    if message.op == "result" then
      self.client:close()
      return cjson.decode("[" .. table.concat(parts) .. message.text .. "]")[1]
    end
  end
end

-- --- nodes ---

local Node = {}
Node.__index = Node

--- Sends a chunk off; `:answer()` waits for its value. The chunk sees `hub`, and `probe` (bench/children/probe.lua).
function Node:send(chunk, ...)
  local client = assert(core.control(("%s/run/%s.sock"):format(self.cluster.directory, self.name)))
  local code = 'local probe = require("probe")(hub)\n' .. chunk:format(...)
  assert(client:send({ op = "eval", code = code, json = true }))
  return setmetatable({ client = client, node = self }, Question)
end

--- The value of a chunk, which is a format for string.format when there are further arguments.
function Node:ask(chunk, ...)
  return self:send(chunk, ...):answer()
end

--- Resident memory in bytes.
function Node:rss()
  return tonumber(M.read(("/proc/%d/status"):format(self.pid)):match("VmRSS:%s*(%d+)")) * 1024
end

--- The same, but a page that several programs have resident counts for each in part only.
function Node:pss()
  return tonumber(M.read(("/proc/%d/smaps_rollup"):format(self.pid)):match("\nPss:%s*(%d+)")) * 1024
end

--- CPU time used so far, in seconds.
function Node:cpu()
  local fields = M.read(("/proc/%d/stat"):format(self.pid)):match("%) (.*)")
  local user, system = fields:match("^" .. ("%S+ "):rep(11) .. "(%d+) (%d+)")
  return (tonumber(user) + tonumber(system)) / 100
end

--- Sends a signal; answers when, by the clock that all nodes share.
function Node:signal(name)
  local at = core.now_ns()
  assert(os.execute(("kill -%s %d"):format(name, self.pid)))
  self.killed = self.killed or name == "KILL"
  return at
end

-- --- clusters ---

local Cluster = {}
Cluster.__index = Cluster

local FILE = [[
local luahub = require "luahub"
return {
  node = { secret_file = "secret", schedulers = %s, data_dir = %s },
  hubs = { { id = "main", %s } },
}
]]

local GUARD = [[
trap '' HUP INT TERM
cat >/dev/null
kill -KILL $(cat %s/pids) 2>/dev/null
rm -rf %s]]

--- A directory with a configuration. `schedulers`: a number, or nil for one a core; `hub`: further fields of the hub;
--- `keeps`: each node has a data directory.
---@param options? { schedulers: integer?, hub: string?, keeps: boolean? }
function M.new(options)
  options = options or {}
  local directory = M.output_of("mktemp -d"):gsub("\n", "")
  local guard = assert(io.popen(GUARD:format(directory, directory), "w"))
  local cluster = setmetatable({ directory = directory, guard = guard, nodes = {}, pipes = {} }, Cluster)
  write(directory .. "/main.lua", FILE:format(options.schedulers or "nil",
    options.keeps and 'os.getenv("LUAHUB_BENCH_DATA")' or "nil", options.hub or ""))
  assert(os.execute(("cp %s/bench/children/*.lua %s/"):format(quote(ROOT), directory)))
  assert(os.execute(("cd %s && umask 077 && mkdir run && %s keygen >secret"):format(
    directory, cluster:program())))
  return cluster
end

function Cluster:program()
  return ("LUAHUB_RUNTIME_DIR=%s/run LUAHUB_BUILD=%s exec lua5.4 %s/bin/luahub"):format(
    self.directory, quote(BUILD), quote(ROOT))
end

--- Starts a command that `close` kills at the latest: its process id, and the pipe of what it prints.
function Cluster:begin(command)
  local pipe = assert(io.popen(("cd %s && echo $$ >>pids && echo $$ && %s"):format(self.directory, command)))
  self.pipes[#self.pipes + 1] = pipe
  return assert(tonumber(pipe:read("l")), "no process id"), pipe
end

--- Starts a node without waiting for it; it joins the first one.
function Cluster:launch(name)
  local first = self.nodes[1]
  local join = first and " --join " .. assert(first.address) or ""
  local log = ("%s/%s.log"):format(self.directory, name)
  local began = core.now_ns()
  local command = "LUAHUB_BENCH_DATA=data.%s %s start main.lua --name %s --listen 127.0.0.1:0%s 2>%s"
  local pid, pipe = self:begin(command:format(name, self:program(), name, join, log))
  local node = setmetatable({ cluster = self, name = name, pid = pid, pipe = pipe, log = log, began = began }, Node)
  self.nodes[#self.nodes + 1] = node
  return node
end

--- Waits for a node's ready line.
function Node:ready()
  local line
  repeat
    line = self.pipe:read("l")
    if not line then error(("%s ended:\n%s"):format(self.name, M.read(self.log) or ""), 0) end
    self.address = line:match("^luahub: %S+ ready on (%S+)$")
  until self.address
  self.ready_ns = core.now_ns() - self.began
  return self
end

function Cluster:start(name)
  return self:launch(name):ready()
end

--- Starts nodes n1 to n`count` and waits until each sees all in the hub.
function Cluster:start_many(count)
  for i = 1, count do
    self:start("n" .. i)
  end
  self:wait_whole(count)
  return table.unpack(self.nodes)
end

--- Waits until every node sees `count` nodes in the hub.
function Cluster:wait_whole(count)
  local questions = {}
  for i, node in ipairs(self.nodes) do
    questions[i] = node:send("return probe.wait_nodes(%d, %d)", count, READY_S * 1000)
  end
  for _, question in ipairs(questions) do
    question:answer()
  end
end

function Cluster:close()
  self.guard:close()
  for _, pipe in ipairs(self.pipes) do
    pipe:close()
  end
end

--- Runs `body(cluster, nodes...)` with `count` nodes that see each other.
function M.with(count, options, body)
  local cluster = M.new(options)
  local ok, problem = xpcall(function()
    body(cluster, cluster:start_many(count))
  end, debug.traceback)
  if not ok then
    for _, node in ipairs(cluster.nodes) do
      io.stderr:write("--- ", node.name, "\n", (M.read(node.log) or ""):sub(-2000), "\n")
    end
  end
  cluster:close()
  if not ok then error(problem, 0) end
end

return M
