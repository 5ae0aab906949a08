-- sim/machine.lua - the words of a scenario for the machine that a node is on: its disk, its clock, its speed. They are
-- words of luahub.sim.world.

local M = {}

local DISK_TEXT = {
  good = "the disk of %s is good again",
  full = "the disk of %s is full",
  unsynced = "the disk of %s cannot sync",
  tearing = "%s will lose power when it writes next",
}

--- What comes of writing there: "good"; "full": nothing, and an error; "unsynced": an error, and the file may be there
--- or not; "tearing": the power goes in the middle of the next write, and the node with it.
function M:disk(name, state)
  if not DISK_TEXT[state] then
    error(("disk: good, full, unsynced or tearing expected, got %s"):format(tostring(state)), 2)
  end
  if state == "good" and not self.disks[name] then return end
  self.disks[name] = state ~= "good" or nil
  self:note(DISK_TEXT[state], name)
  self.core:disk(self:number_of(name), state)
end

--- The node's disk takes no more writes, or does again (`full` = false).
function M:disk_full(name, full)
  self:disk(name, full == false and "good" or "full")
end

--- The node's clock goes faster by `rate` (0.02: by 2 %; negative: slower), and its wall clock, which only its children
--- see, is ahead by `wall` ms.
function M:skew(name, rate, wall)
  wall = wall or 0
  self:note("the clock of %s goes %+.2f %%%s", name, rate * 100,
    wall ~= 0 and (", its wall clock jumps by %d h"):format(wall // 3600000) or "")
  self.skews[name] = { rate, wall }
  self.core:clock(self:number_of(name), math.floor(rate * 1000000), wall)
end

--- Whatever the node's program is asked (strategies, immediate hooks) takes `ms`; 0: no time.
function M:slow_hook(name, ms)
  self:note(ms > 0 and "the hooks of %s take %d ms" or "the hooks of %s take no time", name, ms)
  self.core:slow(self:number_of(name), ms)
end

--- The node reads each of its streams at `rate` bytes a ms; 0: as fast as they come.
function M:slow_receiver(name, rate)
  self:note(rate > 0 and "%s reads %d bytes a ms" or "%s reads as fast as it gets", name, rate)
  self.slow_readers[name] = rate > 0 and name or nil
  self.core:reading(self:number_of(name), rate)
end

--- The node is at another address: what was wrong with its machine and its network is so there.
function M:machine_again(name)
  local number, skew = self:number_of(name), self.skews[name]
  if skew then self.core:clock(number, math.floor(skew[1] * 1000000), skew[2]) end
  self:cut_again(name)
end

--- Nothing is wrong with its disk and its speed any more; a clock stays as it is.
function M:mend_machine(name)
  self:disk(name, "good")
  self.core:slow(self:number_of(name), 0)
  self.core:reading(self:number_of(name), 0)
  self.slow_readers[name] = nil
end

return M
