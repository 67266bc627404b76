package nginxconf

// merge gives every level its effective values: section by section, in the
// order of nginx's modules, from http{} down.
func (b *build) merge() error {
	h := b.conf.HTTP
	top := &level{main: &b.conf.Main, http: h, srv: h.Srv, loc: h.Loc}
	for sec := secSrv; sec < sectionCount; sec++ {
		rows := table().bySect[sec]
		for _, r := range rows {
			if r.defaults != nil {
				r.defaults(top)
			}
		}
		if err := b.initSection(sec, top); err != nil {
			return err
		}
		for _, s := range h.Servers {
			lv := &level{main: top.main, http: h, server: s, srv: s.Srv, loc: s.Loc}
			if err := b.mergeLevel(sec, rows, top, lv); err != nil {
				return err
			}
			if sec == secSrv || sec == secSSL {
				continue
			}
			if err := b.mergeChildren(sec, rows, lv, b.order[s]); err != nil {
				return err
			}
		}
	}
	return nil
}

// initSection sets what a module's http level needs before levels merge.
func (b *build) initSection(sec section, top *level) error {
	switch sec {
	case secCore:
		return b.initUpstreams()
	case secLog:
		return b.initLog(top)
	}
	return nil
}

// finishSection checks and completes a level after its values are inherited.
// own is false when the level shares its parent's struct.
func (b *build) finishSection(sec section, parent, child *level, own bool) error {
	switch sec {
	case secSrv:
		return b.finishSrv(child)
	case secSSL:
		return b.finishSSL(parent, child)
	case secProxy:
		return b.finishProxy(parent, child, own)
	case secFastCGI:
		return b.finishUpstreamLoc(fcgiModule, HandlerFastCGI, parent, child, own)
	case secMisc:
		return b.finishMisc(parent, child, own)
	case secLua:
		if own && child.loc.Lua.SSLTrustedCertificate.Set {
			return b.checkVerifyFile("SSL_CTX_load_verify_locations", child.loc.Lua.SSLTrustedCertificate.V)
		}
	case secEcho:
		finishEcho(parent, child, own)
	case secMore:
		finishMore(parent, child, own)
	case secHeaders:
		finishHeaders(parent, child, own)
	}
	return nil
}

func (b *build) mergeChildren(sec section, rows []*row, parent *level, kids []*Location) error {
	for _, l := range kids {
		lv := &level{main: parent.main, http: parent.http, server: parent.server, srv: parent.srv, location: l, loc: l.Loc}
		if err := b.mergeLevel(sec, rows, parent, lv); err != nil {
			return err
		}
		if kids := b.order[l]; len(kids) > 0 {
			if err := b.mergeChildren(sec, rows, lv, kids); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *build) mergeLevel(sec section, rows []*row, parent, child *level) error {
	if sec == secCore {
		return b.mergeCore(rows, parent, child)
	}
	unshareLocal(sec, parent, child)
	own := shareOrOwn(sec, parent, child)
	if own {
		for _, r := range rows {
			if r.inherit != nil {
				r.inherit(parent, child)
			}
		}
	}
	return b.finishSection(sec, parent, child, own)
}

// unshareLocal gives a child a struct of its own where the parent's holds
// something that is not inherited, a content handler above all.
func unshareLocal(sec section, parent, child *level) {
	switch sec {
	case secProxy:
		if parent.loc.Proxy.Pass != nil {
			own(&child.loc.Proxy)
		}
	case secFastCGI:
		if parent.loc.FastCGI.Pass != nil {
			own(&child.loc.FastCGI)
		}
	case secLua:
		if parent.loc.Lua.ContentBy != nil {
			own(&child.loc.Lua)
		}
	case secMisc:
		if parent.loc.Misc.MemcachedPass.Set || parent.loc.Misc.MemcPass.Set {
			own(&child.loc.Misc)
		}
	}
}

// mergeCore merges ngx_http_core_module. A content handler is not inherited
// (but an if that has none keeps its location's), so levels below one parent
// that set nothing but the same handler share one struct.
func (b *build) mergeCore(rows []*row, parent, child *level) error {
	p := parent.loc.Core
	handler := b.handlers[child.loc]
	if handler == HandlerNone && child.location != nil && child.location.Kind == LocIf {
		handler = p.Handler
	}
	key := coreKey{p, handler}
	shared := child.loc.Core == nil
	if shared {
		if p.Handler == handler && !p.TryFiles.Set {
			child.loc.Core = p
			if child.location == nil && len(b.hashSizes) > 0 {
				return b.checkTypesHash(parent, child)
			}
			return nil
		}
		if c := b.cores[key]; c != nil {
			child.loc.Core = c
			return nil
		}
	}
	own(&child.loc.Core).Handler = handler
	for _, r := range rows {
		if r.inherit != nil {
			r.inherit(parent, child)
		}
	}
	if shared {
		b.cores[key] = child.loc.Core
	}
	return b.checkTypesHash(parent, child)
}

// coreKey finds the core struct of levels that set only a handler.
type coreKey struct {
	parent  *CoreLoc
	handler Handler
}
