-- fixture.lua - nodes that are linked, and waiting for what they record.
local link = require "luahub_test.link"
local stranger = require "luahub_test.link_stranger"

local M = {}

M.secret = stranger.generate()
M.OK, M.EXISTS, M.AGAIN, M.DENIED, M.VERSION = 0, -7, -8, -10, -11
M.CLOSED, M.TIMEOUT, M.LIMIT, M.NOT_FOUND, M.STRANGER = -5, -4, -2, -6, -15

local PATIENCE = 15000 -- ms; a bound for a machine that is busy, never a measure

--- A net whose nodes are `names`; each has a log of what happened to it.
function M.net(...)
  local self = { net = link.net(), logs = {} }
  setmetatable(self, { __index = M })
  for _, name in ipairs { ... } do self:node { name = name } end
  return self
end

function M:node(options)
  options.secret = options.secret or M.secret
  local node = self.net:node(options)
  self.logs[node] = {}
  return node
end

--- Everything that was recorded for `node` so far.
function M:log(node)
  local log = self.logs[node]
  local new = self.net:events(node)
  return table.move(new, 1, #new, #log + 1, log)
end

function M:find(node, kind)
  local found = {}
  local log = self:log(node)
  for i = 1, #log do
    if log[i].kind == kind then found[#found + 1] = log[i] end
  end
  return found
end

--- Waits until `condition()` holds; raises `what` when it does not in time.
function M:until_(what, condition)
  local deadline = os.time() + PATIENCE / 1000 + 1
  while not condition() do
    if os.time() > deadline then error("in vain waited for: " .. what, 2) end
    self.net:wait(10)
  end
end

function M:until_count(node, kind, count)
  self:until_(count .. " x " .. kind, function() return #self:find(node, kind) >= count end)
  return self:find(node, kind)
end

--- Dials from a to b and waits until both are up; answers a's index of b and b's of a.
function M:link(a, b)
  self.net:dial(a, self.net:address(b))
  self:until_("a link", function()
    return #self:find(a, "up") > 0 and #self:find(b, "up") > 0
      and self.net:is_up(a, self.net:peer(a, b)) and self.net:is_up(b, self.net:peer(b, a))
  end)
  return self.net:peer(a, b), self.net:peer(b, a)
end

function M:close() self.net:close() end

return M
