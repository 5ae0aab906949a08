-- helper.lua - loaded by busted before any spec: errors in finalizers become visible, and specs find a few
-- things to work with as `require "spec_helper"`. No fake clock here: virtual time is the simulator's.

warn "@on"
-- A run that hangs, or is ended, must have said how far it came.
io.stdout:setvbuf "no"

local helper = {}

-- Answers a new empty directory and a function that removes it with all that is in it.
function helper.temporary_directory()
  local pipe = assert(io.popen "mktemp -d")
  local path = pipe:read "l"
  pipe:close()
  assert(path and path:find "^/", "mktemp -d gave no directory")
  return path, function() os.execute("rm -rf '" .. path .. "'") end
end

-- Writes a file, with the folders above it.
function helper.write_file(path, text)
  local folder = path:match "^(.*)/[^/]*$"
  if folder then assert(os.execute("mkdir -p '" .. folder .. "'")) end
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
end

-- Runs a shell command for at most `seconds` (10). Answers its output (both streams) and its exit status.
function helper.run(command, seconds)
  local quoted = "'" .. command:gsub("'", "'\\''") .. "'"
  local pipe = assert(io.popen(("timeout -k 1 %d sh -c %s 2>&1 </dev/null"):format(seconds or 10, quoted)))
  local output = pipe:read "a"
  local _, how, status = pipe:close()
  return output, how == "exit" and status or 128 + status
end

-- Calls body(seed, random) for each of `count` seeds; random(n) is 1 to n, random() a fraction. A failure
-- names its seed. LUAHUB_SEED runs that one alone.
function helper.each_seed(count, body)
  local only = math.tointeger(tonumber(os.getenv "LUAHUB_SEED" or ""))
  for seed = only or 1, only or count do
    math.randomseed(seed)
    local ok, problem = xpcall(body, debug.traceback, seed, math.random)
    if not ok then error(("seed %d (LUAHUB_SEED=%d repeats it): %s"):format(seed, seed, tostring(problem)), 0) end
  end
end

package.preload["spec_helper"] = function() return helper end

return helper
