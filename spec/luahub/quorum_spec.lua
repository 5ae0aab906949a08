-- What quorum strategies take for options, and what they answer when they are tried out.
local tolerance = require("luahub.partition_tolerance")

describe("static_quorum", function()
  local function refused(options)
    local ok, message = pcall(tolerance.static_quorum, options)
    assert.is_false(ok)
    return message
  end

  it("needs a size that is a majority (case 71)", function()
    assert.matches("size is required", refused(nil))
    assert.matches("size = 2 of 4 nodes is no majority.*expected at least 3", refused { size = 2, of = 4 })
    assert.matches("size = 4 is more than the 3 nodes there are", refused { size = 4, of = 3 })
    assert.matches("size: expected an integer from 1 on, got 0", refused { size = 0 })
    assert.matches("unknown option 'siez' %(did you mean 'size'%?%)", refused { siez = 2 })
    assert.matches("'quorum_size'.*size", refused { quorum_size = 2 })
  end)

  it("says whether a view has a quorum", function()
    local strategy = tolerance.static_quorum { size = 2 }
    assert.is_true(strategy.may_act { nodes = { "n1", "n2" } })
    assert.same({ false, "1 nodes are here, and 2 are a quorum" }, { strategy.may_act { nodes = { "n1" } } })
  end)
end)

describe("majority_quorum", function()
  it("needs the number of those who found the set", function()
    local ok, message = pcall(tolerance.majority_quorum, nil)
    assert.is_false(ok)
    assert.matches("initial_size is required: how many nodes found the set of members", message, 1, true)
    assert.matches("'initial_cluster_size'.*initial_size",
      select(2, pcall(tolerance.majority_quorum, { initial_cluster_size = 3 })))
    assert.matches("track_max_size", select(2, pcall(tolerance.majority_quorum, { track_max_size = false })))
  end)

  it("says whether a view of the founders has a quorum", function()
    local strategy = tolerance.majority_quorum { initial_size = 3 }
    assert.is_true(strategy.may_act { nodes = { "n1", "n2" } })
    assert.same({ false, "1 nodes are here, and 2 are a quorum" }, { strategy.may_act { nodes = { "n1" } } })
  end)
end)
