-- described.lua - a child that tells what it was told of its metadata, and what its context says.

local luahub = require("luahub")

local described = {}

function described.init()
  return { told = {} }
end

function described.metadata(state, metadata)
  if metadata.crash then error("crashed as told") end
  table.insert(state.told, metadata.step or 0)
end

function described.call(state, request)
  if request == "told" then return state.told end
  if request == "sleep" then return luahub.sleep(200) end
  return luahub.context().metadata or {}
end

function described.handover(state)
  return state
end

function described.takeover(state, handed)
  state.told = handed.told
end

return described
