-- alter.lua - runs the handlers of the alter hook `child_data_alter` over a list of child data.
--
-- A handler gets { id, spec, metadata } and answers the same, changed or not; the id must stay. It runs in some heap
-- (each) or, when immediate, in the main program (luahub.policy).

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

--- Runs require(module)[name](args..., data) for each entry. Called by the node in some heap.
---@param module string
---@param name string
---@param args any[]
---@param list table[]
---@return table[]
function M.each(module, name, args, list)
  local handler = require(module)[name]
  local count = #args
  return M.list(list, function(data)
    local given = table.move(args, 1, count, 1, {})
    given[count + 1] = data
    return handler(table.unpack(given, 1, count + 1))
  end)
end

return M
