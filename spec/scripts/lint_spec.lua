local helper = require "spec_helper"

describe("scripts/lint.lua", function()
  local tree, remove

  before_each(function() tree, remove = helper.temporary_directory() end)
  after_each(function() remove() end)

  local function lint(files)
    for path, text in pairs(files) do helper.write_file(tree .. "/" .. path, text) end
    return helper.run("lua5.4 scripts/lint.lua " .. tree)
  end

  local function accepts(files)
    local output, status = lint(files)
    assert.are.equal("", output)
    assert.are.equal(0, status)
  end

  local function refuses(files, finding)
    local output, status = lint(files)
    assert.are.equal(finding .. "\n", output)
    assert.are.equal(1, status)
  end

  local function of_lines(count, line) return (line .. "\n"):rep(count) end

  it("accepts a room that includes itself and rooms above it", function()
    accepts { ["csrc/hub/plan.c"] = '#include "hub/hub.h"\n#include "registry/registry.h"\n#include <string.h>\n' }
  end)

  it("refuses a room that includes one below it", function()
    refuses({ ["csrc/wire/a.c"] = '\n#include "hub/hub.h"\n' },
      "csrc/wire/a.c:2: room wire includes room hub, which is below it")
  end)

  it("sees an include written with spaces", function()
    refuses({ ["csrc/base/a.h"] = '  #  include  "env/env.h"\n' },
      "csrc/base/a.h:1: room base includes room env, which is below it")
  end)

  it("refuses the private header of another room", function()
    refuses({ ["csrc/node/a.c"] = '#include "member/internal.h"\n' },
      "csrc/node/a.c:1: member/internal.h is private to room member")
  end)

  it("refuses an include from a room that does not exist", function()
    refuses({ ["csrc/node/a.c"] = '#include "utils/strings.h"\n' },
      "csrc/node/a.c:1: includes utils/strings.h, and there is no room utils")
  end)

  it("refuses a folder of csrc that is no room", function()
    refuses({ ["csrc/utils/a.c"] = "int lh_a;\n" }, "csrc/utils/a.c:1: csrc/utils is not a room of the house")
  end)

  it("keeps the line editor apart from the house, both ways", function()
    refuses({ ["csrc/line/a.c"] = '#include "base/buf.h"\n' },
      "csrc/line/a.c:1: room line stands apart from room base: neither includes the other")
    os.remove(tree .. "/csrc/line/a.c")
    refuses({ ["csrc/lua/a.c"] = '#include "line/line.h"\n' },
      "csrc/lua/a.c:1: room lua stands apart from room line: neither includes the other")
  end)

  it("lets only env include uv.h", function()
    accepts { ["csrc/env/loop.c"] = "#include <uv.h>\n" }
    refuses({ ["csrc/link/a.c"] = "#include <uv.h>\n" }, "csrc/link/a.c:1: room link includes uv.h")
  end)

  it("lets only the rooms that speak Lua include lua.h", function()
    accepts { ["csrc/actor/a.c"] = "#include <lua.h>\n#include <lauxlib.h>\n" }
    refuses({ ["csrc/hub/a.c"] = "#include <lua.h>\n" }, "csrc/hub/a.c:1: room hub includes lua.h")
  end)

  it("keeps clock and sockets out of the pure rooms, however the header is quoted", function()
    accepts { ["csrc/link/a.c"] = "#include <sys/socket.h>\n" }
    refuses({ ["csrc/registry/a.c"] = "#include <sys/socket.h>\n" },
      "csrc/registry/a.c:1: room registry is pure: no clock, socket or file, and it includes sys/socket.h")
    os.remove(tree .. "/csrc/registry/a.c")
    refuses({ ["csrc/member/a.c"] = '#include "time.h"\n' },
      "csrc/member/a.c:1: room member is pure: no clock, socket or file, and it includes time.h")
  end)

  it("has one door to Lua", function()
    accepts { ["csrc/script/call.c"] = "int x = lua_pcall(L, 0, 0, 0);\n" }
    accepts { ["csrc/actor/a.c"] = "// Not by lua_pcall(): see script.\n" }
    refuses({ ["csrc/actor/b.c"] = "  lua_resume (co, L, 0, &n);\n" },
      "csrc/actor/b.c:1: lua_resume outside csrc/script, the one door to Lua")
  end)

  it("limits the length of files", function()
    accepts { ["csrc/base/a.c"] = of_lines(600, "int a;"), ["lua/a.lua"] = of_lines(400, "x = 1") }
    refuses({ ["csrc/base/a.c"] = of_lines(601, "int a;") }, "csrc/base/a.c:601: 601 lines; a file has at most 600")
    os.remove(tree .. "/csrc/base/a.c")
    refuses({ ["lua/a.lua"] = of_lines(401, "x = 1") }, "lua/a.lua:401: 401 lines; a file has at most 400")
  end)

  it("limits the length of a C function, and lets a reason lift that", function()
    local long = "int lh_short(int x) { return x; }\nstatic int decide(int x,\n    int y) {\n"
      .. of_lines(58, "  x++;") .. "}\n"
    refuses({ ["csrc/base/a.c"] = long }, "csrc/base/a.c:2: decide has 61 lines; a function has at most 60")
    accepts { ["scripts/lint_allow"] = "# path function reason\ncsrc/base/a.c decide a table of cases\n" }
  end)

  it("does not add up short functions, declarations and tables", function()
    accepts {
      ["csrc/base/a.c"] = "int a(int x);\nstatic const int T[] = {\n" .. of_lines(70, "  1,") .. "};\n"
        .. of_lines(70, "int b(void) { return 1; }"),
    }
  end)

  it("limits the length of a Lua function, not of a spec's block", function()
    local long = "local t = {}\nfunction t.go()\n" .. of_lines(59, "  t.x = 1") .. "end\n"
    accepts { ["spec/a_spec.lua"] = long }
    refuses({ ["lua/a.lua"] = long }, "lua/a.lua:2: t.go has 61 lines; a function has at most 60")
  end)

  it("refuses an exception without a reason", function()
    refuses({ ["scripts/lint_allow"] = "csrc/base/a.c decide\n" },
      "scripts/lint_allow:1: expected: path function reason")
  end)

  it("finds Lua that does not compile", function()
    local output, status = lint { ["lua/a.lua"] = "return return\n" }
    assert.truthy(output:find("lua/a.lua:1: does not compile", 1, true))
    assert.are.equal(1, status)
  end)

  it("refuses what ties a file to one machine or one package server", function()
    refuses({ ["doc/a.md"] = "see /ho" .. "me/someone/luahub\n" }, "doc/a.md:1: names an absolute path of one machine")
    refuses({ ["doc/a.md"] = "from https://deb" .. ".example.org\n" }, "doc/a.md:1: names a package server")
  end)

  it("says so when there is nothing to read", function()
    local output, status = helper.run("lua5.4 scripts/lint.lua " .. tree)
    assert.truthy(output:find("no files", 1, true))
    assert.are.equal(2, status)
  end)
end)
