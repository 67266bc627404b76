package nginxconf

import (
	"errors"
	"io/fs"
	"sort"
	"strings"
	"syscall"
)

// finishHTTP does what nginx does at the end of http{}, in its order: merge,
// locations, the modules' last checks, variables, addresses.
// See: ngx_http_block.
func (b *build) finishHTTP() error {
	saved := b.node
	defer func() { b.node = saved }()
	if err := b.merge(); err != nil {
		return err
	}
	for _, s := range b.conf.HTTP.Servers {
		if err := b.checkLocations(s.Locations); err != nil {
			return err
		}
	}
	if err := b.checkSSLListens(); err != nil {
		return err
	}
	b.conf.HTTP.SettleDiversions()
	if err := b.checkVariables(); err != nil {
		return err
	}
	b.conf.HTTP.Declared = b.vars.declared
	if err := b.finishListens(); err != nil {
		return err
	}
	if err := b.checkLimitZones(); err != nil {
		return err
	}
	b.mapListens()
	return b.checkZones()
}

// checkLocations finds locations of the same kind and name among siblings.
// See: ngx_http_init_static_location_trees; nested ones come first.
func (b *build) checkLocations(locs []*Location) error {
	type key struct {
		exact bool
		name  string
	}
	seen := make(map[key]bool, len(locs))
	var dups []*Location
	for _, l := range locs {
		if len(l.Locations) > 0 {
			if err := b.checkLocations(l.Locations); err != nil {
				return err
			}
		}
		if l.Kind != LocPrefix && l.Kind != LocNoRegex && l.Kind != LocExact {
			continue
		}
		k := key{l.Kind == LocExact, l.Name}
		if seen[k] {
			dups = append(dups, l)
		}
		seen[k] = true
	}
	if len(dups) == 0 {
		return nil
	}
	sort.SliceStable(dups, func(i, j int) bool { return dups[i].Name < dups[j].Name })
	b.node = nil
	return b.emergAt(dups[0].Pos, `duplicate location "%s"`, dups[0].Name)
}

// eachLoc calls f for every level's LocConf, from http{} down.
func (b *build) eachLoc(f func(*LocConf)) {
	h := b.conf.HTTP
	f(h.Loc)
	var walk func(kids []*Location)
	walk = func(kids []*Location) {
		for _, l := range kids {
			f(l.Loc)
			walk(b.order[l])
		}
	}
	for _, s := range h.Servers {
		f(s.Loc)
		walk(b.order[s])
	}
}

// mapListens applies --map-listen to the addresses that servers listen on.
func (b *build) mapListens() {
	for _, s := range b.conf.HTTP.Servers {
		for i := range s.Listens {
			l := &s.Listens[i]
			addr := l.Address
			if l.Network == "unix" {
				addr = "unix:" + addr
			}
			mapped := b.opt.MapListen(addr)
			if mapped == addr {
				continue
			}
			if path, ok := strings.CutPrefix(mapped, "unix:"); ok {
				l.Network, l.Address = "unix", path
				continue
			}
			if a := parseAddress(mapped, 80, true, false); a.err == "" {
				if ap, ok := b.resolve(a); ok {
					l.Address, l.Wildcard, l.Network = ap[0].String(), ap[0].Addr().IsUnspecified(), "tcp4"
					if ap[0].Addr().Is6() {
						l.Network = "tcp6"
					}
				}
			}
		}
	}
}

// errText is an error's text as strerror gives it.
func errText(err error) string {
	var no syscall.Errno
	if errors.As(err, &no) {
		t := no.Error()
		return strings.ToUpper(t[:1]) + t[1:]
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "No such file or directory"
	}
	return err.Error()
}
