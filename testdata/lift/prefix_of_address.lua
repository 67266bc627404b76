-- The office network by prefix, as many first gray releases have it.
local headers = ngx.req.get_headers()
local ip = headers["X-Real-IP"] or headers["X-Forwarded-For"] or ngx.var.remote_addr or "0.0.0.0"
if string.sub(ip, 1, 8) == "192.168." or string.find(ip, "^10%.") then
    ngx.exec("@gray")
else
    ngx.exec("@stable")
end
