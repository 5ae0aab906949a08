-- Memory that is refused at every single allocation of what is decoded and of a child's start, each in a process of its
-- own: it goes on as if nothing had been, or refuses that one thing, or ends with one line. Half a thing is never kept.
--
-- Tagged #slow #notsan: a sanitizer's runtime has the same functions.
local tool = require("spec.cluster.tool")

local BUILD = os.getenv("LUAHUB_BUILD") or tool.output_of("pwd"):gsub("\n", "") .. "/build"
local COMMAND = "timeout -k 1 60 env LUA_PATH='./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH='%s/?.so;%s/test/?.so;;' "
  .. "LD_PRELOAD=%s/test/refuse.so lua5.4 spec/input/memory/path.lua %s %d %s 2>&1"

local function went(path, at, more)
  local text, status = tool.output_of(COMMAND:format(BUILD, BUILD, BUILD, path, at, more))
  local what = ("%s, allocation %d %s: status %d: %s"):format(path, at, more, status, text)
  if status == 0 then
    local known = text == "untouched\n" or text == "done\n" or text:match("^refused: [^\n]*memory[^\n]*\n$")
    assert.is_truthy(known, what)
    return text == "untouched\n" and "untouched" or text == "done\n" and "done" or "refused"
  end
  assert.are.equal(134, status, what)
  local said = text:match("^luahub: out of memory %(%d+ bytes asked for%)\n") or text:match("^luahub: OpenSSL [^\n]*\n")
  assert.is_truthy(said, what)
  return "ended"
end

local function go_through(path, more)
  local seen, at = { done = 0, refused = 0, ended = 0 }, 1
  while true do
    local how = went(path, at, more)
    if how == "untouched" then return seen, at - 1 end
    seen[how] = seen[how] + 1
    at = at + 1
  end
end

describe("Memory that is refused #slow #notsan", function()
  it("while a value is decoded: one allocation is made up for, more refuse the value (case 84)", function()
    local seen, count = go_through("value", "")
    assert.are.equal(count, seen.done)
    assert.is_true(count > 50)
    seen, count = go_through("value", "more")
    assert.are.equal(count, seen.refused)
  end)

  for _, path in ipairs({ "delta", "snapshot" }) do
    it("while rows are decoded (" .. path .. ") refuses the frame whole", function()
      for _, more in ipairs({ "", "more" }) do
        local seen = go_through(path, more)
        assert.is_true(seen.refused > 30, "of " .. path)
      end
    end)
  end

  it("while a child starts in a heap that is there disturbs no other", function()
    local seen = go_through("child", "")
    assert.is_true(seen.done > 10)
  end)

  it("while a child starts in a heap of its own refuses the child", function()
    local seen = go_through("isolated", "")
    assert.is_true(seen.refused > 30)
  end)
end)
