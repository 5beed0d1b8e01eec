-- Writes hashes of SKUs, unless what is there is newer.
-- KEYS: the hashes. ARGV: incarnation, milliseconds, channel, bytes of a key before the SKU; then for each key one word of MessagePack (one
-- word is read much sooner than its parts): how many words with nothing but pairs follow it, offset, base (the offset that the hash is known
-- to have; empty: all its fields are here), fields it must have in the end, channels, and the first pairs.
-- A key that ends with the SKU's } is the pool's view. Behind it come those of channels that see the SKU otherwise; `channels` of the pool
-- names them, as its field @c does, and the hashes of channels that it named before and does not name now are deleted.
-- Answers one character a SKU: 0 written, 1 something newer is there, 2 a hash is not as it should be: send all of it, 3 nothing new.
local call, unpacked = redis.call, cmsgpack.unpack
local incarnation, now_ms, channel, before = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local at, behind = 5, 5 -- words of the key in ARGV: the first, and the first of the next
local pool, told -- the key of the SKU's pool; was the SKU published?

-- Numbers stay decimal text: Lua's own are exact to 2^53 only.
local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

local version_offset, version_text
local function version(offset)
  if offset ~= version_offset then version_offset, version_text = offset, incarnation .. ':' .. offset end
  return version_text
end

-- Stamped with the first pairs: a Redis without memory refuses the first HSET of a script, and none after it.
local function set(key, offset, ...)
  call('HSET', key, '@v', version(offset), '@t', now_ms, ...)
  for i = at + 1, behind - 1 do call('HSET', key, unpacked(ARGV[i])) end
end

local function has(key, ...)
  local pairs, names = {...}, {}
  for i = 1, #pairs, 2 do names[#names + 1] = pairs[i] end
  local values = call('HMGET', key, unpack(names))
  for i = 1, #names do
    if values[i] ~= pairs[2 * i] then return false end
  end
  return true
end

local function same(key, fields, ...)
  if call('HLEN', key) ~= fields or not has(key, ...) then return false end
  for i = at + 1, behind - 1 do
    if not has(key, unpacked(ARGV[i])) then return false end
  end
  return true
end

-- The version of what is there and the channels it names; false where there is none. What is no hash at all has no right to be there.
local function what_is_there(key)
  local is = redis.pcall('HMGET', key, '@v', '@c')
  if is.err then
    call('DEL', key)
    return false, false
  end
  return is[1], is[2]
end

local function publish(offset)
  if told then return end
  told = true
  call('PUBLISH', channel, string.sub(pool, before + 1, -2) .. ' ' .. version(offset))
end

-- Deletes the hashes of channels that see the SKU as the pool does from now on.
local function forget_channels(key, were, are)
  local named = {}
  for name in string.gmatch(are, '[^,]+') do named[name] = true end
  for name in string.gmatch(were, '[^,]+') do
    if not named[name] then call('DEL', key .. ':' .. name) end
  end
  if are == '' then call('HDEL', key, '@c') end
end

local function write(key, more, offset, base, fields, channels, ...)
  behind = at + 1 + more
  local its, its_channels = what_is_there(key)
  local its_incarnation, its_offset
  if its then its_incarnation, its_offset = string.match(its, '^(%d+):(%d+)$') end
  if its_incarnation then
    if less(incarnation, its_incarnation) then return '1' end
    if incarnation == its_incarnation and less(offset, its_offset) then return '1' end
  end
  if its_channels and its_channels ~= channels then
    forget_channels(key, its_channels, channels)
    publish(offset)
  end
  if base == '' then
    if its_incarnation and same(key, fields, ...) then
      call('HSET', key, '@v', version(offset), '@t', now_ms)
      return '3'
    end
    set(key, offset, ...)
    if call('HLEN', key) ~= fields then
      call('DEL', key)
      set(key, offset, ...)
    end
  else
    if its_incarnation ~= incarnation or less(its_offset, base) then return '2' end
    set(key, offset, ...)
    if call('HLEN', key) ~= fields then
      call('HDEL', key, '@v') -- readers see that it is not whole, until it is
      return '2'
    end
  end
  publish(offset)
  return '0'
end

-- Nothing of a channel is written where the pool's view was not: it would be as old.
local verdicts, n = {}, 0
for i = 1, #KEYS do
  local key = KEYS[i]
  if string.sub(key, -1) == '}' then
    pool, told, n = key, false, n + 1
    verdicts[n] = write(key, unpacked(ARGV[at]))
  elseif verdicts[n] == '0' or verdicts[n] == '3' then
    local verdict = write(key, unpacked(ARGV[at]))
    if verdict ~= '3' then verdicts[n] = verdict end
  else
    behind = at + 1 + unpacked(ARGV[at])
  end
  at = behind
end
return table.concat(verdicts)
