-- A table of addresses in the script.
local whitelist = {
    ["10.0.0.1"] = true,
    ["10.0.0.2"] = true,
    ["192.168.1.77"] = true,
}
local ip = ngx.var.http_x_real_ip or ngx.var.remote_addr
if whitelist[ip] then
    ngx.exec("@gray")
    return
end
ngx.exec("@stable")
