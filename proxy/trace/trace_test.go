package trace

import (
	"strings"
	"testing"
	"time"
)

func TestSign(t *testing.T) {
	key, now := []byte("0123456789abcdef"), time.Unix(1_700_000_000, 0)
	good := Sign(key, "GET", "Shop.example", "/a?b=c", now.Add(time.Minute))
	for _, c := range []struct {
		name                        string
		key                         string
		value, method, host, target string
		now                         time.Time
		want                        bool
	}{
		{"as signed", string(key), good, "GET", "shop.example", "/a?b=c", now, true},
		{"another key", "0123456789abcdeF", good, "GET", "shop.example", "/a?b=c", now, false},
		{"no key", "", good, "GET", "shop.example", "/a?b=c", now, false},
		{"another method", string(key), good, "POST", "shop.example", "/a?b=c", now, false},
		{"another host", string(key), good, "GET", "shop.example.org", "/a?b=c", now, false},
		{"another target", string(key), good, "GET", "shop.example", "/a?b=d", now, false},
		{"expired", string(key), good, "GET", "shop.example", "/a?b=c", now.Add(2 * time.Minute), false},
		{"too far ahead", string(key), Sign(key, "GET", "h", "/", now.Add(time.Hour)), "GET", "h", "/", now, false},
		{"another version", string(key), "v2" + good[2:], "GET", "shop.example", "/a?b=c", now, false},
		{"no signature", string(key), good[:strings.LastIndexByte(good, ';')+1], "GET", "shop.example", "/a?b=c", now, false},
		{"nonsense", string(key), "x", "GET", "shop.example", "/a?b=c", now, false},
	} {
		if got := Verify([]byte(c.key), c.value, c.method, c.host, c.target, c.now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestSignSplitsParts: parts cannot be moved between method, host and target.
func TestSignSplitsParts(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	if Sign([]byte("k"), "GET", "a", "b\n1:c", at) == Sign([]byte("k"), "GET", "a\n1:b", "c", at) {
		t.Error("two requests have one signature")
	}
}

func TestEncode(t *testing.T) {
	rec := NewRecorder()
	rec.Edit(func(t *Trace) { t.Request, t.Decision.Upstream = "GET / HTTP/1.1", "b" })
	for range maxEvents + 5 {
		rec.Add(Event{Kind: Log, What: strings.Repeat("x", 50)})
	}
	value := rec.Trace().Encode()
	if len(value) > maxHeader {
		t.Errorf("%d bytes, more than %d", len(value), maxHeader)
	}
	got, err := Decode(value)
	if err != nil {
		t.Fatal(err)
	}
	if got.Decision.Upstream != "b" || got.Dropped+len(got.Events) != maxEvents+5 {
		t.Errorf("got %d events, %d dropped, decision %+v", len(got.Events), got.Dropped, got.Decision)
	}
	for _, bad := range []string{"", "%", "e30=", "bm8="} {
		if _, err := Decode(bad); err == nil {
			t.Errorf("Decode(%q) gives no error", bad)
		}
	}
}

func TestText(t *testing.T) {
	tr := &Trace{Request: "GET /test HTTP/1.1", Client: "1.2.3.4", Listen: "0.0.0.0:80",
		Events: []Event{
			{Kind: Location, Place: "/etc/nginx.conf:12", What: "^~ /test", Why: "the longest prefix",
				Tried: []Candidate{{Location: "^~ /test", Place: "/etc/nginx.conf:12", Result: "the longest prefix"}}},
			{Kind: Redis, Place: "huidu.lua:27", What: `get("1.2.3.4")`, Result: `"1.2.3.4"`},
			{Kind: Log, What: "[error] no"},
		},
		Decision: Decision{Server: "localhost", Location: "@client2", Upstream: "client2", Peer: "127.0.0.1:8090",
			Request: "GET /test HTTP/1.1\r\nHost: client2\r\n\r\n", BodySize: 3},
		Caveats: []string{"be careful"}}
	var short, long strings.Builder
	if err := tr.Text(&short, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := tr.Text(&long, TextOptions{Steps: true, Colour: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"from 1.2.3.4 on 0.0.0.0:80", `get("1.2.3.4")  → "1.2.3.4"`, "nginx.conf:12", "to be sent to 127.0.0.1:8090:\n  GET /test HTTP/1.1\n  Host: client2\n  (and a body of 3 bytes)",
		"decision: upstream client2 (location @client2 of server localhost)", "note: be careful"} {
		if !strings.Contains(short.String(), want) {
			t.Errorf("%q is not in\n%s", want, short.String())
		}
	}
	if strings.Contains(short.String(), "[error] no") || strings.Contains(short.String(), "\x1b") {
		t.Errorf("log lines or colours in\n%s", short.String())
	}
	if !strings.Contains(long.String(), "[error] no") || !strings.Contains(long.String(), "\x1b[1m") ||
		!strings.Contains(long.String(), "^~ /test: the longest prefix") {
		t.Errorf("steps or colours are missing in\n%s", long.String())
	}
}
