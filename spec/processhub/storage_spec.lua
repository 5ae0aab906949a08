-- Storage for scripts: T-240 to T-247, and what was wrong there: `get` did not
-- look at the time, `update` was not atomic.
--
-- What takes 10,000 requests is tagged #notsan: one thread takes them, and slowly there.

local cluster = require("spec.cluster.helper")

describe("Storage", function()
  local world, node

  setup(function()
    world = cluster.new()
    node = world:start("n1")
  end)
  teardown(function()
    world:close()
  end)
  before_each(function()
    node:eval("return luahub.storage.clear_all(hub)")
  end)

  local function storage(chunk)
    return node:eval("local storage = luahub.storage " .. chunk)
  end

  it("T-240 to T-242, T-245: has what was inserted, until it is removed", function()
    assert.are.same({ false, "none", true, "v", true, true, false, false }, storage([[
      local out = { storage.exists(hub, "k"), storage.get(hub, "k") or "none", storage.insert(hub, "k", "v") }
      out[4], out[5] = storage.get(hub, "k"), storage.exists(hub, "k")
      out[6], out[7], out[8] = storage.remove(hub, "k"), storage.remove(hub, "k"), storage.exists(hub, "k")
      return out]]))
  end)

  it("T-242: keeps any plain data, false and 0 included, and pids that work", function()
    assert.are.same({ false, 0, { a = { 1, 2, "x" } }, true, true }, storage([[
      storage.insert(hub, "false", false)
      storage.insert(hub, "zero", 0)
      storage.insert(hub, "table", { a = { 1, 2, "x" } })
      storage.insert(hub, "pid", luahub.self())
      local pid = storage.get(hub, "pid")
      return { storage.get(hub, "false"), storage.get(hub, "zero"), storage.get(hub, "table"),
        storage.exists(hub, "false"), pid == luahub.self() }]]))
  end)

  it("T-241: never answers what is over, and lets it go", function()
    local before = node:eval("return luahub.counters().node.storage_expired")
    assert.are.same({ true, false, 0 }, storage([[
      storage.insert(hub, "short", 1, { ttl = 30 })
      storage.insert(hub, "shorter", 1, { ttl = 0 })
      storage.insert(hub, "long", 1, { ttl = 3600000 })
      storage.insert(hub, "for good", 1)
      local first = storage.exists(hub, "short")
      while storage.get(hub, "short") do luahub.sleep(5) end
      return { first, storage.exists(hub, "shorter"), #storage.match(hub, "^short") }]]))
    cluster.eventually("both are counted", function()
      return node:eval("return luahub.counters().node.storage_expired") == before + 2
    end)
    assert.are.same({ { "for good" }, { "long", true } }, storage([[
      local out = {}
      for i, entry in ipairs(storage.export_all(hub)) do
        out[i] = { entry.key, entry.ttl and entry.ttl > 0 and entry.ttl <= 3600000 or nil }
      end
      return out]]))
  end)

  it("T-244: updates what is there and what is not; the time stays unless another is told", function()
    assert.are.same({ 1, 2, true, true, "gone", 0 }, storage([[
      local function add(old) return (old or 0) + 1 end
      local out = { storage.update(hub, "n", add), storage.update(hub, "n", add) }
      storage.insert(hub, "n", 5, { ttl = 3600000 })
      storage.update(hub, "n", add)
      out[3] = storage.export_all(hub)[1].ttl ~= nil
      storage.update(hub, "n", add, { ttl = 10 })
      out[4] = storage.export_all(hub)[1] == nil or storage.export_all(hub)[1].ttl <= 10
      storage.insert(hub, "n", 5)
      out[5] = storage.update(hub, "n", function() return nil end) or "gone"
      out[6] = #storage.export_all(hub)
      return out]]))
  end)

  it("T-244: loses no update of many processes at once", function()
    assert.are.equal(200, storage([[
      local me = luahub.self()
      for _ = 1, 8 do
        luahub.spawn(function()
          for _ = 1, 25 do
            assert(luahub.storage.update(luahub.hub("main"), "sum", function(old)
              if old == nil or old % 7 == 0 then luahub.sleep(1) end -- others come between
              return (old or 0) + 1
            end))
          end
          luahub.send(me, "done")
        end)
      end
      for _ = 1, 8 do assert(luahub.receive(30000)) end
      return storage.get(hub, "sum")]]))
  end)

  it("T-243: finds by a pattern of keys, and by fields", function()
    assert.are.same({ "s/1 s/2 s/3", "s/1 s/3", 0 }, storage([[
      for i, role in ipairs { "reader", "writer", "reader" } do
        storage.insert(hub, "s/" .. i, { role = role, n = i })
      end
      storage.insert(hub, "other", { role = "reader" })
      storage.insert(hub, "s", "no table")
      local function keys(list)
        local out = {}
        for i, entry in ipairs(list) do out[i] = entry.key end
        return table.concat(out, " ")
      end
      return { keys(storage.match(hub, "^s/")), keys(storage.match(hub, "^s", { role = "reader" })),
        #storage.match(hub, "^s/", { role = "nobody" }) }]]))
  end)

  it("T-246, T-247: is exported sorted, and cleared", function()
    assert.are.same({ "a b c", 3, 0 }, storage([[
      for _, key in ipairs { "c", "a", "b" } do storage.insert(hub, key, key) end
      local keys = {}
      for i, entry in ipairs(storage.export_all(hub)) do keys[i] = entry.key end
      return { table.concat(keys, " "), storage.clear_all(hub), #storage.export_all(hub) }]]))
  end)

  it("is bounded in entries and in bytes, and counts what it refused #notsan", function()
    local before = node:eval("return luahub.counters().node.storage_refused")
    assert.are.same({ 10000, "limit", true, true }, storage([[
      local last, err = 0, nil
      for i = 1, 10001 do
        local ok
        ok, err = storage.insert(hub, "k" .. i, i)
        if ok then last = i end
      end
      local code = err.code
      return { last, code, storage.insert(hub, "k1", "another"), storage.remove(hub, "k2") }]]))
    assert.are.same({ "limit", "this node keeps no more values for scripts", true }, storage([[
      storage.clear_all(hub)
      local ok, err
      for i = 1, 9 do
        ok, err = storage.insert(hub, "k" .. i, ("x"):rep(2^20))
      end
      return { err.code, err.message, storage.insert(hub, "k1", "little") and storage.insert(hub, "k9", 1) }]]))
    assert.are.equal(before + 3, node:eval("return luahub.counters().node.storage_refused"))
  end)

  it("refuses what is no key, no value, no time and no hub, in one line", function()
    local function refusal(call)
      return storage(([[
        local ok, problem, err = pcall(function() return %s end)
        if not ok then return problem end
        return err.code]]):format(call))
    end
    assert.are.equal("invalid", refusal('storage.insert(hub, ("x"):rep(256), 1)'))
    assert.are.equal("not_alive", refusal('storage.insert("elsewhere", "k", 1)'))
    for call, text in pairs({
      ['storage.get(hub)'] = "storage.get: key: expected a string that is not empty, got nil",
      ['storage.insert(hub, "", 1)'] = "storage.insert: key: expected a string that is not empty",
      ['storage.insert(hub, "k")'] = "storage.insert: value: expected a value, got nil",
      ['storage.insert(hub, "k", 1, { tll = 5 })'] = "unknown option 'tll' (did you mean 'ttl'?)",
      ['storage.insert(hub, "k", 1, { ttl = -1 })'] = "ttl: expected a number of milliseconds, got -1",
      ['storage.update(hub, "k", 1)'] = "storage.update: fn: expected a function, got 1",
      ['storage.match(hub, nil)'] = "storage.match: pattern: expected a string, got nil",
      ['storage.export_all(5)'] = "storage.export_all: hub (a hub or its id): expected a string",
    }) do
      local said = refusal(call)
      assert.is_truthy(said:find(text, 1, true), call .. ": " .. said)
      assert.is_nil(said:find("\n"), said)
    end
  end)

  it("holds nothing of the hub's own, whatever runs there", function()
    node:start_children({ "stored" })
    assert.are.equal(0, storage("return #storage.export_all(hub)"))
    assert.are.equal("ok", node:stop_children({ "stored" }).status)
  end)

  it("goes with its hub", function()
    world:write("two.lua", [[
      local luahub = require("luahub")
      local node = assert(luahub.start{ name = "alone", runtime_dir = "run", log_level = "warn" })
      local handler = { id = "h", handler = { "ears", "note" } }
      for round = 1, 2 do
        local hub = assert(node:start_hub{ id = "h" .. 1, hooks = { k = { handler } } })
        print(#luahub.storage.export_all(hub), #luahub.hook_manager.registered_handlers(hub, "k"))
        assert(luahub.storage.insert(hub, "k", round))
        assert(hub:stop())
      end
      node:stop()]])
    local lib = ("LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua' LUA_CPATH='%s/?.so'"):format(
      os.getenv("PWD"), os.getenv("PWD"), os.getenv("LUAHUB_BUILD") or os.getenv("PWD") .. "/build")
    local said = require("spec_helper").run(("cd '%s' && %s lua5.4 two.lua"):format(world.directory, lib), 30)
    assert.are.equal("0\t1\n0\t1\n", said)
  end)
end)
