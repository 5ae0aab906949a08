-- coverage.lua - which lines of the rooms were run: by file and by room, from what a build with --coverage wrote down.
--
--   lua5.4 scripts/coverage.lua BUILD LEAST ROOM...
--
-- Exit status 1 when a room has less than LEAST per cent. With the environment variable SHOW=1 the lines that were not
-- run are printed too.

local build, least = arg[1], tonumber(arg[2])

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local out = {}
  for line in pipe:lines() do
    out[#out + 1] = line
  end
  assert(pipe:close(), command)
  return out
end

-- "csrc/room/file.c" -> lines that were run, lines that could be.
local function measure(room)
  local out = {}
  for _, source in ipairs(lines_of(("LC_ALL=C ls csrc/%s/*.c"):format(room))) do
    local object = ("%s/obj/%s/%s.o"):format(build, room, source:match("([^/]+)%.c$"))
    local file = { source = source, run = 0, all = 0, missed = {} }
    for _, line in ipairs(lines_of(("gcov -t -o %s %s 2>/dev/null"):format(object, source))) do
      local count, number = line:match("^%s*([%d#=%-]+)%*?:%s*(%d+):")
      local name = line:match("0:Source:(.+)$")
      file.here = name and name:find(source, 1, true) ~= nil or not name and file.here
      if file.here and count and count ~= "-" and number ~= "0" then
        local run = not count:find("[#=]")
        file.all = file.all + 1
        file.run = file.run + (run and 1 or 0)
        if not run then file.missed[#file.missed + 1] = number end
      end
    end
    out[#out + 1] = file
  end
  return out
end

local function per_cent(run, all)
  return all == 0 and 100 or 100 * run / all
end

local bad = false
for i = 3, #arg do
  local run, all = 0, 0
  for _, file in ipairs(measure(arg[i])) do
    run, all = run + file.run, all + file.all
    print(("%6.1f %%  %4d of %4d  %s"):format(per_cent(file.run, file.all), file.run, file.all, file.source))
    if os.getenv("SHOW") then print("          not run: " .. table.concat(file.missed, " ")) end
  end
  print(("%6.1f %%  %4d of %4d  all of csrc/%s"):format(per_cent(run, all), run, all, arg[i]))
  bad = bad or per_cent(run, all) < least
end
os.exit(bad and 1 or 0)
