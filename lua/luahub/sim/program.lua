-- sim/program.lua - what a scenario has a simulated node do. Runs on that node, in its main heap, where its hubs and
-- their strategies live; each command is an actor of its own and answers once, through the seam.

local core = require("luahub.core")
local seam = require("luahub.sim.seam")

local command = {}

-- The configuration is loaded on every node, as `luahub start` would; its functions never travel.
function command.boot(file)
  local node = require("luahub.node").adopt(seam.node)
  local config = assert(loadfile(file, "t"))()
  local ready, err = node:ready()
  if ready and config.facts then
    ready, err = require("luahub.facts").tell(config.facts(seam.node))
  end
  if not ready then return nil, err end
  for _, settings in ipairs(config.hubs or {}) do
    local hub
    hub, err = node:start_hub(settings)
    if not hub then return nil, err end
  end
  return true
end

local function plain_errors(result)
  local out = {}
  for i, e in ipairs(result:errors()) do
    out[i] = { id = e.id, code = e.code, message = e.message }
  end
  return out
end

local function finish(future, err)
  local result
  if future then
    result, err = future:await()
  end
  if not result then return nil, err end
  return { ids = result:cids(), errors = plain_errors(result) }
end

function command.start(hub, specs, timeout)
  local options = { awaitable = true, timeout = timeout, check_existing = false }
  return finish(require("luahub").hub(hub):start_children(specs, options))
end

function command.stop(hub, ids, timeout)
  return finish(require("luahub").hub(hub):stop_children(ids, { awaitable = true, timeout = timeout }))
end

function command.call(hub, id, request, ms)
  local value, err = require("luahub").hub(hub):call(id, request, ms)
  if err then return nil, err end
  return { value = value }
end

function command.burst(hub, id, number, count)
  for place = 1, count do
    require("luahub").hub(hub):cast(id, { burst = number, place = place })
  end
  return true
end

function command.leave()
  return core.request("leave", nil, 120000)
end

--- Code that the scenario gave; `...` are its arguments.
function command.eval(code, ...)
  local chunk, problem = load(code, "=scenario", "t")
  if not chunk then return nil, problem end
  return { value = chunk(...) }
end

local function describe(err)
  if type(err) == "table" and err.message then return { code = err.code, message = err.message } end
  return { code = "failed", message = tostring(err) }
end

return function(token, name, ...)
  local results = table.pack(pcall(command[name], ...))
  local value, err = results[2], results[3]
  if not results[1] then
    value, err = nil, results[2]
  end
  if err ~= nil then
    seam.answer(token, false, describe(err))
    return
  end
  local ok, problem = seam.answer(token, true, value)
  if not ok then seam.answer(token, false, describe(problem)) end
end
