package release

import (
	"strings"

	"huidu/luacompat"
	"huidu/luacompat/expr"
)

// host is a run as expressions see it.
type host struct{ r *run }

func (h host) Var(name string) (string, bool) { return h.r.req.Var(name) }
func (h host) Method() string                 { return h.r.req.Method() }

// Header looks a header up as the table of ngx.req.get_headers does: under
// its name as received in lower case, or else with the name's underscores as
// hyphens; a header that came several times is a list.
func (h host) Header(name string, limit int) expr.Value {
	equal := equalRaw
	if h.r.look != nil {
		first, n := h.r.look.FindHeader(limit, name, equal)
		if n == 0 {
			equal = equalHeader
			first, n = h.r.look.FindHeader(limit, name, equal)
		}
		switch n {
		case 0:
			return expr.Value{}
		case 1:
			return expr.Text(first)
		}
	}
	hs, _ := h.r.req.Headers(limit)
	for range 2 {
		var vals []expr.Value
		for i := range hs {
			if equal(hs[i].Key, name) {
				vals = append(vals, expr.Text(hs[i].Value))
			}
		}
		if len(vals) > 0 {
			return several(vals)
		}
		equal = equalHeader
	}
	return expr.Value{}
}

func several(vals []expr.Value) expr.Value {
	if len(vals) == 1 {
		return vals[0]
	}
	return expr.Value{K: expr.List, L: &expr.Items{V: vals}}
}

// equalRaw compares a name with a header's key in the table.
func equalRaw(header, name string) bool {
	if len(header) != len(name) {
		return false
	}
	for i := 0; i < len(name); i++ {
		if lower(header[i]) != name[i] {
			return false
		}
	}
	return true
}

// equalHeader compares as the table's metatable does.
func equalHeader(header, name string) bool {
	if len(header) != len(name) {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := lower(name[i])
		if c == '_' {
			c = '-'
		}
		if lower(header[i]) != c {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Arg looks a query argument up as the table of ngx.req.get_uri_args does.
func (h host) Arg(name string, limit int) expr.Value {
	args := h.r.req.Args()
	if args == "" || !strings.Contains(args, "%") && !strings.Contains(args, "+") && !strings.Contains(args, name) {
		return expr.Value{}
	}
	var vals []expr.Value
	luacompat.ParseArgs(args, limit, func(k, v string, has bool) {
		if k != name {
			return
		}
		if has {
			vals = append(vals, expr.Text(v))
		} else {
			vals = append(vals, expr.Bool(true))
		}
	})
	if len(vals) == 0 {
		return expr.Value{}
	}
	return several(vals)
}
