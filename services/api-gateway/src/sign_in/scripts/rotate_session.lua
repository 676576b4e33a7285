-- Exchanges a refresh token for the next one. An old token of the sign-in ends it.
--
-- KEYS[1]  the sign-in (hash)      KEYS[2]  people (hash)      KEYS[3]  revocations (stream)
-- ARGV     family digest, digest of the token presented, digest of the next token,
--          idle milliseconds, latest moment in milliseconds of this server's clock,
--          session, network or empty, program, most revocations
-- Returns  {'late'}                                   nobody waits for the answer; nothing was done
--          {'unknown'}                                no such sign-in, or no such person
--          {'reused', user, name key}                 the sign-in was ended
--          {'rotated', user, generation, person}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if now > tonumber(ARGV[5]) then
    return {'late'}
end

local kept = redis.call('HMGET', KEYS[1], 'family', 'token', 'name', 'user', 'generation', 'ends_at')
if kept[1] ~= ARGV[1] then
    return {'unknown'}
end
if kept[2] ~= ARGV[2] then
    redis.call('DEL', KEYS[1])
    -- Somebody has a copy of its tokens: the access tokens end too.
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[9], '*', 'doc',
        '{"user":"' .. kept[4] .. '","what":"session","session":"' .. ARGV[6] .. '"}')
    return {'reused', kept[4], kept[3]}
end
local person = redis.call('HGET', KEYS[2], kept[3])
if not person then
    redis.call('DEL', KEYS[1])
    return {'unknown'}
end
local left = tonumber(kept[6]) - now
if left <= 0 then
    redis.call('DEL', KEYS[1])
    return {'unknown'}
end
redis.call('HSET', KEYS[1], 'token', ARGV[3], 'used_at', string.format('%d', now),
    'network', ARGV[7], 'client', ARGV[8])
redis.call('PEXPIRE', KEYS[1], string.format('%d', math.min(tonumber(ARGV[4]), left)))
return {'rotated', kept[4], kept[5], person}
