-- What the cases see: say collects lines; show prints a value in full; dial
-- connects to the test server, which does what its first line says: w:HEX
-- writes, s:MS sleeps, c closes; after that it echoes.
local port, null, sleep = ...
local function hex(s) return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end
local out = {}
local function text(v)
  if v == null then return "null" end
  return (tostring(v):gsub("0x%x+", "PTR"):gsub("\r", "\\r"):gsub("\n", "\\n"))
end
function say(...)
  local n, t = select("#", ...), {}
  for i = 1, n do t[i] = text((select(i, ...))) end
  out[#out + 1] = table.concat(t, " | ")
end
function show(v, ...)
  if type(v) ~= "table" then return text(v), ... end
  local t = {}
  for i = 1, #v do t[i] = show(v[i]) end
  return "{" .. table.concat(t, ",") .. "}", ...
end
_G.port, _G.null, _G.sleep, _G.hex = port, null, sleep, hex
function dial(script, opts)
  local s = ngx.socket.tcp()
  s:settimeout(1000)
  assert(s:connect("127.0.0.1", port, opts))
  assert(s:send(script .. "\n"))
  return s
end
return function(f)
  out = {}
  local ok, err = pcall(f)
  if not ok then out[#out + 1] = "ERROR " .. tostring(err) end
  return table.concat(out, "\n") .. "\n"
end
