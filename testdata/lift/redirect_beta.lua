-- phase: access
-- Beta users are redirected.
local args = ngx.req.get_uri_args()
if args.beta == "1" or args.beta == true then
    return ngx.redirect("/beta" .. ngx.var.uri, 302)
end
if args["v"] == "old" then
    return ngx.redirect("/old", ngx.HTTP_MOVED_PERMANENTLY)
end
