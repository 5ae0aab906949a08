-- plants.lua - looks for every planted bug, two at a time, and says for each which invariant found it, in which seed,
-- after how long; exit status 1 when one is not found. A seed counts only if it breaks nothing without the bug.
--
--   lua5.4 scripts/plants.lua BUILD [--seconds S] [--seeds N] [--table FILE] [NAME...]
--
-- BUILD is a build with PLANTS=1. Each search begins at seed 1 and ends after S seconds (120) or N seeds (10,000).
-- --table writes the table of doc/planted_bugs.md into FILE, between its two marks.

local SEEDS, SECONDS, WORKERS = 10000, 120, 2
local BEGIN, END = "<!-- table -->", "<!-- end of the table -->"

local function read_arguments()
  local options = { build = arg[1], seconds = SECONDS, seeds = SEEDS, only = {}, any = false }
  local i = 2
  while arg[i] do
    local name = arg[i]:match("^%-%-(%a+)$")
    if name then
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

local function begin(options, plant, kind, first, last, seconds)
  local command = ("LUAHUB_PLANT='%s' timeout %d lua5.4 spec/plant/worker.lua '%s' '%s' %d %d %d 2>&1"):format(plant,
    seconds * 10 + 30, options.build, kind, first, last, seconds)
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

-- Looks for one bug; yields the processes that it waits for. A seed that fails without the bug as well says nothing.
local function look_for(options, bug)
  local from, spent = 1, 0
  while true do
    local result = coroutine.yield(begin(options, bug.name, bug.kind, from, options.seeds, options.seconds))
    spent = spent + (result.ms or 0)
    if not result.seed then return { runs = from - 1 + (result.runs or 0), ms = spent, died = result.died } end
    local clean = coroutine.yield(begin(options, "", bug.kind, result.seed, result.seed, options.seconds))
    if clean.runs then
      result.ms = spent
      return result
    end
    from = result.seed + 1
  end
end

local function describe(result)
  if result.died then return "DIED: " .. result.died end
  if not result.seed then return ("NOT FOUND in %d seeds, %d ms"):format(result.runs, result.ms) end
  return ("seed %d, %d ms, %s: %s"):format(result.seed, result.ms, result.invariant, result.text)
end

-- Resumes a search with the answer of its process (nil at first): the next process, or nil when it has ended.
local function resume(slot, answer)
  local ok, value = coroutine.resume(slot.search, answer)
  assert(ok, value)
  if coroutine.status(slot.search) ~= "dead" then return value end
  slot.bug.result = value
  print(("%-34s %s"):format(slot.bug.name, describe(value)))
  return nil
end

local function search_all(options, bugs)
  local slots, next_bug = {}, 1
  local function fill(i)
    local bug = bugs[next_bug]
    if not bug then return end
    next_bug = next_bug + 1
    slots[i] = { bug = bug, search = coroutine.create(function()
      return look_for(options, bug)
    end) }
    slots[i].pipe = resume(slots[i])
  end
  for i = 1, WORKERS do fill(i) end
  while next(slots) do
    for i = 1, WORKERS do
      local slot = slots[i]
      if slot then
        slot.pipe = resume(slot, finish(slot.pipe))
        if not slot.pipe then
          slots[i] = nil
          fill(i)
        end
      end
    end
  end
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

io.stdout:setvbuf("line")
local options = read_arguments()
local bugs = chosen(options)
search_all(options, bugs)
local missed = 0
for _, bug in ipairs(bugs) do
  if not bug.result.seed then missed = missed + 1 end
end
if options.table then write_table(options.table, bugs) end
print(("%d planted bugs, %d not found"):format(#bugs, missed))
os.exit(missed == 0 and 0 or 1)
