package proxy

import (
	"sort"

	"huidu/nginxconf"
)

// locModules are the modules' compilers for one location level, in the order
// of nginx's own module list. Each looks at its part of the configuration and
// adds handlers and filters to the location; one that is not used there adds
// nothing, so it costs nothing per request.
var locModules = []func(c *compiler, loc *location, l *nginxconf.Location) error{
	compileKeepalive,
	compileRealIP,
	compileLimits,
	compileAccess,
	compileTryFiles,
	compileMirror,
	compileStatic,
	compileContent,
	compileHeaders,
	compileMisc,
	compileFilters,
	compileEchoFilter,
	compileLua,
	compileAccessLog,
}

// srvModules are the modules' compilers for one server.
var srvModules = []func(c *compiler, srv *virtualServer) error{
	compileServerRealIP,
	compileServerLua,
}

// The order of header filters (and of the body filters that they start), as
// nginx runs them.
const (
	orderNotModified = iota
	orderEarlyHints
	orderRangeBody // the range filter sees the body before all others
	orderLuaHeader
	orderMoreHeaders
	orderHeaders
	orderUserID
	orderGunzip
	orderAddition
	orderSub
	orderCharset
	orderSSI
	orderPostpone
	orderGzip
	orderRange
	orderChunked
)

// The order of handlers within the phases that have several.
const (
	preaccessRealIP = iota
	preaccessLimitReq
	preaccessLimitConn
)

const (
	accessIP = iota
	accessBasic
	accessRequest
	accessLua
)

const (
	precontentTryFiles = iota
	precontentMirror
	precontentLua
)

const (
	contentRandomIndex = iota
	contentIndex
	contentAutoindex
	contentDAV
	contentGzipStatic
	contentStatic
)

// orderedHandlers collects handlers with their place until a location is
// complete.
type orderedHandlers struct {
	header     []ordered[headerFilter]
	preaccess  []ordered[phaseHandler]
	access     []ordered[phaseHandler]
	precontent []ordered[phaseHandler]
	content    []ordered[phaseHandler]
}

type ordered[T any] struct {
	at int
	h  T
}

func (l *location) addHeaderFilter(at int, f headerFilter) {
	l.order.header = append(l.order.header, ordered[headerFilter]{at, f})
}
func (l *location) addPreaccess(at int, h phaseHandler) {
	l.order.preaccess = append(l.order.preaccess, ordered[phaseHandler]{at, h})
}
func (l *location) addAccess(at int, h phaseHandler) {
	l.order.access = append(l.order.access, ordered[phaseHandler]{at, h})
}
func (l *location) addPrecontent(at int, h phaseHandler) {
	l.order.precontent = append(l.order.precontent, ordered[phaseHandler]{at, h})
}
func (l *location) addContent(at int, h phaseHandler) {
	l.order.content = append(l.order.content, ordered[phaseHandler]{at, h})
}

// settle sorts what was collected into the location's lists.
func (o *orderedHandlers) settle(l *location) {
	l.headerFilters = sorted(o.header)
	l.preaccess = sorted(o.preaccess)
	l.access = sorted(o.access)
	l.precontent = sorted(o.precontent)
	l.content = sorted(o.content)
	*o = orderedHandlers{}
}

func sorted[T any](list []ordered[T]) []T {
	if len(list) == 0 {
		return nil
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].at < list[j].at })
	out := make([]T, len(list))
	for i := range list {
		out[i] = list[i].h
	}
	return out
}

// compileKeepalive resolves keepalive_disable and chunked_transfer_encoding.
func compileKeepalive(_ *compiler, loc *location, l *nginxconf.Location) error {
	for _, b := range l.Loc.Core.KeepaliveDisable.V {
		switch b {
		case "msie6":
			loc.keepaliveDisable |= keepDisableMSIE6
		case "safari":
			loc.keepaliveDisable |= keepDisableSafari
		}
	}
	loc.chunkedEncoding = l.Loc.Core.ChunkedTransferEncoding.V
	return nil
}
