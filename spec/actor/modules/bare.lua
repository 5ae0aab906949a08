-- A server with nothing but init.
return { init = function() return {} end }
