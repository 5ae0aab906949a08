-- mailbox.lua - collects what children came to: a box has a pid of its own, which goes into `reply_to`.
--
-- Messages are the lists { key, child_id, result, node } of dispatcher.reply_respondents. What nobody has asked for yet
-- stays in the box; the owner's own mailbox sees none of it. A box ends with its owner, or by `close`.

local core = require("luahub.core")
local argument = require("luahub.argument")
local failure = require("luahub.failure")
local option = require("luahub.option")
local result = require("luahub.result")

local M = {}

local COLLECT_MS = 10000
local ANSWER_MARGIN_MS = 5000

---@class luahub.Box
---@field pid userdata  for reply_to
local Box = { __name = "luahub.box" }
Box.__index = Box

--- A new, empty box of the calling actor's.
---@return luahub.Box?
---@return luahub.Failure?
function M.new()
  local pid, err = core.spawn({ "luahub.services.mailbox_process", core.self() })
  if not pid then return nil, err end
  return setmetatable({ pid = pid }, Box)
end

---@class luahub.CollectOptions
---@field ids? string[]     wait for a message about each of these children
---@field count? integer    or for so many messages
---@field key? any          only messages with this key
---@field nodes? string[]   only messages of these nodes; others stay in the box
---@field timeout? number   ms for all together; default 10000
---@field handler? fun(id: string, result: table, node: string?): table?  its answer is taken in place of the result

local function check(where, options, level)
  options = argument.options(where, options, option.collect, level + 1)
  if options.ids then argument.list(where, "ids", options.ids, "text", level + 1) end
  if options.nodes then argument.list(where, "nodes", options.nodes, "text", level + 1) end
  if not options.ids and not options.count then
    error(where .. ": expected ids = { ... } or count = N: what to wait for", level + 1)
  end
  return options
end

local function collect(box, where, options)
  options = check(where, options, 3)
  local ms = options.timeout or COLLECT_MS
  local messages, err = core.call(box.pid, {
    ids = options.ids, count = options.count, key = options.key, nodes = options.nodes, timeout = ms,
  }, ms + ANSWER_MARGIN_MS)
  if not messages then return nil, err end
  for _, message in ipairs(messages) do
    local changed = options.handler and options.handler(message[2], message[3], message[4])
    if changed ~= nil then message[3] = changed end
  end
  return messages
end

--- Takes messages out of the box until all that was asked for is there, at the latest when `timeout` is over.
---@param options luahub.CollectOptions
---@return table[]?  { key, child_id, result, node } each, in the order in which they came
---@return luahub.Failure?
function Box:collect(options)
  local messages, err = collect(self, "box:collect", options)
  return messages, err -- not a tail call: a misuse is told at the caller's place
end

--- The next message that fits; see `collect`.
---@param options? { id: string?, key: any, node: string?, timeout: number? }
---@return table?
---@return luahub.Failure?  code timeout
function Box:receive(options)
  local where = "box:receive"
  options = argument.options(where, options, option.box_receive)
  local messages, err = collect(self, where, {
    ids = options.id and { options.id }, count = 1, key = options.key, nodes = options.node and { options.node },
    timeout = options.timeout,
  })
  if not messages then return nil, err end
  if messages[1] then return messages[1] end
  return failure.new("timeout", "nothing came within %d ms", math.floor(options.timeout or COLLECT_MS))
end

-- The lists that luahub.result reads, from messages; ids without one are errors.
local function gather(messages, ids)
  local raw, answered = { status = "ok", ids = {}, nodes = {}, pids = {}, errors = {} }, {}
  for _, message in ipairs(messages) do
    local _, id, outcome, node = table.unpack(message, 1, 4)
    answered[id] = true
    if type(outcome) == "table" and outcome.status == "ok" then
      local at = #raw.ids + 1
      raw.ids[at], raw.nodes[at], raw.pids[at] = id, node, outcome.pid
    else
      local told = type(outcome) == "table" and outcome or {}
      local message_text = told.message or "an answer that is no result: " .. tostring(outcome)
      raw.errors[#raw.errors + 1] = { id = id, node = node, code = told.code or "failed", message = message_text }
    end
  end
  for _, id in ipairs(ids or {}) do
    if not answered[id] then
      raw.errors[#raw.errors + 1] = { id = id, code = "no_response", message = "no answer in time" }
    end
  end
  if #raw.errors > 0 then raw.status = "error" end
  return raw
end

--- What started; ids that nothing was heard of in time are errors with code `no_response`.
---@param options luahub.CollectOptions
---@return luahub.StartResult?
---@return luahub.Failure?
function Box:collect_start_results(options)
  local messages, err = collect(self, "box:collect_start_results", options)
  if not messages then return nil, err end
  return result.start(gather(messages, options.ids))
end

--- What was stopped; as `collect_start_results`.
---@param options luahub.CollectOptions
---@return luahub.StopResult?
---@return luahub.Failure?
function Box:collect_stop_results(options)
  local messages, err = collect(self, "box:collect_stop_results", options)
  if not messages then return nil, err end
  return result.stop(gather(messages, options.ids))
end

--- Ends the box with all that is in it.
---@return true?
function Box:close()
  return core.send(self.pid, "close")
end

return M
