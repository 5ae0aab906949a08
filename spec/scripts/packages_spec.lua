local helper = require "spec_helper"

-- A machine made of links: only the tools named, plus stand-ins that write down how they were called.
describe("scripts/common.sh", function()
  local place, remove

  local function tool(name, text)
    helper.write_file(place .. "/bin/" .. name, "#!/bin/sh\n" .. text .. "\n")
    os.execute("chmod +x " .. place .. "/bin/" .. name)
  end

  before_each(function()
    place, remove = helper.temporary_directory()
    assert(os.execute("mkdir " .. place .. "/bin"))
    for _, name in ipairs { "sh", "sed", "cut", "env", "chmod", "cat" } do
      assert(os.execute(("ln -s $(command -v %s) %s/bin/%s"):format(name, place, name)))
    end
    helper.write_file(place .. "/scripts/packages",
      "# set package sign why\nbuild here cmd:sh runs scripts\nbuild wanted-tool cmd:wanted makes it go\n"
      .. "test  other-tool cmd:other is not asked for\n")
    tool("id", "echo 0")
  end)
  after_each(function() remove() end)

  -- An apt-get whose install brings the command that the sign looks for.
  local function debian()
    tool("apt-get", ('echo "apt-get $*" >>%s/calls\ncase "$*" in *wanted-tool*) printf "#!/bin/sh\\n" >%s/bin/wanted; '
      .. "chmod +x %s/bin/wanted ;; esac"):format(place, place, place))
  end

  local function need(sets, environment)
    return helper.run(("env -i %s PATH=%s/bin sh -euc 'root=%s; . ./scripts/common.sh; need %s; echo went on'")
      :format(environment or "", place, place, sets))
  end

  local function calls() return (helper.run(("cat %s/calls 2>/dev/null"):format(place))) end

  it("does nothing where nothing is missing", function()
    debian()
    tool("wanted", "")
    assert.are.equal("went on\n", (need "build"))
    assert.are.equal("", calls())
  end)

  it("says what it installs and why, and installs only what is missing", function()
    debian()
    local output, status = need "build"
    assert.are.equal(0, status)
    assert.truthy(output:find("wanted%-tool%s+makes it go\n.*went on"))
    assert.falsy(output:find("other-tool", 1, true))
    local updated, installed = calls():match "^(.-)\n(.-)\n$"
    assert.truthy(updated:find("update", 1, true))
    assert.truthy(installed:find("install %-y %-%-no%-install%-recommends wanted%-tool$"))
  end)

  it("goes through sudo, which in CI must not ask", function()
    debian()
    tool("id", "echo 1000")
    tool("sudo", ('echo "sudo $1" >>%s/calls\n[ "$1" = -n ] && shift\nexec "$@"'):format(place))
    local output, status = need("build", "CI=true")
    assert.are.equal(0, status)
    assert.truthy(output:find("through sudo", 1, true))
    assert.truthy(calls():find("^sudo %-n\n"))
  end)

  it("names the packages and stops where it cannot become root", function()
    debian()
    tool("id", "echo 1000")
    local output, status = need "build"
    assert.are.equal(1, status)
    assert.truthy(output:find("Install them as root.*\n  wanted%-tool%s+makes it go\n$"))
    assert.are.equal("", calls())
  end)

  it("names the packages and stops on another system, unless all is there", function()
    local output, status = need "build"
    assert.are.equal(1, status)
    assert.truthy(output:find("no apt%-get.*\n  wanted%-tool%s+makes it go\n$"))
    tool("wanted", "")
    assert.are.equal("went on\n", (need "build"))
  end)

  it("stops when apt-get fails, and when the package did not bring what it should", function()
    tool("apt-get", '[ "$3" != update ] || exit 0; exit 100')
    local output, status = need "build"
    assert.are.equal(1, status)
    assert.truthy(output:find("could not install", 1, true))
    tool("apt-get", "exit 0")
    output, status = need "build"
    assert.are.equal(1, status)
    assert.truthy(output:find("still not found.*\n  wanted%-tool"))
  end)
end)
