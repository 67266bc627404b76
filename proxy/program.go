package proxy

import (
	"context"
	"errors"

	"huidu/luacompat"
)

// RunProgram runs a Lua program with the server's configuration, outside of any
// request: its shared dicts, package path and resolver are the configuration's.
// The server needs no listener; Start has run init_worker_by_lua.
func (s *Server) RunProgram(ctx context.Context, p *luacompat.Program) error {
	rt := s.router.Load()
	if rt.lua == nil {
		return errors.New("the configuration has no http block")
	}
	return rt.lua.RunProgram(ctx, p)
}
