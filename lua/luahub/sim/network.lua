-- sim/network.lua - the words of a scenario for the network: cuts, splits, loss, delay. They are words of
-- luahub.sim.world, which carries `cuts` ("a>b" -> { a, b }) and `conditions`.

local M = {}

local function number_of(self, name)
  local number = self.numbers[name]
  if not number then error(("no node '%s' in this simulation"):format(tostring(name)), 4) end
  return number
end

-- Of two nodes of one identity the others know one: the other one is found when it dials somebody. It has no time for
-- that before it is cut off.
local function may_stay_unseen(self, name)
  return self:now() < (self.cloned[name] or 0)
end

local function set_cut(self, from, to, on)
  if on and (may_stay_unseen(self, from) or may_stay_unseen(self, to)) then self.moved_unseen = true end
  self.core:cut(number_of(self, from), number_of(self, to), on)
  self.cuts[from .. ">" .. to] = on and { from, to } or nil
end

--- Nothing gets from one node to another.
function M:cut_one_way(from, to)
  self:note("nothing gets from %s to %s", from, to)
  set_cut(self, from, to, true)
end

--- Nothing gets from one node to another, nor back.
function M:cut(a, b)
  self:note("%s and %s are cut from each other", a, b)
  set_cut(self, a, b, true)
  set_cut(self, b, a, true)
end

--- Divides the cluster: nodes of different groups cannot reach each other. Nodes in no group form one more.
function M:split(...)
  local groups = { ... }
  local group_of, shown = {}, {}
  for i, group in ipairs(groups) do
    for _, name in ipairs(group) do
      group_of[name] = i
    end
    shown[i] = table.concat(group, " ")
  end
  self:note("the network splits: %s | the others", table.concat(shown, " | "))
  for i, a in ipairs(self.names) do
    for j, b in ipairs(self.names) do
      if i ~= j then set_cut(self, a, b, (group_of[a] or 0) ~= (group_of[b] or 0)) end
    end
  end
end

--- `a` and `b` reach each other only through `middle`, that is: not at all, while both reach `middle`.
function M:bridge(a, middle, b)
  self:note("%s and %s reach %s, not each other", a, b, middle)
  set_cut(self, a, b, true)
  set_cut(self, b, a, true)
  for _, end_node in ipairs({ a, b }) do
    set_cut(self, end_node, middle, false)
    set_cut(self, middle, end_node, false)
  end
end

local function apply_conditions(self)
  self.bad_weather = true
  self.core:network(self.conditions)
end

--- Lets datagrams be overtaken with this probability by those sent after them.
function M:reorder(probability)
  self:note("%g %% of datagrams are overtaken", probability * 100)
  self.conditions.reorder = probability
  apply_conditions(self)
end

--- Flips a bit of a packet with this probability, of datagrams and of streams. The ciphers find it: a datagram is
--- lost, a link breaks.
function M:corrupt(probability)
  self:note("%g %% of packets arrive damaged", probability * 100)
  self.conditions.corrupt = probability
  self.damaged = self.damaged or probability > 0
  apply_conditions(self)
end

--- Loses datagrams with this probability; stream data comes later instead.
function M:drop(probability)
  self:note("%g %% of packets are lost", probability * 100)
  self.conditions.loss = probability
  apply_conditions(self)
end

--- Packets take from `low` to `high` ms.
function M:delay(low, high)
  self:note("packets take %d to %d ms", low, high or low)
  self.conditions.delay_min, self.conditions.delay_max = low, high or low
  apply_conditions(self)
end

--- Doubles datagrams with this probability.
function M:duplicate(probability)
  self:note("%g %% of datagrams come twice", probability * 100)
  self.conditions.duplicate = probability
  apply_conditions(self)
end

--- The cuts between two nodes end, both ways; of all nodes when none are named.
function M:mend(a, b)
  local ended = false
  for _, key in ipairs(self.sorted(self.cuts)) do
    local pair = self.cuts[key]
    if not a or (pair[1] == a and pair[2] == b) or (pair[1] == b and pair[2] == a) then
      set_cut(self, pair[1], pair[2], false)
      ended = true
    end
  end
  if ended then self:note(a and "%s and %s reach each other again" or "all nodes reach each other again", a, b) end
  return ended
end

--- No packet is lost, late or damaged any more.
function M:clear_up()
  if not self.bad_weather then return end
  self.bad_weather = false
  self.conditions = { loss = 0, duplicate = 0, delay_min = 1, delay_max = 3 }
  self.core:network(self.conditions)
  self:note("the weather is good again")
end

--- All cuts end and the network is good again.
function M:heal()
  self:mend()
  self:clear_up()
end

--- A node is no part of what the others are: it is down, cut off, or one of both ways is cut.
---@param how "down"|"cut"|"deaf"|"mute"
function M:isolate(name, from, how)
  if how == "down" then
    self:crash(name)
    how = "cut"
  end
  self:note("%s is %s", name, how == "cut" and "cut off" or how)
  for _, other in ipairs(from) do
    if how ~= "mute" then set_cut(self, other, name, true) end
    if how ~= "deaf" then set_cut(self, name, other, true) end
  end
end

--- Cuts are of nodes: one that moved has them at its new address.
function M:cut_again(name)
  for _, pair in pairs(self.cuts) do
    if pair[1] == name or pair[2] == name then self.core:cut(self.numbers[pair[1]], self.numbers[pair[2]], true) end
  end
end

return M
