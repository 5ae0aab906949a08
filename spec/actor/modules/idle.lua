-- The smallest server: what an idle child costs is measured with it.
return { init = function() return { n = 0 } end, call = function(state) return state.n end }
