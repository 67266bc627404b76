package trace

import (
	"sync"
	"time"
)

// Kind says what an Event is about.
type Kind string

// The kinds of events, in the order in which a request meets them.
const (
	Server     Kind = "server"     // the virtual server chosen
	Rewrite    Kind = "rewrite"    // a directive of the rewrite module
	Location   Kind = "location"   // the location chosen
	Limit      Kind = "limit"      // a handler of the preaccess phase
	Access     Kind = "access"     // a handler of the access phase
	Precontent Kind = "precontent" // try_files, mirror
	Content    Kind = "content"    // what makes the response
	Script     Kind = "lua"        // a script begins
	Redis      Kind = "redis"      // a call of resty.redis
	Branch     Kind = "if"         // a condition in a script
	Call       Kind = "call"       // a call that decides: ngx.exec, ngx.say, …
	Set        Kind = "set"        // ngx.var.x = …
	Redirect   Kind = "redirect"   // an internal redirect
	Subrequest Kind = "subrequest" // its events follow, one deeper
	Upstream   Kind = "upstream"   // the peer that would be, or is, asked
	Log        Kind = "log"        // a line for the error log
	Response   Kind = "response"   // the response header
)

// Event is one step of a request.
type Event struct {
	Kind   Kind        `json:"kind"`
	Depth  int         `json:"depth,omitempty"` // 0 for the request itself, more inside subrequests
	Place  string      `json:"place,omitempty"` // file:line of the directive or of the Lua call
	Source string      `json:"source,omitempty"`
	What   string      `json:"what"`
	Result string      `json:"result,omitempty"`
	Why    string      `json:"why,omitempty"`
	Tried  []Candidate `json:"tried,omitempty"` // Location: in the order in which nginx tries them
}

// Candidate is a location that was looked at.
type Candidate struct {
	Location string `json:"location"`
	Place    string `json:"place,omitempty"`
	Result   string `json:"result"`
}

// Decision is what became of the request.
type Decision struct {
	Server   string `json:"server"`
	Location string `json:"location"`
	// Status and the like are of the response: the gateway's own, or, when
	// Upstream is set, what was assumed of the upstream.
	Status   int    `json:"status,omitempty"`
	Target   string `json:"target,omitempty"`   // of a redirect
	Upstream string `json:"upstream,omitempty"` // proxy_pass as it was resolved
	Peer     string `json:"peer,omitempty"`     // address that would be asked first
	Request  string `json:"request,omitempty"`  // request head that would be sent
	BodySize int64  `json:"body_size,omitempty"`
	Closed   bool   `json:"closed,omitempty"` // the connection is closed without a response
	Body     string `json:"body,omitempty"`   // beginning of the gateway's own response
}

// Trace is all that is known about one request.
type Trace struct {
	Request  string   `json:"request"` // request line
	Client   string   `json:"client"`
	Listen   string   `json:"listen"`
	Events   []Event  `json:"events"`
	Decision Decision `json:"decision"`
	Caveats  []string `json:"caveats,omitempty"` // why the live gateway might decide otherwise
	Dropped  int      `json:"dropped,omitempty"` // events left out: there were too many
}

// maxEvents bounds what a request can make a Recorder hold.
const maxEvents = 1000

// Recorder collects a Trace. It is safe for concurrent use.
type Recorder struct {
	mu    sync.Mutex
	trace Trace
	began time.Time
}

// NewRecorder begins a Trace.
func NewRecorder() *Recorder { return &Recorder{began: time.Now()} }

// Add appends an event.
func (rec *Recorder) Add(e Event) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.trace.Events) >= maxEvents {
		rec.trace.Dropped++
		return
	}
	rec.trace.Events = append(rec.trace.Events, e)
}

// Edit changes what is not an event.
func (rec *Recorder) Edit(f func(t *Trace)) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	f(&rec.trace)
}

// Caveat notes, once, why the live gateway might decide otherwise.
func (rec *Recorder) Caveat(text string) {
	rec.Edit(func(t *Trace) {
		for _, c := range t.Caveats {
			if c == text {
				return
			}
		}
		t.Caveats = append(t.Caveats, text)
	})
}

// Trace is a copy of what has been recorded so far.
func (rec *Recorder) Trace() *Trace {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	t := rec.trace
	t.Events = append([]Event(nil), t.Events...)
	t.Caveats = append([]string(nil), t.Caveats...)
	return &t
}
