package nginxconf

import (
	"strings"
)

// The blocks that make levels: events, http, server, location, limit_except.

func setEvents(b *build, n *Node) error {
	if b.conf.Events.Present {
		return errDuplicate
	}
	b.conf.Events.Present = true
	return b.body(n, CtxEvents, b.cur)
}

func setHTTP(b *build, n *Node) error {
	if b.conf.HTTP != nil {
		return errDuplicate
	}
	b.openHTTP()
	cur := level{main: b.cur.main, http: b.conf.HTTP, srv: b.conf.HTTP.Srv, loc: b.conf.HTTP.Loc}
	if err := b.body(n, CtxHTTP, cur); err != nil {
		return err
	}
	b.endOfHTTP = Pos{n.File, n.last}
	return b.finishHTTP()
}

func (b *build) openHTTP() {
	h := &HTTP{LogFormats: map[string]*LogFormat{}, LimitReqZones: map[string]*LimitZone{},
		LimitConnZones: map[string]*LimitZone{}, Srv: &SrvConf{SSL: &SSLSrv{}}, Loc: newLocConf()}
	combined, _ := ParseValue(combinedFormat)
	h.LogFormats["combined"] = &LogFormat{Name: "combined", Escape: "default", Format: combined}
	b.conf.HTTP = h
}

// fragment is the first directive of a file that belongs inside http{}, when
// the file has no http{} itself: a conf.d fragment given as the main file.
func fragment(nodes []*Node) *Node {
	var first *Node
	for _, n := range nodes {
		if n.Name == "http" || n.Name == "events" {
			return nil
		}
		if first == nil && n.Block && onlyIn(n.Name, CtxHTTP, CtxMain) {
			first = n
		}
	}
	return first
}

// onlyIn reports whether a directive may stand in one context and not in the
// other.
func onlyIn(name string, in, not Context) bool {
	var ctx Context
	for _, r := range table().byName[name] {
		ctx |= r.ctx
	}
	return ctx&in != 0 && ctx&not == 0
}

// implicitHTTP reads a fragment as if it stood inside http{}; directives that
// only the main context has keep their place.
func (b *build) implicitHTTP(s *source, first *Node) error {
	b.lenient = true
	b.observeAt(first, b.cur, ObservedForgiven, first.Name, Supported, `the file has no "http" block`)
	b.diags = append(b.diags, Diagnostic{Severity: Warn, Pos: first.Pos(), Directive: first.Name,
		Message: `the file has no "http" block: "` + first.Name + `" is read as if it were inside one`,
		Hint:    `nginx refuses this with: "` + first.Name + `" directive is not allowed here`})
	b.openHTTP()
	main, mainCtx := b.cur, b.ctx
	http := level{main: main.main, http: b.conf.HTTP, srv: b.conf.HTTP.Srv, loc: b.conf.HTTP.Loc}
	for _, n := range s.kids {
		b.cur, b.ctx = http, CtxHTTP
		if onlyIn(n.Name, CtxMain, CtxHTTP) {
			b.cur, b.ctx = main, mainCtx
		}
		if err := b.nodes([]*Node{n}); err != nil {
			return err
		}
	}
	b.cur, b.ctx = main, mainCtx
	if s.err != nil {
		return b.lexical(s.name, s.err)
	}
	return b.finishHTTP()
}

func setServer(b *build, n *Node) error {
	s := &Server{Pos: n.Pos(), Srv: &SrvConf{}, Loc: &LocConf{}}
	b.conf.HTTP.Servers = append(b.conf.HTTP.Servers, s)
	cur := b.cur
	cur.server, cur.srv, cur.loc, cur.rewrite = s, s.Srv, s.Loc, &s.Rewrite
	if err := b.body(n, CtxServer, cur); err != nil {
		return err
	}
	if len(s.Listens) == 0 {
		return b.addListen(s, Listen{Pos: n.Pos(), Network: "tcp4", Address: "0.0.0.0:80", Wildcard: true,
			Original: "*:80", Implicit: true, Backlog: defaultBacklog}, false)
	}
	return nil
}

// setLocation follows ngx_http_core_location.
func setLocation(b *build, n *Node) error {
	l := &Location{Pos: n.Pos(), Loc: &LocConf{}}
	if len(n.Args) == 2 {
		l.Name = n.Args[1]
		switch n.Args[0] {
		case "=":
			l.Kind = LocExact
		case "^~":
			l.Kind = LocNoRegex
		case "~":
			l.Kind = LocRegex
		case "~*":
			l.Kind = LocRegexNoCase
		default:
			return b.emerg(`invalid location modifier "%s"`, n.Args[0])
		}
	} else {
		l.Name = n.Args[0]
		switch {
		case strings.HasPrefix(l.Name, "="):
			l.Kind, l.Name = LocExact, l.Name[1:]
		case strings.HasPrefix(l.Name, "^~"):
			l.Kind, l.Name = LocNoRegex, l.Name[2:]
		case strings.HasPrefix(l.Name, "~*"):
			l.Kind, l.Name = LocRegexNoCase, l.Name[2:]
		case strings.HasPrefix(l.Name, "~"):
			l.Kind, l.Name = LocRegex, l.Name[1:]
		case strings.HasPrefix(l.Name, "@"):
			l.Kind = LocNamed
		}
	}
	isRegex := l.Kind == LocRegex || l.Kind == LocRegexNoCase
	if isRegex {
		re, err := b.regex(l.Name, l.Kind == LocRegexNoCase)
		if err != nil {
			return err
		}
		l.Regex = re
	}
	if p := b.cur.location; p != nil {
		switch {
		case p.Kind == LocExact:
			return b.emerg(`location "%s" cannot be inside the exact location "%s"`, l.Name, p.Name)
		case p.Kind == LocNamed:
			return b.emerg(`location "%s" cannot be inside the named location "%s"`, l.Name, p.Name)
		case l.Kind == LocNamed:
			return b.emerg(`named location "%s" can be on the server level only`, l.Name)
		case !isRegex && !strings.HasPrefix(l.Name, p.Name):
			return b.emerg(`location "%s" is outside location "%s"`, l.Name, p.Name)
		}
		p.Locations = append(p.Locations, l)
	} else {
		b.cur.server.Locations = append(b.cur.server.Locations, l)
	}
	b.addChild(l)
	cur := b.cur
	cur.location, cur.block, cur.loc, cur.rewrite = l, l, l.Loc, &l.Rewrite
	return b.body(n, CtxLocation, cur)
}

// addChild keeps the order in which locations, ifs and limit_excepts appear
// below a server or a location: levels merge in that order.
func (b *build) addChild(l *Location) {
	var owner any = b.cur.server
	if b.cur.location != nil {
		owner = b.cur.location
	}
	b.order[owner] = append(b.order[owner], l)
}

var methodNames = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "MKCOL", "COPY", "MOVE", "OPTIONS", "PROPFIND",
	"PROPPATCH", "LOCK", "UNLOCK", "PATCH", "CONNECT"}

func setLimitExcept(b *build, n *Node) error {
	p := b.cur.location
	if p.LimitExcept != nil {
		return errDuplicate
	}
	le := &LimitExcept{}
	for _, a := range n.Args {
		m := oneOf(a, methodNames)
		if m == "" {
			return b.emerg(`invalid method "%s"`, a)
		}
		le.Methods = append(le.Methods, m)
	}
	if contains(le.Methods, "GET") && !contains(le.Methods, "HEAD") {
		le.Methods = append(le.Methods, "HEAD")
	}
	le.Loc = &Location{Pos: n.Pos(), Kind: LocLimitExcept, Name: p.Name, Loc: &LocConf{}}
	p.LimitExcept = le
	b.addChild(le.Loc)
	cur := b.cur
	cur.location, cur.loc, cur.rewrite = le.Loc, le.Loc.Loc, &le.Loc.Rewrite
	return b.body(n, CtxLimitExcept, cur)
}
