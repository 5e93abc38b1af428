-- Each thread asks an address of its own. A connection rests between two requests: that leaves the machine to what is
-- tested, and idle connections are what a careless reload closes.

local addresses = {}
for host, port in os.getenv("ADDRESSES"):gmatch("(%S+):(%d+)") do
  table.insert(addresses, wrk.lookup(host, port)[1])
end

function setup(thread)
  thread.addr = table.remove(addresses)
end

function delay()
  return 1 -- ms
end
