-- Commits a change in one step: checks, writes, and the events that tell of it.
--
-- KEYS     every key that the plan touches; the plan names them by their place from 1
-- ARGV[1]  the plan, JSON:
--   idempotency  optional {key, ttl_ms, answer}: a kept answer is returned instead of committing
--   guards       [{key, field?, equals}]: "" stands for "absent"; the first that fails ends it
--   writes       [{command, key, args}]
--   pushes       [{key, document, entries_max, bytes_max, keep_ms}]: onto a list, newest first
--   entries      [{documents, order, id, document, entries_max}]: at the end of an ordered collection
--   events       [{history, position, epoch, run, history_max, channel, shard?, also, stream, event}]:
--                run is "" where the script is to ask which process it runs in; shard is the shard
--                channel to publish on, in a cluster
-- Returns  {'committed', epoch, offset, epoch, offset, ...}
--          {'replayed', answer}
--          {'refused', guard from 0, actual value}
local plan = cjson.decode(ARGV[1])

-- How many of the newest entries of a list are together no longer than this.
local function fitting(list, bytes_max)
    local bytes = 0
    for index, entry in ipairs(redis.call('LRANGE', list, 0, -1)) do
        bytes = bytes + #entry
        if bytes > bytes_max then
            return index - 1
        end
    end
    return redis.call('LLEN', list)
end

local function push(list, document, entries_max, bytes_max, keep_ms)
    redis.call('LPUSH', list, document)
    redis.call('LTRIM', list, 0, entries_max - 1)
    local kept = fitting(list, bytes_max)
    if kept == 0 then
        redis.call('DEL', list)
        return
    end
    redis.call('LTRIM', list, 0, kept - 1)
    redis.call('PEXPIRE', list, keep_ms)
end

-- Takes the oldest away that are too many.
local function add(documents, order, id, document, entries_max)
    local last = redis.call('ZRANGE', order, -1, -1, 'WITHSCORES')[2] or '0'
    redis.call('ZADD', order, string.format('%.0f', tonumber(last) + 1), id)
    redis.call('HSET', documents, id, document)
    local excess = redis.call('ZCARD', order) - entries_max
    if excess <= 0 then
        return
    end
    for _, oldest in ipairs(redis.call('ZRANGE', order, 0, excess - 1)) do
        redis.call('HDEL', documents, oldest)
    end
    redis.call('ZREMRANGEBYRANK', order, 0, excess - 1)
end

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

for _, entry in ipairs(plan.pushes) do
    push(KEYS[entry.key], entry.document, entry.entries_max, entry.bytes_max, entry.keep_ms)
end

for _, entry in ipairs(plan.entries) do
    add(KEYS[entry.documents], KEYS[entry.order], entry.id, entry.document, entry.entries_max)
end

local answer = {'committed'}
for _, event in ipairs(plan.events) do
    local position = KEYS[event.position]
    local known = redis.call('HMGET', position, 'epoch', 'run')
    local epoch = known[1]
    local run = event.run
    if run == '' then
        run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
    end
    -- After a restart Redis may have lost its last moment, so offsets that readers hold may be
    -- given out again: a new epoch makes them ask for a snapshot.
    if not epoch or known[2] ~= run then
        epoch = event.epoch
        redis.call('HSET', position, 'epoch', epoch, 'run', run)
    end
    local offset = string.format('%d', redis.call('HINCRBY', position, 'offset', 1))
    redis.call('XADD', KEYS[event.history], 'MAXLEN', '~', event.history_max, offset .. '-0',
        'epoch', epoch, 'event', event.event)
    local message = '{"channel":"' .. event.channel .. '","stream":"' .. event.stream
        .. '","epoch":"' .. epoch .. '","offset":' .. offset .. ',"event":' .. event.event .. '}'
    if event.shard then
        redis.call('SPUBLISH', event.shard, message)
    else
        redis.call('PUBLISH', event.channel, message)
    end
    redis.call('PUBLISH', event.also, event.event)
    answer[#answer + 1] = epoch
    answer[#answer + 1] = offset
end

if plan.idempotency then
    redis.call('SET', KEYS[plan.idempotency.key], plan.idempotency.answer, 'PX', plan.idempotency.ttl_ms)
end
return answer
