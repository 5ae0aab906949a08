-- Plays histories until one breaks an invariant, with the planted bug that the environment names, or with none.
--
--   LUAHUB_PLANT=name lua5.4 spec/plant/worker.lua BUILD KIND FIRST LAST SECONDS
--
-- Prints one line: `found SEED MS INVARIANT: TEXT`, or `clean RUNS MS`. At most SECONDS of computing.
local build, kind, first, last, seconds = table.unpack(arg)
package.path = "./lua/?.lua;./lua/?/init.lua;" .. package.path
package.cpath = ("%s/?.so;%s/test/?.so;%s"):format(build, build, package.cpath)

local play = require("spec.plant.kinds")[kind]
local began = os.clock()
local runs = 0

local function spent() return math.floor((os.clock() - began) * 1000) end

for seed = tonumber(first), tonumber(last) do
  local result = play(seed)
  runs = runs + 1
  if result.invariant then
    print(("found %d %d %s: %s"):format(seed, spent(), result.invariant, tostring(result.text):gsub("%s+", " ")))
    os.exit(0)
  end
  if spent() > tonumber(seconds) * 1000 then break end
end
print(("clean %d %d"):format(runs, spent()))
