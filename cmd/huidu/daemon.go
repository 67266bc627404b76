package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// A Go process cannot fork, so "daemon on" starts the same command again in
// a session of its own. daemonEnv marks that second process; descriptor 3 is
// a pipe on which it tells the first one that it serves.
const (
	daemonEnv   = "HUIDU_DAEMON"
	daemonReady = 3
)

type stage int

const (
	daemonNone stage = iota
	daemonChild
)

// daemonStage says whether p is the second process of a daemon start.
func daemonStage(p process) stage {
	if p.getenv(daemonEnv) == "1" {
		return daemonChild
	}
	return daemonNone
}

// daemonize starts the command again, detached, and waits until it serves or
// fails. It returns the exit code for this process: as with nginx, the
// command returns once the listeners are open and the pid file is written.
func daemonize(log *startLog, p process) int {
	self, err := os.Executable()
	if err != nil {
		log.Logf(levelEmerg, "daemon: %v", err)
		return 1
	}
	ready, done, err := os.Pipe()
	if err != nil {
		log.Logf(levelEmerg, "pipe() failed %s", errnoText(err))
		return 1
	}
	defer ready.Close()
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(append([]string{}, p.environ...), daemonEnv+"=1")
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{done}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		log.Logf(levelEmerg, "fork() failed %s", errnoText(err))
		return 1
	}
	_ = done.Close()
	if n, _ := ready.Read(make([]byte, 1)); n == 1 {
		_ = cmd.Process.Release()
		return 0
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	return 1
}

// announceReady tells the first process of a daemon start that this one
// serves, and lets go of its terminal.
func announceReady() error {
	syscall.Umask(0)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	pipe := os.NewFile(daemonReady, "ready")
	_, err = pipe.Write([]byte{1})
	_ = pipe.Close()
	if err != nil {
		return err
	}
	for fd := 0; fd <= 2; fd++ {
		if err := dup2(int(null.Fd()), fd); err != nil {
			return err
		}
	}
	return nil
}

// dup2 exists under that name on some platforms only.
func dup2(from, to int) error { return syscall.Dup3(from, to, 0) }
