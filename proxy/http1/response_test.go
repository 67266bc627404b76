package http1

import (
	"fmt"
	"strings"
	"testing"
)

func describeResponse(p *ResponseParser, n int, done bool, err error) string {
	if err != nil {
		return err.Error()
	}
	if !done {
		return "more"
	}
	h := &p.Head
	var b strings.Builder
	fmt.Fprintf(&b, "%d|%d %d %q %v %v|", n, h.Version, h.Status, h.StatusLine, h.HTTP09, h.ConnectionClose())
	for _, f := range h.Headers {
		fmt.Fprintf(&b, "%s=%s/%d/%d,", f.Key, f.Value, f.ID, f.Flags)
	}
	fmt.Fprintf(&b, "|%v|%+v %+v", h.Warnings, h.Framing(false), h.Framing(true))
	return b.String()
}

var responseCases = []struct{ in, want string }{
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "38|1001 200 \"200 OK\" false false|Content-Length=5/3/0,|[]|{Kind:1 Length:5} {Kind:0 Length:0}"},
	{"HTTP/1.1 200\r\n\r\n", "16|1001 200 \"200\" false false||[]|{Kind:3 Length:0} {Kind:0 Length:0}"},
	{"HTTP/1.0 200 OK\n\n", "17|1000 200 \"200 OK\" false true||[]|{Kind:3 Length:0} {Kind:0 Length:0}"},
	{"HTTP/1.1 403.1 IIS\r\n\r\n", "22|1001 403 \"403.1 IIS\" false false||[]|{Kind:3 Length:0} {Kind:0 Length:0}"},
	{"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", "37|1001 304 \"304 X\" false false|Content-Length=5/3/0,|[]|{Kind:0 Length:0} {Kind:0 Length:0}"},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nconnection: x, CLOSE\r\n\r\n",
		"69|1001 200 \"200 OK\" false true|Transfer-Encoding=Chunked/4/0,connection=x, CLOSE/2/0,|[]|{Kind:2 Length:0} {Kind:0 Length:0}"},
	{"HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\nX_y: 1\r\n\r\n", "44|1001 200 \"200 OK\" false false|X_y=1/0/2,|[]|{Kind:3 Length:0} {Kind:0 Length:0}"},
	{"<html>", "0|9 0 \"\" true true||[]|{Kind:3 Length:0} {Kind:3 Length:0}"},
	{"HTTP/1.1 20x", "0|9 0 \"\" true true||[]|{Kind:3 Length:0} {Kind:3 Length:0}"},
	{"HTTP/1.1 2000\r\n", "0|9 0 \"\" true true||[]|{Kind:3 Length:0} {Kind:3 Length:0}"},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"upstream sent duplicate header line: \"Content-Length: 6\", previous value: \"Content-Length: 5\""},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"upstream sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time"},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "upstream sent unknown \"Transfer-Encoding\": \"gzip\""},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", "upstream sent invalid \"Content-Length\" header: \"Content-Length: 5x\""},
	{"HTTP/1.1 200 OK\r\nA: 1\r\n b\r\n\r\n", "upstream sent invalid header: \"\\x20...\""},
	{"HTTP/1.0 103 Hints\r\n\r\n", "upstream sent HTTP/1.0 response with early hints"},
	{"HTTP/1.1 200 OK\r\nServer: a\r\nServer: b\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
		"71|1001 200 \"200 OK\" false false|Server=a/37/0,Server=b/37/4,Set-Cookie=a/40/0,Set-Cookie=b/40/0,|" +
			"[upstream sent duplicate header line: \"Server: b\", previous value: \"Server: a\", ignored]|{Kind:3 Length:0} {Kind:0 Length:0}"},
}

func TestResponse(t *testing.T) {
	var again ResponseParser
	for _, c := range responseCases {
		var p ResponseParser
		n, done, err := p.Parse([]byte(c.in))
		if got := describeResponse(&p, n, done, err); got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.in, got, c.want)
		}
		again.Reset()
		for end := 1; end <= len(c.in); end++ {
			if n, done, err = again.Parse([]byte(c.in[:end])); done || err != nil {
				break
			}
		}
		if got := describeResponse(&again, n, done, err); got != c.want {
			t.Errorf("%q byte by byte:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestHeadersEdit(t *testing.T) {
	var hs Headers
	hs.Add("X-A", "1")
	hs.Add("content-type", "a")
	hs.Add("x-a", "2")
	if hs[1].ID != HeaderContentType || hs.Value(HeaderContentType) != "a" {
		t.Fatal("no identity")
	}
	if got := strings.Join(hs.Values(nil, "X-a"), ","); got != "1,2" {
		t.Fatal(got)
	}
	hs.Set("X-A", "3")
	hs.SetID(HeaderHost, "h")
	hs.SetID(HeaderContentType, "b")
	if got := fmt.Sprint(hs); got != "[{X-A 3  0} {Content-Type b Content-Type 0} {Host h Host 0}]" {
		t.Fatal(got)
	}
	if !hs.Del("x-A") || hs.Del("x-A") || !hs.DelID(HeaderHost) || len(hs) != 1 || hs.Has(HeaderHost) {
		t.Fatal(hs)
	}
}

func TestLookupHeader(t *testing.T) {
	for id := HeaderOther + 1; id < headerCount; id++ {
		name := id.String()
		for _, n := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if got := LookupHeader(n); got != id {
				t.Errorf("%s: got %d, want %d", n, got, id)
			}
		}
		if got := LookupHeader(name + "x"); got != HeaderOther {
			t.Errorf("%sx: got %d", name, got)
		}
	}
}

func BenchmarkResponseParser(b *testing.B) {
	in := []byte("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 21:16:30 GMT\r\n" +
		"Content-Type: text/plain\r\nContent-Length: 46\r\nConnection: keep-alive\r\n\r\n")
	var p ResponseParser
	b.ReportAllocs()
	for b.Loop() {
		p.Reset()
		if _, done, err := p.Parse(in); !done || err != nil {
			b.Fatal(done, err)
		}
	}
}
