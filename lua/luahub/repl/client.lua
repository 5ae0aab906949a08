-- repl/client.lua - the terminal's end of `luahub attach`: reads lines, prints what the session answers.
--
-- With a terminal and luahub.line (libedit) there are history and completion; else plain lines, so that a script can
-- be piped in. Ctrl-C interrupts the chunk that runs (the third time it ends the session), or drops the line being
-- typed; Ctrl-D leaves.

local complain = require("luahub.cli.complain")
local complete = require("luahub.repl.complete")
local exit = require("luahub.cli.exit")

local M = {}

local ANSWER_MS = 3600000
local COMPLETE_MS = 1000
local INTERRUPTS_MAX = 3 -- of one chunk: one that catches them all is ended with its session

local Client = {}
Client.__index = Client

local function history_path()
  local state = os.getenv("XDG_STATE_HOME")
  if state and state ~= "" then return state .. "/luahub_history" end
  local home = os.getenv("HOME")
  return home and home ~= "" and home .. "/.luahub_history" or nil
end

-- Lines without an editor: a pipe, or a terminal when luahub.line was not built.
local function plain_reader(show_prompt)
  return {
    read = function(_, prompt)
      if show_prompt then
        io.stdout:write(prompt)
        io.stdout:flush()
      end
      local line = io.read("l")
      if line == nil then return nil, "eof" end
      return line
    end,
  }
end

local function is_terminal()
  return (os.execute("test -t 0 && test -t 1"))
end

function Client:editor()
  if not is_terminal() then return plain_reader(false) end
  local found, line = pcall(require, "luahub.line")
  if not found then return plain_reader(true) end
  return line.new({
    prompt = self.prompt,
    history = history_path(),
    complete = function(text, cursor)
      local typed = text:sub(1, cursor)
      return self:complete(typed), #typed - #complete.word(typed) + 1
    end,
  })
end

function Client:complete(text)
  if not self.connection:send({ op = "complete", text = text }) then return {} end
  local message = self.connection:receive(COMPLETE_MS)
  while message and message.op ~= "completions" do
    message = self.connection:receive(COMPLETE_MS)
  end
  return message and message.list or {}
end

-- Prints until the session has answered. Answers true with `more` when the chunk goes on, or nil and an error.
function Client:answer()
  local interrupts = 0
  while true do
    local message, err = self.connection:receive(ANSWER_MS)
    if not message then
      if err.code == "interrupted" then
        interrupts = interrupts + 1
        if self.greets then io.stdout:write("\n") end -- the terminal shows ^C in its line
        if interrupts >= INTERRUPTS_MAX then
          return nil, { code = "closed", message = "the chunk catches Ctrl-C, so the session was ended" }
        end
        self.connection:send({ op = "interrupt" })
      elseif err.code ~= "timeout" then
        return nil, err
      end
    elseif message.op == "print" or message.op == "part" then
      io.stdout:write(message.text)
    elseif message.op == "result" then
      if message.text ~= "" then io.stdout:write(message.text, "\n") end
      io.stdout:flush()
      return true, message.more == true
    elseif message.op == "error" then
      self.failed = true
      io.stderr:write(message.text .. "\n")
      return true, false
    elseif message.op == "end" then
      return nil, { code = "closed", message = "the session has ended" }
    elseif message.op == "welcome" then
      if self.greets then io.stdout:write(message.text, "\n") end
      return true, false
    end
  end
end

-- Sends one line (with those it continues). Answers what to prepend to the next one, or nil and an error.
function Client:run_line(pending, line)
  local code = pending and pending .. "\n" .. line or line
  if code:match("^%s*$") then return "" end
  local sent, err = self.connection:send({ op = "line", code = code })
  if not sent then return nil, err end
  local ok, more = self:answer()
  if not ok then return nil, more end
  return more and code or ""
end

function Client:loop(editor)
  local pending = nil
  while true do
    local line, why = editor:read(pending and self.continued or self.prompt)
    if line == nil and why == "interrupt" then
      pending = nil
    elseif line == nil then
      return exit.OK
    else
      local rest, err = self:run_line(pending, line)
      if rest == nil then
        complain(("node %s: %s"):format(self.name, err.message))
        return exit.UNREACHABLE
      end
      pending = rest ~= "" and rest or nil
    end
  end
end

--- Runs the REPL until the user leaves or the node is gone.
---@param connection userdata  from core.control
---@param name string          the node's name
---@return integer exit_code
function M.run(connection, name)
  local client = setmetatable({
    connection = connection,
    name = name,
    prompt = name .. "> ",
    continued = (" "):rep(#name) .. ">> ",
    greets = is_terminal(),
  }, Client)
  local ok, err = connection:send({ op = "attach" })
  if ok then
    ok, err = client:answer()
  end
  if not ok then
    complain(("node %s: %s"):format(name, err.message))
    return exit.UNREACHABLE
  end
  local code = client:loop(client:editor())
  connection:close()
  if client.greets then io.stdout:write("\n") end
  return code
end

return M
