-- Counts an attempt to sign in as failed, unless there were too many. A success is forgiven later,
-- so that attempts made at the same moment are counted too.
--
-- KEYS     counters: of the name from this address, of the address
-- ARGV     window in milliseconds, most failures of each counter in the order of KEYS
-- Returns  0 when admitted, else milliseconds until the window ends
local wait = 0
for index, key in ipairs(KEYS) do
    local failures = tonumber(redis.call('GET', key) or '0')
    if failures >= tonumber(ARGV[index + 1]) then
        wait = math.max(wait, redis.call('PTTL', key), 1)
    end
end
if wait > 0 then
    return wait
end
for _, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then
        redis.call('PEXPIRE', key, ARGV[1])
    end
end
return 0
