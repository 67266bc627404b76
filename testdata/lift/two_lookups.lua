-- A switch first, then the user, then his address.
local redis = require "resty.redis"
local red = redis:new()
red:set_timeout(1000)
local ok, err = red:connect("127.0.0.1", 6379)
if not ok then
    return ngx.exec("@stable")
end
local switch = red:get("gray:on")
if switch ~= "1" then
    red:set_keepalive(1000, 10)
    return ngx.exec("@stable")
end
local uid = ngx.req.get_headers()["uid"]
local hit = 0
if uid then
    hit = red:sismember("gray:uids", uid)
end
if hit ~= 1 then
    hit = red:sismember("gray:ips", ngx.var.remote_addr)
end
red:set_keepalive(1000, 10)
if hit == 1 then
    return ngx.exec("@gray")
end
return ngx.exec("@stable")
