package http1

import "strings"

// ValidateHost checks the value of a Host field or the authority of a
// request line, and splits it: name without port and without a trailing dot,
// lower-cased only if it has to be; port 0 if there is none.
func ValidateHost(host string) (name string, port int, ok bool) {
	const (
		swStart = iota
		swHost
		swLiteral
		swEnd
		swPort
	)
	dot, end := len(host), len(host)
	state := swStart
	upper := false
	for i := 0; i < len(host); i++ {
		c := host[i]
		switch state {
		case swStart, swHost:
			if state == swStart && c == '[' {
				state = swLiteral
				break
			}
			state = swHost
			switch {
			case 'a' <= c && c <= 'z', isDigit(c), c == '-':
			case 'A' <= c && c <= 'Z':
				upper = true
			case c == ':':
				end = i
				state = swPort
			case c == '.':
				if dot == i-1 {
					return "", 0, false
				}
				dot = i
			case c != '%' && !isHostLiteralByte(c):
				return "", 0, false
			}
		case swLiteral:
			switch {
			case 'A' <= c && c <= 'Z':
				upper = true
			case c == ':':
			case c == ']':
				end = i + 1
				state = swEnd
			case c == '.':
				if dot == i-1 {
					return "", 0, false
				}
				dot = i
			case !isHostLiteralByte(c):
				return "", 0, false
			}
		case swEnd:
			if c != ':' {
				return "", 0, false
			}
			state = swPort
		case swPort:
			if !isDigit(c) {
				return "", 0, false
			}
			if port = port*10 + int(c-'0'); port > 65535 {
				return "", 0, false
			}
		}
	}
	if state == swLiteral {
		return "", 0, false
	}
	if dot == end-1 {
		end--
	}
	if end <= 0 {
		return "", 0, false
	}
	name = host[:end]
	if upper {
		name = strings.ToLower(name)
	}
	return name, port, true
}
