-- refused: 5: how often this loop runs is not known
-- A hash of one's own over the bytes of the address.
local ip = ngx.var.remote_addr or ""
local sum = 0
for i = 1, #ip do
    sum = sum + ip:byte(i)
end
if sum % 10 == 0 then
    ngx.exec("@gray")
end
ngx.exec("@stable")
