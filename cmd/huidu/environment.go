package main

import (
	"os"
	"strings"
	"syscall"

	"huidu/nginxconf"
)

// applyEnvironment leaves in the process what env directives name, and TZ,
// as nginx does for its workers: scripts see no other variables.
//
// See: https://nginx.org/en/docs/ngx_core_module.html#env
func applyEnvironment(m *nginxconf.Main, environ []string) {
	had := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			had[k] = v
		}
	}
	os.Clearenv()
	if tz, ok := had["TZ"]; ok {
		_ = os.Setenv("TZ", tz)
	}
	for _, e := range m.Env {
		if e.Value.Set {
			_ = os.Setenv(e.Name, e.Value.V)
		} else if v, ok := had[e.Name]; ok {
			_ = os.Setenv(e.Name, v)
		}
	}
}

// applyLimits sets what worker_rlimit_nofile asks for. Without it the limit
// is the hard one: the Go runtime raises it at start.
//
// See: https://nginx.org/en/docs/ngx_core_module.html#worker_rlimit_nofile
func applyLimits(m *nginxconf.Main, log *startLog) {
	n := m.WorkerRlimitNofile
	if !n.Set || n.V < 0 {
		return
	}
	limit := syscall.Rlimit{Cur: uint64(n.V), Max: uint64(n.V)}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		log.Logf(levelAlert, "setrlimit(RLIMIT_NOFILE, %d) failed %s", n.V, errnoText(err))
	}
}
