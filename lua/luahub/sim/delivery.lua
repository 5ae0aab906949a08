-- sim/delivery.lua - the account of messages: what was sent to children, as the children themselves tell it.
--
-- Each burst has a number, each message in it its place. A child (luahub.sim.probe) tells what it was given, in order;
-- a burst comes from one actor to one instance.

---@class luahub.sim.Delivery
local Delivery = {}
Delivery.__index = Delivery

local M = {}

---@return luahub.sim.Delivery
function M.new()
  return setmetatable({ last = {}, count = 0, found = nil }, Delivery)
end

--- A child was given message `place` of burst `burst`.
---@param told { child: string, node: string, burst: integer, place: integer }
function Delivery:take(told)
  local last = self.last[told.burst] or 0
  self.count = self.count + 1
  if told.place <= last and not self.found then
    self.found = ("child %s on %s was given message %d of burst %d after %d"):format(told.child, told.node, told.place,
      told.burst, last)
  end
  self.last[told.burst] = math.max(last, told.place)
end

--- What was delivered twice or out of order; nil when nothing was.
function Delivery:problem()
  return self.found
end

return M
