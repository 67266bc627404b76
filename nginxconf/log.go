package nginxconf

import (
	"strings"
	"time"
)

const combinedFormat = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`

// logRows is ngx_http_log_module.
// See: http://nginx.org/en/docs/http/ngx_http_log_module.html
func logRows() []row {
	return []row{
		custom("log_format", CtxHTTP, twoMore, setLogFormat),
		inherited(custom("access_log", ctxHSLIX, oneMore, setAccessLog), inLog(func(l *LogLoc) *Opt[[]AccessLog] { return &l.AccessLog }), nil),
		newRow("open_log_file_cache", ctxHSL, take1234, inLog(func(l *LogLoc) *Opt[string] { return &l.OpenLogFileCache }), nil, setOpenLogFileCache),
	}
}

// setLogFormat follows ngx_http_log_set_format. A format may use variables
// that only logging knows; they are variables of the request here.
func setLogFormat(b *build, n *Node) error {
	f := &LogFormat{Pos: n.Pos(), Name: n.Args[0], Escape: "default"}
	if b.conf.HTTP.LogFormats[f.Name] != nil {
		return b.emerg(`duplicate "log_format" name "%s"`, f.Name)
	}
	parts := n.Args[1:]
	if esc, ok := strings.CutPrefix(parts[0], "escape="); ok {
		if esc != "default" && esc != "json" && esc != "none" {
			return b.emerg(`unknown log format escaping "%s"`, esc)
		}
		f.Escape, parts = esc, parts[1:]
	}
	f.Format.Text = strings.Join(parts, "")
	for _, p := range parts { // each argument is compiled alone: a name does not go on in the next
		v, err := b.logValue(p)
		if err != nil {
			return err
		}
		f.Format.Parts = append(f.Format.Parts, v.Parts...)
	}
	b.conf.HTTP.LogFormats[f.Name] = f
	return nil
}

// logValue is value with the errors of log_format, where $1 is a variable
// name like any other.
func (b *build) logValue(text string) (Value, error) {
	v, err := ParseValue(text)
	if err != nil {
		if strings.Contains(err.Error(), "closing bracket") {
			return v, b.emerg("%s", err)
		}
		return v, b.emerg(`invalid parameter "%s"`, text[badVariable(text):])
	}
	for _, p := range v.Parts {
		switch {
		case p.IsCapture:
			b.need(itoa(p.Capture))
		case p.Var != "":
			b.need(p.Var)
		}
	}
	return v, nil
}

// badVariable is where the first "$" without a name stands.
func badVariable(text string) int {
	for i := 0; i < len(text); i++ {
		if text[i] == '$' && (i+1 == len(text) || !nameByte(text[i+1]) && text[i+1] != '{') {
			return i
		}
	}
	return strings.LastIndexByte(text, '$')
}

// setAccessLog follows ngx_http_log_set_log.
func setAccessLog(b *build, n *Node) error {
	l := own(&b.cur.loc.Log)
	o := &l.AccessLog
	if n.Args[0] == "off" {
		*o = Opt[[]AccessLog]{Set: true, Pos: n.Pos()}
		if len(n.Args) == 1 {
			return nil
		}
		return b.emerg(`invalid parameter "%s"`, n.Args[1])
	}
	a := AccessLog{Pos: n.Pos()}
	var err error
	if n.Args[0] == "" { // a file without a name is stderr to nginx
		a.Path = literal("stderr")
	} else if strings.HasPrefix(n.Args[0], "syslog:") {
		if err := b.checkSyslog(n.Args[0]); err != nil {
			return err
		}
		a.Path = literal(n.Args[0])
	} else if a.Path, err = b.pathValue(n.Args[0]); err != nil {
		return err
	}
	rest := n.Args[1:]
	name := "combined"
	if len(rest) > 0 {
		name = rest[0]
	}
	if a.Format = b.conf.HTTP.LogFormats[name]; a.Format == nil {
		return b.emerg(`unknown log format "%s"`, name)
	}
	if len(rest) > 1 {
		if err := b.logParams(&a, rest[1:]); err != nil {
			return err
		}
	}
	if !o.Set {
		o.Set, o.Pos = true, n.Pos()
	}
	o.V = append(o.V, a)
	return nil
}

func (b *build) logParams(a *AccessLog, params []string) error {
	size, flush := int64(0), time.Duration(0)
	for _, p := range params {
		key, val, has := strings.Cut(p, "=")
		switch {
		case has && key == "buffer":
			v, ok := parseSize(val)
			if !ok || v == 0 {
				return b.emerg(`invalid buffer size "%s"`, val)
			}
			size = v
		case has && key == "flush":
			v, ok := parseMsec(val)
			if !ok || v == 0 {
				return b.emerg(`invalid flush time "%s"`, val)
			}
			flush = v
		case key == "gzip":
			if a.Gzip = 1; has {
				v, ok := atoi(val)
				if !ok || v < 1 || v > 9 {
					return b.emerg(`invalid compression level "%s"`, val)
				}
				a.Gzip = v
			}
			if size == 0 {
				size = 64 * 1024
			}
		case has && key == "if":
			v, err := b.value(val)
			if err != nil {
				return err
			}
			a.If = &v
		default:
			return b.emerg(`invalid parameter "%s"`, p)
		}
	}
	text, isLiteral := a.Path.Literal()
	switch {
	case flush > 0 && size == 0:
		return b.emerg(`no buffer is defined for access_log "%s"`, b.node.Args[0])
	case size > 0 && !isLiteral:
		return b.emerg("buffered logs cannot have variables in name")
	case size > 0 && strings.HasPrefix(text, "syslog:"):
		return b.emerg("logs to syslog cannot be buffered")
	}
	a.Buffer, a.Flush = size, flush
	if size > 0 {
		want := logBuffer{size, flush, a.Gzip}
		if had, ok := b.logBuffers[text]; ok && had != want {
			return b.emerg(`access_log "%s" already defined with conflicting parameters`, b.node.Args[0])
		}
		b.logBuffers[text] = want
	}
	return nil
}

// logBuffer is how one log file is buffered, whoever writes to it.
type logBuffer struct {
	size  int64
	flush time.Duration
	gzip  int
}

func setOpenLogFileCache(b *build, n *Node, o *Opt[string]) error {
	hasMax, off := false, false
	for _, a := range n.Args {
		key, val, _ := strings.Cut(a, "=")
		ok := false
		switch {
		case key == "max":
			v, good := atoi(val)
			ok, hasMax = good, v > 0
		case key == "min_uses":
			_, ok = atoi(val)
		case key == "inactive", key == "valid":
			_, ok = parseSec(val)
		case a == "off":
			ok, off = true, true
		}
		if !ok {
			return b.emerg(`invalid "open_log_file_cache" parameter "%s"`, a)
		}
	}
	if !off && !hasMax {
		return b.emerg(`"open_log_file_cache" must have "max" parameter`)
	}
	o.V = strings.Join(n.Args, " ")
	return nil
}

// initLog gives http{} the default access log.
func (b *build) initLog(top *level) error {
	o := &top.loc.Log.AccessLog
	if !o.Set {
		path := literal(b.fullName("logs/access.log"))
		o.V = []AccessLog{{Path: path, Format: b.conf.HTTP.LogFormats["combined"]}}
	}
	return nil
}
