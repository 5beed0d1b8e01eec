-- Writes hashes of SKUs, unless what is there is newer.
-- KEYS: the hashes. ARGV: incarnation, milliseconds, channel, bytes of a key before the SKU; then for each key: offset, base (the offset
-- that the hash is known to have; empty: all its fields are here), fields it must have in the end, pairs that follow, and the pairs.
-- A key that ends with the SKU's } is the pool's view. Behind it come those of channels that see the SKU otherwise; the pool's last pair,
-- @c, names them, and the hashes of channels that it named before and does not name now are deleted.
-- Answers one character a SKU: 0 written, 1 something newer is there, 2 a hash is not as it should be: send all of it, 3 nothing new.
local FEW = 2000 -- values that fit on Lua's stack

-- Numbers stay decimal text: Lua's own are exact to 2^53 only.
local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

local incarnation, now_ms, channel, before = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local function set(key, first, last)
  for at = first, last, FEW do
    redis.call('HSET', key, unpack(ARGV, at, math.min(at + FEW - 1, last)))
  end
end

local function stamp(key, offset)
  redis.call('HSET', key, '@v', incarnation .. ':' .. offset, '@t', now_ms)
end

local function same(key, first, last, fields)
  if redis.call('HLEN', key) ~= fields then return false end
  for at = first, last, FEW do
    local names, stop = {}, math.min(at + FEW - 1, last)
    for i = at, stop, 2 do names[#names + 1] = ARGV[i] end
    local values = redis.call('HMGET', key, unpack(names))
    for i = 1, #names do
      if values[i] ~= ARGV[at + 2 * i - 1] then return false end
    end
  end
  return true
end

-- The version of what is there, both parts, and the channels it names; nil when there is none. What is no hash at all has no right to be
-- there.
local function version_of(key)
  local is = redis.pcall('HMGET', key, '@v', '@c')
  if is.err then
    redis.call('DEL', key)
    return nil
  end
  if not is[1] then return nil, nil, is[2] end
  local its_incarnation, its_offset = string.match(is[1], '^(%d+):(%d+)$')
  return its_incarnation, its_offset, is[2]
end

-- Deletes the hashes of channels that see the SKU as the pool does from now on. True when there were any.
local function forget_channels(key, were, first, last)
  local are = ARGV[last - 1] == '@c' and ARGV[last] or ''
  if not were or were == are then return false end
  local named = {}
  for name in string.gmatch(are, '[^,]+') do named[name] = true end
  for name in string.gmatch(were, '[^,]+') do
    if not named[name] then redis.call('DEL', key .. ':' .. name) end
  end
  if are == '' then redis.call('HDEL', key, '@c') end
  return true
end

local told -- the key of the SKU that was published last
local function publish(key, offset)
  local pool = string.match(key, '^.*}')
  if told == pool then return end
  told = pool
  redis.call('PUBLISH', channel, string.sub(pool, before + 1, -2) .. ' ' .. incarnation .. ':' .. offset)
end

local function write(key, offset, base, fields, first, last)
  local its_incarnation, its_offset, its_channels = version_of(key)
  if its_incarnation then
    if less(incarnation, its_incarnation) then return '1' end
    if incarnation == its_incarnation and less(offset, its_offset) then return '1' end
  end
  local forgot = forget_channels(key, its_channels, first, last)
  if forgot then publish(key, offset) end
  if base == '' then
    if its_incarnation and same(key, first, last, fields) then
      stamp(key, offset)
      return '3'
    end
    set(key, first, last) -- before any DEL: a Redis without memory refuses the first HSET of a script
    stamp(key, offset)
    if redis.call('HLEN', key) ~= fields then
      redis.call('DEL', key)
      set(key, first, last)
    end
  else
    if its_incarnation ~= incarnation or less(its_offset, base) then return '2' end
    set(key, first, last)
    if redis.call('HLEN', key) ~= fields then
      redis.call('HDEL', key, '@v') -- readers see that it is not whole, until it is
      return '2'
    end
  end
  stamp(key, offset)
  publish(key, offset)
  return '0'
end

-- Nothing of a channel is written where the pool's view was not: it would be as old.
local verdicts, at = {}, 5
for i = 1, #KEYS do
  local first = at + 4
  local last = first + 2 * tonumber(ARGV[at + 3]) - 1
  local pools = string.sub(KEYS[i], -1) == '}'
  local n = #verdicts
  if pools or verdicts[n] == '0' or verdicts[n] == '3' then
    local verdict = write(KEYS[i], ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), first, last)
    if pools then
      verdicts[n + 1] = verdict
    elseif verdict ~= '3' then
      verdicts[n] = verdict
    end
  end
  at = last + 1
end
return table.concat(verdicts)
