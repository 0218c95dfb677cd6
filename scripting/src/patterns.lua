-- `gmatch` and `gsub`: patterns are matched by the engine, and what calls back is here.
--
-- Runs before the prelude, with the same two arguments.

local host, G = ...
local error, type, tostring, tonumber = error, type, tostring, tonumber
local raw_sub, raw_concat, floor = string.sub, table.concat, math.floor
local pattern_find, pattern_expand = host.pattern_find, host.pattern_expand

local strings = G.string

local function text(v, n, name)
    local t = type(v)
    if t == "string" then
        return v
    elseif t == "number" then
        return tostring(v)
    end
    error("bad argument #" .. n .. " to '" .. name .. "' (string expected, got " .. t .. ")", 3)
end

function strings.gmatch(s, p)
    s, p = text(s, 1, "gmatch"), text(p, 2, "gmatch")
    local at = 1
    -- An iteration has no anchor: here `^` is a letter like others.
    if raw_sub(p, 1, 1) == "^" then
        p = "%" .. p
    end
    local function step(first, last, ...)
        if first == nil then
            at = #s + 2
            return nil
        end
        at = last + (last < first and 2 or 1)
        return ...
    end
    return function()
        if at > #s + 1 then
            return nil
        end
        return step(pattern_find(s, p, at))
    end
end
strings.gfind = strings.gmatch

-- What takes the place of a match: the original text when the script gives nothing for it.
local function replacement(value, original)
    if not value then
        return original
    end
    local t = type(value)
    if t == "string" then
        return value
    elseif t == "number" then
        return tostring(value)
    end
    error("invalid replacement value (a " .. t .. ")", 4)
end

function strings.gsub(s, p, repl, max)
    s, p = text(s, 1, "gsub"), text(p, 2, "gsub")
    local how = type(repl)
    if how == "number" then
        repl, how = tostring(repl), "string"
    end
    if how ~= "string" and how ~= "table" and how ~= "function" then
        error("bad argument #3 to 'gsub' (string/function/table expected)", 2)
    end
    if max ~= nil and tonumber(max) == nil then
        error("bad argument #4 to 'gsub' (number expected, got " .. type(max) .. ")", 2)
    end
    max = max and floor(tonumber(max)) or #s + 1
    if how == "string" then
        return pattern_expand(s, p, repl, max)
    end
    local anchored = raw_sub(p, 1, 1) == "^"
    local pieces, n, at, count, size = {}, 0, 1, 0, #s
    local function step(first, last, ...)
        if first == nil then
            return false
        end
        local value
        if how == "table" then
            value = repl[(...)]
        else
            value = repl(...)
        end
        local original = raw_sub(s, first, last)
        if first > at then
            n = n + 1
            pieces[n] = raw_sub(s, at, first - 1)
        end
        n = n + 1
        pieces[n] = replacement(value, original)
        count = count + 1
        if last < first then
            if first <= size then
                n = n + 1
                pieces[n] = raw_sub(s, first, first)
            end
            at = first + 1
        else
            at = last + 1
        end
        return not anchored
    end
    while count < max and at <= size + 1 and step(pattern_find(s, p, at)) do
    end
    if at <= size then
        n = n + 1
        pieces[n] = raw_sub(s, at)
    end
    return raw_concat(pieces), count
end
