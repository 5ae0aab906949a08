-- cli/sim.lua - luahub sim FILE: runs a scenario on simulated nodes, one history for each seed.

local complain = require("luahub.cli.complain")
local exit = require("luahub.cli.exit")

local M = {
  usage = "luahub sim FILE [--seed N] [--runs M] [--nodes K] [--minutes T] [--twice] [--quiet]",
  summary = "run a scenario on simulated nodes",
  help = [[
FILE is Lua and returns { hubs = {...}, nodes = 3, run = function(world) ... end }; without `run` (as a node's own
file) its hubs are put under chaos: crashes, cuts, stalls, drawn from the seed. The nodes are real, their clock,
network and disk are simulated, so one seed is one history. What happens is printed in one line an event; what does not
hold is printed with the seed and the command that shows it again.

--seed N     the first seed (default 1)         --runs M   so many seeds, one after another (default 1)
--nodes K    instead of FILE's (or 3 to 9)      --minutes T  virtual minutes of chaos (default 1)
--twice      each seed twice: both must be one history
--without n4,n5, --only 3,7-9    without these nodes, only with these steps of chaos: a shrunk history
--quiet      no history, also of a single run

Exit code 0: everything held; 1: something did not; 3: FILE is no scenario.]],
  positional = { "FILE" },
  options = {
    seed = { value = "N", number = true },
    runs = { value = "M", number = true },
    nodes = { value = "K", number = true },
    minutes = { value = "T", number = true },
    without = { value = "NODES" },
    only = { value = "STEPS" },
    twice = {},
    quiet = {},
  },
}

local function print_line(line)
  io.stdout:write(line, "\n")
end

local function tell_failure(path, report, options)
  local shrunk = require("luahub.sim").shrink(path, report, options)
  io.stdout:write(("\n%s does not hold (seed %d, at %.3f s): %s\n"):format(report.invariant, report.seed,
    report.at / 1000, report.message))
  if shrunk ~= report then
    local text = "the smallest history found that breaks it, %d of %d nodes and %d of %d steps, at %.3f s: %s\n"
    io.stdout:write(text:format(#shrunk.nodes, #report.nodes, #shrunk.plan, #report.plan, shrunk.at / 1000,
      shrunk.message))
  end
  if shrunk ~= report or not options.was_printed then
    for _, line in ipairs(shrunk.history) do
      print_line(line)
    end
  end
  io.stdout:write("again: ", shrunk.command, "\n")
end

-- "n4,n5" and "3,7-9" as lists; nil and a text for what is neither.
local function read_lists(values)
  local shrink = require("luahub.sim.shrink")
  local without
  if values.without then
    without = {}
    for name in values.without:gmatch("[^,]+") do
      without[#without + 1] = name
    end
  end
  local only = values.only and shrink.from_ranges(values.only)
  if values.only and not only then
    return nil, ("--only: numbers of steps expected, as 3,7-9, or none; got '%s'"):format(values.only)
  end
  return { nodes = values.nodes, minutes = values.minutes, without = without, only = only }
end

function M.run(values)
  local sim = require("luahub.sim")
  local first, runs = values.seed or 1, values.runs or 1
  local options, problem = read_lists(values)
  if not options then
    complain(problem)
    return exit.USAGE
  end
  local play = values.twice and sim.twice or sim.run
  if runs == 1 and not values.quiet then options.listener = print_line end
  local virtual, began = 0, os.clock()
  for seed = first, first + runs - 1 do
    options.seed = seed
    local report, err = play(values.FILE, options)
    if not report then
      complain(tostring(err))
      return exit.CONFIG
    end
    virtual = virtual + report.virtual_ms
    if not report.ok then
      options.was_printed, options.listener = options.listener ~= nil, nil
      tell_failure(values.FILE, report, options)
      return exit.FAILED
    end
  end
  io.stdout:write(("%d %s, %.1f virtual minutes in %.1f s: everything held\n"):format(runs,
    runs == 1 and "history" or "histories", virtual / 60000, os.clock() - began))
  return exit.OK
end

return M
