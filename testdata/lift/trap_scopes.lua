-- Shadowed names, closures that change what they close over, swaps.
local a, b = ngx.var.arg_a, ngx.var.arg_b
a, b = b, a
local x = "outer"
do
    local x = a
    if x == "swap" then b = "changed" end
end
local count = 0
local function hit(v)
    if v == nil then return end
    count = count + 1
    return count, v
end
hit(a)
local n, last = hit(b)
for _, want in ipairs({ "u1", "u2" }) do
    local x = want
    if last == x then count = count + 10 end
end
if x ~= "outer" then return ngx.exec("@wrong") end
if count >= 11 then return ngx.exec("@listed") end
if n == 2 then return ngx.exec("@both") end
if count == 1 then return ngx.exec("@one") end
ngx.exec("@none")
