-- refused: 8: get_reused_times tells how often the connection was used, which rules do not know
local redis = require "resty.redis"
local red = redis:new()
local ok, err = red:connect("127.0.0.1", 6379)
if not ok then
    return ngx.exec("@stable")
end
local times = red:get_reused_times()
if times == 0 then
    red:auth("secret")
end
local v = red:get(ngx.var.remote_addr)
red:set_keepalive(10000, 10)
if v == "1" then
    return ngx.exec("@gray")
end
return ngx.exec("@stable")
