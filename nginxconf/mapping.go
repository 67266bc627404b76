package nginxconf

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
)

// Mappings translate what a production configuration names into what this
// machine has. Each is a list of "from=to"; the first that fits wins, and for
// paths the longest.

// ListenMapping makes Options.MapListen. "80=8088" changes a port on whatever
// address it is; "10.0.0.1:80=127.0.0.1:8088" or "unix:/a=unix:/b" an address.
func ListenMapping(pairs []string) (func(string) string, error) {
	rules, err := splitPairs("--map-listen", pairs)
	if err != nil {
		return nil, err
	}
	return func(addr string) string {
		host, port, err := net.SplitHostPort(addr)
		for _, r := range rules {
			if r.from == addr {
				return withHost(r.to, host)
			}
			if _, isPort := atoi(r.from); err == nil && isPort && r.from == port {
				return withHost(r.to, host)
			}
		}
		return addr
	}, nil
}

// withHost completes a port alone with the address's own host.
func withHost(to, host string) string {
	if _, ok := atoi(to); ok {
		return net.JoinHostPort(host, to)
	}
	return to
}

// PathMapping makes Options.MapPath. A rule fits a path that is its "from" or
// lies below it. A relative "to" is relative to the working directory.
func PathMapping(pairs []string) (func(string) string, error) {
	rules, err := splitPairs("--map-path", pairs)
	if err != nil {
		return nil, err
	}
	for i := range rules {
		rules[i].from = strings.TrimRight(rules[i].from, "/")
		if rules[i].to, err = filepath.Abs(rules[i].to); err != nil {
			return nil, fmt.Errorf("--map-path %s: %w", pairs[i], err)
		}
	}
	return func(path string) string {
		best := -1
		for i, r := range rules {
			rest, ok := strings.CutPrefix(path, r.from)
			if ok && (rest == "" || rest[0] == '/') && (best < 0 || len(r.from) > len(rules[best].from)) {
				best = i
			}
		}
		if best < 0 {
			return path
		}
		return rules[best].to + path[len(rules[best].from):]
	}, nil
}

// AddrMapping makes Options.MapAddr: exact "host:port" or "unix:path". A "from"
// without a port fits every port of that host, and then "to" keeps the port.
func AddrMapping(pairs []string) (func(string) string, error) {
	rules, err := splitPairs("--map-addr", pairs)
	if err != nil {
		return nil, err
	}
	return func(addr string) string {
		host, port, err := net.SplitHostPort(addr)
		for _, r := range rules {
			if r.from == addr {
				return r.to
			}
			if err == nil && r.from == host {
				if strings.Contains(r.to, ":") {
					return r.to
				}
				return net.JoinHostPort(r.to, port)
			}
		}
		return addr
	}, nil
}

type mapRule struct{ from, to string }

func splitPairs(flag string, pairs []string) ([]mapRule, error) {
	rules := make([]mapRule, len(pairs))
	for i, p := range pairs {
		from, to, ok := strings.Cut(p, "=")
		if !ok || from == "" || to == "" {
			return nil, fmt.Errorf("%s %q: want FROM=TO", flag, p)
		}
		rules[i] = mapRule{from, to}
	}
	return rules, nil
}
