package luacompat

// SharedDicts holds every lua_shared_dict of the process.
type SharedDicts struct{}
