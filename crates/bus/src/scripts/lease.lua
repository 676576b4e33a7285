-- Takes or renews a stream's lease.
--
-- KEYS[1]  the lease (hash)      KEYS[2]  the last fencing token (counter)
-- ARGV     instance, host, url, the token held or 0, time to live in milliseconds,
--          '1' when the holder is about to leave or '0', the key by which an heir takes it or ''
-- Returns  {'held', token, heir, key}               ours, renewed or newly taken; who wants to take
--                                                   it over, and its key, or '' and ''
--          {'taken', instance, url, token, leaving} somebody else's; '1' when it is about to leave
local holder = redis.call('HMGET', KEYS[1], 'instance', 'url', 'token', 'leaving', 'heir', 'heir_key', 'heir_until')
local instance, url, token = ARGV[1], ARGV[3], ARGV[4]

if holder[1] and holder[1] == instance and holder[3] == token then
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
    if ARGV[6] == '1' then
        redis.call('HSET', KEYS[1], 'leaving', '1')
    end
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    if holder[5] and tonumber(holder[7]) > now then
        return {'held', token, holder[5], holder[6]}
    end
    return {'held', token, '', ''}
end
local is_heir = ARGV[7] ~= '' and holder[5] == instance and holder[6] == ARGV[7]
-- A process that listens on the holder's address can only be its successor: the holder is dead.
if holder[1] and holder[2] ~= url and not is_heir then
    return {'taken', holder[1], holder[2], holder[3], holder[4] or '0'}
end

local fresh = string.format('%d', redis.call('INCR', KEYS[2]))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'instance', instance, 'host', ARGV[2], 'url', url, 'token', fresh)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {'held', fresh, '', ''}
