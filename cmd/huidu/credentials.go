package main

import (
	"fmt"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"syscall"

	"huidu/nginxconf"
)

// credentials is the account that requests are served under when huidu was
// started by root.
//
// nginx keeps a master that is root and switches its workers. huidu is one
// process: it opens listeners, logs and the pid file as root and then makes
// the account its real and effective user on every thread, keeping root only
// as saved user. A reload, which may need a low port or a private key, takes
// root back on the one thread that does it (asRoot), never on those that
// serve. Programs that scripts start get the account alone: exec replaces
// the saved user by the effective one.
type credentials struct {
	name     string
	uid, gid int
	groups   []int
}

// lookupCredentials resolves user; without one it is nobody, as in nginx. It
// returns nil when the process is not root, and then user has no effect.
//
// See: https://nginx.org/en/docs/ngx_core_module.html#user
func lookupCredentials(m *nginxconf.Main) (*credentials, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	name := m.User.V
	if name == "" {
		name = defaultUser
	}
	u, err := user.Lookup(name)
	if err != nil {
		if m.User.Set {
			return nil, fmt.Errorf("getpwnam(%q) failed in %s:%d", name, m.User.Pos.File, m.User.Pos.Line)
		}
		// A container without /etc/passwd: nobody's number everywhere.
		return &credentials{name: name, uid: 65534, gid: 65534, groups: []int{65534}}, nil
	}
	c := &credentials{name: name}
	if c.uid, err = strconv.Atoi(u.Uid); err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	if c.gid, err = strconv.Atoi(u.Gid); err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	if m.Group.V != "" {
		g, err := user.LookupGroup(m.Group.V)
		switch {
		case err == nil:
			c.gid, _ = strconv.Atoi(g.Gid)
		case m.Group.Set:
			return nil, fmt.Errorf("getgrnam(%q) failed in %s:%d", m.Group.V, m.Group.Pos.File, m.Group.Pos.Line)
		}
	}
	c.groups = []int{c.gid}
	ids, _ := u.GroupIds()
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil && n != c.gid {
			c.groups = append(c.groups, n)
		}
	}
	return c, nil
}

// checkAccount checks the arguments of user when they are read.
func checkAccount(name, group string) error {
	if os.Geteuid() != 0 {
		return nginxconf.ErrNotRoot
	}
	if _, err := user.Lookup(name); err != nil {
		return fmt.Errorf("getpwnam(%q) failed", name)
	}
	if _, err := user.LookupGroup(group); err != nil {
		return fmt.Errorf("getgrnam(%q) failed", group)
	}
	return nil
}

// drop makes c the user of every thread, with root as the saved user.
func (c *credentials) drop() error {
	if c == nil || c.uid == 0 {
		return nil
	}
	if err := syscall.Setgroups(c.groups); err != nil {
		return fmt.Errorf("initgroups(%s, %d) failed %s", c.name, c.gid, errnoText(err))
	}
	if err := syscall.Setresgid(c.gid, c.gid, 0); err != nil {
		return fmt.Errorf("setgid(%d) failed %s", c.gid, errnoText(err))
	}
	if err := syscall.Setresuid(c.uid, c.uid, 0); err != nil {
		return fmt.Errorf("setuid(%d) failed %s", c.uid, errnoText(err))
	}
	return nil
}

// asRoot runs f with root as the effective user of f's thread alone. Without
// credentials, f just runs.
func (c *credentials) asRoot(f func() error) error {
	if c == nil || c.uid == 0 {
		return f()
	}
	runtime.LockOSThread()
	const keep = ^uintptr(0)
	set := func(uid uintptr) syscall.Errno {
		_, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, uid, keep)
		return e
	}
	if e := set(0); e != 0 {
		runtime.UnlockOSThread()
		return fmt.Errorf("seteuid(0) failed %s", errnoText(e))
	}
	err := f()
	if e := set(uintptr(c.uid)); e != 0 {
		// The thread stays locked and dies with this goroutine rather than
		// serve a request as root.
		return fmt.Errorf("seteuid(%d) failed %s", c.uid, errnoText(e))
	}
	runtime.UnlockOSThread()
	return err
}

// own gives a file to the account, so that it can be opened again later.
func (c *credentials) own(name string) {
	if c != nil && c.uid != 0 && name != "" {
		_ = os.Chown(name, c.uid, -1)
	}
}
