package luatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"huidu/luacompat"
)

// Request is a request with its response, in memory. Set the fields before it
// is used.
type Request struct {
	Line     string
	Head     []luacompat.Header
	Body     []byte
	Vars     map[string]string // variables that scripts may read and set
	Settings luacompat.LocationConf
	Worker   int
	Internal bool
	Sub      bool
	Ctx      context.Context
	// Captured answers subrequests.
	Captured func(luacompat.CaptureRequest) luacompat.CaptureResponse
	// HeaderFilter and BodyFilter run as nginx's filters would.
	HeaderFilter func(*Request)
	BodyFilter   func(*Request)
	// BodyInFile puts the body into a temporary file of this name.
	BodyInFile string
	Raw        net.Conn

	mu       sync.Mutex
	method   string
	uri      string
	args     string
	version  int
	start    time.Time
	read     bool
	build    []byte
	status   int
	resp     []luacompat.Header
	out      bytes.Buffer
	sent     bool
	eof      bool
	chunk    []byte
	last     bool
	logs     []string
	LogLevel int
	state    any
	onAbort  func()
	Quick    int // writes that needed no release of the VM's lock
}

var _ luacompat.Request = (*Request)(nil)

// New makes a request from its text: head, empty line, body.
func New(raw string) *Request {
	raw = strings.ReplaceAll(raw, "\r\n", "\n")
	head, body, _ := strings.Cut(raw, "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	r := &Request{Line: lines[0], Body: []byte(body), Vars: map[string]string{}, LogLevel: 8, start: time.Now(), Ctx: context.Background()}
	for _, l := range lines[1:] {
		k, v, _ := strings.Cut(l, ":")
		r.Head = append(r.Head, luacompat.Header{Key: k, Value: strings.TrimSpace(v)})
	}
	parts := strings.Fields(lines[0])
	r.method, r.version = parts[0], 9
	if len(parts) > 1 {
		r.uri, r.args, _ = strings.Cut(parts[1], "?")
	}
	if len(parts) > 2 {
		var major, minor int
		fmt.Sscanf(parts[2], "HTTP/%d.%d", &major, &minor)
		r.version = major*10 + minor
	}
	r.Settings = luacompat.LocationConf{CodeCache: true, TransformUnderscores: true, HTTP10Buffering: true}
	return r
}

// Response is what the client would see: status, headers, body.
func (r *Request) Response() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", r.status)
	for _, h := range r.resp {
		fmt.Fprintf(&b, "%s: %s\n", h.Key, h.Value)
	}
	b.WriteString("\n")
	b.Write(r.out.Bytes())
	return b.String()
}

// ResponseBody is the body so far.
func (r *Request) ResponseBody() string { return r.out.String() }

// Logs are the lines logged so far, "level: text".
func (r *Request) Logs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.logs...)
}

// Abort is the client going away.
func (r *Request) Abort() {
	r.mu.Lock()
	f := r.onAbort
	r.mu.Unlock()
	if f != nil {
		f()
	}
}

// Variables.

func (r *Request) Var(name string) (string, bool) {
	switch name {
	case "uri":
		return r.uri, true
	case "args":
		return r.args, true
	case "request_method":
		return r.method, true
	case "remote_addr":
		return "127.0.0.1", true
	}
	if h, ok := strings.CutPrefix(name, "http_"); ok {
		if v := r.Header(strings.ReplaceAll(h, "_", "-")); len(v) > 0 {
			return v[0], true
		}
		return "", false
	}
	v, ok := r.Vars[name]
	return v, ok
}

func (r *Request) SetVar(name, value string, remove bool) error {
	if name == "remote_addr" || name == "uri" {
		return fmt.Errorf("variable %q not changeable", name)
	}
	if _, ok := r.Vars[name]; !ok {
		return fmt.Errorf("variable %q not found for writing; maybe it is a built-in variable that is not changeable or you forgot to use \"set $%s '';\" in the config file to define it first", name, name)
	}
	r.Vars[name] = value
	if remove {
		delete(r.Vars, name)
	}
	return nil
}

// Input.

func (r *Request) Method() string { return r.method }
func (r *Request) SetMethod(m string) error {
	r.method = m
	return nil
}
func (r *Request) HTTPVersion() int       { return r.version }
func (r *Request) RawRequestLine() string { return r.Line }

func (r *Request) RawHeader(noLine bool) (string, error) {
	if r.version == 20 {
		return "", errors.New("http2 requests not supported yet")
	}
	var b strings.Builder
	if !noLine {
		b.WriteString(r.Line + "\r\n")
	}
	for _, h := range r.Head {
		b.WriteString(h.Key + ": " + h.Value + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String(), nil
}

func (r *Request) Headers(limit int) ([]luacompat.Header, bool) {
	if limit > 0 && len(r.Head) > limit {
		return r.Head[:limit], true
	}
	return r.Head, false
}

func (r *Request) Header(name string) (vals []string) { return find(r.Head, name) }

func find(hs []luacompat.Header, name string) (vals []string) {
	for _, h := range hs {
		if strings.EqualFold(h.Key, name) {
			vals = append(vals, h.Value)
		}
	}
	return vals
}

func replace(hs []luacompat.Header, name string, values []string) []luacompat.Header {
	var out []luacompat.Header
	put := false
	add := func() {
		if !put {
			for _, v := range values {
				out = append(out, luacompat.Header{Key: name, Value: v})
			}
		}
		put = true
	}
	for _, h := range hs {
		if strings.EqualFold(h.Key, name) {
			add()
			continue
		}
		out = append(out, h)
	}
	add()
	return out
}

func (r *Request) SetHeader(name string, values []string) { r.Head = replace(r.Head, name, values) }
func (r *Request) AddHeader(name, value string) {
	r.Head = append(r.Head, luacompat.Header{Key: name, Value: value})
}
func (r *Request) URI() string            { return r.uri }
func (r *Request) SetURI(u string)        { r.uri = u }
func (r *Request) Args() string           { return r.args }
func (r *Request) SetArgs(a string)       { r.args = a }
func (r *Request) IsInternal() bool       { return r.Internal }
func (r *Request) IsSubrequest() bool     { return r.Sub }
func (r *Request) StartTime() time.Time   { return r.start }
func (r *Request) RemoteAddr() netip.Addr { return netip.MustParseAddr("127.0.0.1") }

func (r *Request) ReadBody() error {
	r.read = true
	if r.BodyInFile != "" {
		return os.WriteFile(r.BodyInFile, r.Body, 0o600)
	}
	return nil
}

func (r *Request) DiscardBody() error { r.Body = nil; return nil }
func (r *Request) BodyRead() bool     { return r.read }
func (r *Request) BodyData() ([]byte, bool) {
	if !r.read {
		return nil, false
	}
	if r.BodyInFile != "" {
		return nil, true
	}
	return r.Body, false
}
func (r *Request) BodyFile() string        { return r.BodyInFile }
func (r *Request) BodyLen() int64          { return int64(len(r.Body)) }
func (r *Request) SetBodyData(data []byte) { r.Body, r.BodyInFile = data, "" }
func (r *Request) SetBodyFile(path string, _ bool) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	r.Body, r.BodyInFile = data, path
	return nil
}
func (r *Request) InitBody(int) error { r.build = []byte{}; return nil }
func (r *Request) AppendBody(data []byte) error {
	r.build = append(r.build, data...)
	return nil
}
func (r *Request) FinishBody() error {
	r.Body, r.build, r.BodyInFile = r.build, nil, ""
	return nil
}

func (r *Request) RawSocket(bool) (net.Conn, error) {
	if r.Raw == nil {
		return nil, errors.New("no body")
	}
	return r.Raw, nil
}

// Output.

func (r *Request) Status() int                     { return r.status }
func (r *Request) SetStatus(s int)                 { r.status = s }
func (r *Request) HeaderSent() bool                { return r.sent }
func (r *Request) RespHeaders() []luacompat.Header { return r.resp }
func (r *Request) RespHeader(name string) []string { return find(r.resp, name) }

func (r *Request) SetRespHeader(name string, values []string) error {
	if len(values) == 1 && values[0] == "" {
		values = nil
	}
	r.resp = replace(r.resp, name, values)
	return nil
}

func (r *Request) AddRespHeader(name, value string) error {
	r.resp = append(r.resp, luacompat.Header{Key: name, Value: value})
	return nil
}

func (r *Request) SendHeader() error {
	if r.sent {
		return nil
	}
	if r.status == 0 {
		r.status = 200
	}
	if r.HeaderFilter != nil {
		r.HeaderFilter(r)
	}
	r.sent = true
	return nil
}

// WriteQuick takes output that no filter has to see.
func (r *Request) WriteQuick(p []byte) bool {
	if r.HeaderFilter != nil || r.BodyFilter != nil {
		return false
	}
	r.Quick++
	return r.Write(p) == nil
}

func (r *Request) Write(p []byte) error {
	if err := r.SendHeader(); err != nil {
		return err
	}
	return r.pass(p, false)
}

func (r *Request) pass(p []byte, last bool) error {
	if r.method == "HEAD" {
		return nil
	}
	if r.BodyFilter != nil {
		r.chunk, r.last = append([]byte(nil), p...), last
		r.BodyFilter(r)
		p = r.chunk
	}
	r.out.Write(p)
	return nil
}

func (r *Request) Flush(bool) error { return nil }

func (r *Request) EOF() error {
	if err := r.SendHeader(); err != nil {
		return err
	}
	if r.eof {
		return nil
	}
	r.eof = true
	return r.pass(nil, true)
}

func (r *Request) EOFSent() bool             { return r.eof }
func (r *Request) BodyChunk() ([]byte, bool) { return r.chunk, r.last }
func (r *Request) SetBodyChunk(data []byte, last bool) {
	r.chunk, r.last = data, last
}
func (r *Request) HeadOnly() bool { return r.method == "HEAD" && r.sent }

// Capture answers subrequests through Captured.
func (r *Request) Capture(reqs []luacompat.CaptureRequest) ([]luacompat.CaptureResponse, error) {
	out := make([]luacompat.CaptureResponse, len(reqs))
	for i, c := range reqs {
		if r.Captured == nil {
			out[i].Status = 404
			continue
		}
		out[i] = r.Captured(c)
	}
	return out, nil
}

// Lifecycle.

func (r *Request) Context() context.Context { return r.Ctx }

func (r *Request) Log(level int, msg string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs = append(r.logs, fmt.Sprintf("%d: %s", level, msg))
}

func (r *Request) LogEnabled(level int) bool     { return level <= r.LogLevel }
func (r *Request) LuaState() any                 { return r.state }
func (r *Request) SetLuaState(s any)             { r.state = s }
func (r *Request) Conf() *luacompat.LocationConf { return &r.Settings }
func (r *Request) WorkerID() int                 { return r.Worker }
func (r *Request) OnAbort(f func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onAbort = f
	return nil
}

// Reset forgets the response, for benchmarks.
func (r *Request) Reset() {
	r.out.Reset()
	r.status, r.sent, r.eof, r.resp = 0, false, false, r.resp[:0]
}
