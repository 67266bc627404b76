package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestDemo is the README's promise: the demo shows production, and staging
// after huidu gray add.
func TestDemo(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	d, err := startDemo(0, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer d.stop()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	ask := func(want string) {
		t.Helper()
		resp, err := client.Get("http://" + d.gateway + "/test")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if want = "this is " + want + ": GET /test\n"; string(body) != want {
			t.Fatalf("got %q, want %q", body, want)
		}
	}
	gray := func(code int, want string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		got := run(append([]string{"gray"}, args...), process{stdin: strings.NewReader(""), stdout: &out, stderr: &errs})
		if got != code || !strings.Contains(out.String(), want) {
			t.Fatalf("gray %q: exit %d, %q, %q; want exit %d and %q", args, got, out.String(), errs.String(), code, want)
		}
		if strings.Contains(out.String()+errs.String(), "foobared") {
			t.Fatalf("gray %q printed the password", args)
		}
	}
	ask("production")
	gray(1, "production", "check", "127.0.0.1")
	gray(0, "127.0.0.1 added", "add", "127.0.0.1")
	ask("staging")
	gray(0, "127.0.0.1: staging", "check", "127.0.0.1")
	gray(0, "already", "add", "127.0.0.1")
	gray(0, "127.0.0.1\n", "list")
	gray(0, "127.0.0.1 removed", "rm", "127.0.0.1")
	ask("production")
	gray(2, "", "add", "10.0.0.0/8")
	gray(3, "", "list", "--password", "wrong")
}
