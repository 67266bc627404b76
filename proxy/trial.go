package proxy

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"huidu/nginxconf"
	"huidu/proxy/netconn"
)

// TryListen does what Listen does and undoes it at once, to show for -t the
// errors that a start would show. An address in use is none: the server that
// uses it is what the configuration is for.
//
// See: ngx_open_listening_sockets
func (s *Server) TryListen() error {
	for _, sc := range s.router.Load().sockets {
		if err := tryListen(sc); err != nil {
			return err
		}
	}
	return nil
}

func tryListen(sc *socketConf) error {
	if sc.network == "unix" && !strings.HasPrefix(sc.address, "@") {
		if _, err := os.Lstat(sc.address); err == nil {
			return nil // in use, or left over
		}
		defer os.Remove(sc.address)
	}
	// Without reuseport, which would take connections from the running server.
	l, err := netconn.Listen(netconn.ListenOptions{Network: sc.network, Address: sc.address, Backlog: sc.listen.Backlog,
		RcvBuf: int(sc.listen.Rcvbuf), SndBuf: int(sc.listen.Sndbuf)})
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, syscall.EADDRINUSE):
		return nil
	}
	return fmt.Errorf("%s to %s failed (%s)", listenCall(err), listenName(sc), errnoText(err))
}

// createPaths makes the folders of temporary files that the configuration
// names, with nginx's mode.
//
// See: ngx_create_paths
func createPaths(cfg *nginxconf.Config) error {
	for _, path := range cfg.TempPaths {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, syscall.EEXIST) {
			return fmt.Errorf("mkdir() \"%s\" failed (%s)", path, errnoText(err))
		}
	}
	return nil
}
