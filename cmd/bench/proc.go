package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is USER_HZ, in which /proc counts CPU time on Linux.
const clockTick = 10 * time.Millisecond

// server is a process that the bench has started.
type server struct {
	name string
	cmd  *exec.Cmd
	done chan error
}

// start runs a program whose output goes to a file below dir, and waits until
// it accepts connections on addr.
func start(dir, name, addr string, args ...string) (*server, error) {
	out, err := os.Create(filepath.Join(dir, name+".out"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	s := &server{name: name, cmd: exec.Command(args[0], args[1:]...), done: make(chan error, 1)}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.done <- s.cmd.Wait() }()
	deadline := time.Now().Add(10 * time.Second)
	for !accepts(addr) {
		select {
		case err := <-s.done:
			text, _ := os.ReadFile(out.Name())
			return nil, fmt.Errorf("%s ended at start: %v\n%s", name, err, text)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("%s does not listen on %s", name, addr)
		}
	}
	return s, nil
}

// stop ends the process it started, gracefully at first.
func (s *server) stop() {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = s.cmd.Process.Signal(sig)
		select {
		case <-s.done:
			return
		case <-time.After(3 * time.Second):
		}
	}
}

// pids are the process and its children (nginx's workers).
func (s *server) pids() []int {
	pid := s.cmd.Process.Pid
	all := []int{pid}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, w := range strings.Fields(string(text)) {
		if n, err := strconv.Atoi(w); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// cpu is the CPU time that the processes have used so far.
func (s *server) cpu() time.Duration {
	var ticks int64
	for _, pid := range s.pids() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, i := range []int{11, 12} { // utime, stime
			n, _ := strconv.ParseInt(fields[i], 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * clockTick
}

// memory is the processes' resident memory in KiB, shared pages counted in
// proportion (Pss): nginx's workers share most of theirs.
func (s *server) memory() int64 {
	var kib int64
	for _, pid := range s.pids() {
		f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue
		}
		for sc := bufio.NewScanner(f); sc.Scan(); {
			if rest, ok := strings.CutPrefix(sc.Text(), "Pss:"); ok {
				n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				kib += n
			}
		}
		f.Close()
	}
	return kib
}
