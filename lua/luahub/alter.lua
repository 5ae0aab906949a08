-- alter.lua - runs alter handlers: of `child_data_alter` over a list of child data, of other keys over one value.
--
-- A handler of the first gets { id, spec, metadata } and answers the same, changed or not; the id must stay. Handlers
-- run in the heap of hooks (each, one) or, when immediate, in the main program (luahub.policy).

local M = {}

--- What a handler makes of each entry.
---@param list table[]  { id, spec, metadata } each
---@param handler fun(data: table): table
---@return table[]
--- Raises when the handler raises, or answers no table with the same id.
function M.list(list, handler)
  local out = {}
  for i, data in ipairs(list) do
    local id = data.id
    local answer = handler(data)
    if type(answer) ~= "table" or type(answer.spec) ~= "table" then
      error(("child '%s': an alter hook must answer { id, spec, metadata }, got %s"):format(id, type(answer)), 0)
    end
    if answer.spec.id ~= id or (answer.id ~= nil and answer.id ~= id) then
      error(("child '%s': an alter hook must not change the id"):format(id), 0)
    end
    out[i] = { id = id, spec = answer.spec, metadata = answer.metadata or {} }
  end
  return out
end

local function function_of(module, name, args)
  local handler = require(module)[name]
  local count = #args
  return function(data)
    local given = table.move(args, 1, count, 1, {})
    given[count + 1] = data
    return handler(table.unpack(given, 1, count + 1))
  end
end

--- Runs require(module)[name](args..., data) for each entry. Called by the node in the heap of hooks.
---@param module string
---@param name string
---@param args any[]
---@param list table[]
---@return table[]
function M.each(module, name, args, list)
  return M.list(list, function_of(module, name, args))
end

--- What a handler makes of a value; raises when that is nothing.
---@param value any
---@param handler fun(value: any): any
---@return any
function M.value(value, handler)
  local answer = handler(value)
  if answer == nil then error("an alter hook must answer the data, changed or not; it answered nothing", 0) end
  return answer
end

--- The same with require(module)[name](args..., value). Called by the node in the heap of hooks.
---@param module string
---@param name string
---@param args any[]
---@param value any
---@return any
function M.one(module, name, args, value)
  return M.value(value, function_of(module, name, args))
end

return M
