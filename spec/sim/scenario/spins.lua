-- spins.lua (spec) - a process that is always busy.

return function()
  local n = 0
  while true do
    n = n + 1
  end
end
