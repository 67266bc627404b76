// Package redis is the Lua module resty.redis: the surface of
// lua-resty-redis 0.3x on the shared connections of package link.
//
// A handle is a table, as the original's, with its Go part in slot 1. Its
// connection is virtual: connect() finds out that Redis is there, auth() that
// the password is right, and commands without state travel over connections
// shared by all requests (see package link). The first other command pins a
// connection of the handle's own, and from then on the handle works as the
// original does on its cosocket.
//
// Pools, which set_keepalive fills, hold such connections by name in each
// VM. What a script may see of them holds: reused times, authentication and
// database that a connection brings along, sizes, idle times.
//
// See: https://github.com/openresty/lua-resty-redis
package redis
