-- Coroutines are made at a pace. Each counts its instructions from its own beginning, so none may ever reach the number after which a
-- script gives way: one that made many, which made many themselves, would keep the core for as long as it likes.
--
-- Runs once per engine, before the prelude. `pace` counts a new coroutine and gives way from time to time.

local pace, coroutine = ...
local error, type = error, type

local function paced(name, make)
    coroutine[name] = function(f)
        if type(f) ~= "function" then
            error("bad argument #1 to '" .. name .. "' (Lua function expected)", 2)
        end
        pace()
        local co = make(f)
        return co
    end
end

paced("create", coroutine.create)
paced("wrap", coroutine.wrap)
