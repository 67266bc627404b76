package release

import (
	"errors"
	"runtime"
	"strconv"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/expr"
	"huidu/luacompat/resty/redis/link"
	"huidu/luacompat/socket"
)

// store is a connection to Redis in one run: what resty.redis's object is in
// a script, with its words for what goes wrong.
type store struct {
	s    link.Session
	open bool
	to   link.Timeouts // 0: the location's
}

// end forgets the store; its connection stays with the hub.
func (st *store) end() {
	if st.open {
		st.s.Close()
	}
	*st = store{}
}

// timeouts are the store's, or where it has none the location's.
func (st *store) timeouts(r *run) link.Timeouts {
	to := st.to
	if to.Connect == 0 || to.Send == 0 || to.Read == 0 {
		c, d := r.req.Conf(), socket.DefaultConf
		pick := func(t *time.Duration, own, def time.Duration) {
			if *t == 0 {
				if *t = own; own == 0 {
					*t = def
				}
			}
		}
		if c == nil {
			c = new(luacompat.LocationConf)
		}
		pick(&to.Connect, c.SocketConnectTimeout, d.Connect)
		pick(&to.Send, c.SocketSendTimeout, d.Send)
		pick(&to.Read, c.SocketReadTimeout, d.Read)
	}
	return to
}

// connect opens the store; the result is what connect returns.
func (st *store) connect(r *run, host string, port int, unix bool) error {
	if st.open {
		st.s.Close()
		st.open = false
	}
	k := link.Target{Network: "tcp", Addr: host + ":" + strconv.Itoa(port)}
	if unix {
		k = link.Target{Network: "unix", Addr: host}
	}
	if r.rule.opts.Hub.ConnectNow(&st.s, k) {
		st.open = true
		return nil
	}
	if !unix && !socket.IsAddress(host) {
		conf := socket.Conf{}
		if c := r.req.Conf(); c != nil {
			conf.Resolve = c.Resolve
		}
		addr, err := conf.Address(r.ctx, host, port)
		if err != nil {
			return err
		}
		k.Addr = addr
	}
	if err := r.rule.opts.Hub.ConnectInto(r.ctx, &st.s, k, nil, st.timeouts(r)); err != nil {
		return err
	}
	st.open = true
	return nil
}

// auth is red:auth: an answer, or false and Redis's words, or nil and ours.
func (st *store) auth(r *run, user, pass string, hasUser bool) (expr.Value, string) {
	if !st.open {
		return expr.Value{}, "closed"
	}
	if st.s.AuthNow(user, pass, hasUser) {
		return expr.Text("OK"), ""
	}
	return st.accepted(st.s.Auth(r.ctx, user, pass, hasUser, st.timeouts(r)))
}

// selectDB is red:select.
func (st *store) selectDB(r *run, db int) (expr.Value, string) {
	if !st.open {
		return expr.Value{}, "closed"
	}
	return st.accepted(st.s.Select(r.ctx, db, st.timeouts(r)))
}

func (st *store) accepted(err error) (expr.Value, string) {
	var refusal *link.Refusal
	switch {
	case err == nil:
		return expr.Text("OK"), ""
	case errors.As(err, &refusal):
		return expr.Bool(false), refusal.Text
	}
	return expr.Value{}, st.broken(err)
}

// broken is the words for no answer; the connection is closed where
// resty.redis closes it.
func (st *store) broken(err error) string {
	var refusal *link.Refusal
	var pe *link.ProtocolError
	switch {
	case errors.As(err, &refusal), errors.As(err, &pe):
	default:
		st.s.Close()
		st.open = false
	}
	return socket.Words(err)
}

// ask sends the command in r.words.
func (st *store) ask(r *run, cmd string) (expr.Value, string) {
	if !st.open {
		return expr.Value{}, "closed"
	}
	q := &r.q
	q.Reset()
	n := border(r.words)
	q.Begin(n + 1)
	q.Word(cmd)
	for i := range n {
		q.Word(r.words[i].ToString())
	}
	if r.rule.running.Load() > 1 {
		// Others are about: let those that can run come to their question, so
		// that one pipeline takes them all.
		runtime.Gosched()
	}
	res, err := st.s.Do(r.ctx, q, st.timeouts(r))
	if err != nil {
		return expr.Value{}, st.broken(err)
	}
	rep := &res.Replies()[0]
	var v expr.Value
	var msg string
	if rep.Kind == link.Error {
		v, msg = expr.Bool(false), rep.Str
	} else {
		v = reply(rep)
	}
	res.Release()
	return v, msg
}

// border is how many arguments resty.redis sends: with nil among them, those
// before the border that LuaJIT's # finds.
func border(words []expr.Value) int {
	top := len(words)
	for _, w := range words {
		if w.K == expr.Nil {
			i, j := 1, top+2
			for j-i > 1 {
				if k := (i + j) / 2; k-2 >= top || words[k-2].K == expr.Nil {
					j = k
				} else {
					i = k
				}
			}
			return i - 1
		}
	}
	return top
}

// reply is an answer as a value; an error in an array is a list of false and
// its text.
func reply(r *link.Reply) expr.Value {
	switch r.Kind {
	case link.Int:
		if r.Str != "" {
			f, _ := strconv.ParseFloat(r.Str, 64)
			return expr.Num(f)
		}
		return expr.Num(float64(r.Int))
	case link.Null:
		return expr.Value{K: expr.Null}
	case link.Array:
		items := make([]expr.Value, len(r.Array))
		for i := range r.Array {
			if e := &r.Array[i]; e.Kind == link.Error {
				items[i] = expr.Value{K: expr.List, L: &expr.Items{V: []expr.Value{expr.Bool(false), expr.Text(e.Str)}}}
			} else {
				items[i] = reply(e)
			}
		}
		return expr.Value{K: expr.List, L: &expr.Items{V: items}}
	}
	return expr.Text(r.Str)
}

// words is an error as resty.redis returns it.
func words(err error) string { return socket.Words(err) }
