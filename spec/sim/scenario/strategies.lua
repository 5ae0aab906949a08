-- A user's strategies of every kind and an alter hook, and what the nodes say of their hub.
local function number_of(id)
  return tonumber(id:match("%d+"))
end

local shop = {
  id = "shop",
  distribution = {
    place = function(ids, view)
      local owners = {}
      for i, id in ipairs(ids) do
        owners[i] = number_of(id) % #view.nodes + 1
      end
      return owners
    end,
    init = function(specs)
      for _, spec in ipairs(specs) do
        if spec.id:find("^bad") then return nil, "no child may be bad" end
      end
      return true
    end,
  },
  migration = {
    move = function(children)
      local plan = {}
      for i, child in ipairs(children) do
        plan[i] = number_of(child.id) % 3 > 0 and "cold"
      end
      return plan
    end,
  },
  partition_tolerance = {
    may_act = function(view)
      return #view.nodes > 1, "this node is alone"
    end,
  },
  hooks = {
    child_data_alter = {
      { id = "label", immediate = true, handler = function(data)
        data.metadata = { tag = "labelled" }
        return data
      end },
    },
  },
}

local function answer(world, name, code)
  local value, err = world:eval(name, code)
  if err then error(err.message) end
  return value
end

local function each(first, last, prefix)
  local specs = {}
  for i = first, last do
    specs[#specs + 1] = { id = (prefix or "c") .. i, start = { "quiet" } }
  end
  return specs
end

local function check_words(world)
  local hub = 'local hub = require("luahub").hub("shop") '
  world:expect(answer(world, "n2", hub .. "return hub:child_lookup('c1', { with_metadata = true }).metadata.tag")
    == "labelled", "an alter hook is heard")
  world:expect(#answer(world, "n1", hub .. "return hub:tag_query('labelled')") == 12, "all are altered")
  world:expect(#answer(world, "n1", hub .. "return hub:nodes{ include_local = true }") == 3, "all run the hub")
  local which = hub .. "return next(hub:which_children{ scope = 'local' }) ~= nil"
  world:expect(answer(world, "n1", which), "it says what it runs")
  world:expect(answer(world, "n1", hub .. "return hub:is_alive() and not hub:is_partitioned()"), "it is well")
end

local function check_refusals(world)
  local refused = world:start({ { id = "bad1", start = { "quiet" } } })
  world:expect(refused.errors[1].code == "child_failed" and refused.errors[1].message:find("bad"), "init is heard")
  local again = world:start({ { id = "c1", start = { "quiet" } } })
  world:expect(again and again.errors[1].code == "already_started" or not again, "a child is started once")
end

local SIDE = 'local hub = require("luahub").hub("side") '

local function check_options(world)
  local status = answer(world, "n1", SIDE .. [[
    local specs = { { id = "good1", start = { "quiet" } }, { id = "fails1", start = { "no_such_module" } } }
    local result = assert(hub:start_children(specs, { awaitable = true, on_failure = "rollback" })):await()
    return { result:status(), #result:errors(), hub:child_lookup("good1") == nil }]])
  world:expect(status[1] == "error" and status[2] == 1 and status[3], "what did start is taken back")
  answer(world, "n1", SIDE .. [[
    local own = { m2 = { tag = "own" } }
    local options = { metadata = { tag = "all" }, child_metadata = own, disable_logging = true }
    local specs = { { id = "m1", start = { "quiet" } }, { id = "m2", start = { "quiet" } } }
    assert(hub:start_children(specs, options) == "start_initiated")
    return true]])
  world:run_for(2000)
  world:expect(#answer(world, "n2", SIDE .. "return hub:tag_query('own')") == 1, "metadata of one wins")
  local codes = answer(world, "n1", SIDE .. [[
    local codes = {}
    local start = { "quiet" }
    for i, spec in ipairs({
      { id = "", start = start }, { id = "x1" }, { id = "x2", start = start, restart = "often" },
      { id = "x3", start = { 7 } }, { id = ("x"):rep(300), start = start },
      { id = "x4", start = start, type = "boss" }, { id = "x5", start = start, shutdown = "soon" },
      { id = "x6", start = start, shutdown = -1 },
    }) do
      local _, err = hub:start_child(spec)
      codes[i] = err and err.code or "none"
    end
    return codes]])
  for _, code in ipairs(codes) do world:expect(code == "invalid_spec", "a wrong spec is refused", code) end
  world:expect(answer(world, "n1", SIDE .. "return hub:stop_child('m1')") == "stop_initiated", "a stop is begun")
  world:run_for(2000)
  world:expect(answer(world, "n2", SIDE .. "return hub:child_lookup('m1') == nil"), "what was stopped is gone")
end

local ONE_OF_EACH = [[
  local luahub = require("luahub")
  local specs = {
    { id = "k1", start = { "quiet" }, type = "supervisor" },
    { id = "k2", start = { "quiet" }, shutdown = "brutal_kill" },
    { id = "k3", start = { "quiet" }, shutdown = "infinity" }, { id = "k4", start = { "quiet" }, shutdown = 250 },
    { id = "k5", start = { "quiet" }, isolated = true }, { id = "k6", start = { "quiet" }, restart = "transient" },
  }
  local result = assert(luahub.hub("side"):start_children(specs, { awaitable = true })):await()
  return #result:cids()]]

-- Orders about one child go to the node that it runs on.
local ORDERS = [[
  local luahub = require("luahub")
  local own = luahub.hub("side"):process_list("local")
  local first, second = own[1].id, own[2].id
  local out = { assert(luahub.distributor.child_terminate("side", first)) }
  out[2] = select(2, luahub.distributor.child_terminate("side", "nobody")).code
  out[3] = luahub.distributor.children_redist_init("side", { { id = second, start = { "quiet" } } }, ...)
  out[4] = second
  return out]]

local function check_orders(world)
  world:expect(answer(world, "n2", ONE_OF_EACH) == 6, "a child of each kind is started")
  local out = assert(world:eval("n2", ORDERS, "n3"))
  world:expect(out[1] and out[2] == "not_found", "a child is ended where it runs")
  world:run_for(5000)
  local places = answer(world, "n1", SIDE .. ("return hub:child_lookup(%q).instances[1].node"):format(out[4]))
  world:expect(out[3] == "redistribution_initiated" and places == "n3", "a child goes where it is sent")
end

return {
  hubs = { shop, { id = "side" } },
  nodes = 3,
  run = function(world)
    world:cluster(3)
    world:expect(#assert(world:start(each(1, 12))).ids == 12, "all are started")
    world:expect(#assert(world:start(each(1, 6, "s"), { hub = "side" })).ids == 6, "all are started")
    check_words(world)
    check_refusals(world)
    check_options(world)
    check_orders(world)
    -- Moves: a node is gone for a while, its children come back as the migration decides.
    world:leave("n3")
    world:run_for(20000)
    world:restart("n3")
    world:run_for(20000)
    -- A hub is stopped on one node: its children go to the others.
    assert(answer(world, "n3", 'return require("luahub").hub("side"):stop()'))
    world:run_for(10000)
    world:expect(#answer(world, "n1", 'return require("luahub").hub("side"):nodes{ include_local = true }') == 2,
      "a hub is closed on one node")
    -- Alone a node may not act.
    world:crash("n2")
    world:crash("n3")
    world:run_for(15000)
    world:expect(answer(world, "n1", 'return require("luahub").hub("shop"):is_partitioned()'), "it is told to wait")
    local late = world:start(each(90, 90), { timeout = 2000 })
    world:expect(not late or #late.ids == 0, "nothing is started meanwhile")
    world:restart("n2")
    world:run_for(15000)
    world:expect(not answer(world, "n1", 'return require("luahub").hub("shop"):is_partitioned()'), "it may act again")
    world:eventually("nothing is lost", require("luahub.sim.invariant").nothing_lost, 60000)
  end,
}
