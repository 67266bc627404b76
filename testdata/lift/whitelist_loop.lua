-- The same as a list with a loop.
local list = { "10.0.0.1", "10.0.0.2", "192.168.1.77" }
local function contains(t, x)
    for _, v in ipairs(t) do
        if v == x then
            return true
        end
    end
    return false
end
local found = contains(list, ngx.var.remote_addr)
if not found then
    for i = 1, #list do
        if ngx.var.http_x_test_ip == list[i] then
            found = true
            break
        end
    end
end
ngx.exec(found and "@gray" or "@stable")
