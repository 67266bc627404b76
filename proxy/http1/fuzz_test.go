package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
)

func seedRequests(f *testing.F) {
	for _, c := range requestCases {
		f.Add([]byte(c.in), 3)
	}
	f.Add(benchRequest, 7)
}

// FuzzRequestSplit: cutting the input anywhere changes nothing.
func FuzzRequestSplit(f *testing.F) {
	seedRequests(f)
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		if step <= 0 || len(in) > 4096 {
			return
		}
		var whole, split RequestParser
		n, done, err := parseWhole(&whole, string(in))
		want := describe(&whole, n, done, err)
		n, done, err = parseSplit(&split, string(in), step)
		if got := describe(&split, n, done, err); got != want {
			t.Errorf("%q by %d:\n got %s\nwant %s", in, step, got, want)
		}
	})
}

// FuzzRequestNetHTTP: what is accepted means the same to net/http, if it
// accepts it, and there is nothing about framing that net/http refuses and
// we accept.
func FuzzRequestNetHTTP(f *testing.F) {
	seedRequests(f)
	f.Fuzz(func(t *testing.T, in []byte, _ int) {
		var p RequestParser
		n, done, err := p.Parse(in)
		if err != nil || !done || p.Head.Version < 1000 {
			return
		}
		h := &p.Head
		framing, err := h.Framing(false)
		if err != nil {
			return
		}
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in[n-len(h.RawHead):])))
		if err != nil {
			for _, word := range []string{"Content-Length", "transfer encoding"} {
				if strings.Contains(err.Error(), word) && !strings.Contains(err.Error(), "MIME") {
					t.Errorf("%q: net/http: %v, here %+v", in, err, framing)
				}
			}
			return
		}
		if req.Method != h.Method {
			t.Errorf("%q: method %q, want %q", in, h.Method, req.Method)
		}
		switch {
		case len(req.TransferEncoding) > 0:
			if framing.Kind != FramingChunked {
				t.Errorf("%q: %+v, want chunked", in, framing)
			}
		case req.Header.Get("Content-Length") != "":
			if framing.Kind != FramingLength || framing.Length != req.ContentLength {
				t.Errorf("%q: %+v, want %d", in, framing, req.ContentLength)
			}
		case framing.Kind == FramingChunked || framing.Length > 0:
			t.Errorf("%q: %+v, want none", in, framing)
		}
		for i := range h.Headers {
			field := &h.Headers[i]
			if field.ID == HeaderHost || field.ID == HeaderTransferEncoding {
				continue // net/http takes them out
			}
			found := false
			for _, v := range req.Header[textproto.CanonicalMIMEHeaderKey(field.Key)] {
				found = found || strings.Trim(v, " \t\r") == strings.Trim(field.Value, " \t\r")
			}
			if !found {
				t.Errorf("%q: %q: %q is not in %q", in, field.Key, field.Value, req.Header)
			}
		}
	})
}

// FuzzResponse: cutting the input anywhere changes nothing, and what is
// accepted means the same to net/http.
func FuzzResponse(f *testing.F) {
	for _, c := range responseCases {
		f.Add([]byte(c.in), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		if step <= 0 || len(in) > 4096 {
			return
		}
		var whole, split ResponseParser
		n, done, err := whole.Parse(in)
		want := describeResponse(&whole, n, done, err)
		var m int
		var sdone bool
		var serr error
		for end := min(step, len(in)); ; end = min(end+step, len(in)) {
			m, sdone, serr = split.Parse(in[:end:end])
			if sdone || serr != nil || end == len(in) {
				break
			}
		}
		if got := describeResponse(&split, m, sdone, serr); got != want {
			t.Errorf("%q by %d:\n got %s\nwant %s", in, step, got, want)
		}
		if !done || err != nil || whole.Head.HTTP09 {
			return
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(in)), nil)
		if err != nil {
			return
		}
		framing := whole.Head.Framing(false)
		if resp.StatusCode != whole.Head.Status {
			t.Errorf("%q: status %d, want %d", in, whole.Head.Status, resp.StatusCode)
		}
		if whole.Head.Status == 204 || whole.Head.Status == 304 || whole.Head.Status/100 == 1 {
			return
		}
		if len(resp.TransferEncoding) > 0 != (framing.Kind == FramingChunked) && whole.Head.Version >= 1001 {
			t.Errorf("%q: %+v, want %q", in, framing, resp.TransferEncoding)
		}
		if framing.Kind == FramingLength && resp.ContentLength != framing.Length {
			t.Errorf("%q: %+v, want %d", in, framing, resp.ContentLength)
		}
	})
}

// FuzzChunked: cutting the input anywhere changes nothing, and what is
// accepted has the same payload to net/http.
func FuzzChunked(f *testing.F) {
	for _, c := range chunkedCases {
		f.Add([]byte(c.in), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		if step <= 0 {
			return
		}
		body, used, done, err := dechunk(string(in), 1<<30)
		b2, u2, d2, e2 := dechunk(string(in), step)
		if body != b2 || err == nil && used != u2 || done != d2 || (err == nil) != (e2 == nil) {
			t.Fatalf("%q: whole %q %d %v %v, by %d %q %d %v %v", in, body, used, done, err, step, b2, u2, d2, e2)
		}
		if !done {
			return
		}
		r, err := http.ReadResponse(bufio.NewReader(io.MultiReader(
			strings.NewReader("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), bytes.NewReader(in))), nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(r.Body)
		if err != nil {
			return // trailers that net/http does not like, long extensions
		}
		if string(want) != body {
			t.Fatalf("%q: got %q, want %q", in, body, want)
		}
	})
}

// FuzzNormalizePath: the result is an absolute path without dot segments,
// escaping it and resolving it again changes nothing, and the plain path
// agrees with the general one.
func FuzzNormalizePath(f *testing.F) {
	for _, s := range []string{"/", "/a/b.c?d#e", "/a/../b/./c//d", "/%2e%2E/%41%2f..", "/a%3f?b", "/a/..", "/+%2b"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, in string, merge bool) {
		u, _, err := NormalizePath(nil, in, merge)
		if err != nil {
			return
		}
		if g, _, err := resolve(nil, in, merge, false); err != nil || g != u {
			t.Errorf("%q: %+v, in general %+v %v", in, u, g, err)
		}
		if u.Path == "" || u.Path[0] != '/' {
			t.Errorf("%q: path %q", in, u.Path)
		}
		if strings.HasSuffix(u.Path, "/..") || strings.Contains(u.Path, "/../") ||
			strings.HasSuffix(u.Path, "/.") || strings.Contains(u.Path, "/./") ||
			merge && strings.Contains(u.Path, "//") || strings.Contains(u.Path, "\x00") {
			t.Errorf("%q: path %q", in, u.Path)
		}
		again, _, err := NormalizePath(nil, string(EscapeURI(nil, u.Path, EscapePath)), merge)
		if err != nil || again.Path != u.Path {
			t.Errorf("%q: path %q, again %q, %v", in, u.Path, again.Path, err)
		}
	})
}

// FuzzEscape: unescaping what was escaped gives the same back.
func FuzzEscape(f *testing.F) {
	f.Add("a b%20?&+\xff")
	f.Fuzz(func(t *testing.T, in string) {
		for kind := EscapePath; kind < EscapeRefresh; kind++ {
			if got := string(UnescapeURI(nil, string(EscapeURI(nil, in, kind)), UnescapeURIComponent)); got != in {
				t.Errorf("%q as %d: got %q", in, kind, got)
			}
		}
	})
}
