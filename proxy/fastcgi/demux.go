package fastcgi

import "fmt"

// Demux takes an application's output apart. It is fed bytes as they come.
type Demux struct {
	head    [headerSize]byte
	have    int // of head
	left    int // of the record's content
	padding int
	done    bool
	closed  bool
}

// Done tells that the request has ended. Closed: its stdout has.
func (d *Demux) Done() bool { return d.done }

// Closed tells that the application has ended its stdout.
func (d *Demux) Closed() bool { return d.closed }

// Left is how many bytes of the record at hand have not come yet.
func (d *Demux) Left() int { return d.left }

// Next takes the next piece of a stream out of p: n bytes of p are used up,
// of which out are content of the given kind. Without content kind is 0; n is
// less than len(p) only when there is more to take, or the request has ended.
func (d *Demux) Next(p []byte) (out []byte, kind byte, n int, err error) {
	for n < len(p) && !d.done {
		switch {
		case d.left > 0:
			k := min(d.left, len(p)-n)
			out = p[n : n+k]
			d.left -= k
			kind = d.head[1]
			d.end()
			return out, kind, n + k, nil
		case d.padding > 0:
			k := min(d.padding, len(p)-n)
			d.padding -= k
			n += k
			d.end()
		default:
			k := copy(d.head[d.have:], p[n:])
			d.have += k
			n += k
			if d.have == headerSize {
				if err := d.begin(); err != nil {
					return nil, 0, n, err
				}
			}
		}
	}
	return nil, 0, n, nil
}

// begin starts a record whose header is complete.
func (d *Demux) begin() error {
	h := &d.head
	switch {
	case h[0] != 1:
		return fmt.Errorf("upstream sent unsupported FastCGI protocol version: %d", h[0])
	case h[1] != Stdout && h[1] != Stderr && h[1] != EndRequest:
		return fmt.Errorf("upstream sent invalid FastCGI record type: %d", h[1])
	case h[2] != 0 || h[3] != requestID:
		return fmt.Errorf("upstream sent unexpected FastCGI request id high byte: %d", h[2])
	}
	d.left, d.padding = int(h[4])<<8|int(h[5]), int(h[6])
	if h[1] == Stdout && d.left == 0 {
		d.closed = true
	}
	d.end()
	return nil
}

// end ends a record that is complete.
func (d *Demux) end() {
	if d.left > 0 || d.padding > 0 || d.have < headerSize {
		return
	}
	if d.head[1] == EndRequest {
		d.done = true
	}
	d.have = 0
}
