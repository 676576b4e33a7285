-- Says which clients follow a stream in one process. What a process said holds for a while: one that
-- died is forgotten after that.
--
-- KEYS[1]  the followers: of each process "until key marks", the former in milliseconds (hash)
-- KEYS[2]  what marks are made with (string)
-- ARGV     the process, "key marks" or nothing where nobody follows or there is no key, how long it
--          holds in milliseconds
-- Returns  what marks are made with; nil while nobody counts
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local process, said, holds = ARGV[1], ARGV[2], tonumber(ARGV[3])
if said == '' then
    redis.call('HDEL', KEYS[1], process)
else
    redis.call('HSET', KEYS[1], process, string.format('%.0f ', now + holds) .. said)
    redis.call('PEXPIRE', KEYS[1], holds)
end
return redis.call('GET', KEYS[2])
