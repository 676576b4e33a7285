-- Gives out what marks are made with, and reads which clients follow a stream in all processes.
--
-- KEYS[1]  the followers: of each process "until key marks", the former in milliseconds (hash)
-- KEYS[2]  what marks are made with (string)
-- ARGV     what they are to be made with, how long that holds in milliseconds
-- Returns  "key marks" of each process
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local all = redis.call('HGETALL', KEYS[1])
local said = {}
for n = 1, #all, 2 do
    local space = string.find(all[n + 1], ' ', 1, true)
    if space and tonumber(string.sub(all[n + 1], 1, space - 1)) > now then
        said[#said + 1] = string.sub(all[n + 1], space + 1)
    else
        redis.call('HDEL', KEYS[1], all[n])
    end
end
return said
