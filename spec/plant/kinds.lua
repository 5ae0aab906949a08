-- The histories in which planted bugs are looked for: kind -> function(seed) -> { invariant, text }. None of them was
-- written for a bug: they are the histories that the specs of each room run.
local kinds = {}

local member

local function of_members(name)
  return function(seed)
    member = member or dofile "spec/member/history.lua"
    return member[name](seed)
  end
end

kinds["members, any fault"] = of_members "faults"
kinds["members, gentle faults"] = of_members "gentle"

kinds["links"] = function(seed)
  local result = require("luahub_test.link_sim").play(seed, 5, 300, true, true)
  if result.breaches > 0 then
    return { invariant = "S9 what links carry comes once, in order", text = result.breaches .. " breaches" }
  elseif result.one + result.none > 0 then
    local text = "%d pairs have half a link, %d none"
    return { invariant = "L1 each pair has one link", text = text:format(result.one, result.none) }
  end
  return {}
end

local registries

kinds["registries"] = function(seed)
  if not registries then
    require("luahub_test.registry").enter()
    registries = dofile "spec/registry/history.lua"
  end
  return registries(seed)
end

-- What a history of hubs notes, and the invariant that it is about.
local NOTES = {
  { "([SLM]%d+ [^:]+): " }, { "is lost", "L3 every child runs once: none is lost" },
  { "runs, and was stopped", "S7 what was stopped stays stopped" },
  { " runs on ", "L3 every child runs once: none is doubled" },
  { "different rows", "L2 all registries are equal" }, { "row", "L2 registries say what runs" },
  { "rows of the dead", "L4 no ledger of the dead is left" }, { "answer", "L6 every request is answered" },
  { "reply", "L6 every request is answered" }, { "busy still", "L1 the members agree" },
  { "malformed", "S5 what a node says is well formed" }, { "stop of", "L6 a stop finds what runs" },
}

local function named(note)
  for _, entry in ipairs(NOTES) do
    local found = note:match(entry[1])
    if found then return { invariant = entry[2] or found, text = note } end
  end
  return { invariant = "what is wrong has a name", text = note }
end

local function of_hubs(acts, options, history)
  return function(seed)
    local ok, wrong = pcall(require(history or "spec.hub.faults"), seed, acts, options)
    if not ok then return { invariant = "every node rests", text = wrong } end
    return wrong[1] and named(wrong[1]) or {}
  end
end

kinds["hubs, stops while nodes come and go"] =
  of_hubs({ "join", "crash", "leave", "stop", "stop" }, { strict = true, stops_only = true })
kinds["hubs, hot moves with state"] = of_hubs({ "join", "leave" }, { hot = true, strict = true, state = true })
kinds["hubs, nodes join, leave and die"] = of_hubs({ "join", "crash", "leave" }, { strict = true })
local COMINGS = { "join", "crash", "leave", "start", "stop", "start", "stop", "end_child" }
for _, hot in ipairs { false, true } do
  local how = hot and ", hot" or ", cold"
  kinds["hubs, nodes come and go" .. how] = of_hubs(COMINGS, { hot = hot, strict = true })
  kinds["hubs, links break" .. how] =
    of_hubs({ "join", "crash", "start", "stop", "break_link", "break_link", "break_link" }, { hot = hot })
  kinds["hubs, nodes stall" .. how] =
    of_hubs({ "stall", "stall", "start", "join", "crash", "break_link", "end_child" }, { hot = hot })
end
kinds["hubs, nodes come and go, autonomous"] =
  of_hubs(COMINGS, { hot = "autonomous", strict = true, deterministic = true })
kinds["hubs, moves as they are wanted"] = of_hubs(nil, nil, "spec.hub.orderly")
kinds["hubs, splits and heals"] = function(seed)
  local ok, wrong = pcall(require "spec.hub.splits", seed, 2 + seed % 5, { times = 1 + seed % 2, rest = 150000 })
  if not ok then return { invariant = "every node rests", text = wrong } end
  return wrong[1] and named(wrong[1]) or {}
end
kinds["hubs, a quorum decides"] = of_hubs(nil, nil, "spec.hub.quorums")
kinds["hubs, a member set grows and is remembered"] = of_hubs(nil, nil, "spec.hub.sets")
kinds["hubs, a child that crashes"] = of_hubs(nil, nil, "spec.hub.crashing")
kinds["hubs, a strategy that fails"] =
  of_hubs({ "join", "crash", "leave", "start", "stop" }, { custom = "broken", deterministic = false })

local sim

local function of_nodes(file, options)
  return function(seed)
    sim = sim or require "luahub.sim"
    local report = assert(sim.run(file, setmetatable({ seed = seed }, { __index = options })))
    -- A scenario that stumbles has found nothing.
    if report.invariant == "the scenario runs" then return {} end
    return { invariant = report.invariant, text = report.message }
  end
end

kinds["whole nodes, chaos"] = of_nodes("examples/sim/chaos.lua", { minutes = 0.5 })
kinds["whole nodes, told things while children move"] = of_nodes("spec/sim/scenario/passed_on.lua", {})

return kinds
