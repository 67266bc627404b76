local redis = require "resty.redis"

local _M = { _VERSION = "0.1" }

local host, port = "127.0.0.1", 6379
local KEY = "gray:"

local function connect()
    local red = redis:new()
    red:set_timeout(500)
    local ok, err = red:connect(host, port)
    if not ok then
        return nil, err
    end
    return red
end

function _M.client_ip()
    local headers = ngx.req.get_headers()
    local ip = headers["X-Real-IP"]
    if ip == nil or type(ip) == "table" or #ip == 0 then
        ip = ngx.var.remote_addr or ""
    end
    return ip
end

function _M.listed(ip)
    local red, err = connect()
    if not red then
        return false, "connect: " .. (err or "unknown")
    end
    local v, err = red:get(KEY .. ip)
    red:set_keepalive(60000, 50)
    if not v then
        return nil, err
    end
    return v == "1"
end

return _M
