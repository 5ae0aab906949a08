-- allowed.lua - the list of the nodes that one node links with: where it is read from (node.allow_file).
--
-- One id a line, 32 hex digits as `luahub members --json` prints them; what follows it is a remark, as is what
-- follows `#`.

local core = require("luahub.core")
local failure = require("luahub.failure")

local M = {}

local IDS_MAX = 4096
local ID_DIGITS = 32

local function id_of(line)
  local word = line:gsub("#.*", ""):match("^%s*(%S+)")
  if not word then return "" end
  local id = word:lower()
  return #id == ID_DIGITS and not id:find("%X") and id or nil
end

--- The ids in a file.
---@param path string
---@return string[]?
---@return luahub.Failure?  code invalid_config: it cannot be read, or names the line that is wrong
function M.read(path)
  local file, err = io.open(path, "r")
  if not file then return failure.new("invalid_config", "node.allow_file: cannot read %s", err) end
  local text = file:read("a")
  file:close()
  if not text then return failure.new("invalid_config", "node.allow_file: %s is not a file", path) end
  local ids, number = {}, 0
  for line in text:gmatch("([^\n]*)\n?") do
    number = number + 1
    local id = id_of(line)
    if not id then
      local told = "node.allow_file: %s:%d: expected the id of a node, %d hex digits, got %q"
      return failure.new("invalid_config", told, path, number, ID_DIGITS, line:sub(1, 80))
    end
    if id ~= "" then ids[#ids + 1] = id end
  end
  if #ids > IDS_MAX then
    return failure.new("invalid_config", "node.allow_file: %s: at most %d ids, got %d", path, IDS_MAX, #ids)
  end
  return ids
end

--- Has this node read its list again: who is not on it any more loses the link at once, who is new may come. When the
--- file is wrong, the list stays as it was.
---@return { allowed: integer }?  how many ids it has
---@return luahub.Failure?        code invalid_config
function M.reload()
  local info, err = core.request("info")
  if not info then return nil, err end
  if not info.allow_file then
    return failure.new("invalid_config", "this node has no allow_file: there is nothing to read again")
  end
  local ids
  ids, err = M.read(info.allow_file)
  if not ids then return nil, err end
  local ok
  ok, err = core.request("allow", { ids = table.concat(ids) })
  if not ok then return nil, err end
  return { allowed = #ids }
end

return M
