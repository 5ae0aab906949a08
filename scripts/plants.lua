-- plants.lua - looks for every planted bug, two at a time, and says for each which invariant found it, in which seed,
-- after how long; exit status 1 when one is not found.
--
--   lua5.4 scripts/plants.lua BUILD [--seconds S] [--seeds N] [--clean] [--table FILE] [NAME...]
--
-- BUILD is a build with PLANTS=1. Each search begins at seed 1 and ends after S seconds (120) or N seeds (10,000).
-- --clean plays afterwards the same seeds without the bug: they must break nothing. --table writes the table of
-- doc/planted_bugs.md into FILE, between its two marks.

local SEEDS, SECONDS, WORKERS = 10000, 120, 2
local BEGIN, END = "<!-- table -->", "<!-- end of the table -->"

local function read_arguments()
  local options = { build = arg[1], seconds = SECONDS, seeds = SEEDS, only = {}, any = false }
  local i = 2
  while arg[i] do
    local name = arg[i]:match("^%-%-(%a+)$")
    if name == "clean" then
      options.clean = true
    elseif name then
      i = i + 1
      options[name] = name == "table" and arg[i] or assert(tonumber(arg[i]), "expected a number after --" .. name)
    else
      options.only[arg[i]], options.any = true, true
    end
    i = i + 1
  end
  return options
end

local function chosen(options)
  local out = {}
  for _, bug in ipairs(dofile("spec/plant/bugs.lua")) do
    if not options.any or options.only[bug.name] then out[#out + 1] = bug end
    options.only[bug.name] = nil
  end
  local unknown = next(options.only)
  if unknown then
    io.stderr:write(("no planted bug is called '%s'\n"):format(unknown))
    os.exit(2)
  end
  return out
end

local function begin(options, plant, kind, last, seconds)
  local command = ("LUAHUB_PLANT='%s' timeout %d lua5.4 spec/plant/worker.lua '%s' '%s' 1 %d %d 2>&1"):format(plant,
    seconds * 3 + 10, options.build, kind, last, seconds)
  return assert(io.popen(command))
end

local function finish(pipe)
  local output = pipe:read("a")
  pipe:close()
  local seed, ms, invariant, text = output:match("^found (%d+) (%d+) (.-): ([^\n]*)\n$")
  if seed then return { seed = tonumber(seed), ms = tonumber(ms), invariant = invariant, text = text } end
  local runs, spent = output:match("^clean (%d+) (%d+)\n$")
  if runs then return { runs = tonumber(runs), ms = tonumber(spent) } end
  return { died = output ~= "" and output or "it did not end" }
end

-- Runs jobs (each begins a process and takes its answer) with at most WORKERS at a time, in order.
local function each(jobs)
  local running = {}
  for i = 1, #jobs + WORKERS do
    if running[i - WORKERS] then
      jobs[i - WORKERS].done(finish(running[i - WORKERS]))
      running[i - WORKERS] = nil
    end
    if jobs[i] then running[i] = jobs[i].begin() end
  end
end

local function search(options, bugs)
  local jobs = {}
  for i, bug in ipairs(bugs) do
    jobs[i] = {
      begin = function()
        return begin(options, bug.name, bug.kind, options.seeds, options.seconds)
      end,
      done = function(result)
        bug.result = result
        print(("%-24s %s"):format(bug.name, result.seed and ("seed %d, %d ms, %s: %s"):format(result.seed, result.ms,
          result.invariant, result.text) or result.died and "DIED: " .. result.died
          or ("NOT FOUND in %d seeds, %d ms"):format(result.runs, result.ms)))
      end,
    }
  end
  each(jobs)
end

-- The seeds that found bugs, by kind, played without any.
local function check_clean(options, bugs)
  local last, jobs, bad = {}, {}, 0
  for _, bug in ipairs(bugs) do
    if bug.result.seed then last[bug.kind] = math.max(last[bug.kind] or 0, bug.result.seed) end
  end
  for kind, seed in pairs(last) do
    jobs[#jobs + 1] = {
      begin = function()
        return begin(options, "", kind, seed, options.seconds)
      end,
      done = function(result)
        if not result.runs then bad = bad + 1 end
        print(("without a bug: %s: %s"):format(kind, result.runs and ("%d seeds, nothing"):format(result.runs)
          or result.died or ("seed %d: %s: %s"):format(result.seed, result.invariant, result.text)))
      end,
    }
  end
  each(jobs)
  return bad
end

local function write_table(path, bugs)
  local rows = { BEGIN, "" }
  rows[3] = "| bug | what is broken | like | found by | history | seeds | ms |"
  rows[4] = "|---|---|---|---|---|---|---|"
  for _, bug in ipairs(bugs) do
    local result = bug.result
    rows[#rows + 1] = ("| `%s` | %s | %s | %s | %s | %s | %s |"):format(bug.name, bug.broken, bug.like,
      result.invariant or "**not found**", bug.kind, result.seed or result.runs or "-", result.ms or "-")
  end
  local file = assert(io.open(path, "r"))
  local text = file:read("a")
  file:close()
  local from, to = text:find(BEGIN, 1, true), select(2, text:find(END, 1, true))
  file = assert(io.open(path, "w"))
  file:write(text:sub(1, from - 1), table.concat(rows, "\n"), "\n\n", END, text:sub(to + 1))
  file:close()
end

local options = read_arguments()
local bugs = chosen(options)
search(options, bugs)
local missed = 0
for _, bug in ipairs(bugs) do
  if not bug.result.seed then missed = missed + 1 end
end
local unclean = options.clean and check_clean(options, bugs) or 0
if options.table then write_table(options.table, bugs) end
print(("%d planted bugs, %d not found%s"):format(#bugs, missed,
  unclean > 0 and ("; %d kinds of history fail without a bug"):format(unclean) or ""))
os.exit(missed + unclean == 0 and 0 or 1)
