local stranger = require "luahub_test.link_stranger"

local function hex(bytes) return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function unhex(text) return (text:gsub("%x%x", function(x) return string.char(tonumber(x, 16)) end)) end

describe("the cluster's secret", function()
  it("is one line that reads back, however it is surrounded or capitalised", function()
    local text = stranger.generate()
    assert.equal(8 + 58, #text)
    assert.equal(text, stranger.parse(text))
    assert.equal(text, stranger.parse("  " .. text .. "\r\n"))
    assert.equal(text, stranger.parse("luahub1-" .. text:sub(9):upper()))
    assert.not_equal(text, stranger.generate())
  end)

  it("says what is wrong with a text that is none", function()
    local text = stranger.generate()
    local function problem(wrong)
      local ok, message = stranger.parse(wrong)
      assert.is_nil(ok)
      return message
    end
    assert.matches("does not begin with 'luahub1%-'", problem "")
    assert.matches("does not begin with 'luahub1%-'", problem(text:sub(9)))
    assert.matches("57 letters .* expected 58", problem(text:sub(1, -2)))
    assert.matches("59 letters .* expected 58", problem(text .. "a"))
    assert.matches("letter 3 .* is not base32", problem(text:sub(1, 10) .. "!" .. text:sub(12)))
  end)

  it("notices every single changed letter", function()
    local text = stranger.generate()
    for i = 9, #text do
      local other = text:sub(i, i) == "a" and "b" or "a"
      assert.is_nil((stranger.parse(text:sub(1, i - 1) .. other .. text:sub(i + 1))))
    end
  end)

  it("gives a key of its own for every label", function()
    local text = stranger.generate()
    assert.equal(stranger.derive(text, "one"), stranger.derive(text, "one"))
    assert.not_equal(stranger.derive(text, "one"), stranger.derive(text, "two"))
    assert.not_equal(stranger.derive(text, "one"), stranger.derive(stranger.generate(), "one"))
  end)
end)

describe("a node's identity", function()
  -- RFC 8032, 7.1, test 2
  local private = unhex "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"

  it("signs as RFC 8032 says", function()
    local public, signature = stranger.sign(private, "\x72")
    assert.equal("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", hex(public))
    assert.equal("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      .. "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00", hex(signature))
    assert.is_true(stranger.verify(public, "\x72", signature))
  end)

  it("does not verify other data, another key or a changed signature", function()
    local public, signature = stranger.sign(private, "data")
    local other = stranger.sign(string.rep("p", 32), "data")
    assert.is_false(stranger.verify(public, "date", signature))
    assert.is_false(stranger.verify(other, "data", signature))
    assert.is_false(stranger.verify(public, "data", signature:sub(1, 63) .. "\xff"))
  end)

  it("has an id that is cut from the digest of its public key", function()
    local _, _, id = stranger.sign(private, "")
    assert.equal("39f713d0a644253f", hex(id):sub(1, 16))
  end)
end)
