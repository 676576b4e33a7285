-- Whether a person may write in a stream's chat now, and what is needed to judge what they write.
-- Takes one message from the person's allowance and from the chat's own: from both, or from
-- neither.
--
-- KEYS[1]  the person's allowance: when it will be whole again, in microseconds
-- KEYS[2]  the chat's
-- KEYS[3]  the stream
-- KEYS[4]  who may not write; a value is the end in milliseconds, 0 for none, a space and a document
-- KEYS[5]  the rules
-- KEYS[6]  the colours that people chose
-- KEYS[7]  the messages that wait for a moderator
-- KEYS[8]  the messages
-- KEYS[9]  the pinned messages
-- ARGV     microseconds that earn a message, messages that may be saved up: of the person, of the
--          chat; the person whose ban is looked for; a message to be read, or ''; '1' to take nothing;
--          the person
-- Returns  what forbids it (0 nothing, 1 the person's allowance, 2 the chat's, 3 a ban, -1 the stream
--          is missing), the milliseconds to wait, the ban as it is stored, the rules' revision, the
--          colour, how many messages wait, the message, the pinned ones
local function forbid(what, wait_ms, ban)
    return {what, wait_ms, ban or '', '', '', 0, '', ''}
end

if redis.call('EXISTS', KEYS[3]) == 0 then
    return forbid(-1, 0)
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local person, message, free = ARGV[5], ARGV[6], ARGV[7] == '1'

local ban = redis.call('HGET', KEYS[4], person) or ''
local until_ms = tonumber(string.match(ban, '^(%d+) ') or '')
if until_ms and (until_ms == 0 or until_ms * 1000 > now) then
    return forbid(3, 0, ban)
end

local whole = {}
for n = 1, free and 0 or 2 do
    local interval, burst = tonumber(ARGV[2 * n - 1]), tonumber(ARGV[2 * n])
    whole[n] = math.max(tonumber(redis.call('GET', KEYS[n]) or '0'), now)
    local wait = whole[n] - now - (burst - 1) * interval
    if wait > 0 then
        return forbid(n, math.ceil(wait / 1000))
    end
    whole[n] = whole[n] + interval
end
for n = 1, #whole do
    if whole[n] > now then
        local left = math.ceil((whole[n] - now) / 1000)
        redis.call('SET', KEYS[n], string.format('%.0f', whole[n]), 'PX', string.format('%.0f', left))
    end
end
return {
    0,
    0,
    ban,
    redis.call('HGET', KEYS[5], 'revision') or '',
    redis.call('HGET', KEYS[6], ARGV[8]) or '',
    redis.call('HLEN', KEYS[7]),
    message ~= '' and redis.call('HGET', KEYS[8], message) or '',
    redis.call('GET', KEYS[9]) or '',
}
