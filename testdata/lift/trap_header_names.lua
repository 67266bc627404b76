-- unreached: header('X-Tag', 2) and not header('x-tag')
-- Names of headers in every spelling, and the limit.
local h = ngx.req.get_headers()
local few = ngx.req.get_headers(2)
local all = ngx.req.get_headers(0)
if h["x-real-ip"] == "1" then return ngx.exec("@lower") end
if h.X_Real_IP == "10.0.0.1" then return ngx.exec("@underscores") end
if h["x_real_ip"] ~= h["X-REAL-IP"] and type(h["x_real_ip"]) ~= "table" then return ngx.exec("@different") end
if few["X-Tag"] and not h["x-tag"] then return ngx.exec("@impossible") end
if all["X-Tag"] and not few["X-Tag"] then return ngx.exec("@beyond") end
ngx.exec("@stable")
