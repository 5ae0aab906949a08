-- living.lua (spec) - a child that says that it lives.
return {
  init = function() return {} end,
  call = function() return true end,
}
