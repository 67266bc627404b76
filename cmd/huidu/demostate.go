package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// demoState is what a running demo leaves for huidu gray: a small file of
// the user's own, so that "huidu gray add IP" finds it without flags.
type demoState struct {
	PID    int    `json:"pid"`
	Redis  string `json:"redis"`
	Script string `json:"script"`
}

// demoStateDir is below the user's cache directory, which nobody else may
// write to. Each demo has a file of its own there, named after its process.
func demoStateDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place to record the demo: %w", err)
	}
	return filepath.Join(dir, "huidu"), nil
}

func demoStateFile(dir string, pid int) string {
	return filepath.Join(dir, fmt.Sprintf("demo-%d.json", pid))
}

// recordDemo writes the state of this process's demo.
func recordDemo(s demoState) error {
	dir, err := demoStateDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(demoStateFile(dir, s.PID), append(data, '\n'), 0o600)
}

// runningDemo returns the state of the demo that was started last, of those
// whose process lives.
func runningDemo() (found demoState, ok bool) {
	dir, err := demoStateDir()
	if err != nil {
		return found, false
	}
	var newest time.Time
	names, _ := filepath.Glob(filepath.Join(dir, "demo-*.json"))
	for _, name := range names {
		s, when, err := readDemo(name)
		if err != nil || s.PID <= 0 {
			continue
		}
		if err := syscall.Kill(s.PID, 0); err != nil && err != syscall.EPERM {
			_ = os.Remove(name) // left by a demo that was killed
			continue
		}
		if !ok || when.After(newest) {
			found, newest, ok = s, when, true
		}
	}
	return found, ok
}

func readDemo(name string) (s demoState, when time.Time, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return s, when, err
	}
	st, err := os.Stat(name)
	if err != nil {
		return s, when, err
	}
	return s, st.ModTime(), json.Unmarshal(data, &s)
}

// forgetDemo removes the state of this process's demo.
func forgetDemo() {
	if dir, err := demoStateDir(); err == nil {
		_ = os.Remove(demoStateFile(dir, os.Getpid()))
	}
}
