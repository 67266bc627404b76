package http1

import (
	"strings"
	"testing"
)

func TestNormalizePath(t *testing.T) {
	for _, c := range []struct{ in, path, args, exten string }{
		{"/", "/", "", ""},
		{"/a/b.html", "/a/b.html", "", "html"},
		{"/a.b/c", "/a.b/c", "", ""},
		{"/a.tar.gz?x", "/a.tar.gz", "x", "gz"},
		{"/a?", "/a", "", ""},
		{"/a?b?c", "/a", "b?c", ""},
		{"/a?b#c", "/a", "b", ""},
		{"/a#b?c", "/a", "", ""},
		{"//a///b", "/a/b", "", ""},
		{"/./a/./b/.", "/a/b/", "", ""},
		{"/a/../b", "/b", "", ""},
		{"/a/b/..", "/a/", "", ""},
		{"/a/b/../", "/a/", "", ""},
		{"/a/b/..?x", "/a/", "x", ""},
		{"/a/.?x", "/a/", "x", ""},
		{"/a/.#x", "/a/", "", ""},
		{"/...", "/...", "", ""},
		{"/a%20b", "/a b", "", ""},
		{"/%2e%2e/a", "!", "", ""},
		{"/a/%2e%2e/b", "/b", "", ""},
		{"/a%2fb%2f%2fc", "/a/b/c", "", ""},
		{"/a%3fb?c%3f", "/a?b", "c%3f", ""},
		{"/a%23b", "/a#b", "", ""},
		{"/a%25b", "/a%b", "", ""},
		{"/%E4%BD%A0.TXT", "/\u4f60.TXT", "", "TXT"},
		{"/a.b%2ec", "/a.b.c", "", "c"},
		{"/..", "!", "", ""},
		{"/../", "!", "", ""},
		{"/a/../..", "!", "", ""},
		{"/%", "!", "", ""},
		{"/%2", "!", "", ""},
		{"/%zz", "!", "", ""},
		{"/%00", "!", "", ""},
		{"/a b", "!", "", ""},
		{"a", "!", "", ""},
		{"", "!", "", ""},
	} {
		u, _, err := NormalizePath(nil, c.in, true)
		if c.path == "!" {
			if err == nil {
				t.Errorf("%q: got %+v", c.in, u)
			}
			continue
		}
		if err != nil || u.Path != c.path || u.Args != c.args || u.Exten != c.exten {
			t.Errorf("%q: got %+v, %v", c.in, u, err)
		}
	}
}

func TestNormalizePathNoMerge(t *testing.T) {
	u, _, err := NormalizePath(nil, "//a//b/../c", false)
	if err != nil || u.Path != "//a//c" {
		t.Errorf("%+v %v", u, err)
	}
}

func TestNormalizePathPlain(t *testing.T) {
	in := "/plain/path.html?a=b"
	if n := testing.AllocsPerRun(100, func() {
		if u, dst, err := NormalizePath(nil, in, true); err != nil || dst != nil || u.Path != in[:16] {
			t.Fatal(u, dst, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	dst := []byte("before")
	u, dst, err := NormalizePath(dst, "/a/../b%20c", true)
	if err != nil || string(dst) != "before/b c" || u.Path != "/b c" {
		t.Errorf("%q %+v %v", dst, u, err)
	}
	if _, dst, err := NormalizePath(dst[:6], "/..", true); err == nil || string(dst) != "before" {
		t.Errorf("%q %v", dst, err)
	}
}

func TestEscapeURI(t *testing.T) {
	var all strings.Builder
	for c := 0x20; c < 0x80; c++ {
		all.WriteByte(byte(c))
	}
	for kind, want := range map[EscapeKind]string{
		EscapePath: "%20!%22%23$%25&'()*+,-./0123456789:;%3C=%3E%3F@ABCDEFGHIJKLMNOPQRSTUVWXYZ[%5C]%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
		EscapeArgs: "%20!%22%23$%25%26'()*%2B,-./0123456789:%3B%3C=%3E%3F@ABCDEFGHIJKLMNOPQRSTUVWXYZ[%5C]%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
		EscapeURIComponent: "%20%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E%3F%40ABCDEFGHIJKLMNOPQRSTUVWXYZ" +
			"%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
	} {
		if got := string(EscapeURI(nil, all.String(), kind)); got != want {
			t.Errorf("kind %d:\n got %s\nwant %s", kind, got, want)
		}
	}
	if got := string(EscapeURI(nil, "a b+c=d", EscapeMailXtext)); got != "a+20b+2Bc+3Dd" {
		t.Error(got)
	}
	if got := string(EscapeURI(nil, "a b%\n\xff", EscapeMemcached)); got != "a%20b%25%0A\xff" {
		t.Error(got)
	}
	if !NeedsEscape("a b", EscapePath) || NeedsEscape("a/b", EscapePath) {
		t.Error("NeedsEscape")
	}
}

func TestUnescapeURI(t *testing.T) {
	for _, c := range []struct {
		in   string
		kind UnescapeKind
		want string
		rest string
	}{
		{"a%20b%2Bc+d", UnescapeURIComponent, "a b+c+d", ""},
		{"%zz%4", UnescapeURIComponent, "zz", ""},
		{"%4z1", UnescapeURIComponent, "1", ""},
		{"a?b%20", UnescapePath, "a?", "b%20"},
		{"a%3fb%20", UnescapePath, "a?", "b%20"},
		{"a%20b%41?c", UnescapeRedirect, "a%20bA?", "c"},
		{"%25%26", UnescapeRedirect, "%25&", ""},
		{"a?b", UnescapeURIComponent, "a?b", ""},
	} {
		got, rest := UnescapeURIRest(nil, c.in, c.kind)
		if string(got) != c.want || rest != c.rest {
			t.Errorf("%q as %d: got %q, %q", c.in, c.kind, got, rest)
		}
	}
}

func TestValidateHost(t *testing.T) {
	for _, c := range []struct {
		in, name string
		port     int
	}{
		{"a", "a", 0}, {"A.B", "a.b", 0}, {"a:80", "a", 80}, {"a:", "a", 0}, {"a.", "a", 0}, {"a.:1", "a", 1},
		{"[::1]", "[::1]", 0}, {"[::A]:8080", "[::a]", 8080}, {"a_b~c", "a_b~c", 0}, {"a:65535", "a", 65535},
		{"", "!", 0}, {".", "!", 0}, {":80", "!", 0}, {"a..b", "!", 0}, {"a:1x", "!", 0}, {"[::1", "!", 0}, {"[::1]x", "!", 0},
		{"a:65536", "!", 0}, {"a/b", "!", 0}, {"a b", "!", 0}, {"a@b", "!", 0}, {"a\x00", "!", 0}, {"a\\b", "!", 0},
		{"[a]:1:2", "!", 0}, {"a:99999999999999999999", "!", 0},
	} {
		name, port, ok := ValidateHost(c.in)
		if !ok {
			name = "!"
		}
		if name != c.name || port != c.port {
			t.Errorf("%q: got %q %d", c.in, name, port)
		}
	}
}
