-- Says how fresh the cache is, if it is still the one that was filled.
-- KEYS: meta, mark. ARGV: mark, incarnation, offset, at, lag_ms, engine. With one ARGV: makes the mark where there is none, and answers it.
local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

local mark = redis.call('GET', KEYS[2])
if #ARGV == 1 then
  if mark then return mark end
  redis.call('HDEL', KEYS[1], 'version') -- what it was true of is gone
  redis.call('SET', KEYS[2], ARGV[1])
  return ARGV[1]
end
if mark ~= ARGV[1] then return 'lost' end
local there = redis.call('HGET', KEYS[1], 'version')
if there then
  local incarnation, offset = string.match(there, '^(%d+):(%d+)$')
  if incarnation and (less(ARGV[2], incarnation) or (ARGV[2] == incarnation and less(ARGV[3], offset))) then return 'older' end
end
redis.call('HSET', KEYS[1], 'version', ARGV[2] .. ':' .. ARGV[3], 'at', ARGV[4], 'lag_ms', ARGV[5], 'engine', ARGV[6])
redis.call('HDEL', KEYS[1], 'rebuilding') -- whoever takes over may rely on the version again
return 'ok'
