-- phase: access
-- Arguments that are true, that come twice, that are escaped.
local args = ngx.req.get_uri_args(3)
local v = args["user"]
if v == true then
    return ngx.exit(400)
elseif type(v) == "table" then
    if v[1] == "ann" or v[2] == true then
        return ngx.exec("@first")
    end
    if #v == 2 then return ngx.exit(409) end
    return ngx.exit(410)
elseif v == "a b" or v == "a%20b" then
    return ngx.exec("@space")
end
local name = "hello " .. v
if name == "hello ann" then
    ngx.exec("@ann")
end
