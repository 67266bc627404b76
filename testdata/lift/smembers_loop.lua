-- All members, then a loop.
local redis = require "resty.redis"
local red = redis.new()
red:set_timeout(1000)
local ok, err = red:connect("127.0.0.1", 6379)
if not ok then
    ngx.status = 500
    ngx.say("redis: ", err)
    return
end
local list, err = red:smembers("gray_ips")
if not list then
    ngx.exec("@stable")
end
local ip = ngx.var.remote_addr
local gray = false
for _, v in ipairs(list) do
    if v == ip then
        gray = true
        break
    end
end
red:close()
if gray then
    ngx.exec("@gray")
else
    ngx.exec("@stable")
end
