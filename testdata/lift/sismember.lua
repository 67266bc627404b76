-- A set of addresses in Redis, with a pool.
local redis = require "resty.redis"
local red = redis:new()
red:set_timeouts(100, 200, 300)
local ok, err = red:connect("127.0.0.1", 6379)
if not ok then
    ngx.log(ngx.ERR, "failed to connect: ", err)
    return ngx.exec("@stable")
end
local ip = ngx.var.remote_addr
local res, err = red:sismember("gray:ips", ip)
red:set_keepalive(10000, 100)
if res == 1 then
    return ngx.exec("@gray")
end
return ngx.exec("@stable")
