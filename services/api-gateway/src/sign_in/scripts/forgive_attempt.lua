-- Takes back what admit_attempt counted: it was no failure.
--
-- KEYS     counters: of the name from this address, of the address
-- ARGV[1]  'succeeded': the name starts anew; 'undone': it never happened
if ARGV[1] == 'succeeded' then
    redis.call('DEL', KEYS[1])
elseif redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('DECR', KEYS[1])
end
-- A counter that has expired meanwhile would come back without an end.
if redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('DECR', KEYS[2])
end
return 0
