package proxy

import (
	"strconv"
	"strings"
	"time"

	"huidu/nginxconf"
)

// echoCmd is one directive of echo-nginx-module, compiled.
type echoCmd struct {
	name string
	opts []string // leading "-x" arguments, without the dash
	args []value
}

// echoState is what the echo directives of one request remember.
type echoState struct {
	timer   time.Time // echo_reset_timer; zero: the request's start
	counter int       // $echo_incr, at the main request
	items   []string  // of the echo_foreach_split under way
	item    int
	loop    int // its place
}

func (r *Request) echoState() *echoState {
	if r.modules.echo == nil {
		r.modules.echo = &echoState{}
	}
	return r.modules.echo
}

// compileEcho compiles the content commands of a location.
func compileEcho(c *compiler, loc *location, l *nginxconf.Location) error {
	cmds, err := c.echoCmds(l.Loc.Echo.Cmds)
	if err != nil {
		return err
	}
	loc.handler = func(r *Request) rc {
		if c := r.runEcho(cmds); c != failed {
			return c
		}
		return 500
	}
	return nil
}

// compileEchoFilter compiles echo_before_body and echo_after_body.
func compileEchoFilter(c *compiler, loc *location, l *nginxconf.Location) error {
	conf := l.Loc.Echo
	if len(conf.Before) == 0 && len(conf.After) == 0 {
		return nil
	}
	before, err := c.echoCmds(conf.Before)
	if err != nil {
		return err
	}
	after, err := c.echoCmds(conf.After)
	if err != nil {
		return err
	}
	loc.addHeaderFilter(orderMoreHeaders, func(r *Request) rc {
		r.out.clearLength()
		r.stages = append(r.stages, &echoStage{before: before, after: after})
		return ok
	})
	return nil
}

func (c *compiler) echoCmds(list []nginxconf.EchoCmd) ([]echoCmd, error) {
	var out []echoCmd
	for i := range list {
		cmd := echoCmd{name: list[i].Name}
		options := true
		for _, a := range list[i].Args {
			lit, isLit := a.Literal()
			if isLit && lit != "" && options {
				if len(lit) > 1 && lit[0] == '-' {
					if lit[1] == '-' {
						options = false
					} else {
						cmd.opts = append(cmd.opts, lit[1:])
					}
					continue
				}
				options = false
			}
			v, err := c.value(a, list[i].Pos)
			if err != nil {
				return nil, err
			}
			cmd.args = append(cmd.args, v)
		}
		out = append(out, cmd)
	}
	return out, nil
}

// runEcho runs a location's commands in order, then ends the response.
func (r *Request) runEcho(cmds []echoCmd) rc {
	st := r.echoState()
	for i := 0; i < len(cmds); i++ {
		cmd := &cmds[i]
		args := make([]string, len(cmd.args))
		for j := range cmd.args {
			args[j] = cmd.args[j].eval(r)
		}
		var c rc
		switch cmd.name {
		case "echo_foreach_split":
			if i, c = st.begin(r, cmds, i, args); c != ok {
				return c
			}
			continue
		case "echo_end":
			if st.items == nil {
				r.logf(logError, "Found a echo_end that has no corresponding echo_foreach before it.")
				return failed
			}
			if st.item++; st.item < len(st.items) {
				i = st.loop
			} else {
				st.items = nil
			}
			continue
		case "echo_exec":
			return r.echoExec(args)
		}
		c = r.echoCommand(cmd, args)
		if c < 0 || c >= 300 {
			return c
		}
		if r.headerOnly && strings.HasPrefix(cmd.name, "echo_") && (strings.HasSuffix(cmd.name, "location") || strings.HasSuffix(cmd.name, "subrequest")) {
			return c
		}
	}
	return r.echoEnd()
}

// echoCommand runs one content command.
//
// See: https://github.com/openresty/echo-nginx-module#content-handler-directives
func (r *Request) echoCommand(cmd *echoCmd, args []string) rc {
	switch cmd.name {
	case "echo":
		if text, some := cmd.text(args); some {
			return r.echoSend(text, 0)
		}
		return ok
	case "echo_request_body":
		return r.echoBody()
	case "echo_location", "echo_location_async":
		return r.echoLocation(args)
	case "echo_subrequest", "echo_subrequest_async":
		return r.echoSubrequest(args)
	case "echo_sleep", "echo_blocking_sleep":
		return r.echoSleep(args[0])
	case "echo_flush":
		return r.echoFlush()
	case "echo_reset_timer":
		r.echoState().timer = time.Now()
		return ok
	case "echo_duplicate":
		return r.echoDuplicate(args)
	case "echo_read_request_body":
		return r.readBody()
	}
	r.logf(logError, "Unknown opcode: %s", cmd.name)
	return 500
}

// text is what echo writes: its arguments with spaces between. false: nothing,
// not even a header.
func (cmd *echoCmd) text(args []string) ([]byte, bool) {
	noLine := len(cmd.opts) > 0 && cmd.opts[0] == "n"
	if noLine && (len(args) == 0 || args[0] == "") {
		return nil, false
	}
	var b []byte
	for i, a := range args {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, a...)
	}
	if !noLine {
		b = append(b, '\n')
	}
	return b, true
}

// echoHeader sends the header if that is still to do.
func (r *Request) echoHeader() rc {
	if r.headerSent {
		return ok
	}
	r.discardLater()
	r.out.status = r.loc.conf.Echo.Status.V
	if r.out.status == 0 {
		r.out.status = 200
	}
	r.setContentType()
	r.out.clearLength()
	return r.sendHeader()
}

func (r *Request) echoSend(b []byte, fl outFlag) rc {
	if c := r.echoHeader(); c != ok || r.headerOnly {
		return c
	}
	return r.output(b, fl)
}

func (r *Request) echoEnd() rc {
	if c := r.echoHeader(); c != ok || r.headerOnly {
		return c
	}
	return r.output(nil, last)
}

func (r *Request) echoFlush() rc {
	if c := r.echoHeader(); c != ok || r.headerOnly {
		return c
	}
	return r.output(nil, flush)
}

// echoBody sends the request body that echo_read_request_body has read.
func (r *Request) echoBody() rc {
	b := &r.body
	if b.temp != nil {
		if c := r.echoHeader(); c != ok || r.headerOnly {
			return c
		}
		return r.outputFile(b.temp, 0, b.size, 0)
	}
	if len(b.memory) == 0 {
		return ok
	}
	return r.echoSend(b.memory, 0)
}

// echoSleep waits some seconds; other requests go on meanwhile.
func (r *Request) echoSleep(text string) rc {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || s < 0 {
		r.logf(logError, "invalid sleep duration \"%s\"", text)
		return 500
	}
	t := time.NewTimer(time.Duration(s * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return ok
	case <-r.context().Done():
		return failed
	}
}

// echoDuplicate writes a text many times.
func (r *Request) echoDuplicate(args []string) rc {
	n := 0
	valid := args[0] != ""
	for i := 0; i < len(args[0]); i++ {
		switch c := args[0][i]; {
		case c == '_':
		case c < '0' || c > '9' || n > 1<<40:
			valid = false
		default:
			n = n*10 + int(c-'0')
		}
	}
	if !valid {
		r.logf(logError, "invalid size specified: \"%s\"", args[0])
		return 500
	}
	total := n * len(args[1])
	if c := r.echoHeader(); c != ok || r.headerOnly || total == 0 {
		return c
	}
	per := max(16<<10/len(args[1]), 1)
	block := []byte(strings.Repeat(args[1], min(per, n)))
	for n > 0 {
		k := min(per, n)
		if c := r.output(block[:k*len(args[1])], 0); c != ok {
			return c
		}
		n -= k
	}
	return ok
}

// echoExec goes elsewhere inside the server.
func (r *Request) echoExec(args []string) rc {
	if args[0] == "" {
		return 500
	}
	if args[0][0] == '@' {
		return r.namedLocation(args[0])
	}
	uri, query, safe := r.parseUnsafeURI(args[0])
	if !safe {
		return 500
	}
	if len(args) > 1 && query == "" {
		query = args[1]
	}
	return r.internalRedirect(uri, query)
}

// begin starts a loop; with nothing to loop over it goes behind echo_end.
func (st *echoState) begin(r *Request, cmds []echoCmd, at int, args []string) (int, rc) {
	switch {
	case st.items != nil:
		r.logf(logError, "Nested echo_foreach not supported yet.")
		return at, 500
	case len(args) < 2:
		r.logf(logError, "echo_foreach should take at least two arguments. (if your delimiter starts with \"-\", preceding it with a \"--\".)")
		return at, 500
	}
	st.items, st.item, st.loop = []string{}, 0, at
	if args[0] != "" {
		for _, s := range strings.Split(args[1], args[0]) {
			if s != "" {
				st.items = append(st.items, s)
			}
		}
	} else if args[1] != "" {
		st.items = append(st.items, args[1])
	}
	if len(st.items) == 0 {
		for at+1 < len(cmds) && cmds[at+1].name != "echo_end" {
			at++
		}
	}
	return at, ok
}

// echoStage puts echo_before_body and echo_after_body around a body.
type echoStage struct {
	before, after []echoCmd
	begun         bool
}

func (s *echoStage) filter(r *Request, next int, p []byte, fl outFlag) rc {
	if !s.begun {
		s.begun = true
		if c := s.emit(r, next, s.before); c != ok {
			return c
		}
	}
	if fl&last == 0 || len(s.after) == 0 {
		return r.passBody(next, p, fl)
	}
	if len(p) > 0 || fl&flush != 0 {
		if c := r.passBody(next, p, fl&^last); c != ok {
			return c
		}
	}
	if c := s.emit(r, next, s.after); c != ok {
		return c
	}
	return r.passBody(next, nil, last)
}

func (s *echoStage) emit(r *Request, next int, cmds []echoCmd) rc {
	for i := range cmds {
		args := make([]string, len(cmds[i].args))
		for j := range args {
			args[j] = cmds[i].args[j].eval(r)
		}
		text, some := cmds[i].text(args)
		if !some {
			continue
		}
		if c := r.passBody(next, text, 0); c != ok {
			return c
		}
	}
	return ok
}
