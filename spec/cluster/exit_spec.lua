-- A program whose node still runs when it ends: every thread is joined, nothing aborts, nothing leaks.
local tool = require("spec.cluster.tool")

local BUILD = os.getenv("LUAHUB_BUILD") or "build"

local PROGRAM = [[
package.path = "./lua/?.lua;./lua/?/init.lua;./examples/?.lua;" .. package.path
package.cpath = "%s/?.so;" .. package.cpath
local luahub = require("luahub")
local node = assert(luahub.start {
  node = { name = "ends", listen = "127.0.0.1:0", secret = require("luahub.core").keygen(), join = %s },
  hubs = { { id = "web" } },
})
local hub = node:hub("web")
local children = {}
for i = 1, 200 do children[i] = { id = "c" .. i, start = { "counter" } } end
%s
]]

local function run(ending, joins)
  local file = os.tmpname()
  local out = assert(io.open(file, "w"))
  out:write(PROGRAM:format(BUILD, joins and [[{ "127.0.0.1:1" }]] or "{}", ending))
  out:close()
  local text, status = tool.output_of("lua5.4 " .. file .. " 2>&1")
  os.remove(file)
  return status, text
end

describe("A program that ends while its node runs", function()
  for name, case in pairs {
    ["at the end of the script"] = { 0, "" },
    ["by os.exit"] = { 3, "os.exit(3)" },
    ["by os.exit, closing the state"] = { 4, "os.exit(4, true)" },
    ["by an error"] = { 1, [[error("the program's own")]] },
    ["inside a coroutine"] = { 5, "coroutine.wrap(function() os.exit(5) end)()" },
    ["with starts under way"] = { 6, "hub:start_children(children) os.exit(6)" },
    ["with starts and stops that it awaits"] = {
      7,
      [[hub:start_children(children, { awaitable = true })
        hub:stop_children({ "c1" }, { awaitable = true })
        os.exit(7)]],
    },
    ["with children that run"] = { 8, "hub:start_children(children, { awaitable = true }):await(20000) os.exit(8)" },
  } do
    it("ends " .. name, function()
      local status, text = run(case[2])
      assert.are.equal(case[1], status, text)
    end)
  end

  it("ends while links are being made", function()
    local status, text = run("os.exit(9)", true)
    assert.are.equal(9, status, text)
  end)
end)
