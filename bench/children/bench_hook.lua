-- bench_hook.lua - hook handlers: { "bench_hook", how }.

local luahub = require("luahub")

local M = {}

function M.nothing() end

function M.sleep()
  luahub.sleep(60000)
end

function M.loop()
  while true do
  end
end

function M.raise()
  error("as told")
end

--- Lets nothing pass until the storage says so.
function M.gate(data)
  while data == "gate" and not luahub.storage.get("main", "open") do
    luahub.sleep(1)
  end
end

return M
