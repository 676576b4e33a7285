-- Says how many connections a person has in one process and what of their allowances is not earned
-- yet, and reads both over all processes. What a process said holds for a while: one that died is
-- forgotten after that.
--
-- KEYS[1]  the person's connections: of each process "until count", the former in milliseconds (hash)
-- KEYS[2]  until when each allowance is not earned, by its number, in milliseconds (hash)
-- ARGV     the process, how many it has, how long that holds in milliseconds, how many there may be of
--          all processes or 0 where that is not asked, then for each allowance the milliseconds that
--          are not earned
-- Returns  {1 where there may be so many or it was not asked, 0 where it is not counted; then for each
--          allowance the milliseconds that are not earned anywhere}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local process, count, holds, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local FIRST_ALLOWANCE = 5

local others = 0
local said = redis.call('HGETALL', KEYS[1])
for n = 1, #said, 2 do
    local holds_until, its_count = string.match(said[n + 1], '^(%d+) (%d+)$')
    if not holds_until or tonumber(holds_until) <= now then
        redis.call('HDEL', KEYS[1], said[n])
    elseif said[n] ~= process then
        others = others + tonumber(its_count)
    end
end

local answer = {1}
if most > 0 and others + count > most then
    answer[1] = 0
elseif count == 0 then
    redis.call('HDEL', KEYS[1], process)
else
    redis.call('HSET', KEYS[1], process, string.format('%.0f %d', now + holds, count))
    redis.call('PEXPIRE', KEYS[1], holds)
end

local latest = 0
for n = FIRST_ALLOWANCE, #ARGV do
    local field = tostring(n - FIRST_ALLOWANCE)
    local earned_at = tonumber(redis.call('HGET', KEYS[2], field) or '0')
    local left = tonumber(ARGV[n])
    if left > 0 and now + left > earned_at then
        earned_at = now + left
        redis.call('HSET', KEYS[2], field, string.format('%.0f', earned_at))
    end
    latest = math.max(latest, earned_at)
    answer[#answer + 1] = math.max(earned_at - now, 0)
end
if latest > now then
    redis.call('PEXPIRE', KEYS[2], latest - now)
end
return answer
