-- phase: rewrite
-- Ten per cent of the users by the last digits of their number.
local uid = tonumber(ngx.var.arg_uid)
if uid and uid % 100 < 10 then
    ngx.var.backend = "gray"
end
