package nginxconf

import "strings"

var specContexts = map[byte]Context{'m': CtxMain, 'e': CtxEvents, 'h': CtxHTTP, 's': CtxServer, 'S': CtxServerIf,
	'l': CtxLocation, 'i': CtxLocationIf, 'x': CtxLimitExcept, 'u': CtxUpstream,
	'T': CtxStream, 'V': CtxStreamServer, 'U': CtxStreamUpstream}

// specRows makes rows that share a status from lines of
// "name contexts arguments [block]"; the contexts are letters of specContexts.
// They check nothing but their place and number of arguments.
func specRows(status Status, reason, lines string) []row {
	var out []row
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		f := strings.Fields(line)
		r := row{name: f[0], args: specArgs(f[2]), block: len(f) > 3, status: status, reason: reason}
		for i := 0; i < len(f[1]); i++ {
			r.ctx |= specContexts[f[1][i]]
		}
		r.set = func(*build, *Node) error { return nil }
		out = append(out, r)
	}
	return out
}

func specArgs(s string) argSpec {
	switch s {
	case "flag":
		return flagArg
	case "0+":
		return anyArgs
	case "1+":
		return oneMore
	case "2+":
		return twoMore
	}
	var a argSpec
	for _, n := range strings.Split(s, ",") {
		v, _ := atoi(n)
		a |= 1 << v
	}
	return a
}
