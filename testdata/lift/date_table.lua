-- phase: access
-- Working days by os.date's table.
local t = os.date("*t")
if t.wday == 1 or t.wday == 7 then
    return
end
if t.hour >= 10 and t.hour <= 16 and ngx.var.arg_beta == "1" then
    return ngx.exec("@gray")
end
