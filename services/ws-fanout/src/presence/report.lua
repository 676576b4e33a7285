-- Says who watches a channel in one process, and reads what all of them said. What a process said
-- holds for a while: one that died is forgotten after that.
--
-- KEYS[1]  the channel's presence: of each process "until text", the former in milliseconds
-- ARGV     the process, its text or nothing where nobody watches there any more, how long it holds
--          in milliseconds
-- Returns  the texts of all processes
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local process, text, holds = ARGV[1], ARGV[2], tonumber(ARGV[3])
if text == '' then
    redis.call('HDEL', KEYS[1], process)
else
    redis.call('HSET', KEYS[1], process, string.format('%.0f ', now + holds) .. text)
    redis.call('PEXPIRE', KEYS[1], holds)
end
local said = redis.call('HGETALL', KEYS[1])
local texts = {}
for n = 1, #said, 2 do
    local holds_until, its_text = string.match(said[n + 1], '^(%d+) (.*)$')
    if holds_until and tonumber(holds_until) > now then
        texts[#texts + 1] = its_text
    else
        redis.call('HDEL', KEYS[1], said[n])
    end
end
return texts
