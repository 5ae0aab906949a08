-- Runs what README.md shows: the commands in their order, with ports of our own and in a copy of the folder, the REPL
-- session, every block of Lua. Of doc/manual.md: every block of Lua is Lua, and every configuration passes the check.
--
-- A block is a fenced one; a block of Lua that begins with "-- FILE" is that file. What a line prints stands behind it
-- as "-- text".

local cluster = require("spec.cluster.helper")
local helper = require("spec_helper")
local tool = require("spec.cluster.tool")

local quote, read = tool.quote, tool.read

local ROOT = tool.output_of("pwd"):gsub("\n", "")
local README, MANUAL = read("README.md"), read("doc/manual.md")
local SECONDS = 20 -- for anything that README shows
local WAIT, PART_END = "echo '%s'; until [ -e go.%d ] || [ ! -e script ]; do sleep 0.02; done\n", "end of part %d"

-- The fenced blocks of a text in their order: { language, code }.
local function blocks_of(text)
  local blocks = {}
  for language, code in text:gmatch("\n```(%w*)\n(.-\n)```") do
    blocks[#blocks + 1] = { language = language, code = code, file = code:match("^%-%- ([%w_/%.]+%.lua)\n") }
  end
  return blocks
end

-- What stands below a heading, as far as the next one.
local function section(text, heading)
  return assert((text .. "\n## "):match("\n## " .. heading .. "\n(.-\n)## "), "no section " .. heading)
end

local function code_of(blocks, language, index)
  for _, block in ipairs(blocks) do
    if block.language == language then
      index = index - 1
      if index == 0 then return block.code end
    end
  end
  error("there is no such block of " .. language)
end

-- What a chunk says that it prints: the "-- text" behind its prints.
local function promised(chunk)
  local lines = {}
  for line in chunk:gmatch("[^\n]+") do
    lines[#lines + 1] = line:match("^print%(.*%)%s+%-%- (.*)$")
  end
  return table.concat(lines, "\n") .. "\n"
end

-- Lines typed in a session as README shows it, and what is shown of their results. Pids and generations differ.
local function transcript(text)
  local typed, shown = {}, {}
  for line in text:gmatch("[^\n]*") do
    local input = line:match("^n1> (.*)$") or line:match("^  >> (.*)$")
    if input then
      typed[#typed + 1] = input
    elseif line ~= "" and not line:find("^luahub %d") then
      shown[#shown + 1] = line
    end
  end
  return table.concat(typed, "\n") .. "\n", table.concat(shown, "\n") .. "\n"
end

local function without_numbers(text)
  return (text:gsub("<(%w+)%.[%d%.]+>", "<%1>"):gsub("generation = %d+", "generation = N"))
end

-- A folder where README's commands work as in the checkout, and nothing of the checkout is written to.
local function copy_of_checkout()
  local directory, remove = helper.temporary_directory()
  local copy = "cp -r %s/examples %s && rm -f %s/examples/three_nodes/secret && ln -s %s/bin %s/lua %s/"
  local from, to = quote(ROOT), quote(directory)
  assert(os.execute(copy:format(from, to, to, from, from, to)))
  return directory, remove
end

local function environment(directory)
  local build = os.getenv("LUAHUB_BUILD") or ROOT .. "/build"
  return ("export LUAHUB_RUNTIME_DIR=%s LUAHUB_BUILD=%s; "):format(quote(directory .. "/run"), quote(build))
end

describe("README.md: a cluster in a minute", function()
  local blocks = blocks_of(section(README, "A cluster in a minute"))
  local directory, remove, log

  local function run(command)
    return helper.run(("cd %s; %s%s"):format(quote(directory), environment(directory), command), 30)
  end

  local function with_ports(code)
    local ports = {}
    return (code:gsub("127%.0%.0%.1:(%d+)", function(port)
      ports[port] = ports[port] or cluster.free_port()
      return "127.0.0.1:" .. ports[port]
    end))
  end

  -- One shell runs all commands, as a person would: what the nodes print comes to its log. It stops at each part's end
  -- until it is told to go on.
  local function begin(parts)
    local script = { "set -e\n" }
    for i, part in ipairs(parts) do
      script[#script + 1] = part .. WAIT:format(PART_END:format(i), i)
    end
    helper.write_file(directory .. "/script", table.concat(script))
    log = directory .. "/log"
    local command = "cd %s; %s { sh ./script >log 2>&1 </dev/null; echo \"status $?\" >>log; } >/dev/null 2>&1 &"
    assert(os.execute(command:format(quote(directory), environment(directory))))
  end

  local function output()
    return read(log) or ""
  end

  local function has_printed(pattern)
    tool.eventually("the commands print " .. pattern, function()
      local said = output()
      assert(not said:find("\nstatus [^0]"), said)
      return said:find(pattern), said
    end, SECONDS)
  end

  -- What a part of the script printed, when it is over.
  local function part(index)
    has_printed(PART_END:format(index))
    local before = index == 1 and 1 or select(2, output():find(PART_END:format(index - 1), 1, true)) + 1
    return output():sub(before, output():find(PART_END:format(index), 1, true) - 1)
  end

  local function go(index)
    helper.write_file(("%s/go.%d"):format(directory, index), "")
  end

  local function eval(name, chunk)
    local text, status = run(("bin/luahub eval %s %s"):format(name, quote(chunk)))
    assert.are.equal(0, status, text)
    return text
  end

  local function stop_what_runs()
    local pids = (read(directory .. "/pids") or ""):gsub("%s+", " ")
    if pids:find("%d") then os.execute("kill -KILL " .. pids .. " 2>/dev/null") end
    for i = 1, 4 do
      go(i)
    end
  end

  setup(function()
    directory, remove = copy_of_checkout()
    for _, block in ipairs(blocks_of(README)) do
      if block.file then helper.write_file(directory .. "/" .. block.file, block.code) end
    end
    local start = with_ports(code_of(blocks, "sh", 1)):gsub("&\n", "& echo $! >>pids\n")
    begin({ start, code_of(blocks, "sh", 2), code_of(blocks, "sh", 3), code_of(blocks, "sh", 4) })
  end)
  teardown(function()
    stop_what_runs()
    remove()
  end)

  it("starts three nodes, which say that they are ready", function()
    part(1)
    for i = 1, 3 do
      has_printed(("luahub: n%d ready on 127.0.0.1:%%d+"):format(i))
    end
    tool.eventually("all run the hub and every child is up", function()
      local text = eval("n1", [[return table.concat(hub:nodes{ include_local = true }) .. #hub:process_list()]])
      return text == '"n1n2n312"\n', text
    end, SECONDS)
  end)

  it("asks them", function()
    go(1)
    local said = part(2)
    for i = 1, 3 do
      assert.matches(("n%d%%*? +alive +127.0.0.1:%%d+ +main"):format(i), said)
    end
    assert.are.equal(12, select(2, said:gsub("main +counter%-%d+ +n[123] +<n[123]%.[%d%.]+>", "")))
    assert.matches("\n5\n", said)
  end)

  it("shows a session as it is", function()
    local typed, shown = transcript(code_of(blocks, "text", 1))
    helper.write_file(directory .. "/typed", typed)
    local said, status = run("bin/luahub attach n1 <typed")
    assert.are.equal(0, status)
    assert.are.equal(without_numbers(shown), without_numbers(said))
  end)

  it("shows lines that `luahub eval` takes one by one", function()
    assert.are.equal('{ "n1", "n2", "n3" }\n', eval("n2", "nodes()"))
    assert.are.equal("40\n", eval("n3", 'hub:call("mine", "get")'))
    local text, status = run("bin/luahub eval n1 'error(\"oops\")'")
    assert.are.equal(1, status)
    assert.matches("repl:1: oops", text)
  end)

  it("has Lua that does what it says", function()
    local count = 0
    for _, block in ipairs(blocks_of(README)) do
      if block.language == "lua" and not block.file then
        assert.are.equal(promised(block.code), eval("n2", block.code))
        count = count + 1
      elseif block.file and block.code:find("\nreturn { node", 1, true) then
        assert.are.equal(block.file .. ": ok\n", (run("bin/luahub check " .. block.file)))
        count = count + 1
      end
    end
    assert.are.equal(3, count) -- a spec, actors, a configuration
  end)

  it("loses a node, and hands children on with their counts", function()
    go(2)
    part(3)
    tool.eventually("no child is left on n3", function()
      local text = run("bin/luahub children n1")
      return select(2, text:gsub("counter%-%d+ +n[12] ", "")) == 12, text
    end, SECONDS)
    go(3)
    local said = part(4)
    assert.are.equal(12, select(2, said:gsub("main +counter%-%d+ +n[12] ", "")), said)
    assert.matches("\n5\n", said)
    go(4)
    has_printed("status 0")
  end)
end)

describe("README.md", function()
  it("names only files that are there, and targets that make knows", function()
    for path in README:gmatch("[%w_]+/[%w_%./]*[%w_]") do
      local folder = path:match("^[^/]+")
      if ({ bin = 1, scripts = 1, examples = 1, doc = 1, rockspec = 1 })[folder] then
        local written = path:find("three_nodes/secret") or README:find("\n%-%- " .. path:gsub("%p", "%%%0") .. "\n")
        assert(written or io.open(path), path .. " is not there")
      end
    end
    local makefile = read("Makefile")
    for target in README:gmatch("`make ([%w-]+)`") do
      assert(makefile:find("\n" .. target:gsub("%-", "%%-") .. ":"), "no target " .. target)
    end
  end)

  it("has scripts that a POSIX shell reads", function()
    for script in code_of(blocks_of(section(README, "Two commands")), "sh", 1):gmatch("\nsh (%S+)") do
      assert.is_true(os.execute("sh -n " .. script))
    end
  end)

  it("names the packages that scripts/packages does", function()
    local packages = {}
    for name in read("scripts/packages"):gmatch("\nbuild +(%S+)") do
      packages[#packages + 1] = name
    end
    local line = README:match("\napt%-get install ([^\n]*)")
    assert.are.equal(table.concat(packages, " "), line)
  end)
end)

describe("doc/manual.md", function()
  local blocks = blocks_of(MANUAL)

  it("has blocks of Lua that are Lua", function()
    local count = 0
    for _, block in ipairs(blocks) do
      if block.language == "lua" then
        assert(load(block.code, "=manual"))
        count = count + 1
      end
    end
    assert.is_true(count > 0)
  end)

  it("has configurations that pass `luahub check`", function()
    local directory, remove = copy_of_checkout()
    local go = ("cd %s; %s"):format(quote(directory), environment(directory))
    helper.run(go .. "bin/luahub keygen >secret; chmod 600 secret")
    local checked = {}
    for _, block in ipairs(blocks) do
      if block.file then helper.write_file(directory .. "/" .. block.file, block.code) end
      if block.language == "lua" and block.code:find("\nreturn {\n", 1, true) then
        helper.write_file(directory .. "/node.lua", block.code)
        checked[#checked + 1] = helper.run(go .. "bin/luahub check node.lua")
      end
    end
    remove()
    assert.is_true(#checked > 0)
    for _, text in ipairs(checked) do
      assert.are.equal("node.lua: ok\n", text)
    end
  end)

  it("describes every command with its usage, and every exit code", function()
    for name, summary in helper.run("bin/luahub --help"):gmatch("\n  (%l+) +(%l[^\n]*)") do
      local usage = helper.run("bin/luahub " .. name .. " --help"):match("usage: ([^\n]*)")
      assert(MANUAL:find("`" .. usage .. "`", 1, true), name .. ": " .. summary)
    end
    for name, code in pairs(dofile("lua/luahub/cli/exit.lua")) do
      assert(MANUAL:find(("\n| %d |"):format(code), 1, true), name)
    end
  end)
end)
