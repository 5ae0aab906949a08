-- rounds.lua (spec) - a waiting handler that keeps in the node's storage what it was told of each round.

local luahub = require("luahub")

return {
  hear = function(hub, data)
    luahub.storage.update(hub, "rounds", function(rounds)
      rounds = rounds or {}
      rounds[#rounds + 1] = data
      return rounds
    end)
  end,
}
