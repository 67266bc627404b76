package main

import (
	"fmt"
	"net"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// mapping is what --map-listen, --map-path and --map-addr ask for: how what
// a production file names is found on this machine. It is immutable.
type mapping struct {
	listen, addr map[string]string
	paths        [][2]string // longest from first
}

// newMapping reads the FROM=TO words of the three flags. Relative paths are
// made absolute, so that a later change of directory does not matter.
func newMapping(listen, paths, addrs []string) (*mapping, error) {
	m := &mapping{listen: map[string]string{}, addr: map[string]string{}}
	for _, w := range listen {
		from, to, _ := strings.Cut(w, "=")
		if !validAddr(from, true) || !validAddr(to, true) {
			return nil, fmt.Errorf("option \"--map-listen\" wants [address:]port or unix:path on both sides, not %q", w)
		}
		m.listen[canonicalListen(from)] = to
	}
	for _, w := range addrs {
		from, to, _ := strings.Cut(w, "=")
		if !validAddr(from, false) || !validAddr(to, false) {
			return nil, fmt.Errorf("option \"--map-addr\" wants HOST:PORT=HOST:PORT, not %q", w)
		}
		m.addr[strings.ToLower(from)] = to
	}
	for _, w := range paths {
		from, to, _ := strings.Cut(w, "=")
		abs, err := filepath.Abs(to)
		if err != nil {
			return nil, fmt.Errorf("option \"--map-path\": %w", err)
		}
		m.paths = append(m.paths, [2]string{strings.TrimRight(from, "/"), abs})
	}
	sort.SliceStable(m.paths, func(i, j int) bool { return len(m.paths[i][0]) > len(m.paths[j][0]) })
	return m, nil
}

// validAddr reports whether s is host:port or unix:path, or a lone port
// where that is allowed.
func validAddr(s string, lonePort bool) bool {
	if strings.HasPrefix(s, "unix:") {
		return len(s) > len("unix:")
	}
	port := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		port = s[i+1:]
	} else if !lonePort {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 0 && n <= 65535
}

// canonicalListen writes "*:80" as the address that it stands for.
func canonicalListen(s string) string {
	if rest, ok := strings.CutPrefix(s, "*:"); ok {
		return "0.0.0.0:" + rest
	}
	return s
}

// Listen maps a listen address: an exact "address:port" or "unix:path"
// first, then the port alone on whatever address it was.
func (m *mapping) Listen(addr string) string {
	host, port := "", addr
	if !strings.HasPrefix(addr, "unix:") {
		full := canonicalListen(addr)
		if h, p, err := net.SplitHostPort(full); err == nil {
			host, port = h, p
		}
		addr = full
	}
	to, ok := m.listen[addr]
	if !ok {
		to, ok = m.listen[port]
	}
	if !ok {
		return addr
	}
	if _, err := strconv.Atoi(to); err == nil && host != "" {
		return net.JoinHostPort(host, to)
	}
	return canonicalListen(to)
}

// Path maps a file name: the longest FROM that is the name itself or one of
// its directories.
func (m *mapping) Path(name string) string {
	for _, p := range m.paths {
		if rest, ok := strings.CutPrefix(name, p[0]); ok && (rest == "" || rest[0] == '/') {
			return p[1] + rest
		}
	}
	return name
}

// Addr maps an address that is connected to: "host:port" or "unix:path".
func (m *mapping) Addr(addr string) string {
	if to, ok := m.addr[strings.ToLower(addr)]; ok {
		return to
	}
	return addr
}
