-- What comes too late: an exec, a status and a header after the response began.
if ngx.var.arg_say == "1" then
    ngx.say("begun")
    ngx.header["X-Late"] = "yes"
    ngx.status = 404
end
if ngx.var.arg_how == "exec" then
    ngx.exec("@gray")
elseif ngx.var.arg_how == "exit" then
    ngx.exit(403)
elseif ngx.var.arg_how == "zero" then
    ngx.exit(0)
elseif ngx.var.arg_how == "redirect" then
    ngx.redirect("/x" .. (ngx.var.arg_to or ""))
elseif ngx.var.arg_how == "empty" then
    ngx.exec("")
end
ngx.print("end")
