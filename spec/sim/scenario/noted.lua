-- noted.lua (spec) - a child that keeps what it was told of its metadata, and answers what it sees of it.

local luahub = require("luahub")

local noted = {}

function noted.init()
  return { told = nil }
end

function noted.metadata(state, metadata)
  state.told = metadata.x
end

function noted.call(state)
  return { (luahub.context().metadata or {}).x or 0, state.told or 0 }
end

return noted
