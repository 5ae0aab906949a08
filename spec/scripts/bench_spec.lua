-- bench/run.lua: whatever ends it, the nodes that it started end with it.
local helper = require("spec_helper")
local tool = require("spec.cluster.tool")

local eventually, output_of, read = tool.eventually, tool.output_of, tool.read

local function command_of(pid)
  return ((read(("/proc/%s/cmdline"):format(pid)) or ""):gsub("\0", " "))
end

-- The processes below one, as process ids.
local function descendants(pid, into)
  into = into or {}
  for child in output_of(("cat /proc/%s/task/*/children 2>/dev/null"):format(pid)):gmatch("%d+") do
    into[#into + 1] = child
    descendants(child, into)
  end
  return into
end

local function nodes_below(pid)
  local nodes = {}
  for _, child in ipairs(descendants(pid)) do
    if command_of(child):find("bin/luahub start main.lua", 1, true) then nodes[#nodes + 1] = child end
  end
  return nodes
end

describe("bench/run.lua", function()
  local place, remove
  before_each(function() place, remove = helper.temporary_directory() end)
  after_each(function() remove() end)

  -- The bench in a session of its own, and every process of it once its three nodes run.
  local function running()
    local command = "TMPDIR='%s' setsid env --default-signal=INT lua5.4 bench/run.lua idle >/dev/null 2>&1 & echo $!"
    local pid = output_of(command:format(place)):match("%d+")
    local nodes
    eventually("three nodes run", function()
      nodes = nodes_below(pid)
      return #nodes == 3
    end)
    return pid, nodes, descendants(pid, { pid })
  end

  local function all_gone(pids)
    for _, pid in ipairs(pids) do
      if command_of(pid) ~= "" then return false end
    end
    return output_of(("ls '%s'"):format(place)) == ""
  end

  for _, signal in ipairs { "TERM", "INT", "KILL" } do
    it("leaves no process and no file behind when it gets SIG" .. signal, function()
      local pid, nodes, all = running()
      finally(function() os.execute("kill -KILL " .. table.concat(nodes, " ") .. " 2>/dev/null") end)
      -- An interrupt comes from a terminal, to all of them.
      assert(os.execute(("kill -%s %s%s"):format(signal, signal == "INT" and "-" or "", pid)))
      eventually("all of it has ended", function() return all_gone(all) end)
    end)
  end
end)
