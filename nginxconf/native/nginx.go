package native

import (
	"strings"

	"huidu/nginxconf"
)

// WriteNginx writes a tree in nginx's syntax.
func WriteNginx(nodes []*nginxconf.Node) []byte {
	var sb strings.Builder
	writeNginx(&sb, nodes, "")
	return []byte(sb.String())
}

func writeNginx(sb *strings.Builder, nodes []*nginxconf.Node, indent string) {
	for _, n := range nodes {
		sb.WriteString(indent + quoteWord(n.Name))
		if len(n.Args) > 0 {
			sb.WriteString(" " + quoteWords(n.Args))
		}
		switch {
		case n.IsLua:
			sb.WriteString(" { " + n.Lua + "\n" + indent + "}\n")
		case n.Block:
			sb.WriteString(" {\n")
			writeNginx(sb, n.Kids, indent+"    ")
			sb.WriteString(indent + "}\n")
		default:
			sb.WriteString(";\n")
		}
	}
}
