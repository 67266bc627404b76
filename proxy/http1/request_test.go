package http1

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// parseWhole gives a parser everything at once, dropping what it asks for.
func parseWhole(p *RequestParser, in string) (n int, done bool, err error) {
	return p.Parse([]byte(in))
}

// parseSplit gives a parser the input cut at the given places, each time in
// new memory.
func parseSplit(p *RequestParser, in string, step int) (n int, done bool, err error) {
	dropped := 0
	for end := step; ; end += step {
		end = min(end, len(in))
		n, done, err = p.Parse([]byte(in[dropped:end]))
		if done || err != nil {
			return dropped + n, done, err
		}
		dropped += n
		if end == len(in) {
			return dropped, false, nil
		}
	}
}

func describe(p *RequestParser, n int, done bool, err error) string {
	h := &p.Head
	var b strings.Builder
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return "not an *Error: " + err.Error()
		}
		fmt.Fprintf(&b, "error %d %s", e.Status, e.Message)
		return b.String()
	}
	if !done {
		return "more"
	}
	fmt.Fprintf(&b, "%d|%s|%s %d|%s|%s|%s|%s|%s|%s|%d|", n, h.Line, h.Method, h.MethodID, h.Schema, h.Authority,
		h.UnparsedURI, h.RawPath, h.Args, h.Protocol, h.Version)
	fmt.Fprintf(&b, "%v %v %v %v %v|%s:%d|%v|", h.ComplexURI, h.QuotedURI, h.PlusInURI, h.EmptyPath, h.HasArgs,
		h.HostName, h.Port, h.KeepAlive())
	for _, f := range h.Headers {
		fmt.Fprintf(&b, "%q=%q/%d/%d,", f.Key, f.Value, f.ID, f.Flags)
	}
	fmt.Fprintf(&b, "|%q|%q|%q", h.Dropped, h.RawHeader, h.RawHead)
	u, _, err := h.URI(nil, true)
	fmt.Fprintf(&b, "|%+v %v", u, err)
	f, err := h.Framing(false)
	fmt.Fprintf(&b, "|%+v %v", f, err)
	return b.String()
}

func TestRequestHead(t *testing.T) {
	const in = "\r\n\nGET /a/b.html?x=1&y=%20 HTTP/1.1\r\nHost: Example.COM:8080\r\nX-Forwarded-For:1.2.3.4  \r\n" +
		"cookie:  a=b; c=d \r\nX_Odd: 1\nEmpty:\r\nNoColon\r\n\r\nrest"
	var p RequestParser
	n, done, err := p.Parse([]byte(in))
	if err != nil || !done {
		t.Fatal(n, done, err)
	}
	h := &p.Head
	for _, c := range []struct{ what, got, want string }{
		{"rest", in[n:], "rest"},
		{"line", h.Line, "GET /a/b.html?x=1&y=%20 HTTP/1.1"},
		{"method", h.Method, "GET"},
		{"uri", h.UnparsedURI, "/a/b.html?x=1&y=%20"},
		{"path", h.RawPath, "/a/b.html"},
		{"args", h.Args, "x=1&y=%20"},
		{"protocol", h.Protocol, "HTTP/1.1"},
		{"host", h.HostName, "example.com"},
		{"port", fmt.Sprint(h.Port), "8080"},
		{"Host", h.Headers.Value(HeaderHost), "Example.COM:8080"},
		{"XFF", h.Headers.Value(HeaderXForwardedFor), "1.2.3.4"},
		{"Cookie", h.Headers.Value(HeaderCookie), "a=b; c=d"},
		{"dropped", strings.Join(h.Dropped, "|"), "X_Odd: 1"},
		{"raw", h.RawHead, in[3:n]},
		{"raw header", h.RawHeader, in[strings.Index(in, "Host"):n]},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
		}
	}
	if v, ok := h.Headers.GetName("EMPTY"); v != "" || !ok {
		t.Error("Empty is lost")
	}
	if v, ok := h.Headers.GetName("nocolon"); v != "" || !ok {
		t.Error("NoColon is lost")
	}
	u, _, err := h.URI(nil, true)
	if err != nil || u.Path != "/a/b.html" || u.Exten != "html" {
		t.Errorf("%+v %v", u, err)
	}
}

// requestCases are heads with nginx's verdict on them: a status and log
// line, or "" for a request that is accepted.
var requestCases = []struct{ in, want string }{
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
	{"GET / HTTP/1.0\r\n\r\n", ""},
	{"GET / HTTP/1.1\nHost: a\n\n", ""},
	{"GET /\r\n", ""},
	{"GET /\n", ""},
	{"GET /  \r\n", ""},
	{"GET   /  HTTP/1.1  \r\nHost: a\r\n\r\n", ""},
	{"POST /\r\n", "400 client sent invalid method in HTTP/0.9 request"},
	{"get / HTTP/1.1\r\n", "400 client sent invalid method"},
	{"G\x00T / HTTP/1.1\r\n", "400 client sent invalid method"},
	{"\x16\x03\x01", "400 client sent invalid method"},
	{"M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
	{"GET * HTTP/1.1\r\n", "400 client sent invalid request"},
	{"GET /\x01 HTTP/1.1\r\n", "400 client sent invalid request"},
	{"GET /a\x7f HTTP/1.1\r\n", "400 client sent invalid request"},
	{"GET /a?\x00 HTTP/1.1\r\n", "400 client sent invalid request"},
	{"GET / HTTP/2.0\r\n", "505 client sent invalid version"},
	{"GET / HTTP/11.0\r\n", "505 client sent invalid version"},
	{"GET / HTTP/1.1000\r\n", "400 client sent invalid request"},
	{"GET / HTTP/0.9\r\n", "400 client sent invalid request"},
	{"GET / HTTP/1.\r\n", "400 client sent invalid request"},
	{"GET / http/1.1\r\n", "400 client sent invalid request"},
	{"GET / HTTP/1.1 x\r\n", "400 client sent invalid request"},
	{"GET / HTTP/1.1\rx", "400 client sent invalid request"},
	{"GET / HTTP/1.12\r\nHost: a\r\n\r\n", ""},
	{"GET http://Ex.com HTTP/1.1\r\nHost: a\r\n\r\n", ""},
	{"GET http://ex.com:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n", ""},
	{"GET http://ex.com?y HTTP/1.1\r\nHost: a\r\n\r\n", ""},
	{"GET http://[::1]:80/ HTTP/1.1\r\nHost: a\r\n\r\n", ""},
	{"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "400 client sent invalid host in request line"},
	{"GET http://a..b/ HTTP/1.1\r\nHost: a\r\n\r\n", "400 client sent invalid host in request line"},
	{"GET http:/x HTTP/1.1\r\n", "400 client sent invalid request"},
	{"GET http://u@h/ HTTP/1.1\r\n", "400 client sent invalid request"},
	{"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "405 client sent CONNECT method"},
	{"CONNECT a HTTP/1.1\r\n", "400 client sent invalid request"},
	{"CONNECT / HTTP/1.1\r\n", "400 client sent invalid request"},
	{"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "405 client sent TRACE method"},
	{"GET / HTTP/1.1\r\n\r\n", "400 client sent HTTP/1.1 request without \"Host\" header"},
	{"GET / HTTP/1.1\r\nHost:\r\n\r\n", "400 client sent invalid host header"},
	{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 client sent invalid host header"},
	{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 client sent invalid host header"},
	{"GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", "400 client sent invalid host header"},
	{"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "400 client sent invalid host header"},
	{"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
		"400 client sent duplicate host header: \"host: b\", previous value: \"Host: a\""},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"400 client sent duplicate header line: \"Content-Length: 1\", previous value: \"Content-Length: 1\""},
	{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"400 client sent duplicate header line: \"Transfer-Encoding: chunked\", previous value: \"Transfer-Encoding: chunked\""},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"400 client sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time"},
	{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"400 client sent HTTP/1.0 request with \"Transfer-Encoding\" header"},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"501 client sent unknown \"Transfer-Encoding\": \"gzip, chunked\""},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked \r\n\r\n", ""},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n",
		"501 client sent unknown \"Transfer-Encoding\": \"\tchunked\""},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \r\n\r\n", "501 client sent unknown \"Transfer-Encoding\": \"\""},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400 client sent invalid \"Content-Length\" header"},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", "400 client sent invalid \"Content-Length\" header"},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", "400 client sent invalid \"Content-Length\" header"},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", "400 client sent invalid \"Content-Length\" header"},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", ""},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n",
		"400 client sent invalid \"Content-Length\" header"},
	{"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "400 client sent invalid header line: \"\\x20...\""},
	{"GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n", "400 client sent invalid header line: \"\\x09...\""},
	{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400 client sent invalid header line: \"Host\\x20...\""},
	{"GET / HTTP/1.1\r\n: a\r\n\r\n", "400 client sent invalid header line: \"\\x3a...\""},
	{"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n", "400 client sent invalid header line: \"X: a\\x00...\""},
	{"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", "400 client sent invalid header line: \"X: a\\x0d...\""},
	{"GET / HTTP/1.1\r\nX: a\r\r\nHost: a\r\n\r\n", ""},
	{"GET / HTTP/1.1\r\n\rx", "400 client sent invalid header line: \"\\x0d...\""},
	{"GET / HTTP/1.1\r\nHost: a\r\nX-\x80: 1\r\nA(b): 2\r\n/x: 3\r\nH/: 3\r\n\r\n", ""},
	{"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", ""}, // refused by URI
}

func TestRequestVerdicts(t *testing.T) {
	for _, c := range requestCases {
		var p RequestParser
		n, done, err := p.Parse([]byte(c.in))
		if done && err == nil {
			_, err = p.Head.Framing(false)
		}
		got := ""
		if err != nil {
			e := err.(*Error)
			got = fmt.Sprintf("%d %s", e.Status, e.Message)
		} else if !done || n != len(c.in) {
			got = fmt.Sprintf("done %v at %d of %d", done, n, len(c.in))
		}
		if got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestRequestSplit(t *testing.T) {
	for _, c := range requestCases {
		var whole RequestParser
		n, done, err := parseWhole(&whole, c.in)
		want := describe(&whole, n, done, err)
		for _, step := range []int{1, 2, 3, 7, 16} {
			var p RequestParser
			n, done, err := parseSplit(&p, c.in, step)
			if got := describe(&p, n, done, err); got != want {
				t.Errorf("%q by %d:\n got %s\nwant %s", c.in, step, got, want)
			}
		}
	}
}

func TestRequestReset(t *testing.T) {
	var p RequestParser
	for range 2 {
		for _, c := range requestCases {
			var fresh RequestParser
			n, done, err := fresh.Parse([]byte(c.in))
			want := describe(&fresh, n, done, err)
			p.Reset()
			n, done, err = p.Parse([]byte(c.in))
			if got := describe(&p, n, done, err); got != want {
				t.Errorf("%q:\n got %s\nwant %s", c.in, got, want)
			}
		}
	}
}

func TestRequestInvalidNames(t *testing.T) {
	const in = "GET / HTTP/1.1\r\nHost: a\r\nA_b: 1\r\nC.d: 2\r\n\r\n"
	for _, c := range []struct {
		opts    ParseOptions
		keys    string
		dropped int
	}{
		{ParseOptions{}, "Host", 2},
		{ParseOptions{Underscores: true}, "Host A_b", 1},
		{ParseOptions{KeepInvalid: true}, "Host A_b C.d", 0},
	} {
		var p RequestParser
		p.SetOptions(c.opts)
		if _, done, err := p.Parse([]byte(in)); !done || err != nil {
			t.Fatal(done, err)
		}
		var keys []string
		for _, h := range p.Head.Headers {
			keys = append(keys, h.Key)
		}
		if strings.Join(keys, " ") != c.keys || len(p.Head.Dropped) != c.dropped {
			t.Errorf("%+v: %q, dropped %q", c.opts, keys, p.Head.Dropped)
		}
	}
}

// TestRequestLimits follows nginx's buffers of 1k and 4 times 8k.
func TestRequestLimits(t *testing.T) {
	line := func(n int) string { return "GET /" + strings.Repeat("a", n-16) + " HTTP/1.1\r\n" }
	field := func(n int) string { return "X: " + strings.Repeat("b", n-5) + "\r\n" }
	const host = "Host: a\r\n"
	for _, c := range []struct {
		name, in string
		status   int
		msg      string
	}{
		{"line of 1k", line(1024) + host + "\r\n", 0, ""},
		{"line of 8k", line(8192) + host + "\r\n", 0, ""},
		{"line of 8k and one", line(8193) + host + "\r\n", 414, "client sent too long URI"},
		{"line without an end", line(8195)[:8193], 414, "client sent too long URI"},
		{"field of 8k", line(100) + host + field(8192) + "\r\n", 0, ""},
		{"field of 8k and one", line(100) + host + field(8193) + "\r\n", 494, "client sent too long header line: \"X: bbb"},
		{"four fields of 8k", line(100) + host + strings.Repeat(field(8190), 4) + "\r\n", 0, ""},
		{"five fields of 8k", line(100) + host + strings.Repeat(field(8190), 5) + "\r\n", 494, "client sent too long header line: \"X:"},
		{"1001 fields", line(100) + host + strings.Repeat("a:1\r\n", 1000) + "\r\n", 494, "client sent too many header lines"},
		{"1000 fields", line(100) + host + strings.Repeat("a:1\r\n", 999) + "\r\n", 0, ""},
	} {
		for _, step := range []int{1 << 20, 1000, 1} {
			var p RequestParser
			_, done, err := parseSplit(&p, c.in, step)
			if c.status == 0 {
				if !done || err != nil {
					t.Errorf("%s: %v %v", c.name, done, err)
				}
				continue
			}
			e, _ := err.(*Error)
			if e == nil || e.Status != c.status || !strings.HasPrefix(e.Message, c.msg) {
				t.Errorf("%s by %d: done %v, %.80v", c.name, step, done, err)
			}
		}
	}
}

func TestKeepAlive(t *testing.T) {
	for _, c := range []struct {
		in   string
		want bool
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
		{"GET / HTTP/1.0\r\nHost: a\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false},
		{"GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", true},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", true},
	} {
		var p RequestParser
		if _, done, err := p.Parse([]byte(c.in)); !done || err != nil {
			t.Fatal(done, err)
		}
		if p.Head.KeepAlive() != c.want {
			t.Errorf("%q: %v", c.in, !c.want)
		}
	}
}

var benchRequest = []byte("GET /test/page.html?id=42&name=gray HTTP/1.1\r\nHost: www.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n" +
	"Accept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\nCookie: session=0123456789abcdef; theme=dark\r\n" +
	"X-Forwarded-For: 10.0.0.1\r\n\r\n")

func BenchmarkRequestParser(b *testing.B) {
	var p RequestParser
	b.ReportAllocs()
	b.SetBytes(int64(len(benchRequest)))
	for b.Loop() {
		p.Reset()
		if _, done, err := p.Parse(benchRequest); !done || err != nil {
			b.Fatal(done, err)
		}
	}
}

func BenchmarkRequestParserShort(b *testing.B) {
	in := []byte("GET /test HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n")
	var p RequestParser
	b.ReportAllocs()
	for b.Loop() {
		p.Reset()
		if _, done, err := p.Parse(in); !done || err != nil {
			b.Fatal(done, err)
		}
	}
}
