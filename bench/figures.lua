-- figures.lua - what is measured: name, unit, and the floor and reach of those that have them.
--
-- `floor` and `reach` are the least wanted and the hoped for; `more` says that more is better.

return {
  { "machine_ping", "us", about = "bare blocking 64-byte TCP ping-pong of two programs, p50" },
  { "machine_wake", "us", about = "waking another thread, p50" },
  { "machine_resume", "ns", about = "coroutine resume and yield in stock Lua" },
  { "machine_spawn", "ms", about = "stock lua5.4 that loads one empty file" },

  { "place_rendezvous", "ms", about = "place() of 100,000 ids on 50 nodes" },
  { "place_weighted", "ms", about = "the same, nodes of three weights" },
  { "place_bounded", "ms", about = "the same, bounded = 1.25" },
  { "place_ring", "ms", about = "consistent hashing" },
  { "place_load", "ms", about = "load balancer" },
  { "place_spread", "ms", about = "rendezvous, spread over three zones" },
  { "place_custom", "ms", about = "examples/strategy_by_name.lua" },

  { "start_30k", "children/s", more = true, floor = 60000, reach = 150000,
    about = "awaited start of 30,000 in one call" },
  { "start_10k", "children/s", more = true },
  { "start_30k_one_node", "children/s", more = true },
  { "start_100k", "children/s", more = true, about = "100,000 in one call" },
  { "start_1m", "children/s", more = true, about = "1,000,000 in batches of 50,000" },
  { "agree_30k", "ms", about = "from the call until every registry has all 30,000 rows" },
  { "start_single_0", "ms", about = "awaited start of one child, 1,000 rows present" },
  { "start_single", "ms", floor = 2, reach = 0.5, about = "awaited start of one child, 100,000 rows present" },
  { "stop_30k", "children/s", more = true, floor = 80000, reach = 200000,
    about = "awaited stop of 30,000 in one call" },
  { "stop_single", "ms", about = "awaited stop of one child, 100,000 rows present" },

  { "child_bytes", "B", floor = 1300, reach = 800, about = "idle server child on its host, row included" },
  { "row_bytes", "B", floor = 350, reach = 250, about = "row on another node" },

  { "get_pid", "/s", more = true, floor = 3e6, reach = 5e6, about = "hub:get_pid in a child, 10,000 rows at random" },
  { "get_pid_churn", "/s", more = true, floor = 3e6, reach = 5e6, about = "the same while rows change" },
  { "child_lookup", "/s", more = true },
  { "tag_query", "ms", about = "1,000 children of a tag among 100,000" },
  { "metadata_query", "ms", about = "1,000 children that have a key among 100,000 that have others" },
  { "metadata_query_none", "ms", about = "none that has the key among 100,000" },

  { "call_integer", "/s", more = true, floor = 600000, reach = 1200000,
    about = "local call, server to server, one scheduler" },
  { "call_pair", "/s", more = true, floor = 250000, reach = 500000, about = "the same, two-field table" },
  { "call_hub", "/s", more = true, about = "hub:call of a local child" },
  { "call_p50", "us" },
  { "call_p99", "us" },
  { "call_p999", "us" },
  { "cast_local", "/s", more = true, about = "casts to 100 local pids, all handled" },
  { "call_integer_100k", "/s", more = true, floor = 600000, reach = 1200000, about = "with 100,000 idle children" },
  { "call_p999_100k", "ms", floor = 3, reach = 0.5, about = "two-field table, with 100,000 idle children" },

  { "hook_waiting", "/s", more = true, about = "events that wait for one waiting handler" },
  { "hook_immediate", "/s", more = true, about = "events for an immediate handler, from dispatch_hook on" },
  { "hook_start_cost", "%",
    about = "what a sleeping, an endless and a raising handler add to a start of 10,000 on two nodes" },
  { "hook_longest", "ms", floor = 50,
    about = "a single start or call beside those, and immediate ones that compute without end" },

  { "remote_over_ping", "times", floor = 4, reach = 2.5,
    about = "remote call p50 over the bare ping-pong, interleaved" },
  { "remote_p50", "us" },
  { "remote_p99", "us" },
  { "remote_p999", "us" },
  { "remote_calls_1", "/s", more = true, about = "one caller" },
  { "remote_calls_8", "/s", more = true, about = "eight callers" },
  { "remote_cast", "/s", more = true, floor = 300000, reach = 1e6,
    about = "casts to 100 pids of another node, all handled" },

  { "death_3k", "ms", about = "kill -9 of 1 of 3 until its 1,000 children run again" },
  { "death_30k", "ms", floor = 1000, reach = 250, about = "kill -9 of 1 of 3 until its 10,000 children run again" },
  { "freeze_30k", "ms", floor = 6500, reach = 5000, about = "SIGSTOP of 1 of 3 until its children run elsewhere" },

  { "load_verdicts", "", floor = 0, reach = 0,
    about = "children taken from nodes that live, while all cores are busy" },

  { "join_30k", "ms", floor = 3000, reach = 800, about = "exec of a third node until nothing moves any more" },
  { "join_longest_call", "ms", floor = 200, reach = 30, about = "meanwhile" },

  { "drain_10k", "ms", floor = 3000, reach = 800,
    about = "drain of 1 of 3 with 10,000 of 30,000, 100 bytes of state each" },
  { "hot_join_10k", "ms", floor = 3000, reach = 800,
    about = "exec of a third node until 10,000 were handed over to it" },
  { "hot_join_longest_call", "ms", about = "meanwhile" },

  { "idle_cpu", "% of a core", floor = 1, reach = 1,
    about = "a node with 100,000 children in the cluster, less an empty one" },
  { "idle_traffic", "%", floor = 10, reach = 10,
    about = "loopback bytes with 100,000 children, beyond those of an empty cluster" },
  { "idle_bytes", "B/s", about = "all three nodes together, with 100,000 children" },
  { "node_rss", "MB", floor = 14, reach = 8, about = "idle node" },
  { "node_ready", "ms", floor = 150, reach = 40, about = "exec to ready" },

  { "many_see", "s", floor = 20, reach = 8, about = "50 nodes: all see all" },
  { "many_pss", "MB", floor = 1000, reach = 400, about = "what 50 nodes take of the machine" },
  { "many_rss", "MB", floor = 1000, reach = 400, about = "the same, pages that they share counted 50 times" },
}
