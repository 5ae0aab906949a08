-- mailbox_process.lua - the process of a luahub.mailbox box: keeps messages until they are asked for.
--
-- A server. One call for each collect; each waits for what it lacks, or for its deadline, and is answered then with
-- what it took. What no call wants is kept, up to a limit; beyond it the oldest goes.

local core = require("luahub.core")

local box = {}

-- limit: messages that a box keeps for whoever will ask | nothing: the oldest goes for one more |
-- spec/processhub/mailbox_spec.lua: keeps a limited number of messages
local KEPT_MAX = 10000

function box.init(owner)
  return { kept = {}, calls = {}, ref = core.monitor(owner), serial = 0 }
end

local function set_of(list)
  if not list then return nil end
  local set = {}
  for _, value in ipairs(list) do
    set[value] = true
  end
  return set
end

local function fits(call, message)
  if call.key ~= nil and call.key ~= message[1] then return false end
  if call.nodes and not call.nodes[message[4]] then return false end
  return not call.missing or call.missing[message[2]] ~= nil
end

local function is_full(call)
  if call.count then return #call.taken >= call.count end
  return next(call.missing) == nil
end

local function take(call, message)
  call.taken[#call.taken + 1] = message
  if call.missing then call.missing[message[2]] = nil end
end

local function answer(state, call)
  for i, waiting in ipairs(state.calls) do
    if waiting == call then table.remove(state.calls, i) end
  end
  core.cancel(call.timer)
  core.reply(call.from, call.taken)
end

local function take_kept(state, call)
  local rest = {}
  for _, message in ipairs(state.kept) do
    if not is_full(call) and fits(call, message) then
      take(call, message)
    else
      rest[#rest + 1] = message
    end
  end
  state.kept = rest
end

function box.call(state, request, from)
  local call = {
    from = from, taken = {}, key = request.key, count = request.count,
    missing = set_of(request.ids), nodes = set_of(request.nodes),
  }
  take_kept(state, call)
  if is_full(call) then return call.taken end
  state.serial = state.serial + 1
  call.serial = state.serial
  call.timer = core.send_after(request.timeout, core.self(), { over = call.serial })
  state.calls[#state.calls + 1] = call
  return core.later
end

local function over(state, serial)
  for _, call in ipairs(state.calls) do
    if call.serial == serial then return answer(state, call) end
  end
end

local function arrived(state, message)
  for _, call in ipairs(state.calls) do
    if fits(call, message) then
      take(call, message)
      if is_full(call) then answer(state, call) end
      return
    end
  end
  if #state.kept >= KEPT_MAX then table.remove(state.kept, 1) end
  state.kept[#state.kept + 1] = message
end

function box.info(state, message)
  if message == "close" then core.exit("normal") end
  if type(message) ~= "table" then return end
  if message.ref == state.ref and message.type == "down" then core.exit("normal") end
  if message.over then return over(state, message.over) end
  if message[2] ~= nil then arrived(state, message) end
end

return box
