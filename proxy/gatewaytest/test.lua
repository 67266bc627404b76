-- huidu.test: what test files call. The work is done by huidu.host, in Go;
-- this is its shape. See README.md, "Tests for gateway scripts".

local host = require "huidu.host"
local show = require "huidu.test.show"

local test = {}
local cases, before, after, gateways = {}, {}, {}, {}
local LIB = "huidu.test"

-- place is file:line of the innermost frame that belongs to the user.
local function place()
    for level = 2, 100 do
        local info = debug.getinfo(level, "Sl")
        if not info then
            return nil
        end
        if info.currentline > 0 and info.short_src:sub(1, #LIB) ~= LIB then
            return info.short_src .. ":" .. info.currentline
        end
    end
end

-- Failure is what a broken expectation throws.
local Failure = {}
Failure.__index = Failure
function Failure.__tostring(f)
    return f.message
end

local function fail(message)
    error(setmetatable({ message = message, at = place() }, Failure), 0)
end

local function note(msg, text)
    return msg and (tostring(msg) .. ": " .. text) or text
end

-- Assertions ---------------------------------------------------------------

function test.fail(msg)
    fail(msg or "failed")
end

function test.ok(value, msg)
    if not value then
        fail(note(msg, "expected a true value, got " .. show.value(value)))
    end
    return value
end

function test.equal(got, want, msg)
    local diff = show.diff(got, want)
    if diff then
        fail(note(msg, diff))
    end
end

function test.not_equal(got, unwanted, msg)
    if not show.diff(got, unwanted) then
        fail(note(msg, "expected anything but " .. show.value(unwanted)))
    end
end

local function matches(text, re)
    return type(text) == "string" and ngx.re.find(text, re, "jo") ~= nil
end

function test.like(got, re, msg)
    if not matches(got, re) then
        fail(note(msg, "expected a match of /" .. re .. "/, got " .. show.value(got)))
    end
end

function test.unlike(got, re, msg)
    if matches(got, re) then
        fail(note(msg, "expected no match of /" .. re .. "/, got " .. show.value(got)))
    end
end

function test.contains(got, part, msg)
    if type(got) ~= "string" or not got:find(part, 1, true) then
        fail(note(msg, "expected something that contains " .. show.value(part) .. ", got " .. show.value(got)))
    end
end

-- throws returns the error of f(...).
function test.throws(f, re, msg)
    local ok, err = pcall(f)
    if ok then
        fail(note(msg, "expected an error, there was none"))
    end
    if re and not matches(tostring(err), re) then
        fail(note(msg, "expected an error that matches /" .. re .. "/, got " .. show.value(tostring(err))))
    end
    return err
end

-- Skip is what test.skip throws.
local Skip = {}

function test.skip(reason)
    error(setmetatable({ reason = reason or "skipped" }, Skip), 0)
end

-- Responses ----------------------------------------------------------------

local Response = {}
Response.__index = Response

-- compare appends what is wrong with one field.
local function compare(wrong, name, got, want)
    if type(want) == "table" and want.like then
        if not matches(got, want.like) then
            wrong[#wrong + 1] = name .. ": expected a match of /" .. want.like .. "/, got " .. show.value(got)
        end
    elseif want == false then
        if got ~= nil then
            wrong[#wrong + 1] = name .. ": expected none, got " .. show.value(got)
        end
    else
        local diff = show.diff(got, want)
        if diff then
            wrong[#wrong + 1] = name .. ": " .. diff
        end
    end
end

local function each(v, f)
    for _, one in ipairs(type(v) == "table" and v or { v }) do
        f(one)
    end
end

local function any(lines, re)
    for _, line in ipairs(lines) do
        if matches(line, re) then
            return line
        end
    end
end

local fields = { status = true, reason = true, body = true, server = true, location = true, upstream = true, peer = true }
local special = {
    headers = function(res, wrong, want)
        for name, value in pairs(want) do
            compare(wrong, "header " .. name, res.headers[name], value)
        end
    end,
    body_like = function(res, wrong, want)
        each(want, function(re)
            compare(wrong, "body", res.body, { like = re })
        end)
    end,
    log = function(res, wrong, want)
        each(want, function(re)
            if not any(res.log, re) then
                wrong[#wrong + 1] = "error log: expected a line that matches /" .. re .. "/"
            end
        end)
    end,
    no_log = function(res, wrong, want)
        each(want, function(re)
            local line = any(res.log, re)
            if line then
                wrong[#wrong + 1] = "error log: expected no line that matches /" .. re .. "/, got " .. show.value(line)
            end
        end)
    end,
    json = function(res, wrong, want)
        local got, err = require("cjson.safe").decode(res.body)
        if got == nil then
            wrong[#wrong + 1] = "json: " .. tostring(err) .. " in " .. show.value(res.body)
        else
            compare(wrong, "json", got, want)
        end
    end,
}

-- expect checks all that want names at once and returns the response.
function Response:expect(want)
    local wrong, names = {}, {}
    for name in pairs(want) do
        names[#names + 1] = name
    end
    table.sort(names)
    for _, name in ipairs(names) do
        if fields[name] then
            compare(wrong, name, self[name], want[name])
        elseif special[name] then
            special[name](self, wrong, want[name])
        else
            error(LIB .. ": expect knows no " .. show.value(name), 2)
        end
    end
    if #wrong > 0 then
        fail(self.request .. "\n" .. show.indent(table.concat(wrong, "\n"), "  ") .. "\n" .. self:context())
    end
    return self
end

-- context tells what a reader of a failure wants to know.
function Response:context()
    local lines = { ("it was answered %s by location %s%s"):format(tostring(self.status), self.location or "(none)",
        self.upstream and (", upstream " .. self.upstream .. " (" .. tostring(self.peer) .. ")") or "") }
    if #self.log > 0 then
        lines[#lines + 1] = "error log:"
        for _, line in ipairs(self.log) do
            lines[#lines + 1] = "  " .. line
        end
    end
    if #self.redis > 0 then
        lines[#lines + 1] = "redis: " .. table.concat(self.redis, "; ")
    end
    if #self.strays > 0 then
        lines[#lines + 1] = "connections that no fake answers: " .. table.concat(self.strays, ", ")
    end
    return table.concat(lines, "\n")
end

-- decoded is the body as JSON.
function Response:decoded()
    return require("cjson").decode(self.body)
end

local headers_meta = {
    __index = function(t, name)
        if type(name) == "string" then
            return rawget(t, (name:lower():gsub("_", "-")))
        end
    end,
}

local function response(res)
    res.headers = setmetatable(res.headers, headers_meta)
    return setmetatable(res, Response)
end

-- Fakes --------------------------------------------------------------------

-- A Redis: any command is a method; the methods here come before them.
local redis_methods = {
    down = true, up = true, hang = true, slow = true, password = true, reply = true, commands = true, forget = true, address = true,
}
local redis_meta = {
    __index = function(self, name)
        local f = function(me, ...)
            local gw = rawget(me, "gateway")
            if redis_methods[name] then
                return host.redis(gw:start(), rawget(me, "name"), name, ...)
            end
            return host.redis(gw:start(), rawget(me, "name"), "do", name, ...)
        end
        rawset(self, name, f)
        return f
    end,
}

local Upstream = {}
Upstream.__index = Upstream
for _, verb in ipairs { "down", "up", "hang", "slow", "reset", "answer", "requests", "forget" } do
    Upstream[verb] = function(self, ...)
        return host.upstream(self.gateway:start(), self.name, verb, ...)
    end
end

local dict_meta = {
    __index = function(self, method)
        return function(me, ...)
            return me.gateway:eval("local d, m = ...; d = ngx.shared[d] or error('no lua_shared_dict ' .. d); return d[m](d, select(3, ...))",
                me.name, method, ...)
        end
    end,
}

-- Gateways -----------------------------------------------------------------

local Gateway = {}

function Gateway.__index(self, name)
    if name == "redis" then
        return setmetatable({ gateway = self, name = "" }, redis_meta)
    end
    return Gateway[name]
end

-- test.gateway describes a gateway. It starts when it is first used, anew in
-- every case.
function test.gateway(options)
    local gw = setmetatable({ options = options or {} }, Gateway)
    gateways[#gateways + 1] = gw
    return gw
end

-- start starts the gateway unless it runs, and returns its number.
function Gateway:start()
    if not rawget(self, "id") then
        rawset(self, "id", host.start(self.options))
    end
    return self.id
end

function Gateway:stop()
    local id = rawget(self, "id")
    if id then
        rawset(self, "id", nil)
        host.stop(id)
    end
end

-- reload is HUP: the configuration is read again.
function Gateway:reload()
    return host.reload(self:start())
end

local function request(method, uri, o)
    o = o or {}
    return { method = method, uri = uri, headers = o.headers, body = o.body, remote_addr = o.remote_addr, listen = o.listen,
        version = o.version, raw = o.raw, timeout = o.timeout }
end

-- request sends { method =, uri =, headers =, body =, remote_addr =, listen =, … }.
function Gateway:request(o)
    return response(host.request(self:start(), request(o.method or "GET", o.uri or "/", o)))
end

-- all sends several requests at once.
function Gateway:all(list)
    local reqs = {}
    for i, o in ipairs(list) do
        reqs[i] = request(o.method or "GET", o.uri or "/", o)
    end
    local out = host.requests(self:start(), reqs)
    for i, res in ipairs(out) do
        out[i] = response(res)
    end
    return out
end

for _, method in ipairs { "get", "post", "put", "delete", "head", "patch" } do
    Gateway[method] = function(self, uri, o)
        return response(host.request(self:start(), request(method:upper(), uri, o)))
    end
end

function Gateway:upstream(name)
    return setmetatable({ gateway = self, name = name }, Upstream)
end

-- redis_at is the Redis of an address, where there are several.
function Gateway:redis_at(address)
    return setmetatable({ gateway = self, name = address }, redis_meta)
end

function Gateway:dict(name)
    return setmetatable({ gateway = self, name = name }, dict_meta)
end

-- eval runs Lua inside the gateway and returns what it returns.
function Gateway:eval(code, ...)
    return host.eval(self:start(), code, ...)
end

-- advance moves the clock of scripts, shared dicts, timers and Redis.
function Gateway:advance(seconds)
    host.advance(self:start(), seconds)
end

-- log is the error log so far, a list of lines.
function Gateway:log()
    return host.log(self:start(), "error")
end

function Gateway:access_log()
    return host.log(self:start(), "access")
end

-- wait_log waits for a line that matches, as timers write them.
function Gateway:wait_log(re, seconds)
    local deadline = host.now() + (seconds or 5)
    repeat
        local line = any(self:log(), re)
        if line then
            return line
        end
        ngx.sleep(0.005)
    until host.now() > deadline
    fail("no line of the error log matches /" .. re .. "/\n" .. show.indent(table.concat(self:log(), "\n"), "  "))
end

-- Cases --------------------------------------------------------------------

function test.case(name, f)
    if type(name) ~= "string" or type(f) ~= "function" then
        error(LIB .. ": test.case wants a name and a function", 2)
    end
    cases[#cases + 1] = { name = name, f = f, at = place() }
end

function test.before(f)
    before[#before + 1] = f
end

function test.after(f)
    after[#after + 1] = f
end

-- own_trace is a traceback without the frames of this library.
local function own_trace(trace)
    local out = {}
    for line in trace:gmatch("[^\n]+") do
        local lib = line:find(LIB, 1, true) == 2
        if lib and out[#out] == "\t[C]: in function 'xpcall'" then
            out[#out] = nil
        elseif not lib then
            out[#out + 1] = line
        end
    end
    return table.concat(out, "\n")
end

-- guarded calls f and returns nil, or how it failed.
local function guarded(f)
    local ok, err = xpcall(f, function(e)
        if type(e) == "table" then
            return e
        end
        return { message = tostring(e), at = place(), trace = own_trace(debug.traceback("", 2)) }
    end)
    if ok then
        return nil
    end
    if getmetatable(err) == Skip then
        return { skip = err.reason }
    end
    if not err.message then
        return { message = "error object: " .. show.value(err) }
    end
    return { message = err.message, at = err.at, trace = err.trace }
end

-- test.run_ is for the runner: it lists the cases, or runs one.
function test.run_(index)
    if not index then
        local list = {}
        for i, c in ipairs(cases) do
            list[i] = { name = c.name, at = c.at }
        end
        return host.cases(list)
    end
    local c, bad = cases[index], nil
    for _, f in ipairs(before) do
        bad = bad or guarded(f)
    end
    bad = bad or guarded(c.f)
    for _, f in ipairs(after) do
        local worse = guarded(f)
        bad = bad or worse
    end
    for _, gw in ipairs(gateways) do
        local worse = guarded(function()
            gw:stop()
        end)
        bad = bad or worse
    end
    host.result(bad or {})
end

return setmetatable(test, {
    __call = function(_, name, f)
        return test.case(name, f)
    end,
})
