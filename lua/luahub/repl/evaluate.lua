-- repl/evaluate.lua - compiles and runs what was typed.
--
-- Pure Lua: knows neither nodes nor sockets. An expression prints without `return`; a chunk that ends too early asks
-- for more; whatever is raised becomes a text with its traceback.

local M = {}

local CHUNK = "=repl"

--- Compiles a chunk, as an expression first; "= x" is one too, as in the stock interpreter.
---@param code string
---@param environment table
---@return function?
---@return string? problem
---@return boolean? more  true when the chunk goes on in further lines
function M.compile(code, environment)
  local chunk = load("return " .. code:gsub("^%s*=", "", 1), CHUNK, "t", environment)
  if chunk then return chunk end
  local problem
  chunk, problem = load(code, CHUNK, "t", environment)
  if chunk then return chunk end
  return nil, problem, problem:sub(-5) == "<eof>"
end

-- The traceback down to the chunk: what called it is ours and tells nobody anything.
local function trace(raised)
  local meta = type(raised) == "table" and getmetatable(raised)
  local shown = type(raised) == "string" and raised
    or (meta and meta.__tostring) and tostring(raised)
    or require("luahub.repl.inspect").inspect(raised)
  local text = debug.traceback(shown, 2)
  local at = text:find("\n\t[C]: in function 'xpcall'", 1, true)
  return at and text:sub(1, at - 1) or text
end

--- Runs a compiled chunk.
---@param chunk function
---@return boolean ok
---@return table|string  its results { n = ... }, or the error with its traceback
function M.run(chunk)
  local results = table.pack(xpcall(chunk, trace))
  if not results[1] then return false, tostring(results[2]) end
  table.move(results, 2, results.n, 1)
  results[results.n] = nil
  results.n = results.n - 1
  return true, results
end

--- The message when results say "it failed": nil and an error.
---@param results table
---@return string?
function M.failure(results)
  if results.n >= 2 and results[1] == nil and results[2] ~= nil then return tostring(results[2]) end
  return nil
end

return M
