-- Takes or renews a stream's lease.
--
-- KEYS[1]  the lease (hash)      KEYS[2]  the last fencing token (counter)
-- ARGV     instance, host, url, the token held or 0, time to live in milliseconds
-- Returns  {'held', token}                      ours, renewed or newly taken
--          {'taken', instance, url, token}      somebody else's
local holder = redis.call('HMGET', KEYS[1], 'instance', 'url', 'token')
local instance, url, token = ARGV[1], ARGV[3], ARGV[4]

if holder[1] and holder[1] == instance and holder[3] == token then
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
    return {'held', token}
end
-- A process that listens on the holder's address can only be its successor: the holder is dead.
if holder[1] and holder[2] ~= url then
    return {'taken', holder[1], holder[2], holder[3]}
end

local fresh = string.format('%d', redis.call('INCR', KEYS[2]))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'instance', instance, 'host', ARGV[2], 'url', url, 'token', fresh)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {'held', fresh}
