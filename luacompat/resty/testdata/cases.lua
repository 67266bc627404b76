local out = {}
local hex = require("resty.string").to_hex
local function say(...)
  local t = {}
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    t[i] = type(v) == "string" and v or tostring(v)
  end
  out[#out + 1] = table.concat(t, " ")
end
local str = require "resty.string"
say(str.to_hex(""), str.to_hex("abc\0\255"), str.atoi("120"), str.atoi(""), str.atoi("12a"), str.atoi("-1"), str.atoi("99999999999999999999"))
for _, name in ipairs { "md5", "sha1", "sha224", "sha256", "sha384", "sha512" } do
  local h = require("resty." .. name):new()
  say(name, h:update("hello"), h:update(" world"), hex(h:final()), h:reset(), h:update("x"), hex(h:final()))
end
local m = require("resty.md5"):new() m:update("hello", 2) say(hex(m:final()))
local r = require "resty.random"
say(#r.bytes(16), #r.bytes(5, true), r.bytes(16) ~= r.bytes(16))
local aes = require "resty.aes"
local c = aes:new("AKeyForAES")
say(hex(c:encrypt("Secret message!")), c:decrypt(c:encrypt("Secret message!")))
c = aes:new("AKeyForAES-256-CBC", "MySalt!!", aes.cipher(256, "cbc"), aes.hash.sha512, 5)
say(hex(c:encrypt("Really secret message!")), c:decrypt(c:encrypt("Really secret message!")))
say(c:decrypt("short")) say(c:decrypt(("x"):rep(32))) say(aes:new("k", "short"))
for _, mode in ipairs { "ecb", "cbc", "cfb1", "cfb8", "cfb128", "ofb", "ctr" } do
  for _, size in ipairs { 128, 192, 256 } do
    local x = aes:new("secret", nil, aes.cipher(size, mode))
    local e = x:encrypt("some text of more than one block, 123")
    say(mode, size, hex(e), x:decrypt(e))
  end
end
local g = aes:new("Key0123456789012", nil, aes.cipher(128, "gcm"), { iv = "123456789012" })
local e = g:encrypt("Secret message!")
say(hex(e[1]), hex(e[2]), g:decrypt(e[1], e[2])) say(g:decrypt(e[1], ("x"):rep(16))) say(g:decrypt(e[1]))
e = g:encrypt("x", "aad") say(hex(e[1]), hex(e[2]), g:decrypt(e[1], e[2], "aad")) say(g:decrypt(e[1], e[2], "other"))
g = aes:new("pass", "saltsalt", aes.cipher(256, "gcm"), aes.hash.sha1, 3)
e = g:encrypt("x") say(hex(e[1]), hex(e[2]))
say(aes:new("k", nil, aes.cipher(128, "cbc"), {})) say(aes:new("k", nil, aes.cipher(128, "cbc"), { iv = "x" })) say(aes:new("k", nil, aes.cipher(128, "cbc"), { iv = ("x"):rep(17) }))
c = aes:new("k", nil, aes.cipher(128, "cbc"), { iv = ("x"):rep(16), method = function(k) return ("k"):rep(16) end })
say(hex(c:encrypt("abc")))
c = aes:new("k", nil, aes.cipher(128, "cbc"), aes.hash.md5, 1, nil, false)
say(hex(c:encrypt(("y"):rep(16)))) say(c:encrypt("abc"))
say(pcall(aes.encrypt, 1, "x"))
return table.concat(out, "\n") .. "\n"
