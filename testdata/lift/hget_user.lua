-- phase: access
-- The version of a user from a hash, by the argument uid.
local redis = require("resty.redis")
local uid = ngx.req.get_uri_args()["uid"]
if not uid or type(uid) ~= "string" or uid == "" then
    return
end
local red = redis:new()
red:set_timeout(1000)
local ok = red:connect("127.0.0.1", 6379)
if not ok then
    return
end
local version, err = red:hget("user:versions", uid)
if not version then
    ngx.log(ngx.WARN, "hget failed: ", err)
    return
end
if version == ngx.null then
    return
end
if version == "v2" then
    ngx.exec("@v2")
elseif version == "blocked" then
    ngx.exit(ngx.HTTP_FORBIDDEN)
end
