-- User numbers: a suffix, a range, a regular expression.
local uid = ngx.var.arg_uid or ngx.var.cookie_uid or ""
local n = tonumber(uid)
if uid:sub(-2) == "88" or (n and n >= 10000 and n <= 20000) or uid:match("^test_%a+$") then
    return ngx.exec("@gray")
end
return ngx.exec("@stable")
