package release

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/expr"
	"huidu/luacompat/resty/redis"
	"huidu/luacompat/resty/redis/link"
)

// makers is the table of steps: each checks and compiles a step's arguments.
// when and try, which hold steps, are the compiler's own.
var makers map[string]func(c *compiler, args []string) (step, error)

func init() {
	makers = map[string]func(c *compiler, args []string) (step, error){
		"let": makeLet, "connect": makeConnect, "timeout": makeTimeout, "auth": makeAuth, "select": makeSelect,
		"ask": makeAsk, "keepalive": makeClose, "close": makeClose, "dict_get": makeDictGet, "dict_set": makeDictSet,
		"say":   func(c *compiler, args []string) (step, error) { return makePrint(c, args, "\n") },
		"print": func(c *compiler, args []string) (step, error) { return makePrint(c, args, "") },
		"log":   makeLog, "status": makeStatus, "set": makeSet, "header": makeHeader, "request_header": makeRequestHeader,
		"go": makeGo, "exit": makeExit, "redirect": makeRedirect, "done": makeDone, "value": makeValue, "fault": makeFault,
		"on_store_failure": makePolicy,
	}
}

// makeLet is let $name EXPR.
func makeLet(c *compiler, args []string) (step, error) {
	at, err := c.slot(args[0])
	if err != nil {
		return nil, err
	}
	f, err := c.expr(args[1])
	if err != nil {
		return nil, err
	}
	return func(r *run) flow {
		r.Slots[at] = f(&r.Frame)
		return next
	}, nil
}

// address is where a store listens.
type address struct {
	host string
	port int
	unix bool
	to   link.Timeouts
	user string
	pass string
	auth bool
	db   int
}

func parseAddress(s string) (address, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return address{host: path, unix: true}, nil
	}
	host, port, err := net.SplitHostPort(s)
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil || n < 0 || n > 65535 {
		return address{}, fmt.Errorf("%q is no address of a store (host:port or unix:path)", s)
	}
	return address{host: host, port: n}, nil
}

// makeConnect is connect $ok STORE ADDRESS [timeout=TIME].
func makeConnect(c *compiler, args []string) (step, error) {
	at, err := c.slot(args[0])
	if err != nil {
		return nil, err
	}
	a, err := parseAddress(args[2])
	if err != nil {
		return nil, err
	}
	if err := a.options(args[3:], false); err != nil {
		return nil, err
	}
	errAt, st := c.errSlot(args[0]), c.store(args[1])
	return func(r *run) flow {
		s := &r.stores[st]
		if a.to != (link.Timeouts{}) {
			s.to = a.to
		}
		if err := s.connect(r, a.host, a.port, a.unix); err != nil {
			return r.failed(at, errAt, expr.Value{}, words(err), true)
		}
		r.Slots[at], r.Slots[errAt] = expr.Num(1), expr.Value{}
		return next
	}, nil
}

// options reads timeout=, user=, password=, database=.
func (a *address) options(args []string, all bool) error {
	for _, o := range args {
		k, v, _ := strings.Cut(o, "=")
		switch {
		case k == "timeout":
			d, err := duration(v)
			if err != nil {
				return err
			}
			a.to = link.Timeouts{Connect: d, Send: d, Read: d}
		case all && k == "user":
			a.user = v
		case all && k == "password":
			a.pass, a.auth = v, true
		case all && k == "database":
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 {
				return fmt.Errorf("invalid database %q", v)
			}
			a.db = n
		default:
			return fmt.Errorf("invalid parameter %q", o)
		}
	}
	return nil
}

// failed notes what a store answered when it failed; with a policy the rule
// ends there. A store that cannot be opened is no end yet where the last
// answers are known: its questions may be among them.
func (r *run) failed(at, errAt int, v expr.Value, msg string, opening ...bool) flow {
	r.Slots[at], r.Slots[errAt] = v, expr.Text(msg)
	if p := r.rule.policy; p != nil && (p.known == nil || len(opening) == 0) {
		return failed
	}
	return next
}

// makeTimeout is timeout STORE TIME, or timeout STORE CONNECT SEND READ.
func makeTimeout(c *compiler, args []string) (step, error) {
	var to link.Timeouts
	for i, p := range []*time.Duration{&to.Connect, &to.Send, &to.Read} {
		s := args[1]
		if len(args) == 4 {
			s = args[1+i]
		}
		d, err := duration(s)
		if err != nil {
			return nil, err
		}
		*p = d
	}
	st := c.store(args[0])
	return func(r *run) flow {
		r.stores[st].to = to
		return next
	}, nil
}

// makeAuth is auth $ok STORE [USER] PASSWORD.
func makeAuth(c *compiler, args []string) (step, error) {
	at, err := c.slot(args[0])
	if err != nil {
		return nil, err
	}
	ws, err := c.words(args[2:])
	if err != nil {
		return nil, err
	}
	errAt, st := c.errSlot(args[0]), c.store(args[1])
	return func(r *run) flow {
		user, pass := "", ws[0].val(&r.Frame).ToString()
		if len(ws) == 2 {
			user, pass = pass, ws[1].val(&r.Frame).ToString()
		}
		v, msg := r.stores[st].auth(r, user, pass, len(ws) == 2)
		if !v.Truthy() {
			return r.failed(at, errAt, v, msg, true)
		}
		r.Slots[at], r.Slots[errAt] = v, expr.Value{}
		return next
	}, nil
}

// makeSelect is select $ok STORE DATABASE.
func makeSelect(c *compiler, args []string) (step, error) {
	at, err := c.slot(args[0])
	if err != nil {
		return nil, err
	}
	db, err := strconv.Atoi(args[2])
	if err != nil || db < 0 {
		return nil, fmt.Errorf("invalid database %q", args[2])
	}
	errAt, st := c.errSlot(args[0]), c.store(args[1])
	return func(r *run) flow {
		v, msg := r.stores[st].selectDB(r, db)
		if !v.Truthy() {
			return r.failed(at, errAt, v, msg, true)
		}
		r.Slots[at], r.Slots[errAt] = v, expr.Value{}
		return next
	}, nil
}

// makeAsk is ask $answer STORE COMMAND WORD...
func makeAsk(c *compiler, args []string) (step, error) {
	at, err := c.slot(args[0])
	if err != nil {
		return nil, err
	}
	cmd := args[2]
	if !redis.Sharable(cmd) {
		return nil, fmt.Errorf("a rule cannot send %q: it needs a connection of its own", cmd)
	}
	ws, err := c.words(args[3:])
	if err != nil {
		return nil, err
	}
	errAt, st := c.errSlot(args[0]), c.store(args[1])
	return func(r *run) flow {
		r.words = r.words[:0]
		for i := range ws {
			r.words = append(r.words, ws[i].val(&r.Frame))
		}
		v, msg := r.stores[st].ask(r, cmd)
		if p := r.rule.policy; p != nil && p.known != nil {
			key := question(st, cmd, r.words)
			if v.Truthy() {
				p.known.keep(key, v, r.Now())
			} else if last, ok := p.known.last(key, r.Now()); ok {
				v = last
			}
		}
		if !v.Truthy() {
			return r.failed(at, errAt, v, msg)
		}
		r.Slots[at], r.Slots[errAt] = v, expr.Value{}
		return next
	}, nil
}

// makeClose is close $ok STORE and keepalive $ok STORE: the connection goes
// back to where all rules and scripts share it.
func makeClose(c *compiler, args []string) (step, error) {
	at, err := c.slot(args[0])
	if err != nil {
		return nil, err
	}
	errAt, st := c.errSlot(args[0]), c.store(args[1])
	return func(r *run) flow {
		s := &r.stores[st]
		if !s.open {
			r.Slots[at], r.Slots[errAt] = expr.Value{}, expr.Text("closed")
			return next
		}
		to := s.to
		s.end()
		s.to = to
		r.Slots[at], r.Slots[errAt] = expr.Num(1), expr.Value{}
		return next
	}, nil
}

// makePrint is say and print: words to the response, with ngx.say's texts.
func makePrint(c *compiler, args []string, end string) (step, error) {
	ws, err := c.words(args)
	if err != nil {
		return nil, err
	}
	return func(r *run) flow {
		b := r.buf[:0]
		for i := range ws {
			b = ws[i].print(r, b)
		}
		b = append(b, end...)
		r.buf = b
		switch {
		case r.req.HeadOnly() || r.req.EOFSent():
		case len(b) > 0:
			r.req.Write(b)
		case !r.req.HeaderSent():
			r.req.SendHeader()
		}
		return next
	}, nil
}

func (w *word) print(r *run, b []byte) []byte {
	if w.parts == nil {
		return w.val(&r.Frame).Print(b)
	}
	for i := range w.parts {
		if p := &w.parts[i]; p.val != nil {
			b = p.val(&r.Frame).Print(b)
		} else {
			b = append(b, p.lit...)
		}
	}
	return b
}

var levels = []string{"stderr", "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"}

// makeLog is log LEVEL WORD...
func makeLog(c *compiler, args []string) (step, error) {
	level := -1
	for i, l := range levels {
		if l == args[0] {
			level = i
		}
	}
	if level < 0 {
		return nil, fmt.Errorf("invalid log level %q", args[0])
	}
	ws, err := c.words(args[1:])
	if err != nil {
		return nil, err
	}
	return func(r *run) flow {
		if !r.req.LogEnabled(level) {
			return next
		}
		b := append(r.buf[:0], "release: "...)
		for i := range ws {
			if v := ws[i].val(&r.Frame); v.K == expr.List {
				expr.Raise("bad argument to 'log' (expected table to have __tostring metamethod)")
			}
			b = ws[i].print(r, b)
		}
		r.buf = b
		r.req.Log(level, string(b))
		return next
	}, nil
}

// makeStatus is status CODE: ngx.status.
func makeStatus(c *compiler, args []string) (step, error) {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return nil, fmt.Errorf("invalid status %q", args[0])
	}
	return func(r *run) flow {
		if !r.req.HeaderSent() {
			r.req.SetStatus(n)
		}
		return next
	}, nil
}

// makeSet is set $variable VALUE; without a value the variable is emptied.
func makeSet(c *compiler, args []string) (step, error) {
	if !strings.HasPrefix(args[0], "$") {
		return nil, fmt.Errorf(`invalid variable name "%s"`, args[0])
	}
	name := strings.ToLower(args[0][1:])
	if len(args) == 1 {
		return func(r *run) flow {
			if err := r.req.SetVar(name, "", true); err != nil {
				expr.Raise("%s", err.Error())
			}
			return next
		}, nil
	}
	w, err := c.word(args[1])
	if err != nil {
		return nil, err
	}
	return func(r *run) flow {
		v := w.val(&r.Frame)
		s := ""
		if v.K != expr.Nil {
			s = v.ToString()
		}
		if err := r.req.SetVar(name, s, v.K == expr.Nil); err != nil {
			expr.Raise("%s", err.Error())
		}
		return next
	}, nil
}

// makeHeader is header NAME VALUE: a response header, as ngx.header sets it.
func makeHeader(c *compiler, args []string) (step, error) {
	name := luacompat.HeaderName(args[0])
	w, err := c.word(args[1])
	if err != nil {
		return nil, err
	}
	return func(r *run) flow {
		if r.req.HeaderSent() {
			r.req.Log(logErr, "attempt to set a header after sending out response headers")
			return next
		}
		n := name
		if conf := r.req.Conf(); conf != nil && conf.TransformUnderscores {
			n = strings.ReplaceAll(n, "_", "-")
		}
		var vals []string
		if v := w.val(&r.Frame); v.K != expr.Nil {
			vals = []string{luacompat.HeaderText(v.ToString())}
		}
		if err := r.req.SetRespHeader(n, vals); err != nil {
			expr.Raise("failed to set header")
		}
		return next
	}, nil
}

// makeRequestHeader is request_header NAME [VALUE]; without a value it is
// removed.
func makeRequestHeader(c *compiler, args []string) (step, error) {
	name := luacompat.HeaderName(args[0])
	if len(args) == 1 {
		return func(r *run) flow {
			r.req.SetHeader(name, nil)
			return next
		}, nil
	}
	w, err := c.word(args[1])
	if err != nil {
		return nil, err
	}
	return func(r *run) flow {
		r.req.SetHeader(name, []string{luacompat.HeaderText(w.val(&r.Frame).ToString())})
		return next
	}, nil
}
