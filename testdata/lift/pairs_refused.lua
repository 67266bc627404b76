-- refused: 6: the order in which pairs() goes is not defined
-- Several may match, and which one is met first is not defined.
local targets = { ["10."] = "@a", ["10.0."] = "@b", ["10.0.0."] = "@c" }
local ip = ngx.var.remote_addr or ""
local target = "@stable"
for prefix, name in pairs(targets) do
    if ip:sub(1, #prefix) == prefix then
        target = name
        break
    end
end
ngx.exec(target)
