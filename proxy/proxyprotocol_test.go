package proxy

import "testing"

func TestParseProxyHeader(t *testing.T) {
	v2 := string(ppSignature) + "\x21\x11\x00\x13\x01\x02\x03\x04\x05\x06\x07\x08\x00\x50\x01\xbb\x02\x00\x04host"
	for _, test := range []struct {
		name, in string
		n        int
		src      string
		fault    bool
	}{
		{"v1", "PROXY TCP4 192.0.2.1 192.0.2.2 123 80\r\nGET", 39, "192.0.2.1:123", false},
		{"v1 six", "PROXY TCP6 2001:db8::1 ::1 1 2\r\n", 32, "[2001:db8::1]:1", false},
		{"unknown", "PROXY UNKNOWN\r\n", 15, "invalid AddrPort", false},
		{"cut", "PROXY TCP4 192.0", 0, "", false},
		{"no header", "GET / HTTP/1.1\r\n", 0, "", true},
		{"bad port", "PROXY TCP4 192.0.2.1 192.0.2.2 123 70000\r\n", 0, "", true},
		{"v2", v2, len(v2), "1.2.3.4:80", false},
		{"v2 cut", v2[:20], 0, "", false},
	} {
		pp, n, fault := parseProxyHeader([]byte(test.in))
		if n != test.n || fault != "" != test.fault {
			t.Errorf("%s: n = %d, fault = %q", test.name, n, fault)
			continue
		}
		if pp != nil && pp.src.String() != test.src {
			t.Errorf("%s: source %s, want %s", test.name, pp.src, test.src)
		}
		if test.name == "v2" {
			if v, found := findTLV(pp.tlvs, 2); !found || string(v) != "host" {
				t.Errorf("authority = %q, %v", v, found)
			}
		}
	}
}

func FuzzParseProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 123 80\r\n"))
	f.Add(append([]byte{}, ppSignature...))
	f.Fuzz(func(t *testing.T, b []byte) {
		pp, n, _ := parseProxyHeader(b)
		if n > len(b) || n > 0 && pp == nil {
			t.Fatalf("n = %d of %d, header %v", n, len(b), pp)
		}
		if pp != nil {
			findTLV(pp.tlvs, 1)
		}
	})
}
