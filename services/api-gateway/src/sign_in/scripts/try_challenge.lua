-- Counts an answer to a challenge. One that was answered too often is forgotten.
--
-- KEYS[1]  the challenge (hash)      ARGV[1]  most answers
-- Returns  its document, or nil
local document = redis.call('HGET', KEYS[1], 'doc')
if not document then
    return nil
end
if redis.call('HINCRBY', KEYS[1], 'attempts', 1) > tonumber(ARGV[1]) then
    redis.call('DEL', KEYS[1])
    return nil
end
return document
