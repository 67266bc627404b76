package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"huidu/proxy"
)

// serveOnce serves the site in dir, asks for url once and returns the body.
func serveOnce(t *testing.T, dir, url string) string {
	t.Helper()
	s, err := newSite(&options{prefix: dir + "/"})
	if err != nil {
		t.Fatal(err)
	}
	cfg, diags := s.load()
	if cfg == nil {
		t.Fatal(diags)
	}
	srv, err := proxy.New(cfg, s.serverOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Listen(); err != nil {
		t.Fatal(err)
	}
	srv.Start()
	defer srv.Stop()
	defer func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "logs/error.log"))
			t.Logf("error.log:\n%s", log)
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
