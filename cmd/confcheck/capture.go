package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// captureEnv makes confcheck stand in for nginx: it names the folder to
	// copy to, captureNginx the program that answers -V.
	captureEnv   = "CONFCHECK_CAPTURE"
	captureNginx = "CONFCHECK_NGINX"
	// testdir is the placeholder of a configuration's own folder.
	testdir = "%%TESTDIR%%"
	// largest is the size from which a captured file is data, not configuration.
	largest = 64 << 10
	// fileTime is how long one test file may take.
	fileTime = 60 * time.Second
)

// capture runs every test file of the suite with this program as its nginx.
func capture(o options) error {
	if len(o.args) != 1 || o.suite == "" {
		return fmt.Errorf("capture needs -suite and a folder to write to")
	}
	out, err := filepath.Abs(o.args[0])
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	tests, err := filepath.Glob(filepath.Join(o.suite, "*.t"))
	if err != nil || len(tests) == 0 {
		return fmt.Errorf("no test files in %s", o.suite)
	}
	work := make(chan string)
	var wg sync.WaitGroup
	var kept atomic.Int32
	for range o.jobs {
		wg.Go(func() {
			for name := range work {
				kept.Add(int32(captureFile(o, self, out, name)))
			}
		})
	}
	for _, name := range tests {
		if o.wanted(filepath.Base(name)) {
			work <- filepath.Base(name)
		}
	}
	close(work)
	wg.Wait()
	fmt.Printf("%d configurations of %d files in %s\n", kept.Load(), len(tests), out)
	return nil
}

// captureFile runs one test file and counts the configurations it left.
func captureFile(o options, self, out, name string) int {
	to := filepath.Join(out, strings.TrimSuffix(name, ".t"))
	cmd := exec.Command("perl", name)
	cmd.Dir = o.suite
	cmd.Env = append(os.Environ(), captureEnv+"="+to, captureNginx+"="+o.nginx, "TEST_NGINX_BINARY="+self, "TEST_NGINX_UNSAFE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, name, err)
		return 0
	}
	late := time.AfterFunc(fileTime, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	_ = cmd.Wait() // a test whose nginx does not start fails
	late.Stop()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind
	kept, _ := filepath.Glob(to + "-*")
	return len(kept)
}

// captured is nginx as the suite calls it: asked for its version it answers
// as nginx, started it keeps its folder and fails.
func captured(args []string) int {
	dir := ""
	for i, a := range args {
		switch {
		case a == "-V" || a == "-v":
			out, _ := exec.Command(os.Getenv(captureNginx), a).CombinedOutput()
			// Dynamic modules are loaded by the run, not by the files.
			os.Stderr.Write(bytes.ReplaceAll(out, []byte("=dynamic"), nil))
			return 0
		case a == "-s":
			return 1
		case a == "-p" && i+1 < len(args):
			dir = args[i+1]
		}
	}
	if dir == "" {
		return 1
	}
	for i := 1; i < 50; i++ {
		to := fmt.Sprintf("%s-%d", os.Getenv(captureEnv), i)
		if err := os.Mkdir(to, 0o755); err != nil {
			if os.IsExist(err) {
				continue
			}
			_ = os.MkdirAll(filepath.Dir(to), 0o755)
			if os.Mkdir(to, 0o755) != nil {
				return 1
			}
		}
		if err := keep(strings.TrimSuffix(dir, "/"), to); err != nil {
			fmt.Fprintln(os.Stderr, "confcheck:", err)
		}
		break
	}
	return 1
}

// keep copies a folder, with its own path replaced by the placeholder. Of
// large files only the name is kept.
func keep(dir, to string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || rel == "." {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if len(data) > largest {
			data = nil
		}
		return os.WriteFile(target, bytes.ReplaceAll(data, []byte(dir), []byte(testdir)), 0o644)
	})
}
