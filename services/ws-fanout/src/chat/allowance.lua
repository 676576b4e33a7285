-- Takes one message from a person's allowance on a stream's chat and from the chat's own, if the
-- stream exists: from both, or from neither.
--
-- KEYS[1]  the person's allowance: when it will be whole again, in microseconds
-- KEYS[2]  the chat's
-- KEYS[3]  the stream
-- ARGV     microseconds that earn a message, messages that may be saved up: of the person, of the
--          chat
-- Returns  who has none left (0 nobody, 1 the person, 2 the chat, -1 without the stream), and the
--          milliseconds to wait
if redis.call('EXISTS', KEYS[3]) == 0 then
    return {-1, 0}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local whole = {}
for n = 1, 2 do
    local interval, burst = tonumber(ARGV[2 * n - 1]), tonumber(ARGV[2 * n])
    whole[n] = math.max(tonumber(redis.call('GET', KEYS[n]) or '0'), now)
    local wait = whole[n] - now - (burst - 1) * interval
    if wait > 0 then
        return {n, math.ceil(wait / 1000)}
    end
    whole[n] = whole[n] + interval
end
for n = 1, 2 do
    if whole[n] > now then
        local left = math.ceil((whole[n] - now) / 1000)
        redis.call('SET', KEYS[n], string.format('%.0f', whole[n]), 'PX', string.format('%.0f', left))
    end
end
return {0, 0}
