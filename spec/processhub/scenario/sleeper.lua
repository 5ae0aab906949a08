-- sleeper.lua (spec) - a waiting handler that hears an event.

return { hear = function() end }
