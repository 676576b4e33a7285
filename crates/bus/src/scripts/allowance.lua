-- Takes requests of a quota, by the generic cell rate algorithm and the server's own clock.
--
-- KEYS[1]  when everything taken so far is earned back, in microseconds since the Unix epoch (string)
-- ARGV     requests of the quota, its window and the time to earn one back in microseconds, requests wanted
-- Returns  {granted, remaining, restored, next}: how many are granted and how many more would be, and in how
--          many microseconds everything is earned back and the next one is to be had
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local requests, window, interval, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

-- A clock that was set back must not make anybody wait for longer than a window.
local before = tonumber(redis.call('GET', KEYS[1]) or 0)
before = math.min(math.max(before, now), now + window)

local free = math.min(math.floor((now + window - before) / interval), requests)
local granted = math.min(free, wanted)
local restored = before + granted * interval
if granted > 0 then
    redis.call('SET', KEYS[1], string.format('%.0f', restored), 'PX', math.ceil((restored - now) / 1000))
end
local next_in = 0
if free == 0 then
    next_in = before + interval - window - now
end
return {granted, free - granted, restored - now, next_in}
