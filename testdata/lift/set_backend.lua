-- phase: set
-- set_by_lua_file $backend
local version = ngx.var.http_x_version
if version == "2" then
    return "gray"
end
if version and tonumber(version) and tonumber(version) > 2 then
    return "canary"
end
return "stable"
