-- Gives a lease back, if it is still ours.
--
-- KEYS[1]  the lease (hash)      ARGV  instance, token
if redis.call('HGET', KEYS[1], 'instance') == ARGV[1] and redis.call('HGET', KEYS[1], 'token') == ARGV[2] then
    return redis.call('DEL', KEYS[1])
end
return 0
