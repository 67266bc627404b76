-- A key that may be nil or a table: what resty.redis then sends.
local redis = require "resty.redis"
local red = redis:new()
red:set_timeout(1000)
local ok = red:connect("127.0.0.1", 6379)
if not ok then return ngx.exec("@stable") end
local id = ngx.req.get_headers()["X-User"]
local v = red:hget("users", id)
local w = red:hget(id, "gray")
if v == "1" or w == id then
    return ngx.exec("@gray")
end
ngx.exec("@stable")
