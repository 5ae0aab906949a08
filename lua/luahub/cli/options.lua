-- cli/options.lua - reads a command's arguments: options by name, positional ones in order.
--
-- "--name value" and "--name=value" are the same; "--" ends the options. Pure: prints nothing, ends nothing.

local argument = require("luahub.argument")

---@class luahub.cli.Option
---@field value? string   the value's name in the usage text; without it the option is a flag
---@field many? boolean   may be given again; its value is a list
---@field number? boolean the value is a whole number, 1 or more

---@class luahub.cli.Command
---@field usage string
---@field summary string
---@field help? string
---@field positional string[]  names of the arguments that must be there
---@field options table<string, luahub.cli.Option>
---@field run fun(values: table): integer  the exit code

local M = {}

local function known_options(options)
  local names = {}
  for name in pairs(options) do
    names[#names + 1] = "--" .. name
  end
  table.sort(names)
  return names
end

local function convert(name, option, text)
  if not option.number then return text end
  local number = math.tointeger(tonumber(text))
  if not number or number < 1 then return nil, ("--%s: expected a whole number, got %s"):format(name, text) end
  return number
end

local function store(values, name, option, text)
  local value, problem = convert(name, option, text)
  if problem then return problem end
  if option.many then
    values[name] = values[name] or {}
    table.insert(values[name], value)
  elseif values[name] ~= nil then
    return ("--%s is there twice"):format(name)
  else
    values[name] = value
  end
  return nil
end

-- Reads the option at args[i]; answers the index of the next argument, or nil and a problem.
local function read_option(args, i, command, values)
  local name, text = args[i]:match("^%-%-([^=]+)=(.*)$")
  name = name or args[i]:sub(3)
  local option = command.options[name]
  if not option then return nil, argument.unknown("option", args[i], known_options(command.options)) end
  if not option.value then
    if text then return nil, ("--%s takes no value"):format(name) end
    values[name] = true
    return i + 1
  end
  if not text then
    i = i + 1
    text = args[i]
    if text == nil then return nil, ("--%s: %s is missing"):format(name, option.value) end
  end
  local problem = store(values, name, option, text)
  if problem then return nil, problem end
  return i + 1
end

--- Reads `args` for a command.
---@param args string[]
---@param command luahub.cli.Command
---@return table? values  positional ones by their names, options by theirs; `help` = true when asked for
---@return string? problem
function M.parse(args, command)
  local values, positional, i = {}, {}, 1
  while i <= #args do
    local text = args[i]
    if text == "--help" or text == "-h" then return { help = true } end
    if text == "--" then
      table.move(args, i + 1, #args, #positional + 1, positional)
      break
    elseif text:sub(1, 2) == "--" then
      local following, problem = read_option(args, i, command, values)
      if not following then return nil, problem end
      i = following
    elseif text:match("^%-%a") then
      return nil, argument.unknown("option", text, known_options(command.options))
    else
      positional[#positional + 1] = text
      i = i + 1
    end
  end
  for index, name in ipairs(command.positional) do
    if positional[index] == nil then return nil, name .. " is missing" end
    values[name] = positional[index]
  end
  if #positional > #command.positional then
    return nil, ("unexpected argument '%s'"):format(positional[#command.positional + 1])
  end
  return values
end

return M
