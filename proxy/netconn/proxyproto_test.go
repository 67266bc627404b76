package netconn

import (
	"fmt"
	"strings"
	"testing"
)

const (
	v2tcp4 = proxyV2Signature + "\x21\x11\x00\x13" + "\x0a\x00\x00\x01\x0a\x00\x00\x02\x1f\x90\x00\x50" + "\x01\x00\x04http"
	v2tcp6 = proxyV2Signature + "\x21\x21\x00\x24" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x1f\x90\x00\x50"
	v2local = proxyV2Signature + "\x20\x00\x00\x00"
)

var proxyCases = []struct{ in, want string }{
	{"PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\r\nGET", "1.2.3.4:1000 5.6.7.8:80 known rest GET"},
	{"PROXY TCP6 ::1 ::2 1000 80\r\n", "::1:1000 ::2:80 known rest "},
	{"PROXY UNKNOWN\r\nx", ":0 :0 rest x"},
	{"PROXY UNKNOWN ff:: any thing\r\nx", ":0 :0 rest x"},
	{"PROXY TCP4 1.2.3.4 5.6.7.8 1000 65536\r\n", "broken header: \"PROXY TCP4 1.2.3.4 5.6.7.8 1000 65536\""},
	{"PROXY TCP4 1.2.3.4 5.6.7.8 1000 +80\r\n", "broken header: \"PROXY TCP4 1.2.3.4 5.6.7.8 1000 +80\""},
	{"PROXY TCP4 1.2.3.4 5.6.7.8 1000\r\n", "broken header: \"PROXY TCP4 1.2.3.4 5.6.7.8 1000\""},
	{"PROXY TCP5 1.2.3.4 5.6.7.8 1000 80\r\n", "broken header: \"PROXY TCP5 1.2.3.4 5.6.7.8 1000 80\""},
	{"PROXY TCP4 1.2.3.x 5.6.7.8 1000 80\r\n", "broken header: \"PROXY TCP4 1.2.3.x 5.6.7.8 1000 80\""},
	{"PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\n", "broken header: \"PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\""},
	{"GET / HTTP/1.1\r\n", "broken header: \"GET / HTTP/1.1\""},
	{"GET", "broken header: \"GET\""},
	{"PROXY " + strings.Repeat("a", 101), "broken header: \"PROXY " + strings.Repeat("a", 101) + "\""},
	{"PRO", "short"},
	{"PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\r", "short"},
	{v2tcp4 + "GET", "10.0.0.1:8080 10.0.0.2:80 known alpn http rest GET"},
	{v2tcp6, "2001:db8::1:8080 2001:db8::2:80 known rest "},
	{v2local + "x", ":0 :0 rest x"},
	{v2tcp4[:20], "short"},
	{v2tcp4[:5], "short"},
	{proxyV2Signature + "\x31\x11\x00\x00", "unknown PROXY protocol version: 3"},
	{proxyV2Signature + "\x21\x11\xff\xff", "header is too large"},
	{proxyV2Signature + "\x21\x11\x00\x04abcd", "broken header: \"\""},
}

func describeProxy(in string) string {
	h, n, err := ParseProxyHeader([]byte(in))
	if err == ErrShortProxyHeader {
		return "short"
	}
	if err != nil {
		return err.Error()
	}
	s := fmt.Sprintf("%s:%d %s:%d", h.Src, h.SrcPort, h.Dst, h.DstPort)
	if h.Known {
		s += " known"
	}
	if v, ok := h.TLVByName("alpn"); ok {
		s += " alpn " + string(v)
	}
	return s + " rest " + in[n:]
}

func TestParseProxyHeader(t *testing.T) {
	for _, c := range proxyCases {
		if got := describeProxy(c.in); got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestProxyTLV(t *testing.T) {
	ssl := "\x05\x00\x00\x00\x00" + "\x22\x00\x02cn" + "\x21\x00\x07TLSv1.3"
	h := ProxyHeader{TLVs: []byte("\xea\x00\x03aws" + "\x20\x00" + string(rune(len(ssl))) + ssl)}
	for name, want := range map[string]string{"0xea": "aws", "ssl_cn": "cn", "ssl_version": "TLSv1.3", "ssl_verify": "0", "ssl_0x22": "cn"} {
		if v, ok := h.TLVByName(name); !ok || string(v) != want {
			t.Errorf("%s: %q %v", name, v, ok)
		}
	}
	for _, name := range []string{"alpn", "nothing", "ssl_cipher", "0xeb", "0x", "0xzz", ""} {
		if v, ok := h.TLVByName(name); ok {
			t.Errorf("%s: %q", name, v)
		}
	}
}

func TestReadProxyHeader(t *testing.T) {
	c, s := pair(t, "tcp")
	go func() {
		for i := range len(v2tcp4) {
			c.Write([]byte(v2tcp4[i : i+1]))
		}
		c.Write([]byte("GET"))
	}()
	h, err := s.ReadProxyHeader()
	if err != nil || h.SrcAddr().String() != "10.0.0.1:8080" {
		t.Fatal(h, err)
	}
	for len(s.Buffered()) < 3 {
		if _, err := s.Fill(100); err != nil {
			t.Fatal(err)
		}
	}
	if string(s.Buffered()) != "GET" {
		t.Fatalf("%q", s.Buffered())
	}
}

// FuzzParseProxyHeader: no input makes it fail otherwise than by an error,
// and what is incomplete is a beginning of what is complete.
func FuzzParseProxyHeader(f *testing.F) {
	for _, c := range proxyCases {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		h, n, err := ParseProxyHeader(in)
		if err != nil {
			return
		}
		for i := range n {
			if _, _, err := ParseProxyHeader(in[:i]); err != ErrShortProxyHeader {
				t.Fatalf("%q: the first %d bytes: %v", in, i, err)
			}
		}
		h.TLVByName("ssl_cn")
	})
}
