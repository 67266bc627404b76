-- Errors inside pcall, with what they leave behind.
local ok, n = pcall(function(x) return #x > 3 and "long" or "short" end, ngx.var.arg_x)
if not ok then
    return ngx.exec("@nil")
end
local fine, a, b = pcall(tonumber, ngx.var.arg_y)
if fine and a == 7 and b == nil then
    return ngx.exec("@seven")
end
if n == "long" then
    return ngx.exec("@long")
end
assert(ngx.var.arg_z, "z is missing")
ngx.exec("@stable")
