-- Uses the one-time code of a time step up, and with it those of the steps before.
--
-- KEYS[1]  the newest used step (string)
-- ARGV     step, seconds after which none of it would be taken any more
-- Returns  1, or 0 when that step or a later one has been used
local used = redis.call('GET', KEYS[1])
if used and tonumber(used) >= tonumber(ARGV[1]) then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
