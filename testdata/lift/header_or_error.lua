-- A missing header is an error of the script: 500, and so it stays.
local version = ngx.req.get_headers()["X-Version"]
if string.lower(version) == "v2" then
    ngx.exec("@gray")
end
local major = version:sub(2, 2)
if major > "2" then
    ngx.exec("@canary")
end
ngx.exec("@stable")
