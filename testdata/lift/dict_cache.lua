-- dict: gray
-- Shared memory in front of Redis.
local cache = ngx.shared.gray
local ip = ngx.var.remote_addr
local flag = cache:get("ip:" .. (ip or ""))
if flag == nil then
    local redis = require "resty.redis"
    local red = redis:new()
    red:set_timeout(200)
    local ok, err = red:connect("127.0.0.1", 6379)
    if ok then
        local v = red:get(ip)
        if v and v ~= ngx.null then
            flag = true
        else
            flag = false
        end
        cache:set("ip:" .. (ip or ""), flag, 5)
        red:set_keepalive(10000, 100)
    else
        flag = false
    end
end
if flag then
    ngx.exec("@gray")
else
    ngx.exec("@stable")
end
