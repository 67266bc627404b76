package proxy

import (
	"bytes"
)

// ssiStage processes the commands in one response. It holds back only the
// beginning of a command, whose length is limited, and passes the text
// around on.
//
// An include without wait="yes" starts when the piece of the response it
// stands in has been processed, as in nginx, so that what it sets cannot be
// seen before; its output comes at its place. The text behind it waits in
// the queue.
type ssiStage struct {
	ssiParser
	ssiShared
	conf *ssiConf

	output      bool // text and commands are not skipped
	chosen      bool // a branch of the current "if" was taken
	inBlock     bool
	conditional int
	encoding    ssiEncoding
	timefmt     string
	errmsg      string

	out   []byte // text to pass on
	queue []ssiPart
}

// ssiPart is a subrequest that has to run, and the text behind it.
type ssiPart struct {
	sub   *Request
	after []byte
}

type ssiEncoding uint8

const (
	ssiEncodeEntity ssiEncoding = iota
	ssiEncodeURL
	ssiEncodeNone
)

// filter processes the next piece of a response.
//
// A response that ends within "<!--#" loses that end, as in nginx.
//
// See: ngx_http_ssi_body_filter.
func (s *ssiStage) filter(r *Request, next int, p []byte, fl outFlag) rc {
	start, end := 0, 0 // text not passed on yet
	for pos := 0; pos < len(p); {
		switch {
		case s.state == ssiText:
			i := bytes.IndexByte(p[pos:], '<')
			if i < 0 {
				pos = len(p)
				continue
			}
			end = pos + i
			pos = end + 1
			s.state, s.looked = ssiOpening, 1
		case s.state == ssiOpening:
			if p[pos] != ssiOpen[s.looked] {
				if s.saved > 0 {
					if c := s.text(r, next, ssiOpen[:s.saved]); c != ok {
						return c
					}
					s.saved = 0
				}
				s.state = ssiText // p[pos] may open anew
				continue
			}
			pos++
			if s.looked++; s.looked == len(ssiOpen) {
				if c := s.text(r, next, p[start:end]); c != ok {
					return c
				}
				s.begin()
			}
		default:
			n, ev := s.parse(r, p[pos:])
			pos += n
			start, end = pos, pos
			c := ok
			switch ev {
			case ssiGotCommand:
				c = s.command(r, next)
			case ssiGotError:
				c = s.fault(r, next)
			}
			if c != ok {
				return c
			}
		}
	}
	switch s.state {
	case ssiText:
		end = len(p)
	case ssiOpening:
		s.saved = s.looked
	default:
		end = start
	}
	if c := s.text(r, next, p[start:end]); c != ok {
		return c
	}
	if c := s.drain(r, next); c != ok {
		return c
	}
	return s.passOut(r, next, fl)
}

// text takes text between commands.
func (s *ssiStage) text(r *Request, next int, p []byte) rc {
	switch {
	case s.output:
		return s.emit(r, next, p)
	case s.inBlock:
		b := s.lastBlock(r)
		b.text = append(b.text, p...)
	}
	return ok
}

// lastBlock is the block being written.
func (s *ssiStage) lastBlock(r *Request) *ssiBlock {
	blocks := s.shared(r).blocks
	return blocks[len(blocks)-1]
}

// emit adds p to the response. Short texts are collected.
func (s *ssiStage) emit(r *Request, next int, p []byte) rc {
	if n := len(s.queue); n > 0 {
		s.queue[n-1].after = append(s.queue[n-1].after, p...)
		return ok
	}
	if len(p) > s.conf.copyBelow {
		if c := s.passOut(r, next, 0); c != ok {
			return c
		}
		return r.passBody(next, p, 0)
	}
	s.out = append(s.out, p...)
	return ok
}

// passOut passes on what was collected.
func (s *ssiStage) passOut(r *Request, next int, fl outFlag) rc {
	if len(s.out) == 0 && fl == 0 {
		return ok
	}
	p := s.out
	s.out = nil // a subrequest's output may come while p is on its way
	c := r.passBody(next, p, fl)
	if s.out == nil {
		s.out = p[:0]
	}
	return c
}

// drain runs the subrequests that wait, with the texts behind them.
func (s *ssiStage) drain(r *Request, next int) rc {
	if len(s.queue) == 0 {
		return ok
	}
	if c := s.passOut(r, next, 0); c != ok {
		return s.abandon(c)
	}
	for len(s.queue) > 0 {
		part := s.queue[0]
		s.queue[0] = ssiPart{}
		s.queue = s.queue[1:]
		if c := s.run(r, part.sub); c != ok {
			return s.abandon(c)
		}
		if len(part.after) > 0 {
			if c := r.passBody(next, part.after, 0); c != ok {
				return s.abandon(c)
			}
		}
	}
	s.queue = nil
	return ok
}

// abandon gives back the subrequests that will not run any more.
func (s *ssiStage) abandon(c rc) rc {
	for _, part := range s.queue {
		part.sub.vars = nil
		part.sub.free()
	}
	s.queue = nil
	return c
}

// run runs a subrequest to its end. The response is not at its end yet, even
// if its own last piece is on its way.
func (s *ssiStage) run(r, sr *Request) rc {
	ended := r.ended
	r.ended = false
	sr.run()
	sr.endSubrequest()
	r.ended = ended
	if r.outFailed || r.main.outFailed {
		return failed
	}
	return ok
}

// fault puts the error message into the response.
func (s *ssiStage) fault(r *Request, next int) rc {
	if s.conf.silent {
		return ok
	}
	return s.emit(r, next, []byte(s.errmsg))
}
