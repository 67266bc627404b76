-- resty.lock: a lock between handlers, kept in a shared dict.
-- See: https://github.com/openresty/lua-resty-lock

local shared = ngx.shared
local sleep = ngx.sleep
local max, min = math.max, math.min

local Lock = { _VERSION = "0.09" }
local meta = { __index = Lock }

local defaults = { timeout = 5, exptime = 30, step = 0.001, ratio = 2, max_step = 0.5 }

function Lock.new(_, dict_name, opts)
    local dict = shared[dict_name]
    if not dict then
        return nil, "dictionary not found"
    end

    opts = opts or {}
    local self = { dict = dict }
    for name, value in pairs(defaults) do
        self[name] = opts[name] or value
    end
    return setmetatable(self, meta)
end

-- lock returns the seconds it waited, or nil and an error.
function Lock.lock(self, key)
    if not key then
        return nil, "nil key"
    end
    if self.key then
        return nil, "locked"
    end

    local waited, step = 0, min(max(self.step, 0.001), self.timeout)
    while true do
        local ok, err = self.dict:add(key, true, self.exptime)
        if ok then
            self.key = key
            return waited
        end
        if err ~= "exists" then
            return nil, err
        end
        if waited >= self.timeout then
            return nil, "timeout"
        end
        sleep(step)
        waited = waited + step
        step = min(max(0.001, step * self.ratio), self.max_step, max(0.001, self.timeout - waited))
    end
end

function Lock.unlock(self)
    local key = self.key
    if not key then
        return nil, "unlocked"
    end
    self.key = nil
    local ok, err = self.dict:delete(key)
    if not ok then
        return nil, err
    end
    return 1
end

function Lock.expire(self, exptime)
    local key = self.key
    if not key then
        return nil, "unlocked"
    end
    local ok, err = self.dict:replace(key, true, exptime or self.exptime)
    if not ok then
        return nil, err
    end
    return true
end

return Lock
