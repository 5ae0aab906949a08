-- Functions for lh_actors_run: scenarios that run inside an actor and answer what they saw.
local luahub = require "luahub.core"

local M = {}

function M.ping_pong(job)
  local server = job.server
  local value = 0
  for _ = 1, job.count do value = luahub.call(server, value) end
  return value
end

function M.spawned(job)
  local server, err = luahub.spawn({ "counter", job.options }, job.how)
  if not server then return { code = err.code, message = err.message } end
  local value = luahub.call(server, { kind = "add", by = 2 })
  return { value = value, pid = server }
end

function M.order(job)
  local me = luahub.self()
  luahub.spawn(function() for i = 1, job.count do luahub.send(me, i) end end)
  local got = {}
  for i = 1, job.count do got[i] = luahub.receive(5000) end
  return got
end

function M.errors()
  local out = {}
  local function try(name, f) out[name] = select(2, pcall(f)) end
  try("send", function() luahub.send(nil, 1) end)
  try("call", function() luahub.call("x", 1) end)
  try("sleep", function() luahub.sleep(-1) end)
  try("spawn", function() luahub.spawn(7) end)
  try("sort", function() table.sort({ 2, 1 }, function() luahub.sleep(1) end) end)
  return out
end

function M.timers()
  local me = luahub.self()
  luahub.send_after(30, me, "third")
  luahub.send_after(10, me, "first")
  local dropped = luahub.send_after(15, me, "never")
  luahub.send_after(20, me, "second")
  local cancelled, again = luahub.cancel(dropped), luahub.cancel(dropped)
  return { luahub.receive(1000), luahub.receive(1000), luahub.receive(1000), cancelled, again }
end

function M.futures()
  local refs = {}
  for i = 1, 10 do refs[i] = luahub.request_async("echo", i) end
  local never = luahub.request_async("never", 0)
  local sum = 0
  for i = 10, 1, -1 do sum = sum + luahub.await(refs[i], 1000) end
  local _, late = luahub.await(never, 5)
  local _, unknown = luahub.await(refs[1], 5)
  local _, denied = luahub.request("fail", nil, 1000)
  local _, silent = luahub.request("never", nil, 5)
  return { sum, late.code, unknown.code, denied.code, denied.message, silent.code }
end

function M.shell()
  local pipe = io.popen("echo out", "r")
  local text = pipe:read("a")
  local closed = pipe:close()
  local ok, how, code = os.execute("exit 3")
  local signals = io.popen("trap '' TERM; echo fine")
  local fine = signals:read("l")
  signals:close()
  return { text, closed, ok or false, how, code, fine }
end

function M.os_exit() os.exit(0) end

function M.coroutines(job)
  local co = coroutine.wrap(function()
    local value = luahub.call(job.server, 41)
    coroutine.yield(value)
    return "end"
  end)
  return { co(), co() }
end

function M.protected(job)
  local ok, value = pcall(function() return luahub.call(job.server, 1) end)
  return { ok, value }
end

function M.watch(job)
  local ref = luahub.monitor(job.pid)
  if job.tell then luahub.send(job.tell, "watching") end
  local message = luahub.receive(5000)
  return { same = message.ref == ref and message.pid == job.pid, type = message.type, reason = message.reason }
end

function M.linked()
  luahub.trap_exit(true)
  local child = luahub.spawn(function() luahub.receive(1000) error("broke") end)
  luahub.link(child)
  luahub.send(child, "go")
  local message = luahub.receive(5000)
  return { type = message.type, same = message.pid == child, reason = message.reason }
end

-- The first of a row of linked processes breaks; the last one's end arrives here.
function M.chain(job)
  luahub.trap_exit(true)
  local me, before = luahub.self(), nil
  local first
  for _ = 1, job.count do
    local to = before
    before = luahub.spawn(function()
      if to then luahub.link(to) end
      luahub.send(me, "linked")
      luahub.receive()
      luahub.exit "end of the chain"
    end)
    assert(luahub.receive(5000) == "linked")
    first = first or before
  end
  luahub.link(before)
  luahub.send(first, "go")
  return luahub.receive(5000).reason
end

function M.ask_later(job)
  luahub.send(job.tell, luahub.call(job.server, { kind = "later", tell = job.tell }, 5000))
end

function M.flood(job)
  luahub.cast(job.server, "first")
  local me = luahub.self()
  luahub.spawn(function() luahub.call(job.server, { kind = "sleep", ms = 60000, tell = me }) end)
  assert(luahub.receive(5000) == "sleeping")
  for i = 1, job.count do luahub.cast(job.server, i) end
  local _, err = luahub.call(job.server, 1, 5000)
  return err and err.code
end

function M.ask(job)
  local value, err = luahub.call(job.server, job.request or 1, 10000)
  return value or err.code
end

function M.call_receive(job) return luahub.call(job.server, { kind = "receive", ms = 5000, tell = job.tell }) end

function M.wait() luahub.sleep(60000) end
function M.loop() while true do end end

return M
