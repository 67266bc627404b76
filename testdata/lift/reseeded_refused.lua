-- refused: 3: math.randomseed makes the same numbers for a whole second: math.random is no chance here
-- Seeded in every request, as tutorials have it.
math.randomseed(os.time())
if math.random(100) <= 10 then
    ngx.exec("@gray")
end
ngx.exec("@stable")
