-- phase: access
-- Everything that may fail is inside a pcall.
local function ask(key)
    local redis = require "resty.redis"
    local red = redis:new()
    red:set_timeout(1000)
    local ok, err = red:connect("127.0.0.1", 6379)
    if not ok then
        error(err)
    end
    local ok, err = red:auth("secret")
    if not ok then
        error("auth: " .. err)
    end
    local v, err = red:get(key)
    red:close()
    if v == ngx.null then
        return nil
    end
    return v
end

local ok, v = pcall(ask, "gray:switch")
if not ok then
    ngx.log(ngx.ERR, "redis is down: ", v)
    return
end
if v == "on" then
    ngx.exec("@gray")
end
