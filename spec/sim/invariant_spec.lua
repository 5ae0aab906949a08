-- The invariants as specs may use them, and the parts of a replay command.

local delivery = require("luahub.sim.delivery")
local safety = require("luahub.sim.safety")
local shrink = require("luahub.sim.shrink")

describe("the safety invariants", function()
  it("are S1 to S12, each with a check or with what it waits for", function()
    local names = {}
    for i, invariant in ipairs(safety.list()) do
      names[i] = invariant.name
      assert.is_string(invariant.text)
      assert.is_true((invariant.check == nil) == (invariant.pending ~= nil), invariant.name)
    end
    assert.equal("S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12", table.concat(names, " "))
  end)
end)

describe("the account of deliveries", function()
  local account

  local function take(burst, place)
    account:take({ child = "c", node = "n1", burst = burst, place = place })
  end

  before_each(function()
    account = delivery.new()
  end)

  it("bears losses", function()
    take(1, 1)
    take(2, 1)
    take(1, 3)
    assert.is_nil(account:problem())
  end)

  it("finds what comes twice", function()
    take(1, 1)
    take(1, 1)
    assert.equal("child c on n1 was given message 1 of burst 1 after 1", account:problem())
  end)

  it("finds what comes out of order", function()
    take(1, 2)
    take(1, 1)
    assert.equal("child c on n1 was given message 1 of burst 1 after 2", account:problem())
  end)
end)

describe("the steps of a replay", function()
  it("are written as ranges and read back", function()
    assert.equal("3,7-9,12", shrink.as_ranges({ 3, 7, 8, 9, 12 }))
    assert.same({ 3, 7, 8, 9, 12 }, shrink.from_ranges("3,7-9,12"))
    assert.same({}, shrink.from_ranges("none"))
    assert.is_nil(shrink.from_ranges("3,x"))
  end)
end)
