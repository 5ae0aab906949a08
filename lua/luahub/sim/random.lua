-- sim/random.lua - the chances of a scenario: SplitMix64 from a seed, so that a plan does not depend on what the
-- simulated network draws, nor on anybody's math.random.

---@class luahub.sim.Random
local Random = {}
Random.__index = Random

local M = {}

---@param seed integer
---@return luahub.sim.Random
function M.new(seed)
  return setmetatable({ state = seed }, Random)
end

local function draw(self)
  self.state = self.state + 0x9E3779B97F4A7C15
  local z = self.state
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  return z ~ (z >> 31)
end

--- An integer from `low` to `high`.
---@param low integer
---@param high integer
---@return integer
function Random:between(low, high)
  return low + (draw(self) >> 1) % (high - low + 1)
end

-- As math.random: a fraction; with 0 any integer; else one from 1, or `low`, on.
local function as_math(self, low, high)
  if low == nil then return (draw(self) >> 11) * 2.0 ^ -53 end
  if low == 0 and high == nil then return draw(self) end
  if high == nil then low, high = 1, low end
  low = math.tointeger(low) or error("bad argument #1 to 'random' (number has no integer representation)", 3)
  high = math.tointeger(high) or error("bad argument #2 to 'random' (number has no integer representation)", 3)
  if low > high then error("bad argument to 'random' (interval is empty)", 3) end
  return self:between(low, high)
end

--- The library `math` whose `random` and `randomseed` are these chances.
---@return table
function Random:library()
  local random = function(low, high)
    local number = as_math(self, low, high)
    return number
  end
  local randomseed = function(seed)
    self.state = math.tointeger(seed) or 0
  end
  return setmetatable({ random = random, randomseed = randomseed }, { __index = math })
end

--- True once in `n` times.
---@param n integer
---@return boolean
function Random:once_in(n)
  return self:between(1, n) == 1
end

--- One entry of a list; nil of an empty one.
function Random:pick(list)
  if #list == 0 then return nil end
  return list[self:between(1, #list)]
end

--- A copy of the list in another order.
function Random:shuffle(list)
  local out = table.move(list, 1, #list, 1, {})
  for i = #out, 2, -1 do
    local j = self:between(1, i)
    out[i], out[j] = out[j], out[i]
  end
  return out
end

return M
