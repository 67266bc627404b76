-- The work is in a module.
local gray = require "gray"
local ip = gray.client_ip()
local on, err = gray.listed(ip)
if err then
    ngx.log(ngx.ERR, "gray: ", err)
end
if on then
    return ngx.exec("@gray")
end
return ngx.exec("@stable")
