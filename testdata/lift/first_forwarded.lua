-- The first address of X-Forwarded-For.
local xff = ngx.req.get_headers()["X-Forwarded-For"]
local ip
if type(xff) == "string" then
    ip = string.match(xff, "^([^,]+)")
end
if not ip then
    ip = ngx.var.remote_addr
end
local redis = require "resty.redis"
local red = redis:new()
red:set_timeout(1000)
local ok, err = red:connect("127.0.0.1", 6379)
if not ok then
    ngx.exec("@client1")
    return
end
local is = red:exists("gray:" .. tostring(ip))
if is == 1 then
    ngx.exec("@client2")
    return
end
ngx.exec("@client1")
