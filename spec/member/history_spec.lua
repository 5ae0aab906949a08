-- Random histories: whatever happens, nobody goes back in time, and after the heal all views become equal.
local history = dofile "spec/member/history.lua"

local SEEDS = tonumber(os.getenv "MEMBER_SEEDS") or 200

describe("a random history of members", function()
  it("never goes back, and its nodes agree after the heal", function()
    for seed = 1, SEEDS do
      local result = history.faults(seed)
      assert.is_nil(result.invariant, ("seed %d: %s: %s"):format(seed, result.invariant, result.text))
    end
  end)

  it("of faults that leave all in touch declares nobody dead who lives", function()
    for seed = 1, SEEDS // 2 do
      local result = history.gentle(seed)
      assert.is_nil(result.invariant, ("seed %d: %s: %s"):format(seed, result.invariant, result.text))
    end
  end)

  it("is the same twice", function()
    for seed = 1, SEEDS // 2 do
      assert.equal(history.faults(seed).hash, history.faults(seed).hash, "seed " .. seed)
    end
  end)
end)
