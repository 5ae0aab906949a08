-- Functions for lh_actors_run that go as far as a limit, and one step further.
local luahub = require "luahub.core"

local M = {}

-- Casts of `bytes` each until the receiver's heap takes no more; answers how many it took at most.
function M.bytes(job)
  local text = ("x"):rep(job.bytes)
  for _ = 1, job.count do luahub.cast(job.server, text) end
  local _, err = luahub.call(job.server, text, 20000)
  return err and err.code
end

function M.timers(job)
  local me = luahub.self()
  for _ = 1, job.count do luahub.send_after(600000, me, 1) end
  local ref, err = luahub.send_after(600000, me, 1)
  return ref or err.code
end

function M.futures(job)
  for _ = 1, job.count do luahub.request_async("never", 1) end
  local ref, err = luahub.request_async("never", 1)
  return ref or err.code
end

function M.messages(job)
  for i = 1, job.count do luahub.send(job.to, i) end
  local _, err = luahub.call(job.to, "one more", 20000)
  return err and err.code
end

return M
