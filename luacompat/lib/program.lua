-- What the resty command changes for programs that run outside of requests:
-- output goes to the standard output, print is ngx.say, ngx.exit is os.exit.
-- See: https://github.com/openresty/resty-cli

local stdout, null, exit = io.stdout, ngx.null, os.exit
local select, type, tostring, concat, maxn = select, type, tostring, table.concat, table.maxn

local text

-- join makes one text of the n values of list.
local function join(list, n)
    local out = {}
    for i = 1, n do
        out[i] = text(list[i])
    end
    return concat(out)
end

function text(v)
    if type(v) == "string" then
        return v
    elseif v == null then
        return "null"
    elseif type(v) == "table" then
        return join(v, maxn(v))
    end
    return tostring(v)
end

function ngx.print(...)
    return stdout:write(join({ ... }, select("#", ...)))
end

function ngx.say(...)
    return stdout:write(join({ ... }, select("#", ...)), "\n")
end

function ngx.flush()
    return stdout:flush()
end

function ngx.eof()
    return true
end

ngx.exit = exit
print = ngx.say
