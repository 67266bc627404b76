package casetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// step carries one step out.
func (w *world) step(e engine, s step) (err error) {
	text := w.expand(s.text)
	switch s.verb {
	case ">":
		lines := make([]string, len(s.lines))
		for i, l := range s.lines {
			lines[i] = w.expand(l)
		}
		return w.send(buildRequest(lines, w.port(""), w.client.keep))
	case "raw":
		wire, err := strconv.Unquote(text)
		if err != nil {
			return err
		}
		method, _, _ := strings.Cut(wire, " ")
		return w.send(request{wire: []byte(wire), method: method})
	case "<":
		if w.last == nil {
			return errors.New("no request before")
		}
		lines := make([]string, len(s.lines))
		for i, l := range s.lines {
			lines[i] = w.expand(l)
		}
		return check(w.last, lines)
	case "keep":
		w.client.keep = true
	case "close":
		w.client.keep = false
		w.client.close()
	case "log":
		return w.logStep("logs/error.log", text)
	case "access":
		return w.logStep("logs/access.log", text)
	case "wait":
		d, err := time.ParseDuration(text)
		time.Sleep(d)
		return err
	case "file":
		name, quoted, _ := strings.Cut(text, " ")
		content, err := strconv.Unquote(quoted)
		if err != nil {
			return err
		}
		return w.write(name, content)
	case "reload":
		err := e.reload(w)
		if text == "refused" {
			if err == nil {
				return errors.New("the configuration was accepted")
			}
			return nil
		}
		return err
	case "upstream":
		name, rest, _ := strings.Cut(text, " ")
		u := w.upstreams[name]
		if u == nil {
			return fmt.Errorf("no upstream %q in the configuration", name)
		}
		return u.set(rest)
	case "redis":
		return w.redis.set(text)
	case "load":
		return w.loadStep(text)
	}
	return nil
}

func (w *world) send(r request) (err error) {
	w.last, err = w.client.do(r)
	return err
}

// logStep waits for a line, or checks that there is none.
func (w *world) logStep(file, text string) error {
	op, re, _ := strings.Cut(text, " ")
	want := compile(re)
	switch op {
	case "~":
		return waitShort(func() error {
			if data, _ := os.ReadFile(filepath.Join(w.dir, file)); !want.Match(data) {
				return fmt.Errorf("%s has no line that matches %s", file, re)
			}
			return nil
		})
	case "!~":
		if data, _ := os.ReadFile(filepath.Join(w.dir, file)); want.Match(data) {
			return fmt.Errorf("%s has a line that matches %s: %s", file, re, want.Find(data))
		}
		return nil
	}
	return fmt.Errorf("unknown: log %s", text)
}

// waitShort polls for something that should be there already.
func waitShort(f func() error) error {
	deadline := time.Now().Add(2 * time.Second)
	for {
		err := f()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
