package nginxconf

// section names the struct that a row's value lives in, in the order in which
// nginx's modules merge.
type section int

const (
	secNone section = iota
	secSrv          // SrvConf
	secCore
	secLog
	secIndex
	secSSL
	secProxy
	secFastCGI
	secMisc
	secAccess
	secLimit
	secFilter
	secHeaders
	secLua
	secEcho
	secMore
	sectionCount
)

// level is where the walk stands: the structs that the directives of the
// current block write into.
type level struct {
	main     *Main
	events   *Events
	http     *HTTP
	server   *Server
	srv      *SrvConf
	location *Location
	block    *Location // the location block around, if location is an if's or limit_except's
	loc      *LocConf
	up       *Upstream
	rewrite  *[]RewriteOp
	stream   *streamLevel
}

// field is a typed place in a level.
type field[T any] struct {
	section section
	at      func(l *level) *Opt[T]
}

func inMain[T any](f func(*Main) *Opt[T]) field[T] {
	return field[T]{secNone, func(l *level) *Opt[T] { return f(l.main) }}
}

func inEvents[T any](f func(*Events) *Opt[T]) field[T] {
	return field[T]{secNone, func(l *level) *Opt[T] { return f(l.events) }}
}

func inLuaMain[T any](f func(*LuaMain) *Opt[T]) field[T] {
	return field[T]{secNone, func(l *level) *Opt[T] { return f(&l.http.Lua) }}
}

func inUp[T any](f func(*Upstream) *Opt[T]) field[T] {
	return field[T]{secNone, func(l *level) *Opt[T] { return f(l.up) }}
}

func inSrv[T any](f func(*SrvConf) *Opt[T]) field[T] {
	return field[T]{secSrv, func(l *level) *Opt[T] { return f(l.srv) }}
}

func inSSL[T any](f func(*SSLSrv) *Opt[T]) field[T] {
	return field[T]{secSSL, func(l *level) *Opt[T] { return f(own(&l.srv.SSL)) }}
}

func inCore[T any](f func(*CoreLoc) *Opt[T]) field[T] {
	return field[T]{secCore, func(l *level) *Opt[T] { return f(own(&l.loc.Core)) }}
}

func inProxy[T any](f func(*ProxyLoc) *Opt[T]) field[T] {
	return field[T]{secProxy, func(l *level) *Opt[T] { return f(own(&l.loc.Proxy)) }}
}

func inHeaders[T any](f func(*HeadersLoc) *Opt[T]) field[T] {
	return field[T]{secHeaders, func(l *level) *Opt[T] { return f(own(&l.loc.Headers)) }}
}

func inLog[T any](f func(*LogLoc) *Opt[T]) field[T] {
	return field[T]{secLog, func(l *level) *Opt[T] { return f(own(&l.loc.Log)) }}
}

func inIndex[T any](f func(*IndexLoc) *Opt[T]) field[T] {
	return field[T]{secIndex, func(l *level) *Opt[T] { return f(own(&l.loc.Index)) }}
}

func inAccess[T any](f func(*AccessLoc) *Opt[T]) field[T] {
	return field[T]{secAccess, func(l *level) *Opt[T] { return f(own(&l.loc.Access)) }}
}

func inLimit[T any](f func(*LimitLoc) *Opt[T]) field[T] {
	return field[T]{secLimit, func(l *level) *Opt[T] { return f(own(&l.loc.Limit)) }}
}

func inFilter[T any](f func(*FilterLoc) *Opt[T]) field[T] {
	return field[T]{secFilter, func(l *level) *Opt[T] { return f(own(&l.loc.Filter)) }}
}

func inLua[T any](f func(*LuaLoc) *Opt[T]) field[T] {
	return field[T]{secLua, func(l *level) *Opt[T] { return f(own(&l.loc.Lua)) }}
}

func inEcho[T any](f func(*EchoLoc) *Opt[T]) field[T] {
	return field[T]{secEcho, func(l *level) *Opt[T] { return f(own(&l.loc.Echo)) }}
}

func inMisc[T any](f func(*MiscLoc) *Opt[T]) field[T] {
	return field[T]{secMisc, func(l *level) *Opt[T] { return f(own(&l.loc.Misc)) }}
}

// own makes the struct at p exist and returns it.
func own[S any](p **S) *S {
	if *p == nil {
		*p = new(S)
	}
	return *p
}

// shareOrOwn says whether the child level has a struct of its own in a
// section; if not, it takes the parent's.
func shareOrOwn(sec section, parent, child *level) bool {
	switch sec {
	case secSrv:
		return parent.srv != child.srv
	case secSSL:
		return parent.srv != child.srv && share(parent.srv.SSL, &child.srv.SSL)
	case secCore:
		return share(parent.loc.Core, &child.loc.Core)
	case secLog:
		return share(parent.loc.Log, &child.loc.Log)
	case secIndex:
		return share(parent.loc.Index, &child.loc.Index)
	case secProxy:
		return share(parent.loc.Proxy, &child.loc.Proxy)
	case secFastCGI:
		return share(parent.loc.FastCGI, &child.loc.FastCGI)
	case secMisc:
		return share(parent.loc.Misc, &child.loc.Misc)
	case secAccess:
		return share(parent.loc.Access, &child.loc.Access)
	case secLimit:
		return share(parent.loc.Limit, &child.loc.Limit)
	case secFilter:
		return share(parent.loc.Filter, &child.loc.Filter)
	case secHeaders:
		return share(parent.loc.Headers, &child.loc.Headers)
	case secLua:
		return share(parent.loc.Lua, &child.loc.Lua)
	case secEcho:
		return share(parent.loc.Echo, &child.loc.Echo)
	case secMore:
		return share(parent.loc.More, &child.loc.More)
	}
	return false
}

func share[S any](parent *S, child **S) bool {
	if *child == nil {
		*child = parent
		return false
	}
	return *child != parent
}

// newLocConf is a LocConf with every struct present, for the http level.
func newLocConf() *LocConf {
	return &LocConf{Core: &CoreLoc{}, Proxy: &ProxyLoc{}, Headers: &HeadersLoc{}, Log: &LogLoc{}, Index: &IndexLoc{},
		Access: &AccessLoc{}, Limit: &LimitLoc{}, Filter: &FilterLoc{}, Lua: &LuaLoc{}, Echo: &EchoLoc{},
		More: &MoreHeadersLoc{}, Misc: &MiscLoc{}, FastCGI: &ProxyLoc{}}
}
