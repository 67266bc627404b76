-- huidu.test.show: values and their differences as people read them.

local show = {}
local concat, sort = table.concat, table.sort

local function quoted(s)
    return '"' .. s:gsub('[%c"\\]', function(c)
        local names = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }
        return names[c] or ("\\%03d"):format(c:byte())
    end) .. '"'
end

local function sorted_keys(t)
    local keys = {}
    for k in pairs(t) do
        keys[#keys + 1] = k
    end
    sort(keys, function(a, b)
        if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
            return a < b
        end
        return type(a) < type(b)
    end)
    return keys
end

local function key(k)
    if type(k) == "string" and k:find("^[%a_][%w_]*$") then
        return k
    end
    return "[" .. show.value(k) .. "]"
end

-- value writes v on one line.
function show.value(v, depth, seen)
    depth, seen = depth or 0, seen or {}
    if type(v) == "string" then
        return quoted(v)
    elseif v == ngx.null then
        return "null"
    elseif type(v) ~= "table" then
        return tostring(v)
    elseif seen[v] or depth > 8 then
        return "{…}"
    end
    seen[v] = true
    local out, n = {}, #v
    for i = 1, n do
        out[i] = show.value(v[i], depth + 1, seen)
    end
    for _, k in ipairs(sorted_keys(v)) do
        if not (type(k) == "number" and k >= 1 and k <= n and k % 1 == 0) then
            out[#out + 1] = key(k) .. " = " .. show.value(v[k], depth + 1, seen)
        end
    end
    seen[v] = nil
    if #out == 0 then
        return "{}"
    end
    return "{ " .. concat(out, ", ") .. " }"
end

function show.indent(text, by)
    return by .. text:gsub("\n", "\n" .. by)
end

local function lines(s)
    local out = {}
    for line in (s .. "\n"):gmatch("(.-)\n") do
        out[#out + 1] = line
    end
    if out[#out] == "" then
        out[#out] = nil
    end
    return out
end

-- line_diff is the shortest list of lines to take away and to add.
local function line_diff(got, want)
    local a, b = lines(want), lines(got)
    if #a * #b > 250000 then
        return nil
    end
    local len = {}
    for i = #a + 1, 1, -1 do
        len[i] = {}
        for j = #b + 1, 1, -1 do
            if i > #a or j > #b then
                len[i][j] = 0
            elseif a[i] == b[j] then
                len[i][j] = len[i + 1][j + 1] + 1
            else
                len[i][j] = math.max(len[i + 1][j], len[i][j + 1])
            end
        end
    end
    local out, i, j = {}, 1, 1
    while i <= #a or j <= #b do
        if i <= #a and j <= #b and a[i] == b[j] then
            out[#out + 1] = "    " .. a[i]
            i, j = i + 1, j + 1
        elseif j > #b or i <= #a and len[i + 1][j] >= len[i][j + 1] then
            out[#out + 1] = "  - " .. a[i]
            i = i + 1
        else
            out[#out + 1] = "  + " .. b[j]
            j = j + 1
        end
    end
    return concat(out, "\n")
end

-- collect gathers the places where got and want differ.
local function collect(got, want, path, out, seen)
    if type(got) ~= "table" or type(want) ~= "table" then
        if got ~= want and not (got ~= got and want ~= want) then
            out[#out + 1] = { path = path, got = got, want = want }
        end
        return
    end
    if got == want or seen[got] == want then
        return
    end
    seen[got] = want
    local union = {}
    for k in pairs(got) do
        union[k] = true
    end
    for k in pairs(want) do
        union[k] = true
    end
    for _, k in ipairs(sorted_keys(union)) do
        local step = type(k) == "string" and k:find("^[%a_][%w_]*$") and ("." .. k) or ("[" .. show.value(k) .. "]")
        collect(rawget(got, k), rawget(want, k), path .. step, out, seen)
    end
end

-- diff is nil for equal values, else how got differs from want.
function show.diff(got, want)
    local out = {}
    collect(got, want, "", out, {})
    if #out == 0 then
        return nil
    end
    local text = {}
    for i, d in ipairs(out) do
        if i > 20 then
            text[i] = ("and %d more"):format(#out - 20)
            break
        end
        local both = type(d.got) == "string" and type(d.want) == "string"
        local lined = both and (d.got:find("\n.") or d.want:find("\n.")) and line_diff(d.got, d.want)
        local at = d.path ~= "" and ("at " .. d.path:gsub("^%.", "") .. ": ") or ""
        if lined then
            text[i] = at .. "(- expected, + got)\n" .. lined
        else
            text[i] = at .. "expected " .. show.value(d.want) .. ", got " .. show.value(d.got)
        end
    end
    return concat(text, "\n")
end

return show
