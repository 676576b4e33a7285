-- Ends a sign-in, for whoever holds one of its tokens or owns it. Every service is told.
--
-- KEYS[1]  the sign-in (hash)      KEYS[2]  the person's sign-ins (sorted set)
-- KEYS[3]  revocations (stream)    KEYS[4]  audit trail (stream)
-- ARGV     field that must match and its value: 'family' and its digest, or 'user' and the person;
--          session, revocation, most revocations, audit entry or empty, most audit entries
-- Returns  1 when it was ended, 0 when there is none or it is somebody else's
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
    return 0
end
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'doc', ARGV[4])
if ARGV[6] ~= '' then
    redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[7], '*', 'doc', ARGV[6])
end
return redis.call('DEL', KEYS[1])
