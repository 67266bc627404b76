package main

import "os"

// What nginx's configure would have set. The paths are relative to the
// prefix.
const (
	defaultConf     = "conf/nginx.conf"
	defaultErrorLog = "logs/error.log"
	defaultUser     = "nobody"
)

// prefixes are where an installation may already lie, in the order in which
// they are tried: OpenResty's prefix, then nginx's.
var prefixes = []string{"/usr/local/openresty/nginx/", "/usr/local/nginx/"}

// defaultPrefix is the prefix without -p: the first of prefixes that exists,
// else nginx's.
func defaultPrefix() string {
	for _, p := range prefixes {
		if st, err := os.Stat(p); err == nil && st.IsDir() {
			return p
		}
	}
	return prefixes[len(prefixes)-1]
}
