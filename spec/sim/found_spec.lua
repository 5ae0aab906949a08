-- What the simulator found in luahub itself: each mended, and each with the history that showed it.

local histories = require("spec.sim.histories")

local CHAOS = "examples/sim/chaos.lua"

describe("a node that leaves", function()
  it("ends what the others took over, as soon as it hears of that", function()
    histories.hold("spec/sim/found/leaves_taken.lua", 3)
  end)
end)

describe("a node that returns with a new epoch", function()
  it("forgets whom it does not meet again", function()
    histories.hold("spec/sim/found/stranger.lua", 3)
  end)

  it("takes over anew what those had taken whom it forgets", function()
    histories.hold("spec/sim/found/forgot_heir.lua", 25)
  end)

  it("keeps what nobody else knows of those whom it does not meet again", function()
    histories.hold("spec/sim/found/only_trace.lua", 3)
  end)

  it("has written it before, or does not return", function()
    histories.hold("spec/sim/found/epoch_kept.lua", 3)
  end)
end)

describe("a node that has nothing left and is about to end", function()
  it("begins no children that were on their way to it", function()
    histories.hold("spec/sim/found/leaves_at_once.lua", 3)
  end)
end)

describe("a node that crashes", function()
  it("leaves nothing of children behind that were about to start", function()
    histories.hold("spec/sim/found/waking.lua", 3)
  end)
end)

describe("a node that parked what was on its way to it, and comes back while the others begin that anew", function()
  it("gives it up, and never runs it beside them", function()
    histories.hold("spec/sim/found/parked_tie.lua", 80)
  end)
end)

describe("a node that stood still while all others went to new addresses", function()
  it("is dialled by them, and is a member again", function()
    histories.hold("spec/sim/found/moved_unseen.lua", 3)
  end)
end)

describe("a node whose disk was copied, cut off before it heard of its copy", function()
  it("is found when it dials the others again; those that hold its rows last wait for each to be outranked", function()
    histories.hold_seed(CHAOS, 8437)
  end)
end)

describe("a node that gives way to another of its identity while it returns with a new epoch", function()
  it("ends at once, though links to others still come up", function()
    histories.hold_seed(CHAOS, 17680)
  end)
end)

describe("a child whose init goes on where its node learns that the others took it over", function()
  it("is begun there anew only when that init is over", function()
    histories.hold_seed(CHAOS, 20128)
  end)
end)

describe("a node that stood still while another died, and whoever declared that died, too", function()
  it("hears of it from those that are left", function()
    histories.hold_seed(CHAOS, 32953)
  end)
end)

describe("rows that came while their node was taken for dead", function()
  it("are looked at when that is refuted: of two instances one ends", function()
    histories.hold_seed(CHAOS, 36055)
  end)
end)

describe("a child whose init fails where it has moved to, once its row there was seen", function()
  it("is started again there", function()
    histories.hold_seed(CHAOS, 44961)
  end)
end)

describe("a move that was given up while its word was on its way", function()
  it("begins nothing beside what has gone on meanwhile", function()
    histories.hold_seed(CHAOS, 1523)
  end)
end)

describe("a child that takes a state over while another instance with a higher generation is known already", function()
  it("is surplus at once", function()
    histories.hold_seed(CHAOS, 4593)
  end)
end)

describe("a child that turns out to run elsewhere while it is prepared on a third node", function()
  it("leaves nothing prepared behind that keeps others from beginning it", function()
    histories.hold_seed(CHAOS, 1458)
  end)
end)

describe("two nodes that leave one after the other, each meeting one of the others only", function()
  it("may take along what was handed from one to the other, and nothing else", function()
    histories.hold_seed(CHAOS, 42917, { only = { 2, 4, 8, 9 } })
  end)
end)

describe("a child whose init is not over", function()
  it("is no lie of the registries that do not name it yet", function()
    histories.hold_seed("spec/sim/found/chaos_tls.lua", 1310, { only = { 46, 51, 52, 57 } })
  end)
end)

describe("a link", function()
  it("is not held up by a record whose length was damaged (wire 11)", function()
    histories.hold("spec/sim/found/damaged_length.lua", 20)
  end)
end)

describe("a split", function()
  it("loses nothing that was started on one side of it", function()
    histories.hold("spec/sim/found/split_start.lua", 20)
  end)
end)

-- Seeds of chaos, and what each of them broke.
local SEEDS = {
  [1368] = "L3: a node that had stood still carried out a start as another one had; its stop reached one of the two",
  [1491] = "L3: what was prepared for a move was stopped and stayed",
  [1758] = "L3: a node that could not vote for a while recovered what it had missed the stop of",
  [1924] = "L3: the same start, asked of a node beyond a split, was carried out after its stop",
  [2122] = "L3: children that were stopped before their node left were recovered by one that had not heard",
  [2628] = "L2: a node that leaves and cannot be reached was not seen in the views that held it",
  [4296] = "L1: a node that lost sight of all others dialled its seeds once in 45 s",
  [7334] = "S6: a node that could not write its new epoch told of the end of what not all had taken over",
  [9639] = "L3: a node behind a split, whose disk had been copied, handed on a child that was stopped meanwhile",
  [18595] = "L3: a start that had waited for agreement was begun after it had run elsewhere and been stopped",
  [4527] = "S12: a node that had given way to a copy of its disk began a new epoch, and acted",
  [9388] = "L3: a move that waited for agreement was prepared after it had been called off",
  [10189] = "L3: a stop went with its host before those beyond a split had heard of it; whoever asked remembers",
  [371] = "a node that waited for answers was busy without end, since what it had fetched before was late",
  [243] = "L3: a claim of a dead node's child waited for agreement, and began it after it was stopped",
  [200285] = "S1: a node that had left began a child that was on its way to it",
  [200692] = "S1: the same with two nodes",
  [201154] = "a node that is down was asked for its members",
  [201988] = "what was asked of a node that stood still was taken for unanswered",
  [202242] = "S3: the ledger of a node that had left was taken anew from one who held less of it",
  [202412] = "S3: the same after a crash",
  [740032] = "L2, a fault of the look at it: a ledger was forgotten as that of its node's next run began",
  [87447] = "S7: a child stayed frozen for 35 s whose other end had begun, and was stopped, before its row came back",
  [77554] = "L1, a bound too short: a copied node knew nobody but one that stood still for 86 s",
  [62608] = "L1: a node that speaks and hears nobody stayed suspected where one node alone knew it",
  [203604] = "S3: a copy that was in doubt was dropped before another one was there",
}

describe("chaos", function()
  local seeds = require("luahub.sim.truth").sorted(SEEDS)

  it("breaks nothing any more where it did", function()
    for _, seed in ipairs(seeds) do histories.hold_seed(CHAOS, seed) end
  end)
end)

describe("a node that leaves before it has answered an accusation that its greeting was taken to answer", function()
  it("keeps its incarnation", function()
    histories.hold_seed("spec/sim/found/chaos_tls.lua", 12060)
  end)
end)

describe("a node whose partition strategy is asked", function()
  it("is not busy while it waits for the answer, though the tail of a dead ledger was due before", function()
    histories.hold_seed("spec/sim/scenario/losses.lua", 470)
  end)
end)
