-- What a script finds in its world: the functions of Lua that catch errors, that call back or that write to tables, made safe.
--
-- Runs once per engine, before the sandbox is closed. `host` holds functions of the engine, `G` the globals that scripts will see.
-- Returns what `World` in `sandbox.rs` holds, and the table that scripts get as `_G`.
--
-- Scripts never hold a table of the sandbox itself but an empty stand-in before it: reading goes through, writing is refused.
-- An abort passes every place that catches errors: `aborting()` is asked there, and the error is raised again.

local host, G = ...
local error, type, tostring, select, rawequal = error, type, tostring, select, rawequal
local raw_pcall, raw_xpcall, raw_resume, raw_loadstring = pcall, xpcall, coroutine.resume, loadstring
local raw_next, raw_rawget, raw_rawset, raw_setmetatable, raw_getmetatable = next, rawget, rawset, setmetatable, getmetatable
local raw_insert, raw_remove, raw_sort, raw_concat, raw_unpack = table.insert, table.remove, table.sort, table.concat, unpack
local raw_collectgarbage = collectgarbage
local aborting, explain, failed, vet = host.aborting, host.explain, host.failed, host.vet

local READONLY = "Attempt to modify a readonly table"

-- From each stand-in to the table behind it.
local behind = {}

local function refuse_write()
    error(READONLY, 2)
end

local function shield(t)
    local meta = { __index = t, __newindex = refuse_write, __metatable = false }
    local stand_in = raw_setmetatable({}, meta)
    behind[stand_in] = t
    return stand_in, meta
end

-- Raises what Lua itself says about an argument, as if the caller's caller had been a function in C.
local function bad(n, name, expected, got)
    error("bad argument #" .. n .. " to '" .. name .. "' (" .. expected .. " expected, got " .. got .. ")", 3)
end

local kind = type

-- Where errors are caught.

local function after_catch(ok, ...)
    if ok then
        return true, ...
    end
    local e = ...
    if aborting() then
        error(e, 0)
    end
    if type(e) == "userdata" then
        e = explain(e)
    end
    return false, e
end

-- Of an error that is a table with a text, `pcall` returns the text.
local function text_of_error(ok, ...)
    local e = ...
    if not ok and type(e) == "table" then
        local text = raw_rawget(e, "err")
        if type(text) == "string" then
            return false, text
        end
    end
    return ok, ...
end

function G.pcall(...)
    if select("#", ...) == 0 then
        return false
    end
    return text_of_error(after_catch(raw_pcall(...)))
end

function G.xpcall(f, handler)
    return after_catch(raw_xpcall(f, function(e)
        if aborting() then
            return e
        end
        if type(e) == "userdata" then
            e = explain(e)
        end
        return handler(e)
    end))
end

G.coroutine.resume = function(co, ...)
    if type(co) ~= "thread" then
        error("bad argument #1 to 'resume' (coroutine expected)", 2)
    end
    return after_catch(raw_resume(co, ...))
end

-- Compiling. The collector stands still meanwhile: the parser of Lua 5.1 holds strings that nothing else refers to.

local function compile(source, name)
    local message
    source, name, message = vet(source, name)
    if message then
        return nil, message
    end
    raw_collectgarbage("stop")
    local f, trouble = raw_loadstring(source, name)
    raw_collectgarbage("restart")
    return f, trouble
end

function G.loadstring(source, name)
    if type(source) == "number" then
        source = tostring(source)
    end
    if type(source) ~= "string" then
        bad(1, "loadstring", "string", kind(source))
    end
    if name ~= nil and type(name) ~= "string" then
        name = tostring(name)
    end
    return compile(source, name or source)
end

local function read_all(reader)
    local pieces, n = {}, 0
    while true do
        local piece = reader()
        if piece == nil or piece == "" then
            return raw_concat(pieces)
        end
        if type(piece) ~= "string" then
            error("reader function must return a string", 0)
        end
        n = n + 1
        pieces[n] = piece
    end
end

function G.load(reader, name)
    if type(reader) ~= "function" then
        bad(1, "load", "function", kind(reader))
    end
    local ok, source = after_catch(raw_pcall(read_all, reader))
    if not ok then
        return nil, source
    end
    if name ~= nil and type(name) ~= "string" then
        name = tostring(name)
    end
    return compile(source, name or "=(load)")
end

-- Tables, and what stands before them.

function G.pairs(t)
    if behind[t] then
        return G.next, t, nil
    end
    if type(t) ~= "table" then
        bad(1, "pairs", "table", kind(t))
    end
    return raw_next, t, nil
end

function G.next(t, k)
    if type(t) ~= "table" then
        bad(1, "next", "table", kind(t))
    end
    return raw_next(behind[t] or t, k)
end

function G.rawget(t, k)
    if type(t) ~= "table" then
        bad(1, "rawget", "table", kind(t))
    end
    return raw_rawget(behind[t] or t, k)
end

function G.rawset(t, k, v)
    if type(t) ~= "table" then
        bad(1, "rawset", "table", kind(t))
    end
    if behind[t] then
        error(READONLY, 0)
    end
    if k == nil or k ~= k then
        error(k == nil and "table index is nil" or "table index is NaN", 0)
    end
    return raw_rawset(t, k, v)
end

function G.setmetatable(t, ...)
    if type(t) ~= "table" then
        bad(1, "setmetatable", "table", kind(t))
    end
    if behind[t] then
        error(READONLY, 0)
    end
    local meta = ...
    if select("#", ...) == 0 or (meta ~= nil and type(meta) ~= "table") then
        error("bad argument #2 to 'setmetatable' (nil or table expected)", 2)
    end
    local old = raw_getmetatable(t)
    if old ~= nil and (type(old) ~= "table" or raw_rawget(old, "__metatable") ~= nil) then
        error("cannot change a protected metatable", 2)
    end
    return raw_setmetatable(t, meta)
end

local globals_meta
function G.getmetatable(...)
    if select("#", ...) == 0 then
        error("bad argument #1 to 'getmetatable' (value expected)", 2)
    end
    local v = ...
    if behind[v] then
        return rawequal(v, G._G) and globals_meta or nil
    end
    return raw_getmetatable(v)
end

local function writable(t, name)
    if type(t) ~= "table" then
        error("bad argument #1 to '" .. name .. "' (table expected, got " .. kind(t) .. ")", 3)
    end
    if behind[t] then
        error(READONLY, 0)
    end
end

local tables = G.table

function tables.insert(t, ...)
    if type(t) ~= "table" or behind[t] then
        writable(t, "insert")
    end
    local n = select("#", ...)
    if n == 2 then
        local at, v = ...
        if type(at) ~= "number" and tonumber(at) == nil then
            bad(2, "insert", "number", type(at))
        end
        -- Lua moves every element between the end and the place; a place far below would never come to an end.
        if not (tonumber(at) >= 1 - #t and tonumber(at) <= 2147483646) then
            error("bad argument #2 to 'insert' (position out of bounds)", 2)
        end
        return raw_insert(t, at, v)
    elseif n ~= 1 then
        error("wrong number of arguments to 'insert'", 2)
    end
    return raw_insert(t, (...))
end

function tables.remove(t, ...)
    if type(t) ~= "table" then
        writable(t, "remove")
    end
    local at = ...
    if at ~= nil and tonumber(at) == nil then
        bad(2, "remove", "number", type(at))
    end
    return raw_remove(t, ...)
end

-- Above this many elements Lua's own sort, which nothing interrupts, takes longer than a slice.
local SORTED_AT_ONCE = 4096

-- Merge sort in Lua: the count hook sees it.
local function merge_sort(t, n, less)
    local from, to, width = t, {}, 1
    while width < n do
        for start = 1, n, 2 * width do
            local a, b = start, start + width
            local a_end, b_end = b - 1, b + width - 1
            if a_end > n then a_end = n end
            if b_end > n then b_end = n end
            for out = start, b_end > a_end and b_end or a_end do
                local left = a <= a_end and (b > b_end or not less(from[b], from[a]))
                if left then
                    to[out] = from[a]
                    a = a + 1
                else
                    to[out] = from[b]
                    b = b + 1
                end
            end
        end
        from, to = to, from
        width = width * 2
    end
    if from ~= t then
        for i = 1, n do
            t[i] = from[i]
        end
    end
end

local function smaller(a, b)
    return a < b
end

function tables.sort(t, less)
    if type(t) ~= "table" then
        writable(t, "sort")
    end
    if less ~= nil and type(less) ~= "function" then
        bad(2, "sort", "function", type(less))
    end
    local n = #t
    if n > SORTED_AT_ONCE then
        return merge_sort(t, n, less or smaller)
    end
    return raw_sort(t, less)
end

function tables.setn(t)
    if type(t) ~= "table" or behind[t] then
        writable(t, "setn")
    end
    error("'setn' is obsolete", 2)
end

function tables.foreach(t, f)
    for k, v in G.pairs(t) do
        local found = f(k, v)
        if found ~= nil then
            return found
        end
    end
end

function G.unpack(t, i, j)
    if type(t) ~= "table" then
        bad(1, "unpack", "table", kind(t))
    end
    if i == nil and j == nil then
        return raw_unpack(t)
    end
    local first, last = tonumber(i or 1), tonumber(j or #t)
    if not first or not last then
        bad(first and 3 or 2, "unpack", "number", type(first and j or i))
    end
    if first > last then
        return
    end
    if first < -2147483648 or last > 2147483646 or last - first >= 8000 then
        error("too many results to unpack", 2)
    end
    return raw_unpack(t, i, j)
end

-- What a script does to the collector does not outlive it: only `collect`, `count` and `step` do anything.
function G.collectgarbage(option, arg)
    if option == nil or option == "collect" or option == "count" or option == "step" then
        return raw_collectgarbage(option or "collect", arg ~= nil and 0 or nil)
    elseif option == "stop" or option == "restart" then
        return 0
    elseif option == "setpause" or option == "setstepmul" then
        return 200
    end
    error("bad argument #1 to 'collectgarbage' (invalid option '" .. tostring(option) .. "')", 2)
end

-- Functions of the engine hold a reference to each of their arguments, and there are only so many: none gets more than these.
local ARGUMENTS_MAX = 100

local function bounded(t, name)
    local f = t[name]
    t[name] = function(...)
        if select("#", ...) > ARGUMENTS_MAX then
            error("too many arguments to '" .. name .. "'", 2)
        end
        return f(...)
    end
end

for _, name in raw_next, { "band", "bor", "bxor" } do
    bounded(G.bit, name)
end
bounded(G.struct, "pack")
bounded(G.redis, "log")

-- JSON is made of one argument, and nothing is not nil: that only Lua can tell. A table from `cjson.new` is the same again.
local function of_one(t)
    for _, name in raw_next, { "encode", "decode" } do
        local f = t[name]
        t[name] = function(...)
            if select("#", ...) ~= 1 then
                error("bad argument #1 to '" .. name .. "' (expected 1 argument)", 2)
            end
            return f((...))
        end
    end
    return t
end
local new = of_one(G.cjson).new
function G.cjson.new()
    return of_one(new())
end

-- Commands have as many arguments as they like: those that are too many go ahead in portions.
local stash = host.stash
local in_one_go = {}
local function portioned(t, name)
    local f = t[name]
    in_one_go[name] = f
    t[name] = function(...)
        local n = select("#", ...)
        if n <= ARGUMENTS_MAX then
            return f(...)
        end
        local all, at = { ... }, 1
        while n - at >= ARGUMENTS_MAX do
            stash(raw_unpack(all, at, at + ARGUMENTS_MAX - 1))
            at = at + ARGUMENTS_MAX
        end
        return f(raw_unpack(all, at, n))
    end
end
for _, name in raw_next, { "call", "pcall", "acl_check_cmd" } do
    portioned(G.redis, name)
end

-- Each value that is packed is encoded alone.
local pack = G.cmsgpack.pack
G.cmsgpack.pack = function(...)
    local n = select("#", ...)
    if n <= ARGUMENTS_MAX then
        return pack(...)
    end
    local all, pieces = { ... }, {}
    for i = 1, n do
        pieces[i] = pack(all[i])
    end
    return raw_concat(pieces)
end

-- The world is complete: close it.

local function missing(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end

-- `redis` has other functions in scripts, in functions and in the body of a library.
local in_script, in_function, in_body = {}, {}, {}
local script_only = { replicate_commands = true, breakpoint = true, debug = true }
for name, value in raw_next, G.redis do
    if name ~= "register_function" then
        in_script[name] = value
        if not script_only[name] then
            in_function[name] = value
        end
        if name == "log" or type(value) ~= "function" then
            in_body[name] = value
        end
    else
        in_body[name] = value
    end
end
raw_setmetatable(in_body, { __index = missing })
local in_plain = {}
for name, value in raw_next, in_script do
    in_plain[name] = in_one_go[name] or value
end
in_script, in_function, in_body = shield(in_script), shield(in_function), shield(in_body)
-- While a library is loaded nothing else is there.
local while_loading = raw_setmetatable({ redis = in_body }, { __index = missing })
G.redis = nil

for name, value in raw_next, G do
    if type(value) == "table" then
        G[name] = shield(value)
    end
end
G.redis = in_script
local world, world_meta = shield(G)
G._G = world
raw_setmetatable(G, { __index = missing })

-- The globals of plain scripts, whose code shows that they change none and pass few arguments: these have no guard before them.
local plain = {}
for name, value in raw_next, G do
    plain[name] = value
end
plain.redis = shield(in_plain)
raw_setmetatable(plain, { __index = missing })

globals_meta = shield({ __index = missing })
local string_meta = raw_getmetatable("")
string_meta.__index = G.string
string_meta.__metatable = shield({ __index = G.string })

-- Shows what belongs to scripts, functions or the loading of a library. KEYS and ARGV of the script before are gone.
local function set_scene(scene)
    G.redis = scene == "function" and in_function or in_script
    G.KEYS, G.ARGV = nil, nil
    world_meta.__index = scene == "loading" and while_loading or G
end

-- Carrying out a script. What it runs stands in these, so that no closure is made for a run.

local body, first, second

-- One value counts; thousands would not fit between C functions.
local function invoke()
    local value = body(first, second)
    return value
end

local function handler(e)
    if not aborting() then
        failed(e)
    end
    return nil
end

-- Compiled chunks by slot: here and not with the engine, whose references are few.
local chunks = {}

local function run(slot, a, b)
    body, first, second = chunks[slot], a, b
    return raw_xpcall(invoke, handler)
end

local function keep(slot, f)
    chunks[slot] = f
end

return run, keep, raw_loadstring, set_scene, plain, world
