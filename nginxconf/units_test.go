package nginxconf

import (
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64 // -1: invalid
	}{{"0", 0}, {"10", 10}, {"1k", 1024}, {"2K", 2048}, {"3m", 3 << 20}, {"1g", -1}, {"", -1}, {"k", -1}, {"1kk", -1}, {"-1", -1},
		{"9223372036854775807", 1<<63 - 1}, {"9223372036854775808", -1}, {"9007199254740992k", -1}} {
		got, ok := parseSize(c.text)
		if !ok {
			got = -1
		}
		if got != c.want {
			t.Errorf("parseSize(%q) = %d, want %d", c.text, got, c.want)
		}
	}
	if v, ok := parseOffset("2G"); !ok || v != 2<<30 {
		t.Errorf("parseOffset(2G) = %d %v", v, ok)
	}
	for _, c := range []struct {
		text string
		sec  bool
		want time.Duration // -1: invalid
	}{
		{"1", false, time.Second}, {"1", true, time.Second}, {"1500ms", false, 1500 * time.Millisecond}, {"1500ms", true, -1},
		{"1m30s", false, 90 * time.Second}, {"1m 30s", false, 90 * time.Second}, {"1h 2m 3s 4ms", false, time.Hour + 2*time.Minute + 3004*time.Millisecond},
		{"1s1m", false, -1}, {"1s1s", false, -1}, {"1d", true, 24 * time.Hour}, {"1w", true, 7 * 24 * time.Hour}, {"1M", true, 30 * 24 * time.Hour},
		{"1y", true, 365 * 24 * time.Hour}, {"1y", false, -1}, {"1M", false, -1}, {"", true, -1}, {"s", false, -1}, {"m", true, -1}, {"1x", true, -1},
		{"1m30", true, 90 * time.Second}, {"1 ", false, time.Second}, {"1 1", false, 2 * time.Second}, {"-1", true, -1},
	} {
		parse := parseMsec
		if c.sec {
			parse = parseSec
		}
		got, ok := parse(c.text)
		if !ok {
			got = -1
		}
		if got != c.want {
			t.Errorf("time %q (seconds %v) = %v, want %v", c.text, c.sec, got, c.want)
		}
	}
	for text, want := range map[string]int{"0.5": 50, "50": 5000, "12.34": 1234, "12.345": -1, "": -1, ".": 0, "1.2.3": -1, "x": -1} {
		got, ok := fixed(text, 2)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("fixed(%q) = %d, want %d", text, got, want)
		}
	}
}
