-- guide.lua - runs what a page of doc/ shows: a block of Lua that begins with "-- FILE" is that file, every other runs
-- on a node of node.lua, in their order, and prints what stands behind its prints.

local tool = require("spec.cluster.tool")

local M = {}

local function promised(chunk)
  local lines = {}
  for line in chunk:gmatch("[^\n]+") do
    lines[#lines + 1] = line:match("^%s*print%(.*%)%s+%-%- (.*)$")
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Writes the page's files to the cluster's directory; answers the other blocks.
---@param world table
---@param page string  its text
---@return string[]
function M.write(world, page)
  local chunks = {}
  for code in page:gmatch("\n```lua\n(.-\n)```") do
    local file = code:match("^%-%- ([%w_]+%.lua)\n")
    if file then
      world:write(file, code)
    else
      chunks[#chunks + 1] = code
    end
  end
  return chunks
end

--- Runs the blocks on n1, each of which says what it promises.
---@param world table
---@param chunks string[]
---@param count? integer  of nodes that form the cluster; default 1, which does not listen
function M.run(world, chunks, count)
  assert(world:run("check node.lua") == "node.lua: ok\n")
  local options = { file = "node.lua" }
  if not count then options.listen = false end
  local first = world:start("n1", options)
  for i = 2, count or 1 do
    world:start("n" .. i, { file = "node.lua", join = { first } })
  end
  for _, chunk in ipairs(chunks) do
    local said, status = world:run(("eval n1 %s"):format(tool.quote(chunk)))
    assert(said == promised(chunk), ("expected\n%sgot\n%s"):format(promised(chunk), said))
    assert(status == 0, status)
  end
end

return M
