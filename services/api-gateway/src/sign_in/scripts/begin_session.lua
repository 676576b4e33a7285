-- Begins a sign-in, and ends the person's oldest ones when there are too many.
--
-- KEYS[1]  the sign-in (hash)      KEYS[2]  the person's sign-ins (sorted set)
-- KEYS[3]  revocations (stream)    KEYS[4]  audit trail (stream)
-- ARGV     session, family digest, token digest, name key, user, generation, idle milliseconds,
--          lifetime milliseconds, most sign-ins of one person, prefix of a sign-in's key,
--          network or empty, program, most revocations, audit entry, most audit entries
local session, idle, lifetime = ARGV[1], tonumber(ARGV[7]), tonumber(ARGV[8])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now_text = string.format('%d', now)

redis.call('HSET', KEYS[1], 'family', ARGV[2], 'token', ARGV[3], 'name', ARGV[4], 'user', ARGV[5],
    'generation', ARGV[6], 'ends_at', string.format('%d', now + lifetime),
    'created_at', now_text, 'used_at', now_text, 'network', ARGV[11], 'client', ARGV[12])
redis.call('PEXPIRE', KEYS[1], string.format('%d', math.min(idle, lifetime)))
redis.call('ZADD', KEYS[2], now_text, session)
redis.call('PEXPIRE', KEYS[2], string.format('%d', lifetime))
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[15], '*', 'doc', ARGV[14])

local surplus = redis.call('ZRANGE', KEYS[2], 0, -1 - tonumber(ARGV[9]))
for _, oldest in ipairs(surplus) do
    -- In the same slot as the declared keys: they share their hash tag.
    redis.call('DEL', ARGV[10] .. oldest)
    redis.call('ZREM', KEYS[2], oldest)
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[13], '*', 'doc',
        '{"user":"' .. ARGV[5] .. '","what":"session","session":"' .. oldest .. '"}')
end
return 0
