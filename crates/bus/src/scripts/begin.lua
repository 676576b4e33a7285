-- Begins a channel's history where nothing was ever published.
--
-- KEYS[1]  the position (hash `epoch`, `offset`, `run`)
-- ARGV     an epoch, the identity of the running Redis process or '' to ask it
-- Returns  {epoch, offset} as they are now
local run = ARGV[2]
if run == '' then
    run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
redis.call('HSETNX', KEYS[1], 'run', run)
redis.call('HSETNX', KEYS[1], 'offset', 0)
return redis.call('HMGET', KEYS[1], 'epoch', 'offset')
