package http1

// fieldScanner recognises field lines, one byte after the other, as nginx's
// ngx_http_parse_header_line does. It works on offsets into the message's
// buffer and can stop after any byte.
type fieldScanner struct {
	off        int // next byte to look at
	state      fieldState
	start      int // of the current line
	keyEnd     int
	valStart   int
	valEnd     int
	class      byte // OR of the name's byte classes
	underscore bool // underscores are allowed
	upstream   bool
}

type fieldState uint8

const (
	fsStart fieldState = iota
	fsName
	fsBeforeValue
	fsValue
	fsAlmostDone
	fsIgnoreLine
	fsEndAlmostDone
)

type fieldResult uint8

const (
	frAgain   fieldResult = iota // more bytes are needed
	frField                      // a field line is complete
	frEnd                        // the empty line: off is behind it
	frInvalid                    // valEnd is the place of the offending byte
)

// Byte classes of field names.
const (
	ncUnderscore byte = 1 << iota
	ncOdd             // tolerated, but the field is invalid
	ncStop            // ends a name or is an error
)

var nameClass = func() (t [256]byte) {
	for i := range t {
		switch {
		case i <= 0x20, i == 0x7f, i == ':', i == '/':
			t[i] = ncStop
		case 'a' <= i && i <= 'z', 'A' <= i && i <= 'Z', '0' <= i && i <= '9', i == '-':
		case i == '_':
			t[i] = ncUnderscore
		default:
			t[i] = ncOdd
		}
	}
	return t
}()

// next scans up to the end of one line.
func (s *fieldScanner) next(buf []byte) fieldResult {
	p := s.off
	state := s.state
	for p < len(buf) {
		switch state {
		case fsStart:
			s.start, s.class = p, 0
			switch c := buf[p]; {
			case c == '\r':
				s.valEnd = p
				state = fsEndAlmostDone
				p++
			case c == '\n':
				s.off, s.state = p+1, fsStart
				return frEnd
			case c <= 0x20 || c == 0x7f || c == ':':
				s.off, s.valEnd = p, p
				return frInvalid
			default:
				// The byte is part of the name; "/" is odd here.
				s.class = nameClass[c]
				if c == '/' {
					s.class = ncOdd
				}
				state = fsName
				p++
			}

		case fsName:
			class := s.class
			for p < len(buf) {
				c := nameClass[buf[p]]
				class |= c
				if c == ncStop {
					break
				}
				p++
			}
			s.class = class &^ ncStop
			if p == len(buf) {
				break
			}
			switch buf[p] {
			case ':':
				s.keyEnd = p
				state = fsBeforeValue
				p++
			case '\r':
				s.keyEnd, s.valStart, s.valEnd = p, p, p
				state = fsAlmostDone
				p++
			case '\n':
				s.keyEnd, s.valStart, s.valEnd = p, p, p
				s.off, s.state = p+1, fsStart
				return frField
			case '/':
				// IIS may send the status line twice.
				if s.upstream && p-s.start == 4 && string(buf[s.start:p]) == "HTTP" {
					state = fsIgnoreLine
				} else {
					s.class |= ncOdd
				}
				p++
			default:
				s.off, s.valEnd = p, p
				return frInvalid
			}

		case fsBeforeValue:
			for p < len(buf) && buf[p] == ' ' {
				p++
			}
			if p == len(buf) {
				break
			}
			s.valStart = p
			state = fsValue

		case fsValue:
			p = indexValueEnd(buf, p)
			if p == len(buf) {
				break
			}
			s.trim(buf, p)
			switch buf[p] {
			case '\r':
				state = fsAlmostDone
				p++
			case '\n':
				s.off, s.state = p+1, fsStart
				return frField
			default:
				s.off, s.valEnd = p, p
				return frInvalid
			}

		case fsAlmostDone:
			switch buf[p] {
			case '\n':
				s.off, s.state = p+1, fsStart
				return frField
			case '\r':
				p++
			default:
				s.off = p
				return frInvalid
			}

		case fsIgnoreLine:
			if buf[p] == '\n' {
				state = fsStart
			}
			p++

		case fsEndAlmostDone:
			if buf[p] == '\n' {
				s.off, s.state = p+1, fsStart
				return frEnd
			}
			s.off = p
			return frInvalid
		}
	}
	s.off, s.state = p, state
	return frAgain
}

// trim sets the end of the value that the byte at p ends.
func (s *fieldScanner) trim(buf []byte, p int) {
	for p > s.valStart && buf[p-1] == ' ' {
		p--
	}
	s.valEnd = p
}

// flags tells what is to be said about the name just scanned.
func (s *fieldScanner) flags() (f HeaderFlags) {
	if s.class == 0 {
		return 0
	}
	if s.class&ncUnderscore != 0 {
		f = HeaderUnderscore
		if !s.underscore {
			f |= HeaderInvalid
		}
	}
	if s.class&ncOdd != 0 {
		f |= HeaderInvalid
	}
	return f
}
