-- Twenty per cent by a hash of the address, sticky by nature.
local function percent_of(key)
    return ngx.crc32_short(key) % 100
end

local key = ngx.var.cookie_uid or ngx.var.remote_addr
if not key then
    return ngx.exec("@stable")
end
if percent_of(key) < 20 then
    ngx.exec("@gray")
end
ngx.exec("@stable")
