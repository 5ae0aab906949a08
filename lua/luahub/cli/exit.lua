-- cli/exit.lua - the exit codes of every command (the table in doc/manual.md).

return {
  OK = 0,
  FAILED = 1, -- the chunk raised or answered nil and an error; the command could not be carried out
  USAGE = 2, -- wrong arguments
  CONFIG = 3, -- FILE cannot be read or is wrong; another node has the identity in data_dir
  UNREACHABLE = 4, -- no node of that name answers
  TIMEOUT = 5, -- the node did not answer in time
  START = 6, -- the node could not start: a port in use, a name that is taken, ...
}
