-- repl/session.lua - the node's end of `luahub attach` and `luahub eval`: an actor in a heap of its own.
--
-- The node spawns it for a connection to the control socket, hands it the client's first message, and delivers later
-- ones as { type = "control", message }. It answers through the node (control_send). What is typed here costs the node
-- nothing: the heap has its own memory, and a loop is preempted. It ends when its client is gone.

local core = require("luahub.core")
local complete = require("luahub.repl.complete")
local environment = require("luahub.repl.environment")
local evaluate = require("luahub.repl.evaluate")
local inspect = require("luahub.repl.inspect")

local PART_BYTES = 262144
local WAIT_MS = 3600000

local Session = {}
Session.__index = Session

function Session:send(message)
  return core.request("control_send", { connection = self.connection, message = message })
end

-- Long texts go in parts, the last one under `op`.
function Session:send_text(op, part_op, text)
  local from = 1
  while #text - from >= PART_BYTES do
    self:send({ op = part_op, text = text:sub(from, from + PART_BYTES - 1) })
    from = from + PART_BYTES
  end
  return self:send({ op = op, text = text:sub(from) })
end

function Session:send_error(text)
  return self:send({ op = "error", text = #text > PART_BYTES and text:sub(1, PART_BYTES) or text })
end

function Session:print(text)
  self:send_text("print", "print", text)
end

local function eval_text(value, as_json)
  if as_json then return require("luahub.json").encode(value) end
  return inspect.inspect(value, inspect.WHOLE)
end

-- One chunk: its first value, or why it failed.
function Session:eval(first)
  local chunk, problem = evaluate.compile(first.code, self.environment)
  if not chunk then return self:send_error(problem) end
  local ok, results = evaluate.run(chunk)
  if not ok then return self:send_error(results) end
  local failed = evaluate.failure(results)
  if failed then return self:send_error(failed) end
  if results.n == 0 and not first.json then return self:send({ op = "result", text = "" }) end
  local rendered, text = pcall(eval_text, results[1], first.json)
  if not rendered then return self:send_error(tostring(text)) end
  return self:send_text("result", "part", text)
end

local function lines_of(results)
  if results.n > 0 and results[1] == nil and results[2] ~= nil then
    return "nil, " .. inspect.inspect(results[2])
  end
  local lines = {}
  for i = 1, results.n do
    lines[i] = inspect.inspect(results[i])
  end
  return table.concat(lines, "\n")
end

function Session:line(code)
  environment.refresh(self.environment)
  local chunk, problem, more = evaluate.compile(code, self.environment)
  if more then return self:send({ op = "result", text = "", more = true }) end
  if not chunk then return self:send_error(problem) end
  local ok, results = evaluate.run(chunk)
  if not ok then return self:send_error(results) end
  if results.n > 0 then self.environment._ = results[1] end
  return self:send_text("result", "part", lines_of(results))
end

function Session:handle(message)
  if message.op == "line" then return self:line(message.code) end
  if message.op == "complete" then
    return self:send({ op = "completions", list = complete.complete(self.environment, message.text) })
  end
  return self:send_error(("unknown request '%s'"):format(tostring(message.op)))
end

-- Serves lines until the client is gone. An interrupt that comes between two lines must not end the session.
function Session:serve()
  local closed = false
  repeat
    local ok, problem = pcall(function()
      local message = core.receive(WAIT_MS)
      if type(message) ~= "table" or message.type ~= "control" then return end
      if message.closed then
        closed = true
        return
      end
      self:handle(message.message)
    end)
    if not ok and not tostring(problem):find("interrupted!", 1, true) then self:send_error(tostring(problem)) end
  until closed
end

---@param connection integer  the node's number for the client
---@param first table         { op = "eval", code, json } or { op = "attach" }
return function(connection, first)
  local session = setmetatable({ connection = connection }, Session)
  session.environment = environment.new(function(text)
    session:print(text)
  end)
  if first.op == "eval" then
    session:eval(first)
    session:send({ op = "end" })
  else
    session:send({ op = "welcome", text = environment.welcome() })
    session:serve()
  end
end
