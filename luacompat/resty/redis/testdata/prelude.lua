-- What the cases see: say collects lines; show prints a value in full.
local port, null, sleep = ...
local out = {}
local function text(v)
  if v == null then return "null" end
  return (tostring(v):gsub("0x%x+", "PTR"))
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
_G.port, _G.null, _G.sleep = port, null, sleep
return function(f)
  out = {}
  local ok, err = pcall(f)
  if not ok then out[#out + 1] = "ERROR " .. tostring(err) end
  return table.concat(out, "\n") .. "\n"
end
