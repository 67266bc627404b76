-- Ten per cent by chance, remembered in a cookie.
local group = ngx.var.cookie_gray_group
if group ~= "gray" and group ~= "stable" then
    if math.random(1, 100) <= 10 then
        group = "gray"
    else
        group = "stable"
    end
    ngx.header["Set-Cookie"] = "gray_group=" .. group .. "; Path=/; Max-Age=86400"
end
if group == "gray" then
    return ngx.exec("@gray")
end
return ngx.exec("@stable")
