-- phase: rewrite
-- Variables that are read back, and such as cannot be set.
ngx.var.backend = 1
local uid = ngx.var.cookie_uid
if uid then
    ngx.var.group = uid
    if ngx.var.group == "vip" then
        ngx.var.backend = "vip"
    end
end
if uid == "none" then
    ngx.var.backend = nil
end
ngx.header["X-Group"] = uid or "anonymous"
