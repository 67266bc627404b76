package nginxconf

import (
	"strings"
	"time"
)

// headersRows is ngx_http_headers_module.
// See: http://nginx.org/en/docs/http/ngx_http_headers_module.html
func headersRows() []row {
	return []row{
		headerList("add_header", inHeaders(func(h *HeadersLoc) *Opt[[]HeaderValue] { return &h.AddHeaders })),
		headerList("add_trailer", inHeaders(func(h *HeadersLoc) *Opt[[]HeaderValue] { return &h.AddTrailers })),
		newRow("expires", ctxHSLI, take12, inHeaders(func(h *HeadersLoc) *Opt[Expires] { return &h.Expires }), []Expires{{Kind: "off"}}, setExpires),
		enum("add_header_inherit", ctxHSLI, inHeaders(func(h *HeadersLoc) *Opt[string] { return &h.AddHeaderInherit }), "on", "on", "off", "merge"),
		enum("add_trailer_inherit", ctxHSLI, inHeaders(func(h *HeadersLoc) *Opt[string] { return &h.AddTrailerInherit }), "on", "on", "off", "merge"),
	}
}

// headerList is add_header and its like. Inheritance depends on the level's
// *_inherit, so finishHeaders does it.
func headerList(name string, f field[[]HeaderValue]) row {
	return listRow(name, ctxHSLI, take23, f, func(b *build, n *Node, o *Opt[[]HeaderValue]) error {
		v, err := b.value(n.Args[1])
		if err != nil {
			return err
		}
		h := HeaderValue{Name: n.Args[0], Value: v, Pos: n.Pos()}
		if len(n.Args) == 3 {
			if n.Args[2] != "always" {
				return b.emerg(`invalid parameter "%s"`, n.Args[2])
			}
			h.Always = true
		}
		o.V = append(o.V, h)
		return nil
	}).local()
}

// finishHeaders inherits add_header and add_trailer: "on" takes the list
// above only where the level has none, "merge" puts it first, "off" never.
func finishHeaders(parent, child *level, own bool) {
	if !own {
		return
	}
	p, c := parent.loc.Headers, child.loc.Headers
	inheritHeaders(&p.AddHeaders, &c.AddHeaders, c.AddHeaderInherit.V)
	inheritHeaders(&p.AddTrailers, &c.AddTrailers, c.AddTrailerInherit.V)
}

func inheritHeaders(p, c *Opt[[]HeaderValue], how string) {
	switch {
	case how == "merge":
		c.V = append(append([]HeaderValue(nil), p.V...), c.V...)
	case how != "off" && !c.Set:
		c.V, c.Pos = p.V, p.Pos
	}
}

// setExpires follows ngx_http_headers_expires.
func setExpires(b *build, n *Node, o *Opt[Expires]) error {
	text := n.Args[0]
	modified := len(n.Args) == 2
	if modified {
		if text != "modified" {
			return dirErr("invalid value")
		}
		text = n.Args[1]
	}
	v, err := b.value(text)
	if err != nil {
		return err
	}
	if _, ok := v.Literal(); !ok {
		o.V = Expires{Kind: "value", Value: v}
		if modified {
			o.V.Time = 1 // the value is relative to the file's time
		}
		return nil
	}
	e, msg := ParseExpires(text, modified)
	if msg != "" {
		return dirErr(msg)
	}
	o.V = e
	return nil
}

// ParseExpires reads an expires time without variables; msg is what nginx
// says about a wrong one. It is used at run time too, for variables.
func ParseExpires(text string, modified bool) (e Expires, msg string) {
	if !modified {
		switch text {
		case "epoch", "max", "off":
			return Expires{Kind: text}, ""
		}
	}
	kind, minus := "access", false
	if modified {
		kind = "modified"
	}
	if rest, ok := strings.CutPrefix(text, "@"); ok {
		if modified {
			return e, "daily time cannot be used with \"modified\" parameter"
		}
		kind, text = "daily", rest
	} else if rest, ok := strings.CutPrefix(text, "+"); ok {
		text = rest
	} else if rest, ok := strings.CutPrefix(text, "-"); ok {
		text, minus = rest, true
	}
	d, ok := parseSec(text)
	switch {
	case !ok:
		return e, "invalid value"
	case kind == "daily" && d > 24*time.Hour:
		return e, "daily time value must be less than 24 hours"
	}
	if minus {
		d = -d
	}
	return Expires{Kind: kind, Time: d}, ""
}
