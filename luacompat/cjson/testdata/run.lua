-- run(expression) gives the results of one line of expressions.txt as text.
-- It needs cjson and safe in scope, and load.
local function show(v)
  if type(v) == "string" then return (string.format("%q", v):gsub("[%z\1-\31\127-\255]", function(c) return "\\" .. c:byte() end)) end
  if type(v) == "number" then return string.format("%.17g", v) end
  if type(v) == "boolean" or v == nil then return tostring(v) end
  return type(v)
end
return function(e)
  local f, err = loadstring("local cjson, safe = ... local a, b, c = " .. e .. "; return a, b, c", "=case")
  if not f then return "SYNTAX " .. err end
  local r = { pcall(f, cjson, safe) }
  local out, n = {}, 0
  for i = 1, #r < 3 and 3 or #r do if r[i] ~= nil then n = i end end
  for i = 2, math.max(n, 2) do out[#out + 1] = show(r[i]) end
  return (r[1] and "" or "ERROR ") .. table.concat(out, " ")
end
