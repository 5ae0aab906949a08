-- idle.lua (spec) - a child that does nothing, for the histories here.

return {
  init = function()
    return {}
  end,
}
