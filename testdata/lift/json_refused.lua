-- refused: 10: the module cjson is not understood
-- The rule lies as JSON in Redis.
local redis = require "resty.redis"
local red = redis:new()
local ok, err = red:connect("127.0.0.1", 6379)
if not ok then
    return ngx.exec("@stable")
end
local text = red:get("gray:rule")
local cjson = require "cjson"
local rule = cjson.decode(text)
if rule.ip == ngx.var.remote_addr then
    ngx.exec("@gray")
end
ngx.exec("@stable")
