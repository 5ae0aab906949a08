-- network.lua - a network of namespaces for real nodes, which can be split and healed.
--
--   local net = network.new(6)       10.77.0.1 to 10.77.0.6, each in a namespace with one cable to a switch
--   net:within(1)                    the beginning of a command that runs in the first
--   net:split { { 1, 2 }, { 3 } }    a switch for each group: nothing passes between them, nobody is told
--   net:heal()
--   net:close()
--
-- Needs root and the kernel's network namespaces: network.why_not() says what is missing.

local tool = require("spec.cluster.tool")

local M = {}

local Network = {}
Network.__index = Network

-- Not `ip netns exec` nor `ip -n`, which mount things too and cannot do that in a chroot.
local function inside(name)
  return "nsenter --net=/run/netns/" .. name
end

local serial = 0

local function run(command, ...)
  local text, status = tool.output_of(command:format(...) .. " 2>&1")
  if status ~= 0 then error(("%s: %s"):format(command:format(...), text), 2) end
  return text
end

-- Names of interfaces have 15 characters at most, and several runs may share a machine.
local function prefix()
  serial = serial + 1
  return ("l%x%x"):format(tonumber(tool.read("/proc/self/stat"):match("^%d+")), serial)
end

--- Nil, or why there can be no network here.
function M.why_not()
  local name = prefix()
  local text, status = tool.output_of(("ip netns add %s 2>&1 && %s true 2>&1"):format(name, inside(name)))
  tool.output_of(("ip netns del %s 2>&1"):format(name))
  return status ~= 0 and "network namespaces are not allowed here: " .. text:gsub("%s+$", "") or nil
end

local function in_switch(net, command, ...)
  return run(inside(net.name) .. " ip " .. command, ...)
end

local function add_host(net, index)
  local host = ("%s-%d"):format(net.name, index)
  run("ip netns add %s", host)
  net.hosts[index] = host
  in_switch(net, "link add p%d type veth peer name eth0 netns %s", index, host)
  in_switch(net, "link set p%d master b1 up", index)
  local ip = inside(host) .. " ip "
  run(ip .. "addr add 10.77.0.%d/24 dev eth0", index)
  run(ip .. "link set eth0 up")
  run(ip .. "link set lo up")
end

--- A network of `count` hosts that all reach each other.
---@param count integer
function M.new(count)
  local net = setmetatable({ name = prefix(), hosts = {} }, Network)
  run("ip netns add %s", net.name)
  local ok, problem = pcall(function()
    for switch = 1, 2 do
      in_switch(net, "link add b%d type bridge", switch)
      in_switch(net, "link set b%d up", switch)
    end
    for index = 1, count do
      add_host(net, index)
    end
  end)
  if ok then return net end
  net:close()
  error(problem, 2)
end

--- The beginning of a command that runs on a host.
function Network:within(index)
  return inside(self.hosts[index])
end

--- What a node on a host listens on.
function Network:address(index)
  return ("10.77.0.%d:7946"):format(index)
end

--- Cuts the network into two groups of hosts.
---@param groups integer[][]
function Network:split(groups)
  for switch, group in ipairs(groups) do
    for _, index in ipairs(group) do
      in_switch(self, "link set p%d master b%d", index, switch)
    end
  end
end

function Network:heal()
  for index in ipairs(self.hosts) do
    in_switch(self, "link set p%d master b1", index)
  end
end

function Network:close()
  for _, host in ipairs(self.hosts) do
    tool.output_of("ip netns del " .. host)
  end
  tool.output_of("ip netns del " .. self.name)
end

return M
