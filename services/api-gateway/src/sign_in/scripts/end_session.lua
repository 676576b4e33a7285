-- Ends a sign-in, for whoever holds one of its tokens.
--
-- KEYS[1]  the sign-in (hash)      ARGV[1]  family digest
-- Returns  1 when it was ended, 0 when there is none or it is somebody else's
if redis.call('HGET', KEYS[1], 'family') ~= ARGV[1] then
    return 0
end
return redis.call('DEL', KEYS[1])
