-- refused: 8: state is changed inside a pcall that may fail half way
-- What a failing pcall leaves half done.
local state = "none"
local key = ngx.var.arg_k
pcall(function()
    state = "begun"
    local k = "key:" .. key
    state = "done"
end)
ngx.exec("@" .. state)
