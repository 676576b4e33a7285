-- Replaces rows of single seconds by the chunks that hold them, unless somebody wrote to either
-- since they were read.
--
-- KEYS[1]   how often blocks were packed
-- KEYS[2]   which blocks are open
-- KEYS[3..] the blocks, then each metric's chunks in each resolution
-- ARGV[1]   the series
-- ARGV[2]   how often it had been packed; '' for never
-- ARGV[3]   how many blocks there are
-- then for each block its name and how often it had been written to, and for each key of chunks
-- its lifetime in seconds, the oldest chunk that is kept, the chunk and its bytes; '' for none
-- Returns   1, or 0 when nothing was done
local series, packings, blocks = ARGV[1], ARGV[2], tonumber(ARGV[3])
if (redis.call('HGET', KEYS[1], series) or '') ~= packings then
    return 0
end
for block = 1, blocks do
    local writes = redis.call('HGET', KEYS[2 + block], 'writes') or ''
    if writes ~= ARGV[3 + 2 * block] then
        return 0
    end
end
for block = 1, blocks do
    redis.call('DEL', KEYS[2 + block])
    redis.call('SREM', KEYS[2], ARGV[2 + 2 * block])
end
local at = 4 + 2 * blocks
for index = 3 + blocks, #KEYS do
    local key, lifetime, oldest = KEYS[index], ARGV[at], tonumber(ARGV[at + 1])
    local chunk, bytes = ARGV[at + 2], ARGV[at + 3]
    at = at + 4
    if bytes == '' then
        redis.call('HDEL', key, chunk)
    elseif tonumber(chunk) >= oldest then
        redis.call('HSET', key, chunk, bytes)
        redis.call('EXPIRE', key, lifetime)
    end
    for _, kept in ipairs(redis.call('HKEYS', key)) do
        if tonumber(kept) < oldest then
            redis.call('HDEL', key, kept)
        end
    end
end
redis.call('HINCRBY', KEYS[1], series, 1)
return 1
