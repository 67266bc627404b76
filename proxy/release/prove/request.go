package prove

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"huidu/luacompat"
)

// request is one side's request in memory. What neither side asks of it is
// left to the nil interface and would end the proof.
type request struct {
	luacompat.Request
	c     *Case
	vars  map[string]string
	draws int // of the dice

	head   []luacompat.Header
	status int
	resp   []luacompat.Header
	body   bytes.Buffer
	sent   bool
	eof    bool
	state  any
	logs   []string
}

// drawVar is the variable through which a script's math.random reaches the
// dice of the case.
const drawVar = "huidu_prove_draw"

func newRequest(c *Case) *request {
	vars := make(map[string]string, len(c.Vars)+4)
	for k, v := range c.Vars {
		vars[k] = v
	}
	return &request{c: c, vars: vars, head: append([]luacompat.Header(nil), c.Headers...)}
}

func (r *request) draw() float64 {
	d := r.c.Dice[r.draws%len(r.c.Dice)]
	r.draws++
	return d
}

func (r *request) Var(name string) (string, bool) {
	if name == drawVar {
		return fmt.Sprintf("%.17g", r.draw()), true
	}
	v, ok := r.vars[name]
	return v, ok
}

func (r *request) SetVar(name, value string, remove bool) error {
	if r.c.Fixed[name] {
		return fmt.Errorf("variable \"%s\" not changeable", name)
	}
	r.vars[name] = value
	if remove {
		delete(r.vars, name)
	}
	return nil
}

func (r *request) Method() string       { return r.c.Method }
func (r *request) HTTPVersion() int     { return 11 }
func (r *request) Args() string         { return r.c.Args }
func (r *request) URI() string          { return r.vars["uri"] }
func (r *request) IsInternal() bool     { return false }
func (r *request) IsSubrequest() bool   { return false }
func (r *request) StartTime() time.Time { return r.c.Now }
func (r *request) RemoteAddr() netip.Addr {
	return netip.MustParseAddr("127.0.0.1")
}

func (r *request) Headers(limit int) ([]luacompat.Header, bool) {
	if limit > 0 && len(r.head) > limit {
		return r.head[:limit], true
	}
	return r.head, false
}

func (r *request) Header(name string) (vals []string) {
	for _, h := range r.head {
		if strings.EqualFold(h.Key, name) {
			vals = append(vals, h.Value)
		}
	}
	return vals
}

func (r *request) SetHeader(name string, values []string) { r.head = replace(r.head, name, values) }

func replace(hs []luacompat.Header, name string, values []string) []luacompat.Header {
	var out []luacompat.Header
	for _, h := range hs {
		if !strings.EqualFold(h.Key, name) {
			out = append(out, h)
		}
	}
	for _, v := range values {
		out = append(out, luacompat.Header{Key: name, Value: v})
	}
	return out
}

func (r *request) Status() int                     { return r.status }
func (r *request) SetStatus(s int)                 { r.status = s }
func (r *request) HeaderSent() bool                { return r.sent }
func (r *request) RespHeaders() []luacompat.Header { return r.resp }
func (r *request) RespHeader(name string) (vals []string) {
	for _, h := range r.resp {
		if strings.EqualFold(h.Key, name) {
			vals = append(vals, h.Value)
		}
	}
	return vals
}

func (r *request) SetRespHeader(name string, values []string) error {
	if len(values) == 1 && values[0] == "" {
		values = nil
	}
	r.resp = replace(r.resp, name, values)
	return nil
}

func (r *request) SendHeader() error {
	if !r.sent && r.status == 0 {
		r.status = 200
	}
	r.sent = true
	return nil
}

func (r *request) Write(p []byte) error {
	r.SendHeader()
	r.body.Write(p)
	return nil
}

func (r *request) EOF() error {
	r.SendHeader()
	r.eof = true
	return nil
}

func (r *request) EOFSent() bool                 { return r.eof }
func (r *request) HeadOnly() bool                { return r.c.Method == "HEAD" && r.sent }
func (r *request) Context() context.Context      { return context.Background() }
func (r *request) LogEnabled(level int) bool     { return level <= r.c.LogLevel }
func (r *request) Log(level int, msg string)     { r.logs = append(r.logs, msg) }
func (r *request) LuaState() any                 { return r.state }
func (r *request) SetLuaState(s any)             { r.state = s }
func (r *request) Conf() *luacompat.LocationConf { return &conf }
func (r *request) WorkerID() int                 { return 0 }

var conf = luacompat.LocationConf{CodeCache: true, TransformUnderscores: true, HTTP10Buffering: true,
	SocketConnectTimeout: time.Second * 5, SocketReadTimeout: time.Second * 5, SocketSendTimeout: time.Second * 5,
	SocketPoolSize: 30, SocketKeepaliveTimeout: time.Minute}
