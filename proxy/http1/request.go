package http1

// RequestParser parses one request head at a time. The zero value with
// nginx's default options is ready; Reset prepares it for the next request.
type RequestParser struct {
	Head RequestHead

	opts ParseOptions
	room room
	set  bool

	inHeaders bool
	fields    fieldScanner
	spans     []span
	dropped   []span
	seen      uint64
	count     int

	state      lineState
	off        int
	methodEnd  int
	schemaFrom int
	schemaEnd  int
	hostFrom   int
	hostEnd    int
	uriFrom    int
	uriEnd     int
	argsFrom   int
	ext        int
	protoFrom  int
	lineEnd    int
	headersAt  int
	major      int
	minor      int
	methodID   MethodID
	complexURI bool
	quoted     bool
	plus       bool
	emptyPath  bool
}

// span is a field line as offsets.
type span struct {
	key, keyEnd, val, valEnd int32
	id                       HeaderID
	flags                    HeaderFlags
}

// SetOptions gives the parser its directives; zero numbers become defaults.
// It takes effect from the next Reset, or at once before the first byte.
func (p *RequestParser) SetOptions(o ParseOptions) {
	p.opts = o.withDefaults()
	p.set = true
	p.start()
}

// Reset prepares the parser for another request, keeping its memory.
func (p *RequestParser) Reset() {
	headers, spans, dropped, opts := p.Head.Headers[:0], p.spans[:0], p.dropped[:0], p.opts
	clear(p.Head.Headers)
	if cap(headers) > 128 {
		headers, spans = nil, nil
	}
	*p = RequestParser{opts: opts, set: p.set}
	p.Head.Headers, p.spans, p.dropped = headers, spans, dropped
	p.start()
}

func (p *RequestParser) start() {
	if !p.set {
		p.opts, p.set = DefaultOptions, true
	}
	p.room = p.opts.room()
	p.state = lsStart
	p.schemaFrom, p.schemaEnd, p.hostFrom, p.hostEnd = -1, -1, -1, -1
	p.argsFrom, p.ext, p.protoFrom, p.lineEnd = -1, -1, -1, -1
	p.minor, p.major = 0, 0
}

// Started tells whether any byte of a request has been seen, empty lines
// before it apart.
func (p *RequestParser) Started() bool { return p.inHeaders || p.state != lsStart }

// InHeaders tells whether the request line is complete.
func (p *RequestParser) InHeaders() bool { return p.inHeaders }

// Parse looks at buf, which holds everything since the first byte of the
// request: bytes given before must be there again, at the same offsets, but
// perhaps elsewhere in memory. When the head is complete, done is true, n is
// its length and Head is filled. Otherwise n is the number of bytes at the
// front of buf that may be forgotten (empty lines before a request); they
// must be gone in the next call. An error is an *Error.
func (p *RequestParser) Parse(buf []byte) (n int, done bool, err error) {
	if !p.set {
		p.start()
	}
	if !p.inHeaders {
		skip := 0
		if p.state == lsStart {
			for skip < len(buf) && (buf[skip] == '\r' || buf[skip] == '\n') {
				skip++
			}
			if skip == len(buf) {
				return skip, false, nil
			}
			buf = buf[skip:]
		}
		ok, e := p.parseLine(buf)
		if e != nil {
			p.failLine(buf)
			return skip, false, e
		}
		if !ok {
			if !p.room.fits(len(buf), &p.opts) {
				p.failLine(buf)
				return skip, false, errURITooLong
			}
			return skip, false, nil
		}
		if !p.room.take(p.off, &p.opts) {
			p.failLine(buf)
			return skip, false, errURITooLong
		}
		if e := p.lineDone(buf); e != nil {
			return skip, false, e
		}
		n, done, err := p.parseHeaders(buf)
		return skip + n, done, err
	}
	return p.parseHeaders(buf)
}

func (p *RequestParser) lineDone(buf []byte) error {
	version := p.major*1000 + p.minor
	if version == 9 && p.methodID != MethodGet {
		p.failLine(buf)
		p.Head.Version = version
		return errInvalidMethod09
	}
	p.inHeaders = true
	p.headersAt = p.off
	p.fields = fieldScanner{off: p.off, underscore: p.opts.Underscores}
	return nil
}

// failLine makes what is known of the request line visible, for logs.
func (p *RequestParser) failLine(buf []byte) {
	end := p.lineEnd
	if end < 0 {
		end = len(buf)
	}
	p.Head.Line = view(buf[:end])
	if p.methodEnd > 0 {
		p.Head.Method, p.Head.MethodID = p.Head.Line[:p.methodEnd], p.methodID
	}
}

func (p *RequestParser) parseHeaders(buf []byte) (n int, done bool, err error) {
	if p.major == 0 { // HTTP/0.9
		return p.headersAt, true, p.finish(buf, p.headersAt)
	}
	for {
		switch p.fields.next(buf) {
		case frAgain:
			if n := len(buf) - p.fields.start; p.fields.state != fsStart && !p.room.fits(n, &p.opts) {
				return 0, false, p.failHeaders(buf, p.tooLong(buf))
			} else if p.fields.state == fsStart && p.room.left == 0 && p.room.buffers == 0 {
				return 0, false, p.failHeaders(buf, p.tooLong(buf))
			}
			return 0, false, nil
		case frField:
			if err := p.field(buf); err != nil {
				return 0, false, p.failHeaders(buf, err)
			}
		case frEnd:
			n := p.fields.off
			if !p.room.take(n-p.fields.start, &p.opts) {
				return 0, false, p.failHeaders(buf, p.tooLong(buf))
			}
			return n, true, p.finish(buf, n)
		case frInvalid:
			f := &p.fields
			return 0, false, p.failHeaders(buf, clientErrorf(400, "client sent invalid header line: \"%s\\x%02x...\"",
				buf[f.start:f.valEnd], buf[f.valEnd]))
		}
	}
}

// tooLong is the verdict on a header that overflows nginx's buffers.
func (p *RequestParser) tooLong(buf []byte) *Error {
	const maxLogged = 2048 - 300
	line := buf[p.fields.start:]
	if p.count == 0 && len(line) == 0 {
		return errTooLarge
	}
	if len(line) > maxLogged {
		line = line[:maxLogged]
	}
	e := clientErrorf(StatusHeaderTooLarge, "client sent too long header line: \"%s...\"", line)
	e.Linger = true
	return e
}

// failHeaders fills the head with what has been read, for the error page
// and the access log.
func (p *RequestParser) failHeaders(buf []byte, err *Error) error {
	p.fill(buf, min(p.fields.start, len(buf)))
	p.hosts()
	return err
}

// uniqueFields may stand once in a request; nginx refuses a second one.
const uniqueFields = 1<<HeaderHost | 1<<HeaderContentLength | 1<<HeaderTransferEncoding |
	1<<HeaderIfModifiedSince | 1<<HeaderIfUnmodifiedSince | 1<<HeaderIfMatch | 1<<HeaderIfNoneMatch |
	1<<HeaderIfRange | 1<<HeaderContentRange | 1<<HeaderExpect | 1<<HeaderAuthorization |
	1<<HeaderProxyAuthorization

func (p *RequestParser) field(buf []byte) *Error {
	f := &p.fields
	if !p.room.take(f.off-f.start, &p.opts) {
		return p.tooLong(buf)
	}
	flags := f.flags()
	if flags&HeaderInvalid != 0 && !p.opts.KeepInvalid {
		p.dropped = append(p.dropped, span{key: int32(f.start), valEnd: int32(f.valEnd)})
		return nil
	}
	if p.count++; p.count > p.opts.MaxHeaders {
		return errTooManyHeaders
	}
	id := LookupHeader(view(buf[f.start:f.keyEnd]))
	if bit := uint64(1) << id; id < 64 && uniqueFields&bit != 0 {
		if p.seen&bit != 0 {
			return p.duplicate(buf, id)
		}
		p.seen |= bit
	}
	p.spans = append(p.spans, span{int32(f.start), int32(f.keyEnd), int32(f.valStart), int32(f.valEnd), id, flags})
	return nil
}

func (p *RequestParser) duplicate(buf []byte, id HeaderID) *Error {
	f := &p.fields
	what := "header line"
	if id == HeaderHost {
		what = "host header"
	}
	for _, s := range p.spans {
		if s.id == id {
			return clientErrorf(400, "client sent duplicate %s: \"%s: %s\", previous value: \"%s: %s\"", what,
				buf[f.start:f.keyEnd], buf[f.valStart:f.valEnd], buf[s.key:s.keyEnd], buf[s.val:s.valEnd])
		}
	}
	return errInvalidRequest
}

// finish turns offsets into strings and judges the host.
func (p *RequestParser) finish(buf []byte, n int) error {
	p.fill(buf, n)
	if err := p.hosts(); err != nil {
		return err
	}
	return nil
}

func (p *RequestParser) fill(buf []byte, n int) {
	all := view(buf)
	h := &p.Head
	h.RawHead = all[:n]
	h.RawHeader = all[min(p.headersAt, n):n]
	h.Line = all[:p.lineEnd]
	h.Method, h.MethodID = all[:p.methodEnd], p.methodID
	h.Version = p.major*1000 + p.minor
	if p.protoFrom >= 0 {
		h.Protocol = all[p.protoFrom:p.lineEnd]
	}
	if p.schemaEnd >= 0 {
		h.Schema = all[p.schemaFrom:p.schemaEnd]
	}
	if p.hostEnd >= 0 {
		h.Authority = all[p.hostFrom:p.hostEnd]
	}
	h.UnparsedURI = all[p.uriFrom:p.uriEnd]
	h.RawPath = h.UnparsedURI
	if p.argsFrom >= 0 {
		h.HasArgs = true
		h.RawPath = all[p.uriFrom : p.argsFrom-1]
		h.Args = all[p.argsFrom:p.uriEnd]
	}
	h.extStart = -1
	if p.ext >= 0 {
		h.extStart = p.ext - p.uriFrom
	}
	h.ComplexURI, h.QuotedURI, h.PlusInURI, h.EmptyPath = p.complexURI, p.quoted, p.plus, p.emptyPath
	for _, s := range p.spans {
		v := all[s.val:s.valEnd]
		h.Headers = append(h.Headers, Header{Key: all[s.key:s.keyEnd], Value: v, ID: s.id, Flags: s.flags})
		if s.id == HeaderConnection {
			if containsFold(v, "close") {
				h.connClose, h.connKeepAlive = true, false
			} else if containsFold(v, "keep-alive") {
				h.connClose, h.connKeepAlive = false, true
			}
		}
	}
	for _, s := range p.dropped {
		h.Dropped = append(h.Dropped, all[s.key:s.valEnd])
	}
}

// hosts validates the names in request line and Host field.
func (p *RequestParser) hosts() error {
	h := &p.Head
	if h.Authority != "" || p.hostEnd >= 0 {
		name, port, ok := ValidateHost(h.Authority)
		if !ok {
			return errHostInLine
		}
		h.HostName, h.Port = name, port
	}
	if p.seen&(1<<HeaderHost) == 0 {
		return nil
	}
	name, port, ok := ValidateHost(h.Headers.Value(HeaderHost))
	if !ok {
		return errHostInvalid
	}
	if h.HostName == "" {
		h.HostName, h.Port = name, port
	}
	return nil
}

// containsFold tells whether s contains the lower-case word.
func containsFold(s, word string) bool {
	for i := 0; i+len(word) <= len(s); i++ {
		if EqualFold(s[i:i+len(word)], word) {
			return true
		}
	}
	return false
}
