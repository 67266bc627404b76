package http2

import (
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

func decode(t *testing.T, block []byte) []hpack.HeaderField {
	t.Helper()
	fields, err := hpack.NewDecoder(4096, nil).DecodeFull(block)
	if err != nil {
		t.Fatalf("%x: %v", block, err)
	}
	return fields
}

func TestEncodeRoundTrip(t *testing.T) {
	for _, status := range []int{100, 103, 200, 204, 206, 304, 400, 404, 418, 500, 599} {
		f := decode(t, AppendStatus(nil, status))
		if len(f) != 1 || f[0].Name != ":status" || len(f[0].Value) != 3 || f[0].Value != string([]byte{byte('0' + status/100), byte('0' + status/10%10), byte('0' + status%10)}) {
			t.Errorf("%d: %v", status, f)
		}
	}
	names := map[Field]string{FieldContentLength: "content-length", FieldContentType: "content-type", FieldDate: "date",
		FieldLastModified: "last-modified", FieldLocation: "location", FieldServer: "server", FieldVary: "vary"}
	values := []string{"", "x", "text/html; charset=utf-8", strings.Repeat("long ", 100), "\xff\xfe\x01", strings.Repeat("\xff", 200)}
	for field, name := range names {
		for _, v := range values {
			if f := decode(t, AppendField(nil, field, v)); len(f) != 1 || f[0].Name != name || f[0].Value != v {
				t.Errorf("%s: %q became %v", name, v, f)
			}
		}
	}
	for _, v := range values {
		b := AppendTableSize(nil)
		b = AppendHeader(b, "X-Some-Header", v)
		if f := decode(t, b); len(f) != 1 || f[0].Name != "x-some-header" || f[0].Value != v {
			t.Errorf("%q became %v", v, f)
		}
	}
	long := strings.Repeat("N", 300)
	if f := decode(t, AppendHeader(nil, long, "v")); f[0].Name != strings.ToLower(long) {
		t.Error("a long name was cut")
	}
}

func TestHeadersSplit(t *testing.T) {
	block := AppendHeader(AppendStatus(nil, 200), "x-long", strings.Repeat("\xff", 40000))
	b := AppendHeaders(nil, block, 7, true, DefaultFrameSize)
	var got []byte
	for want := FrameHeaders; len(b) > 0; want = FrameContinuation {
		h := ParseFrameHeader(b)
		b = b[FrameHeaderSize:]
		ended := h.Flags&FlagEndHeaders != 0
		if h.Type != want || h.Stream != 7 || h.Length > DefaultFrameSize || ended != (h.Length == len(b)) ||
			h.Flags&FlagEndStream != 0 != (want == FrameHeaders) {
			t.Fatalf("frame %+v", h)
		}
		got, b = append(got, b[:h.Length]...), b[h.Length:]
	}
	if f := decode(t, got); len(f) != 2 || len(f[1].Value) != 40000 {
		t.Errorf("got %d fields", len(f))
	}
}

func TestFrameHeader(t *testing.T) {
	h := FrameHeader{Length: 0x123456, Type: FramePing, Flags: 0x2d, Stream: 0x7abbccdd}
	if got := ParseFrameHeader(AppendFrameHeader(nil, h.Length, h.Type, h.Flags, h.Stream)); got != h {
		t.Errorf("%+v became %+v", h, got)
	}
}

func FuzzAppendHeader(f *testing.F) {
	f.Add("x-a", "b")
	f.Add("Content-Type", "text/html")
	f.Fuzz(func(t *testing.T, name, value string) {
		fields, err := hpack.NewDecoder(4096, nil).DecodeFull(AppendHeader(nil, name, value))
		if err != nil || len(fields) != 1 || fields[0].Value != value || len(fields[0].Name) != len(name) {
			t.Errorf("%q: %q became %v, %v", name, value, fields, err)
		}
	})
}
