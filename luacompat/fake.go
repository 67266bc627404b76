package luacompat

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// fakeRequest is the request of timers and worker scripts when the host gives
// none: there is no client, and most of the API refuses it by its phase.
type fakeRequest struct {
	ctx   context.Context
	w     *Worker
	phase Phase
	state any
	conf  LocationConf
	start time.Time
}

var errNoClient = errors.New("no client request")

func newFakeRequest(ctx context.Context, w *Worker, phase Phase) Request {
	c := defaultConf
	c.Resolve = w.rt.opts.Resolve
	return &fakeRequest{ctx: ctx, w: w, phase: phase, conf: c, start: w.rt.opts.Now()}
}

func (r *fakeRequest) Var(string) (string, bool)            { return "", false }
func (r *fakeRequest) SetVar(string, string, bool) error    { return errNoClient }
func (r *fakeRequest) Method() string                       { return "" }
func (r *fakeRequest) SetMethod(string) error               { return errNoClient }
func (r *fakeRequest) HTTPVersion() int                     { return 0 }
func (r *fakeRequest) RawRequestLine() string               { return "" }
func (r *fakeRequest) RawHeader(bool) (string, error)       { return "", errNoClient }
func (r *fakeRequest) Headers(int) ([]Header, bool)         { return nil, false }
func (r *fakeRequest) Header(string) []string               { return nil }
func (r *fakeRequest) SetHeader(string, []string)           {}
func (r *fakeRequest) AddHeader(string, string)             {}
func (r *fakeRequest) URI() string                          { return "" }
func (r *fakeRequest) SetURI(string)                        {}
func (r *fakeRequest) Args() string                         { return "" }
func (r *fakeRequest) SetArgs(string)                       {}
func (r *fakeRequest) IsInternal() bool                     { return false }
func (r *fakeRequest) IsSubrequest() bool                   { return false }
func (r *fakeRequest) StartTime() time.Time                 { return r.start }
func (r *fakeRequest) RemoteAddr() netip.Addr               { return netip.Addr{} }
func (r *fakeRequest) ReadBody() error                      { return errNoClient }
func (r *fakeRequest) DiscardBody() error                   { return errNoClient }
func (r *fakeRequest) BodyRead() bool                       { return false }
func (r *fakeRequest) BodyData() ([]byte, bool)             { return nil, false }
func (r *fakeRequest) BodyFile() string                     { return "" }
func (r *fakeRequest) BodyLen() int64                       { return 0 }
func (r *fakeRequest) SetBodyData([]byte)                   {}
func (r *fakeRequest) SetBodyFile(string, bool) error       { return errNoClient }
func (r *fakeRequest) InitBody(int) error                   { return errNoClient }
func (r *fakeRequest) AppendBody([]byte) error              { return errNoClient }
func (r *fakeRequest) FinishBody() error                    { return errNoClient }
func (r *fakeRequest) RawSocket(bool) (net.Conn, error)     { return nil, errNoClient }
func (r *fakeRequest) Status() int                          { return 0 }
func (r *fakeRequest) SetStatus(int)                        {}
func (r *fakeRequest) HeaderSent() bool                     { return false }
func (r *fakeRequest) RespHeaders() []Header                { return nil }
func (r *fakeRequest) RespHeader(string) []string           { return nil }
func (r *fakeRequest) SetRespHeader(string, []string) error { return errNoClient }
func (r *fakeRequest) AddRespHeader(string, string) error   { return errNoClient }
func (r *fakeRequest) SendHeader() error                    { return errNoClient }
func (r *fakeRequest) Write([]byte) error                   { return errNoClient }
func (r *fakeRequest) Flush(bool) error                     { return errNoClient }
func (r *fakeRequest) EOF() error                           { return errNoClient }
func (r *fakeRequest) EOFSent() bool                        { return false }
func (r *fakeRequest) BodyChunk() ([]byte, bool)            { return nil, false }
func (r *fakeRequest) SetBodyChunk([]byte, bool)            {}
func (r *fakeRequest) HeadOnly() bool                       { return false }
func (r *fakeRequest) Capture([]CaptureRequest) ([]CaptureResponse, error) {
	return nil, errNoClient
}
func (r *fakeRequest) Context() context.Context { return r.ctx }
func (r *fakeRequest) Log(level int, msg string) {
	r.w.rt.opts.Log(level, msg+", context: "+r.context())
}

// context is the suffix of nginx's log lines without a client.
func (r *fakeRequest) context() string {
	if r.phase == PhaseTimer {
		return "ngx.timer"
	}
	return phaseContexts[r.phase]
}
func (r *fakeRequest) LogEnabled(int) bool  { return true }
func (r *fakeRequest) LuaState() any        { return r.state }
func (r *fakeRequest) SetLuaState(s any)    { r.state = s }
func (r *fakeRequest) Conf() *LocationConf  { return &r.conf }
func (r *fakeRequest) OnAbort(func()) error { return errNoClient }
func (r *fakeRequest) WorkerID() int        { return r.w.id }
