package proxy

import (
	"strconv"
	"time"

	"huidu/nginxconf"
)

// accessLog is a compiled access_log line.
type accessLog struct {
	file   *logFile // nil when the path has variables
	path   value
	format *logFormat
	cond   *value
	buffer *logBuffer // nil without buffer=
}

// logFormat is a log_format compiled into fields that append themselves.
type logFormat struct {
	fields []func(b []byte, r *Request) []byte
	escape string
}

// compileAccessLog opens the logs of a location.
func compileAccessLog(c *compiler, loc *location, l *nginxconf.Location) error {
	loc.logCache = newLogCacheConf(l.Loc.Log.OpenLogFileCache.V)
	for i := range l.Loc.Log.AccessLog.V {
		conf := &l.Loc.Log.AccessLog.V[i]
		al, err := c.accessLog(conf)
		if err != nil {
			return err
		}
		loc.accessLogs = append(loc.accessLogs, al)
	}
	return nil
}

func (c *compiler) accessLog(conf *nginxconf.AccessLog) (*accessLog, error) {
	key := conf.Pos.File + ":" + strconv.Itoa(conf.Pos.Line) + " " + conf.Path.Text
	if al := c.logs[key]; al != nil {
		return al, nil
	}
	path, err := c.value(conf.Path, conf.Pos)
	if err != nil {
		return nil, err
	}
	al := &accessLog{path: path}
	if al.cond, err = c.valuePtr(conf.If, conf.Pos); err != nil {
		return nil, err
	}
	if al.format, err = c.logFormat(conf.Format); err != nil {
		return nil, err
	}
	if path.isLiteral() {
		if al.file, err = c.rt.logs.get(c.rt.logs.mapped(path.lit, false)); err != nil {
			return nil, err
		}
		if conf.Buffer > 0 {
			al.buffer = newLogBuffer(al.file, conf)
			c.rt.closers = append(c.rt.closers, al.buffer.close)
		}
	}
	if c.logs == nil {
		c.logs = map[string]*accessLog{}
	}
	c.logs[key] = al
	return al, nil
}

// logFormat compiles a format once per configuration.
func (c *compiler) logFormat(f *nginxconf.LogFormat) (*logFormat, error) {
	if got := c.formats[f]; got != nil {
		return got, nil
	}
	lf := &logFormat{escape: f.Escape}
	for _, p := range f.Format.Parts {
		switch {
		case p.Var != "":
			if special := logVars[p.Var]; special != nil {
				lf.fields = append(lf.fields, special)
				continue
			}
			get := c.rt.vars.getter(p.Var)
			if get == nil {
				return nil, errAt(f.Pos, "unknown \"%s\" variable", p.Var)
			}
			escape := f.Escape
			lf.fields = append(lf.fields, func(b []byte, r *Request) []byte {
				v, found := get(r)
				if !found || v == "" {
					if escape == "" || escape == "default" {
						if !found {
							return append(b, '-')
						}
					}
					return b
				}
				return appendEscaped(b, v, escape)
			})
		default:
			lit := p.Lit
			lf.fields = append(lf.fields, func(b []byte, _ *Request) []byte { return append(b, lit...) })
		}
	}
	if c.formats == nil {
		c.formats = map[*nginxconf.LogFormat]*logFormat{}
	}
	c.formats[f] = lf
	return lf, nil
}

// logVars are the variables that only logs have, or that logs write without
// making a string.
//
// See: https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format
var logVars = map[string]func(b []byte, r *Request) []byte{
	"pipe":         func(b []byte, r *Request) []byte { return append(b, pick(r.main.pipelined, "p", ".")...) },
	"time_local":   func(b []byte, _ *Request) []byte { return append(b, dates.At(time.Now()).Log...) },
	"time_iso8601": func(b []byte, _ *Request) []byte { return append(b, dates.At(time.Now()).ISO...) },
	"msec":         func(b []byte, _ *Request) []byte { return appendSeconds(b, time.Now().UnixMilli()) },
	"request_time": func(b []byte, r *Request) []byte {
		return appendSeconds(b, max(time.Since(r.main.start).Milliseconds(), 0))
	},
	"status":          func(b []byte, r *Request) []byte { return append(b, formatStatus(r.statusForLog())...) },
	"bytes_sent":      func(b []byte, r *Request) []byte { return strconv.AppendInt(b, r.main.bytesSent, 10) },
	"body_bytes_sent": func(b []byte, r *Request) []byte { return strconv.AppendInt(b, r.main.bodyBytes(), 10) },
	"request_length":  func(b []byte, r *Request) []byte { return strconv.AppendInt(b, r.main.requestLength(), 10) },
}

// appendEscaped writes a value as the log's escape= parameter says.
//
// See: ngx_http_log_escape, ngx_escape_json.
func appendEscaped(b []byte, v, escape string) []byte {
	switch escape {
	case "none":
		return append(b, v...)
	case "json":
		return appendJSON(b, v)
	}
	start := 0
	for i := 0; i < len(v); i++ {
		if c := v[i]; c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			continue
		}
		b = append(b, v[start:i]...)
		b = append(b, '\\', 'x', upperHex[v[i]>>4], upperHex[v[i]&15])
		start = i + 1
	}
	return append(b, v[start:]...)
}

const upperHex = "0123456789ABCDEF"

// log runs the log phase: log_by_lua, then the access logs.
func (r *Request) log() {
	if r != r.main && !r.loc.logSubrequest {
		return
	}
	if r == r.main && r.conn.decided != nil {
		r.decide(r.conn.decided)
	}
	if r.loc.logBy != nil {
		r.luaLog()
	}
	for _, h := range r.loc.logHandlers {
		h(r)
	}
	for _, al := range r.loc.accessLogs {
		if al.cond != nil && !truthy(al.cond.eval(r)) {
			continue
		}
		b := r.logFields[:0]
		for _, f := range al.format.fields {
			b = f(b, r)
		}
		b = append(b, '\n')
		r.logFields = b
		switch {
		case al.buffer != nil:
			al.buffer.write(b)
		case al.file != nil:
			al.file.write(b)
		default:
			r.logToVariablePath(al, b)
		}
	}
}

// appendJSON escapes as nginx's escape=json does.
func appendJSON(b []byte, v string) []byte {
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\b':
			b = append(b, '\\', 'b')
		case c == '\f':
			b = append(b, '\\', 'f')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
		default:
			b = append(b, c)
		}
	}
	return b
}
