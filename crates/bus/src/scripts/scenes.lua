-- Reads scenes as they are at one moment, with what is wanted of the stream.
--
-- KEYS     1 desired state, 2 scenes, 3 the one scene of former versions, 4 layers,
--          5 layer statuses, 6 position of `layer-updates`, 7 secrets of network sources,
--          8 variables, 9 position of `stream-state`, 10 revision of the layer statuses
-- ARGV[1]  JSON {desired, wanted, documents, known, secrets, variables}:
--   desired    whether the desired state is returned, which holds secrets
--   wanted     scenes to read with their layers: "on-air", "preview", "slate", an identifier
--   documents  whether every other scene, those of drafts and templates included, is read without its
--              layers
--   known      {identifier: revision}: layers of a scene at this revision are left out
--   secrets    whether the secrets of network sources are returned
--   variables  whether the values of the stream's variables are returned
-- Returns  {{desired document, its revision, list's revision, order as JSON, drafts as JSON}, {first, on air, preview, slate},
--           {identifiers, revisions, documents, layers of each}, statuses, {epoch, offset},
--           secrets by identifier, values of the variables as JSON,
--           {epoch of `stream-state`, revision of the statuses}}
--          with nil for what there is not; layers are nil where they were not read
local ask = cjson.decode(ARGV[1])
-- Fields in one command at most: Lua's stack is small.
local FIELDS_MAX = 500

local desired_text = redis.call('HGET', KEYS[1], 'doc')
local desired_revision = redis.call('HGET', KEYS[1], 'revision')
local desired = desired_text and cjson.decode(desired_text) or {}
local list = redis.call('HMGET', KEYS[2], 'revision', 'order', 'first', 'drafts')
local order_text, first, drafts_text = list[2], list[3], list[4]

-- A stream that no version with several scenes has written to has the one scene of before.
local former
if not list[1] then
    former = redis.call('HMGET', KEYS[3], 'revision', 'doc')
    if former[2] then
        first = cjson.decode(former[2]).id
        order_text = cjson.encode({first})
    end
end

local function named(id)
    return id and id ~= cjson.null and id or false
end
local roles = {
    ['on-air'] = named(desired.scene) or first,
    preview = named(desired.preview),
    slate = named(desired.slate),
}

local function find(id)
    if list[1] then
        return redis.call('HMGET', KEYS[2], id .. ':revision', id .. ':doc')
    end
    return id == first and former or {false, false}
end

local function layers_of(document)
    local order, layers = cjson.decode(document).order, {}
    for start = 1, #order, FIELDS_MAX do
        local last = math.min(start + FIELDS_MAX - 1, #order)
        for _, layer in ipairs(redis.call('HMGET', KEYS[4], unpack(order, start, last))) do
            if layer then
                layers[#layers + 1] = layer
            end
        end
    end
    return layers
end

local ids, revisions, documents, layers, seen = {}, {}, {}, {}, {}
local function read(id, with_layers)
    if not id or seen[id] then
        return
    end
    seen[id] = true
    local scene = find(id)
    if not scene[1] or not scene[2] then
        return
    end
    local place = #ids + 1
    ids[place], revisions[place], documents[place] = id, scene[1], scene[2]
    local known = ask.known[id] == scene[1]
    layers[place] = with_layers and not known and layers_of(scene[2])
end

for _, wanted in ipairs(ask.wanted) do
    if roles[wanted] ~= nil then
        read(roles[wanted], true)
    else
        read(wanted, true)
    end
end
-- Whoever finds the one scene of former versions wants to know of it.
if (ask.documents or former) and order_text then
    for _, id in ipairs(cjson.decode(order_text)) do
        read(id, false)
    end
end
if ask.documents and drafts_text then
    for _, draft in pairs(cjson.decode(drafts_text)) do
        read(draft.id, false)
    end
end
local templates_text = ask.documents and redis.call('HGET', KEYS[2], 'templates')
if templates_text then
    for _, template in pairs(cjson.decode(templates_text)) do
        read(template.scene, false)
    end
end

return {
    {ask.desired and desired_text, desired_revision, list[1], order_text, drafts_text},
    {first, roles['on-air'], roles.preview, roles.slate},
    {ids, revisions, documents, layers},
    redis.call('HVALS', KEYS[5]),
    redis.call('HMGET', KEYS[6], 'epoch', 'offset'),
    ask.secrets and redis.call('HGETALL', KEYS[7]) or {},
    ask.variables and redis.call('HGET', KEYS[8], 'doc'),
    {redis.call('HGET', KEYS[9], 'epoch'), redis.call('GET', KEYS[10])},
}
