-- Runs what doc/hooks.md shows: a block of Lua that begins with "-- FILE" is that file, every other is run on a node of
-- node.lua, in their order, and prints what stands behind its prints.

local cluster = require("spec.cluster.helper")
local tool = require("spec.cluster.tool")

local GUIDE = tool.read("doc/hooks.md")

local function promised(chunk)
  local lines = {}
  for line in chunk:gmatch("[^\n]+") do
    lines[#lines + 1] = line:match("^%s*print%(.*%)%s+%-%- (.*)$")
  end
  return table.concat(lines, "\n") .. "\n"
end

describe("doc/hooks.md", function()
  it("has blocks of Lua that do what they say", function()
    cluster.with({}, function(world)
      local chunks = {}
      for code in GUIDE:gmatch("\n```lua\n(.-\n)```") do
        local file = code:match("^%-%- ([%w_]+%.lua)\n")
        if file then
          world:write(file, code)
        else
          chunks[#chunks + 1] = code
        end
      end
      assert.are.equal(5, #chunks)
      assert.are.equal("node.lua: ok\n", (world:run("check node.lua")))
      world:start("n1", { file = "node.lua", listen = false })
      for _, chunk in ipairs(chunks) do
        local said, status = world:run(("eval n1 %s"):format(tool.quote(chunk)))
        assert.are.equal(promised(chunk), said)
        assert.are.equal(0, status)
      end
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
