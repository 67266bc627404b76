package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"huidu": main})
}

// TestCLI runs the scripts of testdata/cli. Beside testscript's commands they
// have: get URL TEXT (polls until the answer holds TEXT), pid FILE VAR (waits
// for a pid file and puts its contents in VAR), signal NAME PID, gone PID, and
// midway URL TEXT SIGNAL PID, which signals while the answer is awaited.
// PORT and PORT2 are free ports, ARTICLE the directory of the article's files, REDIS a Redis with the password "foobared".
func TestCLI(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/cli",
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"PORT", "PORT2"} {
				addr := freeAddr(0)
				env.Setenv(name, addr[strings.LastIndexByte(addr, ':')+1:])
			}
			m := miniredis.NewMiniRedis()
			m.RequireAuth("foobared")
			if err := m.Start(); err != nil {
				return err
			}
			env.Defer(m.Close)
			env.Setenv("REDIS", m.Addr())
			env.Setenv("REDISPORT", m.Port())
			article, err := filepath.Abs("../../testdata/huidu")
			if err != nil {
				return err
			}
			env.Setenv("ARTICLE", article)
			if os.Geteuid() == 0 {
				env.Setenv("USERLINE", "user root;")
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"get": cmdGet, "pid": cmdPID, "signal": cmdKill, "gone": cmdGone, "expand": cmdExpand, "midway": cmdMidway,
		},
	})
}

func poll(f func() error) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := f()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		conn, err := net.Dial("tcp", args[0])
		if err == nil {
			conn.Close()
			ts.Fatalf("%s accepts connections", args[0])
		}
		return
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	ts.Check(poll(func() error {
		resp, err := client.Get(args[0])
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && !strings.Contains(string(body), args[1]) {
			err = fmt.Errorf("%s answers %q, not %q", args[0], body, args[1])
		}
		return err
	}))
}

func cmdPID(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(poll(func() error {
		pid, err := readPIDFile(ts.MkAbs(args[0]))
		ts.Setenv(args[1], strconv.Itoa(pid))
		return err
	}))
}

var signalsByName = map[string]syscall.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "QUIT": syscall.SIGQUIT,
	"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "WINCH": syscall.SIGWINCH, "INT": syscall.SIGINT}

func cmdKill(ts *testscript.TestScript, _ bool, args []string) {
	pid, err := strconv.Atoi(args[1])
	ts.Check(err)
	if pid <= 1 {
		ts.Fatalf("no pid: %s", args[1])
	}
	ts.Check(syscall.Kill(pid, signalsByName[args[0]]))
}

func cmdGone(ts *testscript.TestScript, _ bool, args []string) {
	pid, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(poll(func() error {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && !strings.Contains(string(state), ") Z ") {
			return fmt.Errorf("process %d lives", pid)
		}
		return nil
	}))
}

// cmdExpand fills $NAME in files.
func cmdExpand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), func(k string) string {
			if v := ts.Getenv(k); v != "" {
				return v
			}
			if k == "USERLINE" {
				return ""
			}
			return "$" + k
		})
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
}

// cmdMidway sends a signal while a request is in flight; the answer must
// come all the same.
func cmdMidway(ts *testscript.TestScript, _ bool, args []string) {
	type answer struct {
		body []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
		resp, err := client.Get(args[0])
		if err != nil {
			answers <- answer{err: err}
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		answers <- answer{body, err}
	}()
	time.Sleep(300 * time.Millisecond) // the request has to be on its way
	cmdKill(ts, false, args[2:])
	a := <-answers
	ts.Check(a.err)
	if string(a.body) != args[1]+"\n" {
		ts.Fatalf("answer %q, not %q", a.body, args[1])
	}
}
