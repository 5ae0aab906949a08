-- run.lua - `make bench`: measures what this build does on this machine.
--
--   lua5.4 bench/run.lua [GROUP or FIGURE...]    default: all groups but load; a figure's name runs its group
--   lua5.4 bench/run.lua load                    ten minutes of full load; LUAHUB_BENCH_LOAD_S: other seconds
--
-- One JSON line for each figure as it is known, then a table. Exit status 1 when a figure is below its floor. Nodes are
-- programs of their own on loopback; all are ended by their process ids, also when this program is killed. Nothing else
-- should run on the machine.

local here = arg[0]:match("^(.*)/[^/]*$") or "."

local function absolute(path)
  local pipe = assert(io.popen(("cd '%s' && pwd"):format(path)))
  local text = pipe:read("l")
  pipe:close()
  return text
end

local ROOT = absolute(here .. "/..")
local BUILD = os.getenv("LUAHUB_BUILD") or ROOT .. "/build"
package.path = ("%s/bench/?.lua;%s/lua/?.lua;%s/lua/?/init.lua;%s"):format(ROOT, ROOT, ROOT, package.path)
package.cpath = ("%s/?.so;%s"):format(BUILD, package.cpath)

-- A network of our own where the system allows it: then all traffic on loopback is the nodes'.
local ISOLATED = "LUAHUB_BENCH_ISOLATED"
local UNSHARE = "unshare --map-root-user --net sh -c 'ip link set lo up && %s' 2>/dev/null"
local AS_LONG = "exec setpriv --pdeathsig TERM " -- ends when we end
if not os.getenv(ISOLATED) and os.execute(UNSHARE:format(AS_LONG .. "true")) then
  local words = { ISOLATED .. "=1 LUAHUB_BUILD='" .. BUILD .. "' exec unshare --map-root-user --net sh -c",
    "'ip link set lo up && " .. AS_LONG .. "lua5.4 \"$0\" \"$@\"'", ("'%s/bench/run.lua'"):format(ROOT) }
  for _, word in ipairs(arg) do
    words[#words + 1] = "'" .. word:gsub("'", "'\\''") .. "'"
  end
  local _, _, status = os.execute(table.concat(words, " "))
  os.exit(status)
end

local cjson = require("cjson")
local cluster = require("cluster")
local core = require("luahub.core")
local figures = require("figures")

cluster.set_paths(ROOT, BUILD)

local GROUPS = {
  "machine", "node", "placement", "start", "memory", "lookup", "query", "message", "hook", "remote",
  "death", "recovery", "join", "drain", "idle", "many",
}
local LONG = { "load" } -- only when asked for

-- --- results ---

local by_name = {}
for _, figure in ipairs(figures) do
  by_name[figure[1]] = { name = figure[1], unit = figure[2], floor = figure.floor, reach = figure.reach,
    more = figure.more, about = figure.about or "" }
end

local function within(figure, value, bound)
  if not bound then return nil end
  if figure.more then return value >= bound end
  return value <= bound
end

local function rounded(value)
  local digits = math.max(0, 3 - math.floor(math.log(math.max(math.abs(value), 1e-9), 10)))
  return tonumber(("%." .. math.min(digits, 9) .. "f"):format(value))
end

--- Takes the values of the runs of one figure.
local function report(name, values)
  local figure = assert(by_name[name], name)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  local count = #sorted
  figure.median = (sorted[math.ceil(count / 2)] + sorted[count // 2 + 1]) / 2
  figure.min, figure.max, figure.runs = sorted[1], sorted[count], count
  figure.ok = within(figure, figure.median, figure.floor)
  figure.reached = within(figure, figure.median, figure.reach)
  print(cjson.encode({
    figure = name, unit = figure.unit, runs = count, min = rounded(figure.min), median = rounded(figure.median),
    max = rounded(figure.max), floor = figure.floor, reach = figure.reach, ok = figure.ok ~= false,
  }))
  io.stdout:flush()
end

local function shown(value)
  if not value then return "" end
  local text = ("%.0f"):format(value)
  if math.abs(value) < 100 then text = ("%.3g"):format(value) end
  local grouped = text:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return math.abs(value) >= 1000 and grouped or text
end

local function verdict(figure)
  if figure.ok == false then return "BELOW" end
  if figure.reached then return "reach" end
  return figure.ok and "floor" or ""
end

local function print_table()
  local line = "%-27s %-12s %11s %11s %11s %11s %11s  %-6s %s"
  print(line:format("figure", "unit", "min", "median", "max", "floor", "reach", "", ""))
  for _, entry in ipairs(figures) do
    local f = by_name[entry[1]]
    if f.runs then
      print(line:format(f.name, f.unit, shown(f.min), shown(f.median), shown(f.max), shown(f.floor), shown(f.reach),
        verdict(f), f.about))
    end
  end
end

-- --- the machine's own limits ---

local function build_limits()
  local program = BUILD .. "/bench/limits"
  local source = ROOT .. "/bench/c/limits.c"
  local made = os.execute(([[
    mkdir -p '%s/bench'
    [ '%s' -nt '%s' ] || ${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -pthread -o '%s' '%s']]):format(
    BUILD, program, source, program, source))
  assert(made, "bench/c/limits.c does not compile")
  return program
end

-- --- running ---

local function selected()
  if #arg == 0 then return GROUPS end
  local group_of, wanted = {}, {}
  local all = table.move(LONG, 1, #LONG, #GROUPS + 1, table.move(GROUPS, 1, #GROUPS, 1, {}))
  for _, group in ipairs(all) do
    group_of[group] = group
    for _, name in ipairs(require("group." .. group).figures) do
      group_of[name] = group
    end
  end
  for _, word in ipairs(arg) do
    local group = group_of[word]
    if not group then
      io.stderr:write(("bench: no group and no figure '%s' (groups: %s)\n"):format(word, table.concat(all, ", ")))
      os.exit(2)
    end
    wanted[group] = true
  end
  local list = {}
  for _, group in ipairs(all) do
    if wanted[group] then list[#list + 1] = group end
  end
  return list
end

local bench = { root = ROOT, cluster = cluster, report = report, now_ns = core.now_ns, limits = build_limits() }
local failed = false
local began = core.now_ns()
for _, group in ipairs(selected()) do
  local from = core.now_ns()
  local ok, problem = pcall(require("group." .. group).run, bench)
  if not ok then
    failed = true
    io.stderr:write(("bench: %s: %s\n"):format(group, problem))
    if tostring(problem):find("interrupted!", 1, true) then os.exit(130) end
  end
  io.stderr:write(("bench: %s took %.1f s\n"):format(group, (core.now_ns() - from) / 1e9))
end
print_table()
io.stderr:write(("bench: %.0f s in all\n"):format((core.now_ns() - began) / 1e9))
for _, figure in pairs(by_name) do
  if figure.ok == false then failed = true end
end
os.exit(failed and 1 or 0, true)
