-- sim/network.lua - the words of a scenario for the network: cuts, splits, loss, delay. They are words of
-- luahub.sim.world, which carries `cuts` ("a>b" -> { a, b }) and `conditions`.

local M = {}

local function number_of(self, name)
  local number = self.numbers[name]
  if not number then error(("no node '%s' in this simulation"):format(tostring(name)), 4) end
  return number
end

local function set_cut(self, from, to, on)
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

--- All cuts end and the network is good again.
function M:heal()
  local keys = {}
  for key in pairs(self.cuts) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local pair = self.cuts[key]
    set_cut(self, pair[1], pair[2], false)
  end
  if #keys == 0 and not self.bad_weather then return end
  self.bad_weather = false
  self.conditions = { loss = 0, duplicate = 0, delay_min = 1, delay_max = 3 }
  self.core:network(self.conditions)
  self:note("the network is good again")
end

return M
