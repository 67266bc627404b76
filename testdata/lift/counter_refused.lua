-- refused: 4: the global counter is read, which is set elsewhere or nowhere
-- Every tenth request, by a global counter: other requests share it, and a
-- rule has no memory between requests.
counter = (counter or 0) + 1
if counter % 10 == 0 then
    ngx.exec("@gray")
end
ngx.exec("@stable")
