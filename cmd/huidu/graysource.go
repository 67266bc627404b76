package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"huidu/nginxconf"
)

// graySource is what the flags of huidu gray say about where the list is.
type graySource struct {
	redis, password  string
	script           string
	prefix, conf     string
	mapPath, mapAddr []string
}

// grayTarget is a Redis to talk to. from and passwordFrom say, for people,
// where the address and the password were found.
type grayTarget struct {
	addr, user, password string
	db                   int
	from, passwordFrom   string
}

// resolve finds Redis and its password: flags and environment first, then
// the script of --script, of -p/-c, of a running demo, or of the default
// configuration.
func (g graySource) resolve(p process) (*grayTarget, error) {
	maps, err := newMapping(nil, g.mapPath, g.mapAddr)
	if err != nil {
		return nil, err
	}
	call, from, err := g.scan(maps)
	t := &grayTarget{addr: maps.Addr(call.addr), user: call.user, password: call.password, from: from, passwordFrom: from}
	if g.redis != "" {
		if !validAddr(g.redis, false) {
			return nil, fmt.Errorf("--redis wants HOST:PORT or unix:PATH, not %q", g.redis)
		}
		t.addr, t.from = g.redis, ""
		if err != nil {
			err = nil // the address is known; the password may come from elsewhere
		}
	}
	if err != nil {
		return nil, err
	}
	if v := p.getenv("HUIDU_REDIS_PASSWORD"); v != "" {
		t.password, t.user, t.passwordFrom = v, "", "from HUIDU_REDIS_PASSWORD"
	}
	if g.password != "" {
		t.password, t.user, t.passwordFrom = g.password, "", "from --password"
	}
	if t.addr == "" {
		return nil, errors.New("found no Redis address in the script; give --redis HOST:PORT")
	}
	if call.db != "" {
		if t.db, err = strconv.Atoi(call.db); err != nil {
			t.db = 0
		}
	}
	return t, nil
}

// scan reads the script or scripts.
func (g graySource) scan(maps *mapping) (call redisCall, from string, err error) {
	if g.script != "" {
		return scanScript(g.script)
	}
	if g.prefix == "" && g.conf == "" {
		if d, ok := runningDemo(); ok {
			call, _, err := scanScript(d.Script)
			call.addr = d.Redis
			return call, "the running demo", err
		}
	}
	return g.scanConfig(maps)
}

func scanScript(name string) (redisCall, string, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return redisCall{}, "", err
	}
	return scanRedis(string(src)), "from " + name, nil
}

// scanConfig reads every Lua script that the configuration names. Scripts
// that agree on one Redis are fine; otherwise somebody has to choose.
func (g graySource) scanConfig(maps *mapping) (found redisCall, from string, err error) {
	o := &options{prefix: g.prefix, conf: g.conf, mapPath: g.mapPath, mapAddr: g.mapAddr}
	if o.prefix != "" && !strings.HasSuffix(o.prefix, "/") {
		o.prefix += "/"
	}
	s, err := newSite(o)
	if err != nil {
		return found, "", err
	}
	cfg, diags := s.load()
	if cfg == nil {
		return found, "", fmt.Errorf("no --redis given, and the configuration cannot be read: %w", diags.Err())
	}
	for _, code := range luaCodes(cfg) {
		src, name := code.Source, code.Pos.File
		if !code.Inline {
			path, ok := code.Path.Literal()
			if !ok {
				continue
			}
			b, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			src, name = string(b), path
		}
		call := scanRedis(src)
		if call.addr == "" {
			continue
		}
		if from != "" && call != found {
			return found, "", fmt.Errorf("%s and %s name different Redis servers; choose with --script or --redis", from, name)
		}
		found, from = call, name
	}
	if from == "" {
		return found, "", fmt.Errorf("no script of %s connects to Redis at a fixed address; give --redis or --script", s.conf)
	}
	return found, "from " + from, nil
}

// luaCodes lists the Lua of every location.
func luaCodes(cfg *nginxconf.Config) []*nginxconf.LuaCode {
	if cfg.HTTP == nil {
		return nil
	}
	var codes []*nginxconf.LuaCode
	add := func(l *nginxconf.LuaLoc) {
		for _, c := range []*nginxconf.LuaCode{l.RewriteBy.V, l.AccessBy.V, l.ContentBy} {
			if c != nil {
				codes = append(codes, c)
			}
		}
	}
	var walk func([]*nginxconf.Location)
	walk = func(list []*nginxconf.Location) {
		for _, loc := range list {
			add(loc.Loc.Lua)
			for _, op := range loc.Rewrite {
				if op.SetLua != nil {
					codes = append(codes, op.SetLua.Code)
				}
			}
			walk(loc.Locations)
		}
	}
	for _, srv := range cfg.HTTP.Servers {
		add(srv.Loc.Lua)
		walk(srv.Locations)
	}
	return codes
}
