package native

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"huidu/nginxconf"
)

// blockKeys are the field's words for nginx's blocks.
var blockKeys = map[string]string{"server": "servers", "upstream": "upstreams", "location": "routes"}

// ordered are the modules whose directives depend on each other's order.
var ordered = map[string]bool{"ngx_http_rewrite_module": true, "ngx_http_set_misc_module": true, "ngx_http_access_module": true,
	"ngx_http_echo_module": true, "huidu_release": true, "ngx_http_headers_more_filter_module": true}

// Write writes a tree as huidu.yaml.
func Write(nodes []*nginxconf.Node) ([]byte, error) {
	w := &writer{ordered: map[string]bool{}, flags: map[string]bool{}, bare: map[string]bool{}}
	for _, r := range nginxconf.Rows() {
		w.ordered[r.Name] = w.ordered[r.Name] || ordered[r.Module]
		w.flags[r.Name] = w.flags[r.Name] || r.Args == "on|off"
		w.bare[r.Name] = w.bare[r.Name] || strings.HasPrefix(r.Args, "0")
	}
	w.body(nodes, 0, false)
	return []byte(w.sb.String()), w.err
}

type writer struct {
	sb      strings.Builder
	ordered map[string]bool
	flags   map[string]bool
	bare    map[string]bool
	err     error
}

// group is one key of a mapping with its directives.
type group struct {
	key   string
	nodes []*nginxconf.Node
}

// rawBlock reports whether a block holds entries instead of directives.
func rawBlock(name string) bool {
	switch name {
	case "map", "geo", "types", "split_clients", "charset_map":
		return true
	}
	return false
}

// verbatim reports whether a block's key is its one argument as it stands.
func verbatim(name string) bool { return name == "when" }

// head is a block's key.
func head(n *nginxconf.Node) string {
	if verbatim(n.Name) && len(n.Args) == 1 {
		return n.Args[0]
	}
	return quoteWords(n.Args)
}

func key(n *nginxconf.Node) string {
	if k := blockKeys[n.Name]; n.Block && k != "" {
		return k
	}
	return n.Name
}

// body writes directives as a mapping, or as a list where raw entries repeat.
func (w *writer) body(nodes []*nginxconf.Node, indent int, raw bool) {
	steps := map[string]int{}
	if raw {
		seen := map[string]bool{}
		for _, n := range nodes {
			if seen[n.Name] {
				w.list(nodes, indent, true)
				return
			}
			seen[n.Name] = true
		}
	} else {
		for _, n := range nodes {
			if w.ordered[n.Name] {
				steps[n.Name]++
			}
		}
	}
	var groups []*group
	at := map[string]*group{}
	for _, n := range nodes {
		k := key(n)
		if len(steps) > 1 && steps[n.Name] > 0 || steps["if"] > 0 && n.Name == "if" {
			k = "steps"
		}
		if at[k] == nil {
			at[k] = &group{key: k}
			groups = append(groups, at[k])
		}
		at[k].nodes = append(at[k].nodes, n)
	}
	// access_log refuses a format that comes later.
	slices.SortStableFunc(groups, func(a, b *group) int {
		return cmp.Compare(rank(a.key), rank(b.key))
	})
	for _, g := range groups {
		if g.key == "steps" {
			w.line(indent, "steps:")
			w.list(g.nodes, indent, false)
			continue
		}
		w.group(g, indent, raw)
	}
}

func rank(key string) int {
	if key == "log_format" {
		return 0
	}
	return 1
}

// list writes each directive as a list's item with one key.
func (w *writer) list(nodes []*nginxconf.Node, indent int, raw bool) {
	for _, n := range nodes {
		w.line(indent, "-")
		w.group(&group{key(n), []*nginxconf.Node{n}}, indent+1, raw)
	}
}

// group writes one key and everything under it.
func (w *writer) group(g *group, indent int, raw bool) {
	for _, n := range g.nodes {
		if n.Note != "" {
			w.line(indent, "# "+strings.ReplaceAll(n.Note, "\n", " "))
		}
	}
	n, k := g.nodes[0], w.scalar(g.key)+":"
	switch {
	case n.IsLua && len(g.nodes) == 1 && len(n.Args) == 0:
		w.line(indent, k+" "+w.literal(n.Lua, indent+1))
	case n.IsLua:
		w.line(indent, k)
		for _, n := range g.nodes {
			w.line(indent, "- "+w.scalar(quoteWords(n.Args))+": "+w.literal(n.Lua, indent+2))
		}
	case n.Block && len(n.Args) == 0:
		if g.key != "servers" && len(g.nodes) == 1 {
			w.block(k, n, indent)
			return
		}
		w.line(indent, k)
		for _, n := range g.nodes {
			w.block("-", n, indent)
		}
	case n.Block:
		w.line(indent, k)
		seen, repeated := map[string]bool{}, false
		for _, n := range g.nodes {
			words := head(n)
			repeated = repeated || seen[words]
			seen[words] = true
		}
		for _, n := range g.nodes {
			if repeated {
				w.line(indent+1, "-")
				w.block(w.scalar(head(n))+":", n, indent+2)
			} else {
				w.block(w.scalar(head(n))+":", n, indent+1)
			}
		}
	case len(g.nodes) == 1:
		w.line(indent, k+w.args(n, raw, false))
	default:
		w.line(indent, k)
		for _, n := range g.nodes {
			w.line(indent, "-"+w.args(n, raw, true))
		}
	}
}

func (w *writer) block(head string, n *nginxconf.Node, indent int) {
	if len(n.Kids) == 0 {
		w.line(indent, head+" {}")
		return
	}
	w.line(indent, head)
	w.body(n.Kids, indent+1, rawBlock(n.Name))
}

// args writes a simple directive's arguments.
func (w *writer) args(n *nginxconf.Node, raw, item bool) string {
	if len(n.Args) == 1 && !item {
		if a := n.Args[0]; !raw && w.flags[n.Name] && (a == "on" || a == "off") {
			return map[string]string{"on": " true", "off": " false"}[a]
		}
		return " " + w.scalar(n.Args[0])
	}
	if len(n.Args) == 0 && !item && !raw && w.bare[n.Name] {
		return " true"
	}
	words := make([]string, len(n.Args))
	for i, a := range n.Args {
		words[i] = w.scalar(a)
	}
	return " [" + strings.Join(words, ", ") + "]"
}

func (w *writer) line(indent int, text string) {
	w.sb.WriteString(strings.Repeat("  ", indent) + text + "\n")
}

var plainScalar = regexp.MustCompile(`^([A-Za-z_/$][A-Za-z0-9_./$@=%+-]*|[0-9]+[a-z]?)$`)

// scalar writes one text, quoted unless every YAML reader takes it as text
// or huidu takes it by its letters.
func (w *writer) scalar(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return `"` + s + `"`
	}
	if plainScalar.MatchString(s) {
		return s
	}
	if !utf8.ValidString(s) && w.err == nil {
		w.err = fmt.Errorf("%q is not UTF-8 and cannot be written in YAML", s)
	}
	var sb strings.Builder
	sb.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			sb.WriteRune('\\')
			sb.WriteRune(r)
		case r == '\n':
			sb.WriteString(`\n`)
		case r == '\t':
			sb.WriteString(`\t`)
		case r == '\r':
			sb.WriteString(`\r`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&sb, `\x%02X`, r)
		default:
			sb.WriteRune(r)
		}
	}
	sb.WriteByte('"')
	return sb.String()
}

// literal writes Lua as a literal block.
func (w *writer) literal(lua string, indent int) string {
	text := TrimLua(lua)
	if text == "" || strings.Contains(text, "\r") {
		return w.scalar(text)
	}
	for _, r := range text {
		if r < 0x20 && r != '\n' && r != '\t' || r == 0x7f || r == utf8.RuneError {
			return w.scalar(text)
		}
	}
	pad := strings.Repeat("  ", indent)
	code := strings.TrimLeft(text, "\n")
	return "|-\n" + text[:len(text)-len(code)] + pad + strings.ReplaceAll(code, "\n", "\n"+pad)
}

// TrimLua takes away the white space around a Lua block, which Lua's meaning
// does not depend on. Line ends before the code stay: lines count from them.
func TrimLua(s string) string {
	s = strings.TrimRight(s, " \t\r\n")
	code := strings.TrimLeft(s, " \t\r\n")
	return strings.Repeat("\n", strings.Count(s[:len(s)-len(code)], "\n")) + code
}

// quoteWords writes words as nginx.conf has them.
func quoteWords(words []string) string {
	out := make([]string, len(words))
	for i, s := range words {
		out[i] = quoteWord(s)
	}
	return strings.Join(out, " ")
}

// quoteWord writes one word so that nginx reads s.
func quoteWord(s string) string {
	if got, ok := nginxconf.Words(s); ok && len(got) == 1 && got[0] == s && s[0] != '#' {
		return s
	}
	var sb strings.Builder
	sb.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			sb.WriteByte('\\')
			sb.WriteByte(c)
		case '\n':
			sb.WriteString(`\n`)
		case '\t':
			sb.WriteString(`\t`)
		case '\r':
			sb.WriteString(`\r`)
		default:
			sb.WriteByte(c)
		}
	}
	sb.WriteByte('"')
	return sb.String()
}
