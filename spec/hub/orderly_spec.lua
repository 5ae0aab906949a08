-- Moves keep to what was said of them, in histories drawn from seeds.
local orderly = require("spec.hub.orderly")

describe("moves #notsan", function()
  it("keep to consent, budget and pins while nodes join, die and leave", function()
    for seed = 1, 100 do assert.same({}, orderly(seed), "seed " .. seed) end
  end)
end)
