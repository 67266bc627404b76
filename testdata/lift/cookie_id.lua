-- phase: rewrite
-- Staff have a cookie.
local uid = ngx.var.cookie_uid
if uid == "admin" or uid == "tester" then
    ngx.var.backend = "gray"
elseif uid and string.match(uid, "^staff%-%d+$") then
    ngx.var.backend = "gray"
else
    ngx.var.backend = "stable"
end
