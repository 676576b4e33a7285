-- Commits a change in one step: checks, writes, and the events that tell of it.
--
-- KEYS     every key that the plan touches; the plan names them by their place from 1
-- ARGV[1]  the plan, JSON:
--   idempotency  optional {key, ttl_ms, answer}: a kept answer is returned instead of committing
--   guards       [{key, field?, equals}]: "" stands for "absent"; the first that fails ends it
--   writes       [{command, key, args}]
--   events       [{history, position, epoch, run, history_max, channel, also, stream, event}]
-- Returns  {'committed', epoch, offset, epoch, offset, ...}
--          {'replayed', answer}
--          {'refused', guard from 0, actual value}
local plan = cjson.decode(ARGV[1])

if plan.idempotency then
    local kept = redis.call('GET', KEYS[plan.idempotency.key])
    if kept then
        return {'replayed', kept}
    end
end

for index, guard in ipairs(plan.guards) do
    local actual
    if guard.field then
        actual = redis.call('HGET', KEYS[guard.key], guard.field)
    else
        actual = redis.call('GET', KEYS[guard.key])
    end
    if (actual or '') ~= guard.equals then
        return {'refused', tostring(index - 1), actual or ''}
    end
end

for _, write in ipairs(plan.writes) do
    redis.call(write.command, KEYS[write.key], unpack(write.args))
end

local answer = {'committed'}
for _, event in ipairs(plan.events) do
    local position = KEYS[event.position]
    local known = redis.call('HMGET', position, 'epoch', 'run')
    local epoch = known[1]
    -- After a restart Redis may have lost its last moment, so offsets that readers hold may be
    -- given out again: a new epoch makes them ask for a snapshot.
    if not epoch or known[2] ~= event.run then
        epoch = event.epoch
        redis.call('HSET', position, 'epoch', epoch, 'run', event.run)
    end
    local offset = string.format('%d', redis.call('HINCRBY', position, 'offset', 1))
    redis.call('XADD', KEYS[event.history], 'MAXLEN', '~', event.history_max, offset .. '-0',
        'epoch', epoch, 'event', event.event)
    redis.call('PUBLISH', event.channel, '{"channel":"' .. event.channel .. '","stream":"' .. event.stream
        .. '","epoch":"' .. epoch .. '","offset":' .. offset .. ',"event":' .. event.event .. '}')
    redis.call('PUBLISH', event.also, event.event)
    answer[#answer + 1] = epoch
    answer[#answer + 1] = offset
end

if plan.idempotency then
    redis.call('SET', KEYS[plan.idempotency.key], plan.idempotency.answer, 'PX', plan.idempotency.ttl_ms)
end
return answer
