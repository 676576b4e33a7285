-- Takes one message from a person's allowance on a stream's chat, if the stream exists.
--
-- KEYS[1]  the allowance: when it will be whole again, in milliseconds     KEYS[2]  the stream
-- ARGV     milliseconds that earn a message, messages that may be saved up
-- Returns  0 when taken, the milliseconds to wait when there is none left, -1 without the stream
if redis.call('EXISTS', KEYS[2]) == 0 then
    return -1
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local whole = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = whole - now - (burst - 1) * interval
if wait > 0 then
    return wait
end
if interval > 0 then
    whole = whole + interval
    redis.call('SET', KEYS[1], string.format('%.0f', whole), 'PX', string.format('%.0f', whole - now))
end
return 0
