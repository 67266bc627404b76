package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
	"unsafe"

	"huidu/luacompat"
	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// luaRequest is a Request as scripts see it. Strings that it gives out are
// copied when they are views into the request's buffers.
type luaRequest struct{ r *Request }

var _ luacompat.Request = (*luaRequest)(nil)

// own returns s, copied when it is a view into memory that the request gives
// back.
func (r *Request) own(s string) string {
	if s == "" {
		return ""
	}
	if r.main.up == nil && r.up == nil {
		p := uintptr(unsafe.Pointer(unsafe.StringData(s)))
		if !inside(p, r.main.headMem) && !inside(p, r.main.arena) {
			return s
		}
	}
	return strings.Clone(s)
}

func inside(p uintptr, b []byte) bool {
	if cap(b) == 0 {
		return false
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return p >= start && p < start+uintptr(cap(b))
}

// Var is ngx.var.name.
func (q *luaRequest) Var(name string) (string, bool) {
	r := q.r
	if len(name) == 1 && name[0] >= '1' && name[0] <= '9' {
		n := int(name[0] - '0')
		if 2*n+1 >= len(r.captures) || r.captures[2*n] < 0 {
			return "", false
		}
		return r.own(r.capture(n)), true
	}
	v, found := r.lookupVar(name)
	return r.own(v), found
}

// SetVar is ngx.var.name = value.
func (q *luaRequest) SetVar(name, value string, remove bool) error {
	r := q.r
	t := r.rt.vars
	if i, found := t.slots[name]; found && t.set[name] == nil {
		if t.derived[name] != nil && !t.assignable[name] {
			return fmt.Errorf("variable \"%s\" not changeable", name)
		}
		r.vars[i] = varSlot{val: value, state: slotValid}
		if remove {
			r.vars[i] = varSlot{state: slotNotFound}
		}
		return nil
	}
	if s := t.set[name]; s != nil {
		s(r, value)
		return nil
	}
	if t.builtin[name] != nil || t.derived[name] != nil {
		return fmt.Errorf("variable \"%s\" not changeable", name)
	}
	return fmt.Errorf("variable \"%s\" not found for writing; maybe it is a built-in variable that is not changeable"+
		" or you forgot to use \"set $%s '';\" in the config file to define it first", name, name)
}

// Method and its neighbours describe the client's request.
func (q *luaRequest) Method() string { return q.r.own(q.r.method) }

func (q *luaRequest) SetMethod(m string) error {
	q.r.method, q.r.methodID = m, http1.LookupMethod(m)
	return nil
}

func (q *luaRequest) HTTPVersion() int {
	switch v := q.r.main.head.Version; {
	case v >= 2000:
		return 20
	case v >= 1000:
		return v/1000*10 + v%1000
	default:
		return v
	}
}

func (q *luaRequest) RawRequestLine() string { return strings.Clone(q.r.main.head.Line) }

func (q *luaRequest) RawHeader(noLine bool) (string, error) {
	if q.r.isH2() {
		return "", errors.New("http2 requests not supported yet")
	}
	if noLine {
		return strings.Clone(q.r.main.head.RawHeader), nil
	}
	return strings.Clone(q.r.main.head.RawHead), nil
}

func (q *luaRequest) Headers(limit int) ([]luacompat.Header, bool) {
	hs := q.r.headers
	more := limit > 0 && len(hs) > limit
	if more {
		hs = hs[:limit]
	}
	out := make([]luacompat.Header, len(hs))
	for i := range hs {
		out[i] = luacompat.Header{Key: q.r.own(hs[i].Key), Value: q.r.own(hs[i].Value)}
	}
	return out, more
}

func (q *luaRequest) Header(name string) []string {
	var out []string
	for i := range q.r.headers {
		if h := &q.r.headers[i]; http1.EqualFold(h.Key, name) {
			out = append(out, q.r.own(h.Value))
		}
	}
	return out
}

// FindHeader is for rules, which ask for single headers. See:
// release.HeaderFinder.
func (q *luaRequest) FindHeader(limit int, name string, equal func(header, name string) bool) (first string, n int) {
	hs := q.r.headers
	if limit > 0 && len(hs) > limit {
		hs = hs[:limit]
	}
	for i := range hs {
		if equal(hs[i].Key, name) {
			if n == 0 {
				first = q.r.own(hs[i].Value)
			}
			n++
		}
	}
	return first, n
}

// ownHeaders makes the request's headers a list of its own before the first
// change.
func (r *Request) ownHeaders() {
	if !r.headersSet {
		r.headers = append(make(http1.Headers, 0, len(r.headers)+4), r.headers...)
		r.headersSet = true
	}
}

func (q *luaRequest) SetHeader(name string, values []string) { q.r.setRequestHeader(name, values) }

// setRequestHeader replaces a request header everywhere it counts.
func (r *Request) setRequestHeader(name string, values []string) {
	r.ownHeaders()
	if len(values) == 0 {
		r.headers.Del(name)
	} else {
		r.headers.Set(name, values[0])
		for _, v := range values[1:] {
			r.headers.Add(name, v)
		}
	}
	if http1.LookupHeader(name) == http1.HeaderHost {
		r.host = ""
		if len(values) > 0 {
			if h, _, valid := http1.ValidateHost(values[0]); valid {
				r.host = h
			} else {
				r.host = values[0]
			}
		}
	}
}

func (q *luaRequest) AddHeader(name, value string) {
	q.r.ownHeaders()
	q.r.headers.Add(name, value)
}

func (q *luaRequest) URI() string { return q.r.own(q.r.uri) }

func (q *luaRequest) SetURI(uri string) {
	r := q.r
	r.uri, r.validURI, r.internal = uri, false, true
	r.setExten()
}

func (q *luaRequest) Args() string { return q.r.own(q.r.args) }

func (q *luaRequest) SetArgs(args string) { q.r.args, q.r.validURI = args, false }

func (q *luaRequest) IsInternal() bool { return q.r.internal }

func (q *luaRequest) IsSubrequest() bool { return q.r != q.r.main }

func (q *luaRequest) StartTime() time.Time { return q.r.main.start }

func (q *luaRequest) RemoteAddr() netip.Addr {
	if m := q.r.main; m.realAddrTxt != "" {
		return m.realAddr.Addr()
	} else if m.conn != nil {
		return m.conn.nc.Remote().Addr()
	}
	return netip.Addr{}
}

// Context is cancelled when the handler must stop.
func (q *luaRequest) Context() context.Context { return q.r.context() }

func (q *luaRequest) Log(level int, msg string) {
	r := q.r
	lv := nginxconf.LogLevel(level)
	if r.main.tracing != nil {
		r.traceLog(lv, msg)
	}
	el := r.errorLogNow()
	if lv > el.max {
		return
	}
	el.line(lv, func(b []byte) []byte {
		b = r.logPrefix(b)
		b = append(b, msg...)
		if r.up != nil && r.up.balancer.running {
			b = append(b, " while connecting to upstream"...)
		}
		return r.logContext(b)
	})
}

func (q *luaRequest) LogEnabled(level int) bool {
	el := q.r.errorLogNow()
	return el != nil && nginxconf.LogLevel(level) <= el.max
}

func (q *luaRequest) LuaState() any { return q.r.lua }

func (q *luaRequest) SetLuaState(s any) { q.r.lua = s }

func (q *luaRequest) Conf() *luacompat.LocationConf {
	if q.r.loc == nil || q.r.loc.lua == nil {
		return q.r.rt.luaDefaults
	}
	return q.r.loc.lua
}

// OnAbort watches for the client going away.
func (q *luaRequest) OnAbort(f func()) error {
	if q.r.conn == nil {
		return errors.New("no request found")
	}
	if !q.Conf().CheckClientAbort {
		return errors.New("lua_check_client_abort is off")
	}
	q.r.main.conn.nc.OnHangup(f)
	return nil
}

func (q *luaRequest) WorkerID() int {
	if c := q.r.main.conn; c != nil {
		return c.worker
	}
	return q.r.fakeWorker
}

// RawSocket hands the connection to the script.
func (q *luaRequest) RawSocket(raw bool) (net.Conn, error) { return q.r.rawSocket(raw) }
