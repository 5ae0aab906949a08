-- handover.lua - one hand-over that is struck at a step: the third node of a hub joins, children with state go to it,
-- and the one side or the other is killed, or stands still, at the step named (csrc/base/failpoint.h).
--
-- Everything is called and sent to meanwhile, from the first node. Afterwards the children's own log and the counts
-- that they carry must fit what was answered.
local cluster = require("spec.cluster.helper")
local story = require("spec.failpoint.story")
local tool = require("spec.cluster.tool")
local track = require("spec.cluster.track")

local M = {}

local IDS = cluster.ids("c", 24)
local LOADERS = 4

M.ids = IDS

-- Calls every fourth child of the hub, and sends to it, until there is a file "enough". Tells for each how many calls
-- were answered, how many may have been carried out, and how many messages were sent.
local LOAD = [[
  local sure = { not_found = true, not_here = true, unreachable = true, mailbox_full = true }
  local told = {}
  for i = %d, %d, %d do told[#told + 1] = { id = "c" .. i, answered = 0, unknown = 0, sent = 0 } end
  while not io.open(%q) do
    for _, one in ipairs(told) do
      if hub:cast(one.id, "increment") then one.sent = one.sent + 1 end
      local value, err = hub:call(one.id, { "add", 1 }, 2000)
      if value then
        one.answered = one.answered + 1
      elseif not sure[err.code] then
        one.unknown = one.unknown + 1
      end
    end
  end
  return told]]

local function begin_load(world, node)
  local answers = {}
  for i = 1, LOADERS do
    answers[i] = node:background(LOAD:format(i, #IDS, LOADERS, world.directory .. "/enough"))
  end
  return function()
    local told = {}
    world:write("enough", "")
    for _, answer in ipairs(answers) do
      for _, one in ipairs(answer()) do told[one.id] = one end
    end
    return told
  end
end

local function await_struck(world, node)
  return tool.eventually("the step is come to on " .. node.name, function()
    for _, strike in ipairs(story.read(world.track_file).struck) do
      if strike.process == tostring(node.pid) then return strike end
    end
    return nil, world:logs():sub(-2000)
  end)
end

--- Begins the hand-over and waits until the node is struck. The result has world, nodes, struck, others, stop_load.
---@param side "source"|"target"
---@param step string
---@param how "kill"|"stop"
---@param times? integer  the how manieth time that it comes to the step; default 1
function M.begin(world, side, step, how, times)
  local environment = ("LUAHUB_FAILPOINT=%s_%s:%s:%d LUAHUB_FAILPOINT_LOG=%s"):format(
    side, step, how, times or 1, tool.quote(world.track_file))
  local n1 = world:start("n1")
  local n2 = world:start("n2", { join = { n1 }, environment = side == "source" and environment or nil })
  n1:start_children(IDS)
  world:settled({ n1, n2 }, IDS)
  local one = { world = world, side = side, step = step, stop_load = begin_load(world, n1) }
  local n3 = world:launch("n3", { join = { n1 }, environment = side == "target" and environment or nil })
  one.nodes = { n1, n2, n3 }
  one.struck = side == "source" and n2 or n3
  one.others = side == "source" and { n1, n3 } or { n1, n2 }
  assert(await_struck(world, one.struck).step == side .. "_" .. step)
  return one
end

-- A child may be on its way again, to where it belongs by now.
local function story_at_rest(one)
  return tool.eventually("no child is on its way", function()
    local read = story.read(one.world.track_file)
    for _, id in ipairs(IDS) do
      if not read:is_one(id) then return nil, id end
    end
    return read
  end)
end

local function counts(one)
  local node = one.others[#one.others]
  return node:ask(IDS, '"get"')
end

-- What was promised holds all that was answered; nothing holds more than what may have been carried out.
local function check_count(id, promised, count, told)
  local most = told.answered + told.unknown + told.sent
  local least = promised and told.answered or 0
  assert(count >= least and count <= most,
    ("%s, whose state was %s, has counted %d of %d answered calls, %d of unknown outcome and %d messages"):format(
      id, promised and "promised" or "not promised", count, told.answered, told.unknown, told.sent))
end

--- Ends the load. Checks each child's count, and that the state of those for which `promised(story, id)` is true was
--- kept.
function M.check(one, promised)
  local told = one.stop_load()
  local read = story_at_rest(one)
  local found = counts(one)
  for _, id in ipairs(IDS) do
    local kept, must = read:kept(id), promised(read, id)
    assert(kept or not must, id .. " has lost its state")
    check_count(id, must, found[id], told[id])
  end
  return told, found
end

--- Whether nothing ran twice, the pauses of processes not excused.
function M.check_strictly(one)
  local seen = track.read(one.world.track_file, true, true)
  assert(#seen.problems == 0, table.concat(seen.problems, "\n"))
end

return M
