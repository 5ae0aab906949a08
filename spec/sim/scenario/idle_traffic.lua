-- idle_traffic.lua (spec) - idle nodes say the same with 5,000 children as without, to the byte.

local COUNT, WINDOW_MS = 5000, 60000
local WIDE_MS = 180000 -- by then the numbers of pings have the width that they keep for hours
local COUNTED = "frames_out bytes_out datagrams_out datagram_bytes_out connections"

local function counted(world)
  local sums = {}
  for _, name in ipairs(world:nodes(true)) do
    local link = world:eval(name, "return require('luahub').counters().link")
    for key in COUNTED:gmatch("%S+") do
      sums[key] = (sums[key] or 0) + link[key]
    end
  end
  return sums
end

local function said_in_a_window(world)
  local before = counted(world)
  world:run_for(WINDOW_MS)
  local after, parts = counted(world), {}
  for key in COUNTED:gmatch("%S+") do
    parts[#parts + 1] = ("%s=%d"):format(key, after[key] - before[key])
  end
  return table.concat(parts, " ")
end

return {
  hubs = { { id = "shop" } },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    world:run_for(WIDE_MS)
    local empty = said_in_a_window(world)
    local specs = {}
    for i = 1, COUNT do
      specs[i] = { id = "c" .. i, start = { "idle" } }
    end
    local result = world:start(specs)
    world:expect(result and #result.ids == COUNT, "they start", "not all started")
    world:run_for(5000)
    local full = said_in_a_window(world)
    world:note("%s", full)
    world:expect(empty == full, "an idle cluster says the same with children as without",
      ("without: %s; with: %s"):format(empty, full))
  end,
}
