-- plan.lua - a network of real nodes on loopback that is split by their own fault plan (csrc/env/fault.h): what
-- spec/cluster/network.lua is, without root, and one way too. Needs a build with failpoints.

local cluster = require("spec.cluster.helper")
local helper = require("spec_helper")
local tool = require("spec.cluster.tool")

local M = {}

local Plan = {}
Plan.__index = Plan

-- As a whole: a node may look at it at any time.
local function put(plan, lines)
  helper.write_file(plan.path .. ".new", table.concat(lines))
  assert(os.rename(plan.path .. ".new", plan.path))
end

--- A network of `count` hosts that all reach each other.
---@param count integer
function M.new(count)
  local directory, remove = helper.temporary_directory()
  local plan = setmetatable({ path = directory .. "/plan", remove = remove, hosts = {} }, Plan)
  for index = 1, count do
    plan.hosts[index] = ("127.0.0.1:%d"):format(cluster.free_port())
  end
  put(plan, {})
  return plan
end

--- The beginning of a command that runs on a host.
function Plan:within(_)
  return "env LUAHUB_FAULT_PLAN=" .. tool.quote(self.path)
end

--- What a node on a host listens on.
function Plan:address(index)
  return self.hosts[index]
end

--- Nothing that one of `from` sends comes to one of `to`; all else does.
---@param from integer[]
---@param to integer[]
function Plan:cut_one_way(from, to)
  local lines = {}
  for _, one in ipairs(from) do
    for _, other in ipairs(to) do
      lines[#lines + 1] = ("cut %s %s\n"):format(self.hosts[one], self.hosts[other])
    end
  end
  put(self, lines)
end

--- Cuts the network into two groups of hosts.
---@param groups integer[][]
function Plan:split(groups)
  local lines = {}
  for _, one in ipairs(groups[1]) do
    for _, other in ipairs(groups[2]) do
      lines[#lines + 1] = ("cut %s %s\ncut %s %s\n"):format(
        self.hosts[one], self.hosts[other], self.hosts[other], self.hosts[one])
    end
  end
  put(self, lines)
end

function Plan:heal()
  put(self, {})
end

function Plan:close()
  self.remove()
end

Plan.__close = Plan.close

return M
