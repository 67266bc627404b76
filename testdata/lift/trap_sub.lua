-- phase: access
-- string.sub with all sorts of indices, on what may be a table or true.
local id = ngx.req.get_uri_args().id
if id == nil then return end
local a, b, c = string.sub(id, -3, -2), string.sub(id, 0), id:sub(2, 100)
if a == "77" or b == "" then
    return ngx.exec("@a")
end
if c == "00" or #c > 5 or id:len() == 3 then
    return ngx.exec("@c")
end
if id:byte(-1) == 49 and string.byte(id) ~= nil then
    ngx.exec("@one")
end
