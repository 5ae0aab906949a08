-- Random histories by seed. At any time a copy that stands at (run, sequence) is what every other copy there is; in the
-- end, with all links up, all are the same.
local helper = require "spec_helper"
local registry = require "luahub_test.registry"
local history = dofile "spec/registry/history.lua"

local SEEDS = 100

describe("a random history of registries", function()
  setup(registry.enter)
  teardown(registry.leave)

  it("L-19: ends in agreement, with one content at every sequence", function()
    helper.each_seed(SEEDS, function(seed)
      local result = history(seed)
      assert.is_nil(result.invariant, result.text)
    end)
  end)

  it("replays exactly", function() assert.equal(history(7).final, history(7).final) end)
end)
