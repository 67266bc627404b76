package http1

import (
	"net/http"
	"testing"
	"time"
)

func TestAppendStatusLine(t *testing.T) {
	for code, want := range map[int]string{
		200: "HTTP/1.1 200 OK\r\n", 302: "HTTP/1.1 302 Moved Temporarily\r\n", 203: "HTTP/1.1 203 \r\n",
		502: "HTTP/1.1 502 Bad Gateway\r\n", 999: "HTTP/1.1 999 \r\n", 7: "HTTP/1.1 007 \r\n", 101: "HTTP/1.1 101 Switching Protocols\r\n",
	} {
		if got := string(AppendStatusLine(nil, code)); got != want {
			t.Errorf("%d: %q", code, got)
		}
	}
	if StatusText(404) != "Not Found" || StatusText(-1) != "" || StatusText(1000) != "" {
		t.Error("StatusText")
	}
}

func TestAppendHeader(t *testing.T) {
	got := string(AppendHeaderInt(AppendHeader(nil, "A", "b"), "Content-Length", 12))
	if got != "A: b\r\nContent-Length: 12\r\n" {
		t.Error(got)
	}
	if ValidValue("a\r\nb") || ValidValue("a\x00") || !ValidValue("a\tb\xff") {
		t.Error("ValidValue")
	}
}

func TestDates(t *testing.T) {
	var c DateCache
	at := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	d := c.At(at)
	if d.HTTP != at.Format(http.TimeFormat) || d.DateLine != "Date: "+d.HTTP+"\r\n" {
		t.Errorf("%+v", d)
	}
	if d != c.At(at.Add(time.Millisecond)) || d == c.At(at.Add(time.Second)) {
		t.Error("not kept for the second, or longer")
	}
	if old := c.At(at); old.Unix != at.Unix() {
		t.Error("time went back and the text did not")
	}
	if got := string(AppendCookieDate(nil, at)); got != "Tue, 03-Feb-26 04:05:06 GMT" {
		t.Error(got)
	}
	if got := string(AppendCookieDate(nil, at.AddDate(20, 0, 0))); got != "Sat, 03-Feb-2046 04:05:06 GMT" {
		t.Error(got)
	}
}

func BenchmarkDateCache(b *testing.B) {
	var c DateCache
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		_ = c.At(now).DateLine
	}
}
