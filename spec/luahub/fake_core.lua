-- fake_core.lua - stands for luahub.core in specs of the Lua side: answers from tables, remembers what was asked.
--
--   local core = dofile("spec/luahub/fake_core.lua").install()
--   core.answers.hub_state = { alive = true }            a value, or a function(value, ms) -> value | nil, err

local fake = {}

local function make_failure(code, message)
  return setmetatable({ code = code, message = message or code }, {
    __tostring = function(failure)
      return failure.message
    end,
  })
end

local function answer(core, kind, value, ms)
  core.asked[#core.asked + 1] = { kind = kind, value = value, ms = ms }
  local known = core.answers[kind]
  if known == nil then return nil, make_failure("unknown_request", "no answer for " .. kind) end
  if type(known) == "function" then return known(value, ms) end
  return known
end

local function add_requests(core)
  function core.request(kind, value, ms)
    return answer(core, kind, value, ms)
  end

  function core.request_async(kind, value)
    core.refs[#core.refs + 1] = { answer(core, kind, value) }
    return #core.refs
  end

  function core.await(ref)
    return table.unpack(core.refs[ref], 1, 2)
  end
end

local function add_registry(core)
  function core.get_pid(_, id)
    return core.pids[id]
  end

  function core.get_pids(_, id)
    return { core.pids[id] }
  end

  function core.lookup(_, id)
    return core.children[id]
  end

  function core.list(_, options)
    core.listed = options
    return {}
  end
end

local function add_actors(core)
  for _, name in ipairs({ "receive", "monitor", "demonitor", "link", "unlink", "trap_exit", "cancel", "self" }) do
    core[name] = function() end
  end
  core.later = {}

  core.now = function()
    return core.time
  end

  function core.sleep(ms)
    core.time = core.time + ms
    core.slept[#core.slept + 1] = ms
  end

  function core.send(pid, message)
    core.sent[#core.sent + 1] = { pid = pid, message = message }
    return true
  end

  function core.cast(pid, message)
    return core.send(pid, message)
  end

  function core.spawn(body)
    core.spawned[#core.spawned + 1] = body
    return core.pid()
  end

  function core.log(level, text)
    core.lines[#core.lines + 1] = { level = level, text = text }
  end

  function core.set_policy(fn)
    core.policy = fn
  end
end

--- A fresh fake in package.loaded; every luahub module will be loaded anew.
function fake.install()
  for name in pairs(package.loaded) do
    if name:match("^luahub") then package.loaded[name] = nil end
  end
  local core = { version = "0.1.0", protocol = 1, answers = {}, asked = {}, refs = {}, pids = {}, children = {} }
  core.time, core.slept, core.sent, core.spawned, core.lines = 0, {}, {}, {}, {}
  core.failure = make_failure
  function core.secret_check(text)
    if text:match("^k+$") then return true end
    return nil, make_failure("invalid", "secret: not one of ours")
  end
  core.ordered = { pairs = pairs, next = next }
  -- Any userdata does for a pid.
  function core.pid()
    return io.tmpfile()
  end
  function core.within(_, fn, ...)
    return pcall(fn, ...)
  end
  add_requests(core)
  add_registry(core)
  add_actors(core)
  package.loaded["luahub.core"] = core
  return core
end

return fake
