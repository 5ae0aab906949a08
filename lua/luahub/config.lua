-- config.lua - reads and checks a node's configuration: the table of a FILE, or what a program passes.
--
-- Collects every problem with the path that leads to it; starts nothing. The result is the configuration with its
-- defaults, as luahub.node wants it.

local allowed = require("luahub.allowed")
local argument = require("luahub.argument")
local facts = require("luahub.facts")
local failure = require("luahub.failure")
local hook = require("luahub.hook")
local option = require("luahub.option")
local redundant = require("luahub.redundancy")
local secret = require("luahub.secret")
local spec = require("luahub.spec")
local strategy = require("luahub.strategy")

---@class luahub.NodeConfig
---@field name? string          1 to 64 of letters, digits, "." "_" "-"; default: the host's name
---@field listen? string        "host:port" to listen on (port 0: any); default "0.0.0.0:7946" once there is a secret
---@field advertise? string     "host:port" that others should use; default: what we listen on
---@field join? string[]        "host:port" of other nodes to find the cluster by
---@field secret? string        the cluster's secret; rather use secret_file
---@field secret_file? string   a file with the secret that only its owner can read; relative to FILE
---@field allow_file? string    a file with the ids of the nodes that may link with this one; default: any node may
---@field data_dir? string      its key, epoch and member sets; relative to FILE; default: a new id each start
---@field weight? number        its share of children, 0 to 100; default 1
---@field labels? table<string, string>  what placement may ask for
---@field schedulers? integer   threads that run children; default one a core
---@field heap_memory? integer  MiB that one heap may hold; what would make it larger fails; default 1024
---@field log_level? "debug"|"info"|"warn"|"error"|"none"  default "info"
---@field runtime_dir? string   where the control socket is; default see luahub.runtime
---@field handle_signals? boolean  SIGTERM and SIGINT leave gracefully; default true

---@class luahub.HubConfig
---@field id string
---@field children? luahub.ChildSpec[]  static children, started when the node is ready
---@field hooks? table<string, luahub.Handler[]>
---@field distribution? luahub.Distribution      default luahub.distribution.rendezvous{}
---@field redundancy? luahub.Redundancy          default luahub.redundancy.singularity{}
---@field migration? luahub.Migration            default luahub.migration.cold_swap{}
---@field synchronization? luahub.Synchronization  default luahub.synchronization.pubsub{}
---@field partition_tolerance? luahub.PartitionTolerance  default luahub.partition_tolerance.divergence{}

---@class luahub.Config
---@field node? luahub.NodeConfig
---@field hubs? luahub.HubConfig[]

local M = {}

M.DEFAULT_LISTEN = "0.0.0.0:7946"

local NAME_MAX, PORT_MAX, SCHEDULERS_MAX = 64, 65535, 256
-- limit: addresses in `node.join` | code invalid_config |
-- spec/luahub/config_spec.lua: refuses more addresses to join than it takes
local JOINS_MAX = 64
local HEAP_MEMORY_MAX = 1024 * 1024 -- MiB
local LOG_LEVELS = { debug = true, info = true, warn = true, error = true, none = true }

--- Splits "host:port", "[v6]:port"; nil when it is neither.
---@param text any
---@return string? host
---@return integer? port
function M.split_address(text)
  if type(text) ~= "string" then return nil end
  local host, port = text:match("^%[([%x:%.%%%w]+)%]:(%d+)$")
  if not host then
    host, port = text:match("^([^:%s]+):(%d+)$")
  end
  port = port and math.tointeger(tonumber(port))
  if not port or port > PORT_MAX then return nil end
  return host, port
end

local function check_address(path, value, lowest_port, report)
  local host, port = M.split_address(value)
  if not host then
    report(path, ('expected "host:port" (or "[::1]:port"), got %s'):format(spec.shown(value)))
  elseif port < lowest_port then
    report(path, "port 0 cannot be reached by others: give the port they should use")
  end
end

local function check_type(path, value, wanted, report)
  if value ~= nil and type(value) ~= wanted then
    report(path, ("expected a %s, got %s"):format(wanted, spec.shown(value)))
    return false
  end
  return value ~= nil
end

local function check_name(name, report)
  if not check_type("node.name", name, "string", report) then return end
  if name == "" or #name > NAME_MAX or name:find("[^%w%._%-]") then
    report("node.name", ('expected 1 to %d of letters, digits, ".", "_" and "-", got %q'):format(NAME_MAX, name))
  end
end

local function check_join(join, report)
  if not check_type("node.join", join, "table", report) then return end
  if #join > JOINS_MAX then report("node.join", ("expected at most %d addresses, got %d"):format(JOINS_MAX, #join)) end
  for key, address in pairs(join) do
    if math.type(key) ~= "integer" then
      report("node.join", ("expected a list of addresses, got a table with the key '%s'"):format(tostring(key)))
    else
      check_address(("node.join[%d]"):format(key), address, 1, report)
    end
  end
end

local function check_integer(node, field, lowest, highest, report)
  local value = node[field]
  if value == nil or (math.type(value) == "integer" and value >= lowest and value <= highest) then return end
  local text = "expected an integer from %d to %d, got %s"
  report("node." .. field, text:format(lowest, highest, spec.shown(value)))
end

local function check_numbers(node, report)
  check_integer(node, "schedulers", 0, SCHEDULERS_MAX, report)
  check_integer(node, "heap_memory", 1, HEAP_MEMORY_MAX, report)
  if node.log_level ~= nil and not LOG_LEVELS[node.log_level] then
    local words = '"debug", "info", "warn", "error" or "none"'
    report("node.log_level", ("expected %s, got %s"):format(words, spec.shown(node.log_level)))
  end
end

local function check_network(node, has_secret, report)
  if node.listen ~= nil then check_address("node.listen", node.listen, 0, report) end
  if node.advertise ~= nil then check_address("node.advertise", node.advertise, 1, report) end
  check_join(node.join, report)
  if has_secret then return end
  for _, field in ipairs({ "listen", "join", "allow_file" }) do
    local value = node[field]
    if value ~= nil and not (type(value) == "table" and #value == 0) then
      report("node." .. field, "needs a secret: " .. secret.HOW_TO)
    end
  end
end

local function check_facts(node, report)
  if node.weight ~= nil then facts.check_weight("node.weight", node.weight, report) end
  if node.labels ~= nil then facts.check_labels("node.labels", node.labels, report) end
end

local function check_node(node, report)
  argument.fields("node", node, option.node, report)
  check_name(node.name, report)
  check_type("node.secret", node.secret, "string", report)
  check_type("node.secret_file", node.secret_file, "string", report)
  check_type("node.allow_file", node.allow_file, "string", report)
  check_type("node.data_dir", node.data_dir, "string", report)
  check_type("node.runtime_dir", node.runtime_dir, "string", report)
  check_type("node.handle_signals", node.handle_signals, "boolean", report)
  if node.secret ~= nil and node.secret_file ~= nil then
    report("node", "has both secret and secret_file: give one of them")
  end
  check_numbers(node, report)
  check_facts(node, report)
  check_network(node, node.secret ~= nil or node.secret_file ~= nil, report)
end

-- Each node finds the nodes of a child by itself, and a state is one instance's.
local function check_replication(path, hub, report)
  local redundancy, distribution, migration = hub.redundancy, hub.distribution, hub.migration
  if not strategy.is_built_in(redundancy) or redundancy.kind ~= "replication" then return end
  if type(migration) == "table" and migration.handover == true then
    report(path .. ".migration", "handover does not go with replication: no instance moves, each node starts its own")
  end
  if type(distribution) ~= "table" or redundant.is_everywhere(redundancy) then return end
  if distribution.deterministic == false then
    report(path .. ".distribution", "replication by a number takes a distribution that says the same of a child on "
      .. 'every node (not bounded, load_balancer, or deterministic = false); factor = "cluster_size" takes each')
  end
end

-- Who begins a child finds out alone that it is to.
local function check_autonomous(path, hub, report)
  local migration, distribution = hub.migration, hub.distribution
  if not strategy.is_built_in(migration) or migration.kind ~= "autonomous" then return end
  if type(distribution) ~= "table" or distribution.deterministic ~= false then return end
  report(path .. ".distribution", "migration.autonomous goes with distributions that give every node the same answer: "
    .. "rendezvous (not `bounded`), consistent_hashing, guided, and one of your own that is deterministic")
end

--- Reports strategies that do not go together.
---@param path string
---@param hub table  its strategies by role; what is missing is built in
---@param report luahub.Report
function M.check_together(path, hub, report)
  check_replication(path, hub, report)
  check_autonomous(path, hub, report)
end

--- Reports every problem of one hub's configuration.
---@param path string
---@param hub any
---@param report luahub.Report
function M.check_hub(path, hub, report)
  if type(hub) ~= "table" then
    report(path, ("expected a hub { id = ..., ... }, got %s"):format(spec.shown(hub)))
    return
  end
  argument.fields(path, hub, option.hub, report)
  if type(hub.id) ~= "string" or hub.id == "" or #hub.id > spec.ID_MAX then
    report(path .. ".id", ("expected a string of 1 to %d bytes, got %s"):format(spec.ID_MAX, spec.shown(hub.id)))
  end
  if hub.children ~= nil then spec.check_list(path .. ".children", hub.children, report) end
  if hub.hooks ~= nil then hook.check(path .. ".hooks", hub.hooks, report) end
  for _, role in ipairs(strategy.ROLES) do
    local problem = hub[role] ~= nil and strategy.problem(role, hub[role])
    if problem then report(path .. "." .. role, problem) end
  end
  M.check_together(path, hub, report)
end

local function check_hubs(hubs, report)
  local first = {}
  for key, hub in pairs(hubs) do
    if math.type(key) ~= "integer" then
      report("hubs", ("expected a list of hubs, got a table with the key '%s'"):format(tostring(key)))
    else
      local path = ("hubs[%d]"):format(key)
      M.check_hub(path, hub, report)
      local id = type(hub) == "table" and hub.id
      if id and first[id] then report(path .. ".id", ("'%s' is the id of %s too"):format(tostring(id), first[id])) end
      if id then first[id] = first[id] or path end
    end
  end
end

--- Every problem of a configuration, one clear line each; empty when there is none.
---@param config any
---@return string[]
function M.problems(config)
  local lines = {}
  local function report(path, message)
    lines[#lines + 1] = path == "" and message or ("%s: %s"):format(path, message)
  end
  if type(config) ~= "table" then
    report("", ("expected a table { node = {...}, hubs = {...} }, got %s"):format(spec.shown(config)))
    return lines
  end
  argument.fields("configuration", config, option.configuration, report)
  if check_type("node", config.node, "table", report) then check_node(config.node, report) end
  if check_type("hubs", config.hubs, "table", report) then check_hubs(config.hubs, report) end
  return lines
end

local function host_name()
  local file = io.open("/proc/sys/kernel/hostname")
  local text = file and file:read("l")
  if file then file:close() end
  text = text and text:match("^[^%.]+") or ""
  text = text:gsub("[^%w_%-]", "-"):sub(1, NAME_MAX)
  return text ~= "" and text or nil
end

local function below(directory, path)
  if not path or not directory or path:sub(1, 1) == "/" then return path end
  return directory .. "/" .. path
end

-- Puts what stands in the files that a node names into its fields.
local function read_files(node, directory)
  if node.secret_file then
    local text, err = secret.read(below(directory, node.secret_file))
    if not text then return nil, err end
    node.secret, node.secret_file = text, nil
  elseif node.secret then
    local problem = secret.problem(node.secret)
    if problem then return failure.new("invalid_config", "node.secret: %s", problem) end
  end
  if node.allow_file then
    node.allow_file = below(directory, node.allow_file)
    local ids, err = allowed.read(node.allow_file)
    if not ids then return nil, err end
    node.allowed = table.concat(ids)
  end
  return true
end

--- The configuration with its defaults, and its secret and its list of nodes read.
---@param config luahub.Config  without problems
---@param directory? string     what relative paths are relative to; default: the working directory
---@return luahub.Config?
---@return luahub.Failure?  code invalid_config
function M.complete(config, directory)
  local given = config.node or {}
  local node = {}
  for key, value in pairs(given) do
    node[key] = value
  end
  local read, err = read_files(node, directory)
  if not read then return nil, err end
  node.name = node.name or host_name()
  if not node.name then return failure.new("invalid_config", "node.name: give one, the host has no name") end
  if node.secret then node.listen = node.listen or M.DEFAULT_LISTEN end
  node.join = node.join or {}
  node.data_dir = below(directory, node.data_dir)
  if node.handle_signals == nil then node.handle_signals = true end
  return { node = node, hubs = config.hubs or {} }
end

--- Checks and completes in one go.
---@param config any
---@param directory? string
---@return luahub.Config?
---@return luahub.Failure?  code invalid_config; its message is the first problem, `problems` lists them all
function M.prepare(config, directory)
  local lines = M.problems(config)
  if #lines == 0 then return M.complete(config, directory) end
  local text = lines[1]
  if #lines > 1 then text = ("%s (and %d more)"):format(text, #lines - 1) end
  return failure.with("invalid_config", text, { problems = lines })
end

--- Runs a configuration file, with its directory in front of package.path (for every heap of the node, too).
---@param path string
---@return table? config
---@return luahub.Failure|string  its directory, or an error with code invalid_config
function M.load(path)
  local file, open_error = io.open(path, "r")
  if not file then return failure.new("invalid_config", "cannot read %s", open_error) end
  file:close()
  local directory = path:match("^(.*)/[^/]*$") or "."
  if directory == "" then directory = "/" end
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(directory, directory, package.path)
  local chunk, syntax_error = loadfile(path, "t")
  if not chunk then return failure.new("invalid_config", "%s", syntax_error) end
  local ran, config = pcall(chunk)
  if not ran and type(config) == "table" and not getmetatable(config) then
    return failure.new("invalid_config", "%s: raised a table where a message was expected", path)
  end
  if not ran then return failure.new("invalid_config", "%s", tostring(config)) end
  if type(config) ~= "table" then
    local text = "%s: must return a table { node = {...}, hubs = {...} }, got %s"
    return failure.new("invalid_config", text, path, spec.shown(config))
  end
  return config, directory
end

return M
