package proxy

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/http1"
	"huidu/proxy/netconn"
)

// memcConf is memc_pass of a location, beside what it shares with
// memcached_pass.
type memcConf struct {
	memcachedConf
	allowed      []string // nil: all
	lastModified bool
}

// memcState is where a request of memc_pass stands.
type memcState struct {
	cmd   string
	flags string // of the value that was got
	whole bool   // the response is in rest
}

// compileMemc compiles memc_pass.
//
// See: https://github.com/openresty/memc-nginx-module
func compileMemc(c *compiler, loc *location, l *nginxconf.Location) error {
	k := l.Loc.Misc
	if k.MemcPass.V == nil {
		return nil
	}
	m := &memcConf{allowed: k.MemcCmdsAllowed.V, lastModified: k.MemcFlagsToLastModified.V}
	m.memc = m
	p := &m.proxyConf
	p.connectTimeout, p.sendTimeout, p.readTimeout = k.MemcConnectTimeout.V, k.MemcSendTimeout.V, k.MemcReadTimeout.V
	p.bufferSize, p.next, p.ignoreAbort = int(k.MemcBufferSize.V), k.MemcNextUpstream.V, k.MemcIgnoreClientAbort.V
	p.vars.schema = "memcached://"
	var err error
	if p.bind, err = c.valuePtr(k.MemcBind.V, k.MemcBind.Pos); err != nil {
		return err
	}
	if k.MemcUpstream != nil {
		if p.group = c.rt.groupOf[k.MemcUpstream]; p.group == nil {
			return errAt(k.MemcPass.Pos, "no upstream for \"%s\"", k.MemcPass.V.Text)
		}
	} else if m.to, err = c.value(*k.MemcPass.V, k.MemcPass.Pos); err != nil {
		return err
	}
	loc.handler = m.pass
	return nil
}

// memcStorage tells which commands carry a value and a length.
var memcStorage = map[string]bool{"set": true, "add": true, "replace": true, "append": true, "prepend": true}

// memcOther are the other commands.
var memcOther = map[string]bool{"get": true, "delete": true, "incr": true, "decr": true, "flush_all": true, "stats": true, "version": true}

// memcMethods are the commands of requests that say none.
var memcMethods = map[http1.MethodID]string{
	http1.MethodGet: "get", http1.MethodHead: "get", http1.MethodPost: "add", http1.MethodPut: "set", http1.MethodDelete: "delete",
}

// pass is the content handler of memc_pass.
//
// See: ngx_http_memc_handler.
func (m *memcConf) pass(r *Request) rc {
	cmd, _ := r.lookupVar("memc_cmd")
	if cmd = strings.Clone(cmd); cmd == "" {
		if cmd = memcMethods[r.methodID]; cmd == "" {
			r.logf(logError, "ngx_memc: $memc_cmd variable not found for HTTP %s requests", r.method)
			return 400
		}
	} else if !memcStorage[cmd] && !memcOther[cmd] {
		r.logf(logError, "ngx_memc: unknown $memc_cmd \"%s\"", cmd)
		return 400
	}
	if m.allowed != nil && !slices.Contains(m.allowed, cmd) {
		r.logf(logError, "ngx_memc: memcached command \"%s\" not allowed", cmd)
		return 403
	}
	r.setContentType()
	if c := r.readBody(); c != ok {
		return c
	}
	st := r.upstreamState()
	st.begin(&m.proxyConf)
	st.memcached, st.vars, st.memc.cmd = &m.memcachedConf, m.vars, cmd
	if st.group = m.group; st.group != nil {
		st.host = st.group.Name
	} else if c := m.find(r, st); c != ok {
		return c
	}
	if c := m.request(r, st, cmd); c != ok {
		return c
	}
	st.uri = ""
	return st.run(r)
}

// find finds the upstream that memc_pass with variables names.
func (m *memcConf) find(r *Request, st *upstreamState) rc {
	name := strings.Clone(m.to.eval(r))
	if name == "" {
		r.logf(logError, "memc: handler: empty \"memc_pass\" target")
		return 500
	}
	if g := r.rt.groupFor(name, ""); g != nil {
		st.host, st.group = name, g
		return ok
	}
	r.logf(logError, "memc: upstream \"%s\" not found", name)
	return 500
}

// request writes the command into the upstream's request.
func (m *memcConf) request(r *Request, st *upstreamState, cmd string) rc {
	number := func(name string, storage bool) (string, rc) {
		v, _ := r.lookupVar(name)
		if v == "" && storage {
			return "0", ok
		}
		if _, err := strconv.ParseUint(v, 10, 32); v != "" && err != nil {
			r.logf(logError, "variable \"$%s\" takes invalid value: %s", name, v)
			return "", 400
		}
		return strings.Clone(v), ok
	}
	b := append(st.head[:0], cmd...)
	storage := memcStorage[cmd]
	var exptime, flags string
	var c rc
	if storage || cmd == "flush_all" || cmd == "delete" {
		if exptime, c = number("memc_exptime", storage); c != ok {
			return c
		}
	}
	if storage {
		if flags, c = number("memc_flags", true); c != ok {
			return c
		}
	}
	value, hasValue := "", false
	switch {
	case storage:
		value, hasValue = r.lookupVar("memc_value")
	case cmd == "incr" || cmd == "decr":
		value, _ = r.lookupVar("memc_value")
		if value == "" {
			r.logf(logError, "the \"$memc_value\" variable is required for command \"%s\"", cmd)
			return 400
		}
		if _, err := strconv.ParseUint(value, 10, 64); err != nil {
			r.logf(logError, "variable \"$memc_value\" is invalid for incr/decr: %s", value)
			return 400
		}
	}
	if cmd != "flush_all" && cmd != "stats" && cmd != "version" {
		key, _ := r.lookupVar("memc_key")
		if key == "" {
			r.logf(logError, "the \"$memc_key\" variable is not set")
			return 500
		}
		b = append(b, ' ')
		start := len(b)
		b = http1.EscapeURI(b, key, http1.EscapeMemcached)
		st.memcachedKey = string(b[start:])
	}
	switch {
	case storage:
		var body []byte
		if !hasValue {
			if body, c = r.memcBodyText(); c != ok {
				return c
			}
			value = string(body)
		}
		b = append(append(b, ' '), flags...)
		b = append(append(b, ' '), exptime...)
		b = strconv.AppendInt(append(b, ' '), int64(len(value)), 10)
		b = append(append(b, "\r\n"...), value...)
	case cmd == "incr" || cmd == "decr":
		b = append(append(b, ' '), value...)
	case exptime != "":
		b = append(append(b, ' '), exptime...)
	}
	st.head = append(b, "\r\n"...)
	return ok
}

// memcBodyText is the request's body in memory, wherever it lies.
func (r *Request) memcBodyText() ([]byte, rc) {
	b := &r.bodyOwner().body
	if b.path == "" && len(b.memory) == 0 {
		r.logf(logError, "neither the \"$memc_value\" variable nor the request body is available")
		return nil, 500
	}
	if b.path == "" {
		return b.memory, ok
	}
	data, err := os.ReadFile(b.path)
	if err != nil {
		r.logf(logError, "%v", err)
		return nil, 500
	}
	return data, ok
}

// flags keeps the flags of a value, as $memc_flags and perhaps as its time.
func (m *memcConf) flags(r *Request, flags string) {
	r.up.memc.flags = strings.Clone(flags)
	if i, found := r.rt.vars.slots["memc_flags"]; found {
		r.vars[i] = varSlot{val: r.up.memc.flags, state: slotValid}
	}
	if m.lastModified {
		if n, err := strconv.ParseInt(flags, 10, 64); err == nil {
			r.out.lastModified = n
		}
	}
}

// memcVars are the variables of ngx_http_memc_module; without an assignment
// only the flags of a value that was got are there.
var memcVars = map[string]getter{
	"memc_cmd": noValue, "memc_key": noValue, "memc_value": noValue, "memc_exptime": noValue,
	"memc_flags": func(r *Request) (string, bool) {
		if r.up == nil || r.up.memc.flags == "" {
			return "", false
		}
		return r.up.memc.flags, true
	},
}

func noValue(*Request) (string, bool) { return "", false }

// memcSimple takes up the response to a command that answers with one line,
// stats with some.
//
// See: ngx_http_memc_process_simple_header.
func (st *upstreamState) memcSimple(r *Request, cmd string, isLine bool) (ft, rc) {
	whole := st.held[len(st.held)-1].Bytes()
	if cmd == "stats" {
		b, why, c := st.statsLines(r, whole)
		if why != ftNone || c != ok {
			return why, c
		}
		whole = b
	} else {
		whole = whole[:len(whole)-len(st.rest)]
	}
	status := memcStatus(cmd, string(whole))
	if status == 0 || !isLine {
		r.logf(logError, "memcached sent invalid response for command \"%s\" while reading response header from upstream", cmd)
		st.current().status = 502
		return ftNone, 502
	}
	st.rest, st.left, st.memc.whole = whole, int64(len(whole)), true
	st.current().status, st.keepalive = status, true
	return ftNone, ok
}

// statsLines reads on until the line END.
func (st *upstreamState) statsLines(r *Request, b []byte) ([]byte, ft, rc) {
	b = append([]byte{}, b...)
	for !bytes.HasSuffix(b, []byte("END\r\n")) && !bytes.HasSuffix(b, []byte("ERROR\r\n")) {
		if len(b) >= st.memcached.bufferSize {
			r.logf(logError, "upstream sent too big header while reading response header from upstream")
			return nil, nginxconf.NextInvalidHeader, ok
		}
		if _, err := st.conn.Fill(st.memcached.bufferSize); err != nil && !errors.Is(err, netconn.ErrBufferFull) {
			why, c := st.ioFailed(r, "recv()", err, "reading response header from upstream")
			return nil, why, c
		}
		in := st.conn.Buffered()
		b = append(b, in...)
		st.conn.Consume(len(in))
	}
	return b, ftNone, ok
}

// memcStatus is the status that a response to cmd is answered with; 0: it is
// none.
func memcStatus(cmd, line string) int {
	line, isLine := strings.CutSuffix(line, "\r\n")
	switch {
	case !isLine:
		return 0
	case line == "ERROR", strings.HasPrefix(line, "CLIENT_ERROR "), strings.HasPrefix(line, "SERVER_ERROR "):
		return 502
	case cmd == "stats":
		return 200
	case cmd == "version" && strings.HasPrefix(line, "VERSION "), cmd == "flush_all" && line == "OK", cmd == "delete" && line == "DELETED":
		return 200
	case line == "NOT_FOUND" && cmd != "version" && cmd != "flush_all":
		return 404
	}
	switch {
	case cmd == "incr", cmd == "decr":
		if _, err := strconv.ParseUint(strings.TrimRight(line, " "), 10, 64); err == nil {
			return 201
		}
	case memcStorage[cmd] && line == "STORED":
		return 201
	case memcStorage[cmd] && (line == "NOT_STORED" || line == "EXISTS"):
		return 200
	}
	return 0
}

// memcBody sends a response that has been read whole.
func (st *upstreamState) memcBody(r *Request) rc {
	st.unwatch()
	st.endTry(r)
	return r.output(st.rest, last)
}
