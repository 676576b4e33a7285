-- Makes a process the heir of a holder that is about to leave, or renews that.
--
-- KEYS[1]  the lease (hash)
-- ARGV     the holder's token, instance, key, time to live in milliseconds
-- Returns  'heir', 'refused': the holder stays, or there is another heir, or 'gone': nobody holds it
local known = redis.call('HMGET', KEYS[1], 'token', 'leaving', 'heir', 'heir_until')
if not known[1] then
    return 'gone'
end
if known[1] ~= ARGV[1] or known[2] ~= '1' then
    return 'refused'
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if known[3] and known[3] ~= ARGV[2] and tonumber(known[4]) > now then
    return 'refused'
end
redis.call('HSET', KEYS[1], 'heir', ARGV[2], 'heir_key', ARGV[3],
    'heir_until', string.format('%d', now + ARGV[4]))
return 'heir'
