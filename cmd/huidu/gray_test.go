package main

import (
	"testing"

	article "huidu/testdata/huidu"
)

func TestScanRedis(t *testing.T) {
	tests := []struct {
		name, src string
		want      redisCall
	}{
		{"the article", string(article.Script), redisCall{addr: "127.0.0.1:6379", password: "foobared"}},
		{"method calls, user, database", `red:connect("redis.local", 6380, { pool = "x" }) red:auth('u', [[p"w]]) red:select(3)`,
			redisCall{addr: "redis.local:6380", user: "u", password: `p"w`, db: "3"}},
		{"names", `local host, x = nil; local host = "10.0.0.1" local port = 6379
local pass = "s\"3" red:connect(host, port) red:auth(pass)`, redisCall{addr: "10.0.0.1:6379", password: `s"3`}},
		{"unix socket", `red:connect("unix:/tmp/r.sock")`, redisCall{addr: "unix:/tmp/r.sock"}},
		{"comments", "-- red:connect('1.1.1.1', 1)\n--[[ red:auth('no') ]] red:connect('2.2.2.2', 2)", redisCall{addr: "2.2.2.2:2"}},
		{"unknown names", `red:connect(conf.host, conf.port) red:auth(get("x"))`, redisCall{}},
		{"not a call", `connect("1.1.1.1", 1)`, redisCall{}},
		{"unfinished", `red:connect("1.1.1.1`, redisCall{}},
	}
	for _, tt := range tests {
		if got := scanRedis(tt.src); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func FuzzScanRedis(f *testing.F) {
	f.Add(string(article.Script))
	f.Add(`red:connect("a", [=[x]=])`)
	f.Fuzz(func(t *testing.T, src string) {
		scanRedis(src) // must end and not panic
	})
}

func TestParseAddresses(t *testing.T) {
	got, err := parseAddresses([]string{"10.0.0.1", "2001:DB8::1"})
	if err != nil || got[0] != "10.0.0.1" || got[1] != "2001:db8::1" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"10.0.0.0/8", "x", "", "10.0.0.1:80", "fe80::1%eth0"} {
		if _, err := parseAddresses([]string{bad}); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}
