package http1

import (
	"bytes"
	"strings"
	"testing"
)

// dechunk decodes in pieces of step bytes.
func dechunk(in string, step int) (body string, used int, done bool, err error) {
	var c Chunked
	for used < len(in) && !done {
		piece := []byte(in[used:min(used+step, len(in))])
		for len(piece) > 0 && !done {
			var data []byte
			var n int
			data, n, done, err = c.Next(piece)
			if err != nil {
				return body, used, false, err
			}
			body += string(data)
			used += n
			piece = piece[n:]
		}
	}
	return body, used, done, nil
}

var chunkedCases = []struct {
	in, body string
	rest     string
	bad      bool
}{
	{in: "0\r\n\r\n"},
	{in: "5\r\nhello\r\n0\r\n\r\nGET", body: "hello", rest: "GET"},
	{in: "5;ext=\"a\"\r\nhello\r\n000\r\nTrailer: x\r\nB: y\r\n\r\n", body: "hello"},
	{in: "A \r\n0123456789\r\n1\t\r\nx\r\n0;x\r\n\r\n", body: "0123456789x"},
	{in: "5\nhello\r\n0\r\n\r\n", bad: true},
	{in: "5\r\nhello\n0\r\n\r\n", bad: true},
	{in: "5\r\nhelloo\r\n0\r\n\r\n", bad: true},
	{in: "5;a\nb\r\nhello\r\n0\r\n\r\n", bad: true},
	{in: "0\r\n\n", bad: true},
	{in: "0\r\nA: b\n\r\n", bad: true},
	{in: "0\n\r\n", bad: true},
	{in: " 5\r\nhello\r\n", bad: true},
	{in: "\r\n", bad: true},
	{in: "-1\r\n", bad: true},
	{in: "0x5\r\nhello\r\n", bad: true},
	{in: "g\r\n", bad: true},
	{in: "7fffffffffffffff\r\n", bad: true},
	{in: "10000000000000000\r\n", bad: true},
	{in: "5\rhello", bad: true},
}

func TestChunked(t *testing.T) {
	for _, c := range chunkedCases {
		for _, step := range []int{1 << 20, 1, 2, 3} {
			body, used, done, err := dechunk(c.in, step)
			if c.bad {
				if err == nil {
					t.Errorf("%q by %d: accepted as %q", c.in, step, body)
				}
				continue
			}
			if err != nil || !done || body != c.body || c.in[used:] != c.rest {
				t.Errorf("%q by %d: %q, rest %q, done %v, %v", c.in, step, body, c.in[used:], done, err)
			}
		}
	}
}

func TestChunkedBounds(t *testing.T) {
	if _, _, _, err := dechunk("1;"+strings.Repeat("a", maxChunkOverhead)+"\r\n", 4096); err == nil {
		t.Error("endless extension accepted")
	}
	if _, _, _, err := dechunk("0\r\n"+strings.Repeat("a: b\r\n", maxChunkOverhead), 4096); err == nil {
		t.Error("endless trailers accepted")
	}
}

func TestChunkedCompact(t *testing.T) {
	var c Chunked
	buf := []byte("3\r\nabc\r\n2\r\nde")
	body, rest, done, err := c.Compact(buf)
	if string(body) != "abcde" || len(rest) != 0 || done || err != nil {
		t.Fatal(string(body), rest, done, err)
	}
	body, rest, done, err = c.Compact([]byte("\r\n1\r\nf\r\n0\r\n\r\nnext"))
	if string(body) != "f" || string(rest) != "next" || !done || err != nil {
		t.Fatal(string(body), string(rest), done, err)
	}
}

func TestTrailers(t *testing.T) {
	c := Chunked{KeepTrailers: true}
	in := []byte("1\r\nx\r\n0\r\nA: b\r\nDate: c\r\n\r\nrest")
	used := 0
	for !c.Done() {
		_, n, _, err := c.Next(in[used:])
		if err != nil {
			t.Fatal(err)
		}
		used += n
	}
	var p TrailerParser
	for end := used; ; end++ {
		n, hs, done, err := p.Parse(in[used:end], nil)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			if len(hs) != 2 || hs[0].Key != "A" || hs[1].ID != HeaderDate || hs[1].Value != "c" || string(in[used+n:]) != "rest" {
				t.Fatalf("%v, rest %q", hs, in[used+n:])
			}
			return
		}
	}
}

func TestAppendChunk(t *testing.T) {
	for n, want := range map[int]string{1: "1\r\n", 15: "f\r\n", 16: "10\r\n", 4096: "1000\r\n", 0x123456: "123456\r\n"} {
		if got := string(AppendChunkHeader(nil, n)); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
	var out []byte
	for _, s := range []string{"hello", "", strings.Repeat("x", 300)} {
		out = AppendChunk(out, []byte(s))
	}
	out = AppendLastChunk(out, Headers{{Key: "T", Value: "v"}})
	body, used, done, err := dechunk(string(out), 1<<20)
	if body != "hello"+strings.Repeat("x", 300) || used != len(out) || !done || err != nil {
		t.Fatal(body, used, done, err)
	}
	if !bytes.HasSuffix(out, []byte("0\r\nT: v\r\n\r\n")) {
		t.Fatalf("%q", out)
	}
}
