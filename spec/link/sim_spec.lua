local sim = require "luahub_test.link_sim"

for name, imitated in pairs({ TLS = false, ["imitated sessions"] = true }) do
  describe("links in the simulated world, of " .. name, function()
    it("leave one link per pair when everybody dials everybody", function()
      for seed = 1, 5 do
        local result = sim.play(seed, 8, 0, false, imitated)
        assert.same({ 28, 0, 0 }, { result.both, result.one, result.none }, "seed " .. seed)
        assert.same({ 56, 0, 0 }, { result.ups, result.downs, result.breaches }, "seed " .. seed)
        assert.is_true(result.frames > 0 and result.datagrams > 0)
      end
    end)

    it("agree on one link per pair again after cuts, stalls and closes", function()
      for seed = 1, 12 do
        local result = sim.play(seed, 5, 300, true, imitated)
        assert.same({ 10, 0, 0 }, { result.both, result.one, result.none }, "seed " .. seed)
        assert.equal(0, result.breaches, "seed " .. seed)
        assert.equal(20, result.ups - result.downs, "seed " .. seed)
        assert.is_true(result.downs > 0)
      end
    end)

    it("replay one history from one seed", function()
      for seed = 1, 3 do
        assert.same(sim.play(seed, 4, 100, true, imitated), sim.play(seed, 4, 100, true, imitated), "seed " .. seed)
      end
    end)
  end)
end
