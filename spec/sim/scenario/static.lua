-- static.lua (spec) - a node's own file: a hub with static children, and no scenario.

return {
  node = { name = "n1" },
  hubs = { { id = "shop", children = { { id = "a", start = { "probe" } }, { id = "b", start = { "probe" } } } } },
}
