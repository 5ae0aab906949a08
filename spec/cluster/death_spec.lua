local cluster = require("spec.cluster.helper")

describe("A hub of three nodes", function()
  local IDS = cluster.ids("c", 60)

  local function three(world)
    local n1 = world:start("n1")
    local n2 = world:start("n2", { join = { n1 } })
    local n3 = world:start("n3", { join = { n1 } })
    n1:start_children(IDS)
    world:settled({ n1, n2, n3 }, IDS)
    return n1, n2, n3
  end

  it("runs every child exactly once after one of them is killed", function()
    for _ = 1, 3 do
      cluster.with(nil, function(world)
        local n1, n2, n3 = three(world)
        local before = n1:registry().nodes
        n3:kill()
        local after = world:settled({ n1, n2 }, IDS)
        for _, id in ipairs(IDS) do
          if before[id] ~= "n3" then assert.are.equal(before[id], after[id]) end
        end
      end)
    end
  end)
end)
