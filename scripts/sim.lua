-- sim.lua - `make sim`: many seeds of one scenario on all cores, and the figures of doc/simulation.md.
--
--   make sim SEEDS=1000 FIRST=1 FILE=examples/sim/chaos.lua WORKERS=2
--
-- Each seed is run twice and must be one history; of more than 1,000 each seventh is, of more than 10,000 each
-- fiftieth: 2,000 second runs tell as much as 14,000. What was done is kept in build/sim, so a run that was
-- interrupted goes on where it was; when the program or the scenario changed, or when all is done, the next begins
-- anew. Exit code 1 when a seed failed; build/sim/failures then has what failed and the commands that show it.
--
-- This file is the parent, and with --worker one of its workers.

local function text_from(name, default)
  local text = os.getenv(name)
  return text and text ~= "" and text or default
end

local BUILD = text_from("SIM_BUILD", "build")
local FOLDER = BUILD .. "/sim"

local function number_from(name, default)
  local text = text_from(name, nil)
  if not text then return default end
  return math.tointeger(text) or error(("%s: a whole number expected, got %s"):format(name, text), 0)
end

local settings = {
  file = text_from("FILE", "examples/sim/chaos.lua"),
  first = number_from("FIRST", 1),
  seeds = number_from("SEEDS", 1000),
  workers = number_from("WORKERS", 2),
}
settings.twice_each = settings.seeds > 10000 and 50 or settings.seeds > 1000 and 7 or 1

local function read_all(path)
  local file = io.open(path, "r")
  local text = file and file:read("a")
  if file then file:close() end
  return text
end

local function write_all(path, text)
  local file = assert(io.open(path .. ".new", "w"))
  assert(file:write(text))
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

-- ---- a worker: every n-th block of seeds ----

-- In blocks, so that those with real ciphers, which take longer (seeds that fifty divides), fall to each worker.
local BLOCK = 10

local function first_of(place) return settings.first + BLOCK * (place - 1) end

local function seed_after(seed)
  local is_last = (seed - settings.first + 1) % BLOCK == 0
  return seed + 1 + (is_last and BLOCK * (settings.workers - 1) or 0)
end

-- What a worker has done: "key next done failed virtual_ms cpu_s"
local function load_state(path, key, first)
  local text = read_all(path) or ""
  local known, next_seed, done, failed, virtual_ms, cpu = text:match("^(%S+) (%d+) (%d+) (%d+) (%d+) (%S+)")
  if known ~= key then return { next = first, done = 0, failed = 0, virtual_ms = 0, cpu = 0 } end
  return {
    next = math.tointeger(next_seed), done = math.tointeger(done), failed = math.tointeger(failed),
    virtual_ms = math.tointeger(virtual_ms), cpu = tonumber(cpu),
  }
end

local function save_state(path, key, state)
  local line = "%s %d %d %d %d %.3f\n"
  write_all(path, line:format(key, state.next, state.done, state.failed, state.virtual_ms, state.cpu))
end

local function note_failure(report)
  local file = assert(io.open(FOLDER .. "/failures", "a"))
  file:write(("seed %d: %s: %s (at %.3f s)\n  again: %s\n"):format(report.seed, report.invariant,
    report.message:match("^[^\n]*"), report.at / 1000, report.command))
  file:close()
end

local function work(place, key)
  local sim = require("luahub.sim")
  local path = ("%s/worker-%d"):format(FOLDER, place)
  local state = load_state(path, key, first_of(place))
  while state.next < settings.first + settings.seeds do
    local began = os.clock()
    local is_twice = state.next % settings.twice_each == 0
    local report, err = (is_twice and sim.twice or sim.run)(settings.file, { seed = state.next })
    if not report then error(tostring(err), 0) end
    state.cpu = state.cpu + os.clock() - began
    state.virtual_ms = state.virtual_ms + (is_twice and 2 or 1) * report.virtual_ms
    state.done = state.done + 1
    if not report.ok then
      state.failed = state.failed + 1
      note_failure(report)
    end
    state.next = seed_after(state.next)
    save_state(path, key, state)
  end
end

-- ---- the parent ----

-- Of everything that decides a history, so that a changed program begins anew.
local function make_key()
  local command = "cat %s/luahub/core.so $(find lua/luahub -name '*.lua' | sort) '%s' | cksum"
  local pipe = assert(io.popen(command:format(BUILD, settings.file)))
  local sum = pipe:read("a"):match("^(%d+)")
  pipe:close()
  return ("%s-%d-%d-%d"):format(sum, settings.first, settings.workers, BLOCK)
end

local function start_workers(key)
  local pipes = {}
  for place = 1, settings.workers do
    pipes[place] = assert(io.popen(("exec %s scripts/sim.lua --worker %d %s 2>&1"):format(arg[-1], place, key), "r"))
  end
  return pipes
end

local function wait_for(pipes)
  local well = true
  for place, pipe in ipairs(pipes) do
    local said = pipe:read("a")
    local ended = pipe:close()
    if not ended or #said > 0 then
      io.stdout:write(("worker %d: %s\n"):format(place, said))
      well = false
    end
  end
  return well
end

local function add_up(key)
  local sum = { done = 0, failed = 0, virtual_ms = 0, cpu = 0 }
  for place = 1, settings.workers do
    local state = load_state(("%s/worker-%d"):format(FOLDER, place), key, 0)
    for field in pairs(sum) do
      sum[field] = sum[field] + state[field]
    end
  end
  return sum
end

local function measure_rest()
  local report = assert(require("luahub.sim").run("spec/sim/scenario/rest.lua", { seed = 1 }))
  assert(report.ok, report.message)
  return report.history[#report.history]:match("took (%d+) ms")
end

-- Invariants that nothing can break yet are said, so that nobody takes them for held.
local function tell_pending()
  for _, invariant in ipairs(require("luahub.sim.safety").list()) do
    if invariant.pending then
      local text = "pending: %s (%s), until there are %s\n"
      io.stdout:write(text:format(invariant.name, invariant.text, invariant.pending))
    end
  end
end

local function main()
  os.execute("mkdir -p " .. FOLDER)
  local key = make_key()
  local before = add_up(key)
  if before.done == 0 then os.remove(FOLDER .. "/failures") end
  if before.done > 0 then io.stdout:write(("%d seeds were done before\n"):format(before.done)) end
  local rest = "5 nodes, 1,000 children at rest: one virtual minute takes %s ms of one core\n"
  io.stdout:write(rest:format(measure_rest()))
  local began = os.time()
  local well = wait_for(start_workers(key))
  local sum = add_up(key)
  local minutes = sum.virtual_ms / 60000
  io.stdout:write(("%s: %d seeds, each %stwice, %d failed; "):format(settings.file, sum.done,
      settings.twice_each == 1 and "" or ("%dth "):format(settings.twice_each), sum.failed),
    ("%.0f virtual minutes in %.0f s of CPU time, %.3f s each; "):format(minutes, sum.cpu, sum.cpu / minutes),
    ("%d s in all\n"):format(os.time() - began))
  tell_pending()
  if sum.failed > 0 then io.stdout:write(read_all(FOLDER .. "/failures") or "") end
  if sum.done == settings.seeds then
    for place = 1, settings.workers do
      os.remove(("%s/worker-%d"):format(FOLDER, place))
    end
  else
    well = false
  end
  os.exit(well and sum.failed == 0 and 0 or 1, true)
end

package.path = "./lua/?.lua;./lua/?/init.lua;" .. package.path
package.cpath = BUILD .. "/?.so;" .. package.cpath
if arg[1] == "--worker" then
  work(math.tointeger(arg[2]), arg[3])
else
  main()
end
