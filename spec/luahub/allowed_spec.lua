local allowed = require("luahub.allowed")
local helper = require("spec_helper")

describe("A list of allowed nodes", function()
  local directory, remove = helper.temporary_directory()
  local path = directory .. "/allowed"
  teardown(remove)

  local function read(text)
    helper.write_file(path, text)
    return allowed.read(path)
  end

  local ID = ("0123456789abcdef"):rep(2)

  it("has an id a line, and remarks", function()
    assert.are.same({ ID, ID }, read(("# ours\n\n%s n1\n  %s# n2\n"):format(ID, ID:upper())))
    assert.are.same({}, read(""))
    assert.are.same({ ID }, read(ID))
  end)

  it("refuses what is no id, and says where", function()
    for _, wrong in ipairs({ "n1", ID:sub(2), ID .. "0", "g" .. ID:sub(2), "\0" .. ID }) do
      local ids, err = read(ID .. "\n" .. wrong .. "\n")
      assert.is_nil(ids)
      assert.are.equal("invalid_config", err.code)
      local told = path .. ":2: expected the id of a node, 32 hex digits, got "
      assert.is_truthy(err.message:find(told, 1, true), err.message)
    end
  end)

  it("refuses more ids than a node keeps", function()
    assert.are.equal(4096, #assert(read((ID .. "\n"):rep(4096))))
    local ids, err = read((ID .. "\n"):rep(4097))
    assert.is_nil(ids)
    assert.are.equal(("node.allow_file: %s: at most 4096 ids, got 4097"):format(path), err.message)
  end)

  it("is read from a file that is there", function()
    local ids, err = allowed.read(directory .. "/none")
    assert.is_nil(ids)
    assert.is_truthy(err.message:find("cannot read " .. directory .. "/none: No such file", 1, true), err.message)
    ids, err = allowed.read(directory)
    assert.is_nil(ids)
    assert.are.equal(("node.allow_file: %s is not a file"):format(directory), err.message)
  end)
end)
