-- idle.lua (spec) - a child that does nothing.

return {
  init = function()
    return {}
  end,
}
