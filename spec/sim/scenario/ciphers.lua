-- ciphers.lua (spec) - a scenario that asks for ciphers that are not there.

return { nodes = 1, ciphers = "none", run = function() end }
