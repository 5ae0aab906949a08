-- cli/quorum.lua - luahub quorum NAME: the member sets that quorums are counted in, and what operators do to them.

local complain = require("luahub.cli.complain")
local exit = require("luahub.cli.exit")
local openness = require("luahub.cli.openness")

local M = {
  usage = "luahub quorum NAME [--hub ID] [--forget MEMBER] [--reset]",
  summary = "show the members that quorums are counted in; forget one, or begin anew",
  help = [[
Shows for each hub of NAME (or one) the agreed members, and how many of them are a quorum.
--forget MEMBER takes a node that never comes back out of the set: more than half of the members must be here.
--reset begins the set anew with the nodes that NAME sees. Only where no other node runs children of the hub any more:
nobody is asked, and children run twice where others do.]],
  positional = { "NAME" },
  options = { hub = { value = "ID" }, forget = { value = "MEMBER" }, reset = {} },
}

local function show(answer)
  if answer.needed == 0 then return "no member set" end
  return ("%d of %s"):format(answer.needed, table.concat(answer.members, " "))
end

function M.run(values)
  if values.forget and values.reset then
    complain("--forget and --reset exclude each other")
    return exit.USAGE
  end
  if values.forget then
    return openness.run(values, "forget", ("%q"):format(values.forget), function()
      return "forgets " .. values.forget
    end)
  end
  if values.reset then
    return openness.run(values, "reset_quorum", "", function(members)
      return "begun anew with " .. table.concat(members, " ")
    end)
  end
  return openness.run(values, "quorum_members", "", show)
end

return M
