-- Bad input to every function of a hub and of its services: one clear line that names function and argument, at the
-- caller's place; a failure where only the node can tell. Nothing starts, and the child that runs is not disturbed.
local cluster = require("spec.cluster.helper")
local misuses = require("spec.processhub.misuses")

local GOOD = [[{ id = "x", start = { "tracked" } }]]

-- On the node: the name of each function that a user may call.
local PUBLIC = [[
  local out = {}
  local function add(prefix, functions)
    for name, value in pairs(functions) do
      if type(value) == "function" and name:sub(1, 1) ~= "_" then out[#out + 1] = prefix .. name end
    end
  end
  add("luahub.", luahub)
  for _, service in ipairs({ "cluster", "distribution", "dispatcher", "distributor", "hook_manager", "log", "mailbox",
    "migration", "partition_tolerance", "registry", "ring", "state", "storage", "synchronization", "synchronizer" }) do
    add("luahub." .. service .. ".", luahub[service])
  end
  local redundancy = luahub.redundancy
  add("luahub.redundancy.", { singularity = redundancy.singularity, replication = redundancy.replication })
  add("hub:", getmetatable(hub).__index)
  table.sort(out)
  return out]]

describe("Bad input", function()
  local world, node

  setup(function()
    world = cluster.new()
    node = world:start("n1")
    node:start_children({ "quiet" })
  end)
  teardown(function()
    world:close()
  end)

  local function said(call, first)
    return node:eval(("local GOOD = %s\nlocal %s = (function() return %s end)()\n%s"):format(GOOD, first, call, [[
      return { tostring(err and err.code), tostring(err and err.message) }]]))
  end

  it("that is a misuse is said in one line, by function and argument", function()
    for _, case in ipairs(misuses.MISUSES) do
      local answer = node:eval(("local GOOD = %s\nlocal ok, a, b = pcall(function() return %s end)\n%s"):format(
        GOOD, case[1] .. ", nil", [[return { ok, tostring(a), tostring(b) }]]))
      -- A spec of the wrong type is a failure: it is found where all specs are looked at.
      local text = answer[2]
      if answer[1] then text = said(case[1], "_, err")[2] end
      assert.is_truthy(answer[1] or text:find("^repl:2: "), case[1] .. " did not say where: " .. text)
      assert.is_truthy(text:find(case[2], 1, true), case[1] .. " said: " .. text)
      assert.is_nil(text:find("\n"), text)
    end
  end)

  it("that only the node can tell is a failure with a code", function()
    for _, case in ipairs(misuses.FAILURES) do
      local code, message = table.unpack(said(case[1], "_, err"))
      assert.are.equal(case[2], code, case[1] .. " said: " .. message)
      assert.is_truthy(message:find(case[3], 1, true), case[1] .. " said: " .. message)
      assert.is_nil(message:find("\n"), message)
    end
  end)

  it("is tried with every public function", function()
    local tried = {}
    for _, list in ipairs({ misuses.MISUSES, misuses.FAILURES }) do
      for _, case in ipairs(list) do
        for name in case[1]:gsub("luahub%.hub%(.-%):", "hub:"):gmatch("[%w_.:]+") do
          tried[name] = true
        end
      end
    end
    for _, name in ipairs(misuses.TAKE_ANYTHING) do
      tried[name] = true
    end
    local missing = {}
    for _, name in ipairs(node:eval(PUBLIC)) do
      if not tried[name] then missing[#missing + 1] = name end
    end
    assert.are.same({}, missing)
  end)

  it("starts nothing and disturbs nobody", function()
    assert.are.same({ "quiet", 0 }, node:eval([[
      local list = hub:process_list()
      return { #list == 1 and list[1].id, hub:call("quiet", "get") }]]))
    assert.are.equal(1, world:starts().quiet)
  end)
end)
