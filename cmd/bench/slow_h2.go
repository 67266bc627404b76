package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Peer is a client that writes HTTP/2 frames as it pleases.
type h2Peer struct {
	*http2.Framer
	block bytes.Buffer
	enc   *hpack.Encoder
	next  uint32
}

// newH2Peer sends preface and settings; window is the streams' for responses.
func newH2Peer(c net.Conn, window uint32) (*h2Peer, error) {
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		return nil, err
	}
	p := &h2Peer{Framer: http2.NewFramer(c, c), next: 1}
	p.enc = hpack.NewEncoder(&p.block)
	if err := p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}); err != nil {
		return nil, err
	}
	return p, p.WriteSettingsAck()
}

// ask opens a stream.
func (p *h2Peer) ask(method, path string, end bool) (id uint32, err error) {
	p.block.Reset()
	for _, f := range [][2]string{{":method", method}, {":scheme", "https"}, {":path", path}, {":authority", "x"}} {
		if err := p.enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			return 0, err
		}
	}
	id = p.next
	p.next += 2
	return id, p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.block.Bytes(), EndStream: end, EndHeaders: true})
}

// askOnceH2 asks and reads the answer.
func askOnceH2(c net.Conn, _ int) error {
	p, err := newH2Peer(c, 65535)
	if err != nil {
		return err
	}
	if _, err := p.ask("GET", "/", true); err != nil {
		return err
	}
	for {
		f, err := p.ReadFrame()
		if err != nil {
			return err
		}
		if d, is := f.(*http2.DataFrame); is && d.StreamEnded() {
			return nil
		}
	}
}

// askMuch opens a hundred streams and gives them no window.
func askMuch(c net.Conn, _ int) error {
	p, err := newH2Peer(c, 0)
	if err != nil {
		return err
	}
	for range 100 {
		if _, err := p.ask("GET", "/up/8m", true); err != nil {
			return err
		}
	}
	return nil
}

// uploadMuch begins a hundred uploads.
func uploadMuch(c net.Conn, _ int) error {
	p, err := newH2Peer(c, 65535)
	if err != nil {
		return err
	}
	for acked := false; !acked; { // before that, streams with a body are refused
		f, err := p.ReadFrame()
		if err != nil {
			return err
		}
		s, is := f.(*http2.SettingsFrame)
		acked = is && !s.IsAck()
	}
	for range 100 {
		id, err := p.ask("POST", "/up/echo", false)
		if err != nil {
			return err
		}
		for range 6 {
			if err := p.WriteData(id, false, filler[:10<<10]); err != nil {
				return err
			}
		}
	}
	return nil
}

// errServedOn ends a flood that the gateway puts up with.
var errServedOn = errors.New("the gateway goes on with it")

// untilEnd reads until the gateway says goodbye or closes.
func (p *h2Peer) untilEnd(done chan<- error) {
	for {
		f, err := p.ReadFrame()
		if err != nil {
			done <- nil
			return
		}
		if _, is := f.(*http2.GoAwayFrame); is {
			done <- nil
			return
		}
	}
}

// resetRapidly opens streams to a silent upstream and resets each at once
// (CVE-2023-44487). The gateway has to end the connection, or to refuse
// streams; it may not pile up work.
func resetRapidly(c net.Conn, _ int) error {
	p, err := newH2Peer(c, 65535)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go p.untilEnd(done)
	for range 20000 {
		id, err := p.ask("GET", "/silent", true)
		if err == nil {
			err = p.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		if err != nil {
			return nil // closed
		}
		select {
		case err := <-done:
			return err
		default:
		}
	}
	return nil
}

// continueForever sends a header block in pieces without end.
func continueForever(c net.Conn, _ int) error {
	p, err := newH2Peer(c, 65535)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go p.untilEnd(done)
	if err := p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}}); err != nil {
		return err
	}
	var field bytes.Buffer
	if err := hpack.NewEncoder(&field).WriteField(hpack.HeaderField{Name: "x-a", Value: string(filler[:4000]), Sensitive: true}); err != nil {
		return err
	}
	for range 20000 {
		if err := p.WriteContinuation(1, false, field.Bytes()); err != nil {
			return nil // closed
		}
		select {
		case err := <-done:
			return err
		default:
		}
	}
	return fmt.Errorf("80 MB of header: %w", errServedOn)
}

// pingMuch sends pings and reads no answers until it is cut off.
func pingMuch(c net.Conn, _ int) error {
	p, err := newH2Peer(c, 65535)
	if err != nil {
		return err
	}
	c.SetDeadline(time.Now().Add(5 * time.Second))
	for range 2000000 {
		if err := p.WritePing(false, [8]byte{}); err != nil {
			return nil // closed, or the gateway does not read any more
		}
	}
	return fmt.Errorf("34 MB of pings: %w", errServedOn)
}
