-- phase: access
-- Texts that become numbers, and those that do not.
local n = ngx.var.arg_n
if not n then return end
local x = tonumber(n)
if x and x * 2 == 32 then return ngx.exec("@sixteen") end
if x == nil then
    if n == "nil" then return ngx.exec("@nil") end
    return ngx.exit(400)
end
if n + 1 > 100 or -n > 5 or n % 7 == 3 then return ngx.exec("@sum") end
if n < "5" then return ngx.exec("@text_less") end
if x .. "" == n then return ngx.exec("@plain") end
if n / 2 >= 10 then ngx.exec("@half") end
