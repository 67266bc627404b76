-- phase: access
-- Patterns with captures, anchors, sets, and the plain flag.
local c = ngx.var.http_cookie
if not c then return end
local uid, rest = c:match("uid=(%d+)(;?)")
if uid and rest == ";" then return ngx.exec("@first") end
if uid == "42" then return ngx.exec("@answer") end
if c:find("gray=1", 1, true) then return ngx.exec("@gray") end
if c:find("a.b") or c:find("[%-x]y", 2) then return ngx.exec("@pattern") end
local from, to = string.find(c, "%d+")
if from == 1 and to == #c then return ngx.exec("@digits") end
if c:match("^%s*$") then ngx.exit(400) end
