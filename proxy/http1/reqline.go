package http1

// lineState is where ngx_http_parse_request_line stopped.
type lineState uint8

const (
	lsStart lineState = iota
	lsMethod
	lsSpacesBeforeURI
	lsSchema
	lsSchemaSlash
	lsSchemaSlashSlash
	lsSpacesBeforeHost
	lsHostStart
	lsHost
	lsHostEnd
	lsHostLiteral
	lsPort
	lsAfterSlash
	lsCheckURI
	lsURI
	lsHTTP09
	lsH
	lsHT
	lsHTT
	lsHTTP
	lsFirstMajor
	lsMajor
	lsFirstMinor
	lsMinor
	lsSpacesAfterDigit
	lsAlmostDone
)

func isMethodByte(c byte) bool { return 'A' <= c && c <= 'Z' || c == '_' || c == '-' }

func isAlpha(c byte) bool { c |= 0x20; return 'a' <= c && c <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// parseLine goes through the request line from where it stopped; buf begins
// with the line. It reports whether the line is complete; off is then behind
// it.
func (p *RequestParser) parseLine(buf []byte) (done bool, err *Error) {
	i := p.off
	state := p.state
	for ; i < len(buf); i++ {
		c := buf[i]
		switch state {
		case lsStart:
			if !isMethodByte(c) {
				return false, errInvalidMethod
			}
			state = lsMethod

		case lsMethod:
			for isMethodByte(c) {
				if i++; i == len(buf) {
					p.off, p.state = i, state
					return false, nil
				}
				c = buf[i]
			}
			if c != ' ' {
				return false, errInvalidMethod
			}
			p.methodEnd = i
			p.methodID = LookupMethod(view(buf[:i]))
			state = lsSpacesBeforeURI
			if p.methodID == MethodConnect {
				state = lsSpacesBeforeHost
			}

		case lsSpacesBeforeURI:
			switch {
			case c == '/':
				p.uriFrom = i
				state = lsAfterSlash
			case isAlpha(c):
				p.schemaFrom = i
				state = lsSchema
			case c != ' ':
				return false, errInvalidRequest
			}

		case lsSchema:
			switch {
			case isAlpha(c), isDigit(c), c == '+', c == '-', c == '.':
			case c == ':':
				p.schemaEnd = i
				state = lsSchemaSlash
			default:
				return false, errInvalidRequest
			}

		case lsSchemaSlash, lsSchemaSlashSlash:
			if c != '/' {
				return false, errInvalidRequest
			}
			state = lsSchemaSlashSlash + (state-lsSchemaSlash)*(lsHostStart-lsSchemaSlashSlash)

		case lsSpacesBeforeHost, lsHostStart:
			if c == ' ' && state == lsSpacesBeforeHost {
				break
			}
			p.hostFrom = i
			if c == '[' {
				state = lsHostLiteral
				break
			}
			if isAlpha(c) || isDigit(c) || c == '.' || c == '-' {
				state = lsHost
				break
			}
			if state, err = p.hostDone(i, c, false); err != nil {
				return false, err
			}

		case lsHost:
			if isAlpha(c) || isDigit(c) || c == '.' || c == '-' {
				break
			}
			if state, err = p.hostDone(i, c, false); err != nil {
				return false, err
			}

		case lsHostEnd:
			if state, err = p.hostDone(i, c, false); err != nil {
				return false, err
			}

		case lsPort:
			if isDigit(c) {
				break
			}
			if state, err = p.hostDone(i, c, true); err != nil {
				return false, err
			}

		case lsHostLiteral:
			switch {
			case c == ']':
				state = lsHostEnd
			case c != ':' && !isHostLiteralByte(c):
				return false, errInvalidRequest
			}

		case lsAfterSlash, lsCheckURI:
			for usual[c] {
				state = lsCheckURI
				if i++; i == len(buf) {
					p.off, p.state = i, state
					return false, nil
				}
				c = buf[i]
			}
			after := state == lsAfterSlash
			switch c {
			case '/':
				if after {
					p.complexURI = true
					state = lsURI
				} else {
					p.ext = -1
					state = lsAfterSlash
				}
			case '.':
				if after {
					p.complexURI = true
					state = lsURI
				} else {
					p.ext = i + 1
				}
			case '%':
				p.quoted = true
				state = lsURI
			case '?':
				p.argsFrom = i + 1
				state = lsURI
			case '#':
				p.complexURI = true
				state = lsURI
			case '+':
				p.plus = true
			case ' ', '\r', '\n':
				p.uriEnd = i
				if state, done = p.uriDone(c); done {
					return true, p.end(i, c)
				}
			default:
				// Control bytes; the others are usual.
				return false, errInvalidRequest
			}

		case lsURI:
			for c > 0x20 && c != 0x7f && c != '#' {
				// The first "?" ends the path, unless a "#" came first:
				// then resolving the path finds it.
				if i++; i == len(buf) {
					p.off, p.state = i, state
					return false, nil
				}
				c = buf[i]
			}
			switch c {
			case ' ', '\r', '\n':
				p.uriEnd = i
				if state, done = p.uriDone(c); done {
					return true, p.end(i, c)
				}
			case '#':
				p.complexURI = true
			default:
				return false, errInvalidRequest
			}

		case lsHTTP09:
			switch c {
			case ' ':
			case '\r', '\n':
				if state, done = p.uriDone(c); done {
					return true, p.end(i, c)
				}
			case 'H':
				p.protoFrom = i
				// The one spelling that matters, at once.
				if len(buf)-i >= 10 && string(buf[i:i+7]) == "HTTP/1." && buf[i+8] == '\r' && buf[i+9] == '\n' &&
					isDigit(buf[i+7]) && p.methodID != MethodConnect {
					p.major, p.minor = 1, int(buf[i+7]-'0')
					p.lineEnd, p.off, p.state = i+8, i+10, lsStart
					return true, nil
				}
				state = lsH
			default:
				return false, errInvalidRequest
			}

		case lsH, lsHT, lsHTT, lsHTTP:
			if c != "TTP/"[state-lsH] {
				return false, errInvalidRequest
			}
			if state == lsHTTP && p.methodID == MethodConnect {
				// nginx serves "/" to CONNECT: the slash of "HTTP/".
				p.uriFrom, p.uriEnd = i, i+1
			}
			state++

		case lsFirstMajor:
			if c < '1' || c > '9' {
				return false, errInvalidRequest
			}
			if p.major = int(c - '0'); p.major > 1 {
				return false, errInvalidVersion
			}
			state = lsMajor

		case lsMajor:
			switch {
			case c == '.':
				state = lsFirstMinor
			case !isDigit(c):
				return false, errInvalidRequest
			default:
				return false, errInvalidVersion
			}

		case lsFirstMinor:
			if !isDigit(c) {
				return false, errInvalidRequest
			}
			p.minor = int(c - '0')
			state = lsMinor

		case lsMinor:
			switch {
			case c == '\r':
				state = lsAlmostDone
			case c == '\n':
				return true, p.end(i, c)
			case c == ' ':
				state = lsSpacesAfterDigit
			case !isDigit(c) || p.minor > 99:
				return false, errInvalidRequest
			default:
				p.minor = p.minor*10 + int(c-'0')
			}

		case lsSpacesAfterDigit:
			switch c {
			case ' ':
			case '\r':
				state = lsAlmostDone
			case '\n':
				return true, p.end(i, c)
			default:
				return false, errInvalidRequest
			}

		case lsAlmostDone:
			p.lineEnd = i - 1
			if c != '\n' {
				return false, errInvalidRequest
			}
			return true, p.end(i, c)
		}
	}
	p.off, p.state = i, state
	return false, nil
}

func isHostLiteralByte(c byte) bool {
	switch c {
	case '-', '.', '_', '~', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=':
		return true
	}
	return isAlpha(c) || isDigit(c)
}

// hostDone handles the byte that ends the authority.
func (p *RequestParser) hostDone(i int, c byte, port bool) (lineState, *Error) {
	if c == ':' && !port {
		return lsPort, nil
	}
	p.hostEnd = i
	if p.methodID == MethodConnect {
		if port && c == ' ' {
			return lsHTTP09, nil
		}
		return 0, errInvalidRequest
	}
	switch c {
	case '/':
		p.uriFrom = i
		return lsAfterSlash, nil
	case '?':
		p.uriFrom, p.argsFrom = i, i+1
		p.emptyPath = true
		return lsURI, nil
	case ' ':
		// The path is the first slash of "://".
		p.uriFrom, p.uriEnd = p.schemaEnd+1, p.schemaEnd+2
		return lsHTTP09, nil
	}
	return 0, errInvalidRequest
}

// uriDone chooses what follows a URI; done means that the line is over, as
// HTTP/0.9.
func (p *RequestParser) uriDone(c byte) (state lineState, done bool) {
	switch c {
	case ' ':
		return lsHTTP09, false
	case '\r':
		p.minor = 9
		return lsAlmostDone, false
	default:
		p.minor = 9
		return lsStart, true
	}
}

// end notes the line's end; the LF is at i.
func (p *RequestParser) end(i int, _ byte) *Error {
	if p.lineEnd < 0 {
		p.lineEnd = i
	}
	p.off, p.state = i+1, lsStart
	return nil
}
