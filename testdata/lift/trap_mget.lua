-- Several keys at once: a list with holes that are null.
local redis = require "resty.redis"
local red = redis:new()
red:set_timeout(1000)
local ok, err = red:connect("127.0.0.1", 6379)
if not ok then return ngx.exec("@stable") end
local res, err = red:mget("switch", "percent")
if not res then return ngx.exec("@stable") end
if res[1] == ngx.null or res[1] == nil then return ngx.exec("@off") end
if #res == 2 and tonumber(res[2]) and tonumber(res[2]) > 50 then return ngx.exec("@gray") end
ngx.exec("@stable")
