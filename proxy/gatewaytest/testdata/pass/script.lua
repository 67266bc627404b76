ngx.exec("@" .. (colours[ngx.req.get_headers().Group] or "green"))
