local function data(s, rest) return dial("w:" .. hex(s) .. " " .. (rest or "c")) end
local s = data("hello, world! -agentzh\r\n--abcedhb blah blah\r\n--abcedhb\r\n--abcedhb")
local r = s:receiveuntil("\r\n--abcedhb")
say(r()) say(r()) say(r()) say(r()) say(r())
s = data("hello, world! -agentzh\r\n--abcedhb blah blah")
r = s:receiveuntil("\r\n--abcedhb")
for i = 1, 10 do say(r(4)) end
s = data("abcdefgh--xyz")
r = s:receiveuntil("--")
for i = 1, 6 do say(r(4)) end
s = data("abcdefgh--xyz--")
r = s:receiveuntil("--", {inclusive = true})
say(r()) say(r()) say(r())
s = data("abcdefgh--xyz--")
r = s:receiveuntil("--", {inclusive = true})
for i = 1, 8 do say(r(4)) end
s = data("ababababc!")
r = s:receiveuntil("ababc") say(r()) say(s:receive(1))
s = data("aaaab") r = s:receiveuntil("aab") say(r())
s = data("x--", "s:200 w:2d79 c") s:settimeout(100) r = s:receiveuntil("---") say(r()) sleep(0.3) say(r()) say(r())
s = data("abc-") r = s:receiveuntil("--") say(r())
s = data("abc") say(s:receiveuntil("")) say(pcall(s.receiveuntil, s)) say(pcall(s.receiveuntil, s, "x", 1)) say(pcall(s.receiveuntil, s, "x", {inclusive = 1}))
r = s:receiveuntil("c") say(pcall(r, 1, 2)) say(pcall(r, "x")) say(r(0)) s:close() say(r())
