-- Coroutines are made at a pace. Each counts its instructions from its own beginning, so none may ever reach the number after which a
-- script gives way: one that made many, which made many themselves, would keep the core for as long as it likes.
--
-- Runs once per engine, before the prelude. `pace` checks the function of a new coroutine, counts it, and now and then gives way.

local pace, coroutine = ...

local function paced(name, make)
    coroutine[name] = function(f)
        pace(f)
        local co = make(f)
        return co
    end
end

paced("create", coroutine.create)
paced("wrap", coroutine.wrap)
