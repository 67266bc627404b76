package http1

// ParseOptions are the directives that the request parser obeys. The zero
// value of a number means nginx's default.
type ParseOptions struct {
	// KeepInvalid is ignore_invalid_headers off: names with odd bytes are
	// kept (flagged HeaderInvalid) instead of dropped.
	KeepInvalid bool
	// Underscores is underscores_in_headers on.
	Underscores bool
	// FirstBuffer is client_header_buffer_size; LargeBuffer and
	// LargeBuffers are large_client_header_buffers' size and number.
	FirstBuffer  int
	LargeBuffer  int
	LargeBuffers int
	// MaxHeaders is max_headers.
	MaxHeaders int
}

// DefaultOptions are nginx's defaults.
var DefaultOptions = ParseOptions{FirstBuffer: 1024, LargeBuffer: 8192, LargeBuffers: 4, MaxHeaders: 1000}

func (o ParseOptions) withDefaults() ParseOptions {
	d := DefaultOptions
	if o.FirstBuffer == 0 {
		o.FirstBuffer = d.FirstBuffer
	}
	if o.LargeBuffer == 0 {
		o.LargeBuffer = d.LargeBuffer
	}
	if o.LargeBuffers == 0 {
		o.LargeBuffers = d.LargeBuffers
	}
	if o.MaxHeaders == 0 {
		o.MaxHeaders = d.MaxHeaders
	}
	return o
}

// MaxHead is the most bytes a head may have before the parser refuses it;
// a buffer of that size never fills up without a verdict.
func (o ParseOptions) MaxHead() int {
	o = o.withDefaults()
	return o.FirstBuffer + o.LargeBuffer*o.LargeBuffers
}

// room is the arithmetic of nginx's header buffers: a line must fit into one
// buffer, and a line that does not fit into what is left of the current one
// starts the next.
type room struct {
	left    int // bytes left in the current buffer
	buffers int // large buffers not yet used
}

func (o *ParseOptions) room() room { return room{left: o.FirstBuffer, buffers: o.LargeBuffers} }

// take accounts for a whole line of n bytes; it fails when nginx would have
// run out of buffers before the line's last byte.
func (r *room) take(n int, o *ParseOptions) bool {
	if n <= r.left {
		r.left -= n
		return true
	}
	if n > o.LargeBuffer || r.buffers == 0 {
		return false
	}
	r.buffers--
	r.left = o.LargeBuffer - n
	return true
}

// fits tells whether a line that has n bytes so far, and is not at its end,
// can still end within a buffer.
func (r *room) fits(n int, o *ParseOptions) bool {
	return n < r.left || n < o.LargeBuffer && r.buffers > 0
}
