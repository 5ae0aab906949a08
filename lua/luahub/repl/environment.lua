-- repl/environment.lua - the names that a chunk in a session sees: everything global, and `hub`, `luahub` and helpers.

local core = require("luahub.core")
local hub = require("luahub.hub")
local luahub = require("luahub")
local members = require("luahub.members")

local M = {}

local HELP = [[
hub          this node's first hub; luahub.hub("id") is another
luahub       the module: spawn, send, call, receive, sleep, ...
nodes()      names of the nodes that run the hub
members()    the nodes of the cluster, with states and addresses
children()   the children of the hub, with their nodes and pids
counters()   what this node has counted since it was started, by room
_            the last result
help()       this text

hub:call("id", request)           asks a child, wherever it is
hub:start_child({ id = "c", start = { "module" } }, { awaitable = true }):await()
hub:stop_child("id", { awaitable = true }):await()
An expression prints its values; a chunk that is not complete goes on in the next line. Ctrl-C interrupts what runs.]]

local SERVICES = {
  "distribution", "redundancy", "migration", "synchronization", "partition_tolerance", "dispatcher", "distributor",
  "log",
}

local function first_hub()
  local ids = core.request("hubs")
  return ids and ids[1] and hub.new(ids[1]) or nil
end

local function needed(environment)
  local found = environment.hub or first_hub()
  if not found then error("this node runs no hub", 3) end
  return found
end

--- Looks again for the node's first hub while there is none.
---@param environment table
function M.refresh(environment)
  if rawget(environment, "hub") == nil then environment.hub = first_hub() end
end

--- The line that greets whoever attaches.
---@return string
function M.welcome()
  local info = core.request("info")
  local name = info and info.name or "?"
  return ("luahub %s, node %s; help() helps, Ctrl-D leaves"):format(tostring(core.version), name)
end

local function printer(write)
  return function(...)
    local texts = table.pack(...)
    for i = 1, texts.n do
      texts[i] = tostring(texts[i])
    end
    write(table.concat(texts, "\t") .. "\n")
  end
end

local function writer(write)
  return function(...)
    local texts = table.pack(...)
    for i = 1, texts.n do
      texts[i] = tostring(texts[i])
    end
    write(table.concat(texts))
    return true
  end
end

--- A new environment. `write` takes the text that chunks print.
---@param write fun(text: string)
---@return table
function M.new(write)
  local environment = { luahub = luahub, print = printer(write) }
  for _, name in ipairs(SERVICES) do
    assert(luahub[name]) -- loaded now, so that completion finds its names
  end
  environment.io = setmetatable({ write = writer(write) }, { __index = io })
  environment.hub = first_hub()

  function environment.nodes()
    return needed(environment):nodes({ include_local = true })
  end

  environment.members = members.list
  environment.counters = luahub.counters

  function environment.children()
    return needed(environment):process_list("global")
  end

  function environment.help()
    write(HELP .. "\n")
  end

  return setmetatable(environment, { __index = _G })
end

return M
