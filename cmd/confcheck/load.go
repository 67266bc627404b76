package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"runtime/debug"
	"strings"
	"syscall"

	"huidu/nginxconf"
	"huidu/proxy"
)

// load does what huidu -t does, without a process of its own: it is ten times
// faster, and says the same but for what concerns the process.
func load(c config, dir, globals string) (a answer, err error) {
	defer os.RemoveAll(dir)
	defer func() {
		if p := recover(); p != nil {
			a = answer{Error: fmt.Sprintf("panic: %v", p), Rest: string(debug.Stack())}
		}
	}()
	if err := c.write(dir); err != nil {
		return answer{}, err
	}
	if f, err := os.OpenFile(dir+"/error.log", os.O_CREATE, 0o644); err == nil { // as -e does
		f.Close()
	}
	cfg, diags := nginxconf.Load(nginxconf.OSFiles{}, dir+"/"+mainFile, nginxconf.Options{
		Strict: true, Prefix: dir + "/", Globals: globals, ErrorLog: "error.log", PIDPath: "nginx.pid", Account: account})
	for _, d := range diags {
		text := strings.ToValidUTF8(strings.ReplaceAll(d.String(), dir, "DIR"), "\ufffd")
		switch {
		case d.Severity >= nginxconf.Error && a.Error == "":
			a.Error = text
		case d.Severity == nginxconf.Warn && a.Error == "":
			a.Warns = append(a.Warns, text)
		}
	}
	if cfg == nil {
		return a, nil
	}
	if cfg.HTTP != nil {
		cfg.HTTP.Lua.InitBy, cfg.HTTP.Lua.ExitWorkerBy = nil, nil // nginx -t runs no Lua
	}
	if err := try(cfg, dir); err != nil {
		a.Error = strings.ReplaceAll("[emerg] "+err.Error(), dir, "DIR")
		return a, nil
	}
	a.OK = true
	return a, nil
}

// try does what a start does and shows.
func try(cfg *nginxconf.Config, dir string) error {
	pid, err := os.OpenFile(cfg.Main.PID.V, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("open() %q failed %s", cfg.Main.PID.V, errnoText(err))
	}
	pid.Close()
	srv, err := proxy.New(cfg, proxy.Options{ErrorLogPath: dir + "/error.log"})
	if err != nil {
		return err
	}
	defer srv.Stop()
	return srv.TryListen()
}

// errnoText is an error as nginx writes it, "(2: No such file or directory)".
func errnoText(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return "(" + err.Error() + ")"
	}
	text := no.Error()
	return fmt.Sprintf("(%d: %s%s)", int(no), strings.ToUpper(text[:1]), text[1:])
}

// account is what huidu itself asks the system of the arguments of user.
func account(name, group string) error {
	if _, err := user.Lookup(name); err != nil {
		return fmt.Errorf("getpwnam(%q) failed", name)
	}
	if _, err := user.LookupGroup(group); err != nil {
		return fmt.Errorf("getgrnam(%q) failed", group)
	}
	return nil
}
