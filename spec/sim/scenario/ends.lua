-- ends.lua (spec) - a process that ends at once.

return function() error("ends as told") end
