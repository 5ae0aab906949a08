-- Real nodes whose hub needs a quorum: a process that is stopped and goes on. What ran is what the children themselves
-- wrote down, in the order of one file.
local cluster = require("spec.cluster.helper")

local HUB = "partition_tolerance = luahub.partition_tolerance.static_quorum { size = 2, of = 3 }"
local COUNT = 30

local START = [[
  local specs = {}
  for i = 1, %d do specs[i] = { id = "t" .. i, start = { "ticking" } } end
  local future = assert(hub:start_children(specs, { awaitable = true, timeout = 30000 }))
  local result = assert(future:await())
  return result:status()]]

--- What is wrong in the log: whoever has begun with a higher generation is the only one that is let do anything, and
--- what is given up runs its terminate only. Answers how often each began, too.
local function problems(world)
  local latest, starts, wrong = {}, {}, {}
  for line in io.lines(world.track_file) do
    local event, id, generation = line:match("^(%S+) (%S+) (%d+) %d+$")
    generation = math.tointeger(generation)
    if event == "init" then
      starts[id] = (starts[id] or 0) + 1
      if latest[id] and generation <= latest[id] then wrong[#wrong + 1] = "not a later one: " .. line end
      latest[id] = generation
    elseif event ~= "terminate" and generation ~= latest[id] then
      wrong[#wrong + 1] = "it was over: " .. line
    end
  end
  return table.concat(wrong, "\n", 1, math.min(#wrong, 5)), starts
end

local function hub_of_three(world)
  local n1 = world:start("n1")
  local nodes = { n1, world:start("n2", { join = { n1 } }), world:start("n3", { join = { n1 } }) }
  cluster.eventually("all are members", function() return #n1:eval("return hub:nodes{ include_local = true }") == 3 end)
  assert.equal("ok", n1:eval(START:format(COUNT)))
  return nodes
end

local function counts(world)
  local _, starts = problems(world)
  local most, all = 0, 0
  for _, count in pairs(starts) do
    most = math.max(most, count)
    all = all + 1
  end
  return most, all
end

-- How many of them rows of `n1` say to run on the nodes of these names.
local function run_on(n1, names)
  local count = 0
  for _, name in pairs(n1:registry().nodes) do
    if names:find(name, 1, true) then count = count + 1 end
  end
  return count
end

describe("a node with a quorum strategy that is stopped and goes on (SIGSTOP)", function()
  it("keeps its children after a moment", function()
    cluster.with({ hub = HUB }, function(world)
      local nodes = hub_of_three(world)
      nodes[3]:signal("STOP")
      os.execute("sleep 0.3")
      nodes[3]:signal("CONT")
      nodes[3]:eval("return hub:nodes{ include_local = true }")
      assert.equal("", (problems(world)))
      assert.same({ 1, COUNT }, { counts(world) })
    end)
  end)

  it("lets none of them do anything once the others have taken over, but terminate (case 53)", function()
    cluster.with({ hub = HUB }, function(world)
      local nodes = hub_of_three(world)
      local there = run_on(nodes[1], "n3")
      assert.is_true(there > 0)
      nodes[3]:signal("STOP")
      cluster.eventually("the others run all", function()
        return run_on(nodes[1], "n1 n2") == COUNT
      end, 40)
      nodes[3]:signal("CONT")
      cluster.eventually("it is a member again", function()
        local members = nodes[1]:eval("return hub:nodes{ include_local = true }")
        return #members == 3 and not nodes[3]:eval("return hub:is_locked()")
      end, 40)
      assert.equal("", (problems(world)))
      local ended = 0
      for line in io.lines(world.track_file) do
        if line:match("^terminate .* " .. nodes[3].pid .. "$") then ended = ended + 1 end
      end
      assert.is_true(ended >= there, "what it gave up was told so: " .. ended)
    end)
  end)
end)
