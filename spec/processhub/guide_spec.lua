-- Runs what doc/hooks.md shows.

local cluster = require("spec.cluster.helper")
local guide = require("spec.cluster.guide")
local tool = require("spec.cluster.tool")

local GUIDE = tool.read("doc/hooks.md")

describe("doc/hooks.md", function()
  it("has blocks of Lua that do what they say", function()
    cluster.with({}, function(world)
      local chunks = guide.write(world, GUIDE)
      assert.are.equal(5, #chunks)
      guide.run(world, chunks)
    end)
  end)

  it("names every key that a hub calls, as the manual does", function()
    dofile("spec/luahub/fake_core.lua").install()
    local manual = tool.read("doc/manual.md")
    for _, key in ipairs(require("luahub.hook").KEYS) do
      assert(GUIDE:find("`" .. key .. "`", 1, true), key .. " is not in doc/hooks.md")
      assert(manual:find("`" .. key .. "`", 1, true), key .. " is not in doc/manual.md")
    end
  end)
end)
