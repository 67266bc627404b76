-- phase: access
if ngx.req.get_method() ~= "GET" then
    return
end
local ua = ngx.var.http_user_agent
if not ua then
    return
end
if ngx.re.find(ua, "bot|spider", "ijo") then
    return
end
if not ngx.re.match(ua, [[Android\s+\d+]], "jo") then
    return
end
ngx.exec("@gray")
