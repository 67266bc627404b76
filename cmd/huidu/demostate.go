package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// demoState is what a running demo leaves for huidu gray: a small file of
// the user's own, so that "huidu gray add IP" finds it without flags.
type demoState struct {
	PID    int    `json:"pid"`
	Redis  string `json:"redis"`
	Script string `json:"script"`
}

// demoStateFile is below the user's cache directory, which nobody else may
// write to.
func demoStateFile() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place to record the demo: %w", err)
	}
	return filepath.Join(dir, "huidu", "demo.json"), nil
}

// recordDemo writes the state of this process's demo; the last demo started
// is the one that huidu gray finds.
func recordDemo(s demoState) error {
	name, err := demoStateFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(data, '\n'), 0o600)
}

// runningDemo returns the state of a demo whose process lives.
func runningDemo() (demoState, bool) {
	s, name, err := readDemo()
	if err != nil || s.PID <= 0 {
		return demoState{}, false
	}
	if err := syscall.Kill(s.PID, 0); err != nil && err != syscall.EPERM {
		_ = os.Remove(name) // left by a demo that was killed
		return demoState{}, false
	}
	return s, true
}

func readDemo() (s demoState, name string, err error) {
	if name, err = demoStateFile(); err != nil {
		return s, "", err
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return s, name, err
	}
	return s, name, json.Unmarshal(data, &s)
}

// forgetDemo removes the state if it is this process's.
func forgetDemo() {
	if s, name, err := readDemo(); err == nil && s.PID == os.Getpid() {
		_ = os.Remove(name)
	}
}
