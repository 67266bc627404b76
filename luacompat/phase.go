package luacompat

// phaseSet is a set of phases, for the check where an API may be called.
type phaseSet uint32

func in(ps ...Phase) (s phaseSet) {
	for _, p := range ps {
		s |= 1 << p
	}
	return s
}

func (s phaseSet) has(p Phase) bool { return s&(1<<p) != 0 }

// Sets that recur in the manual's context lists.
var (
	// inYield: where a handler may wait and answer.
	inYield = in(PhaseServerRewrite, PhaseRewrite, PhaseAccess, PhasePrecontent, PhaseContent)
	inSSL   = in(PhaseSSLClientHello, PhaseSSLCertificate, PhaseSSLSessionFetch, PhaseSSLSessionStore)
	// inCosocket: where cosockets, sleep and light threads work.
	inCosocket = inYield | in(PhaseTimer, PhaseSSLClientHello, PhaseSSLCertificate, PhaseSSLSessionFetch)
	inFilters  = in(PhaseHeaderFilter, PhaseBodyFilter, PhaseLog)
	// inRequest: where there is a client's request.
	inRequest = inYield | inFilters | in(PhaseSet, PhaseBalancer)
	inAll     = ^phaseSet(0)
)

// phaseNames are what ngx.get_phase answers.
var phaseNames = [...]string{
	PhaseInit: "init", PhaseInitWorker: "init_worker", PhaseExitWorker: "exit_worker",
	PhaseSSLClientHello: "ssl_client_hello", PhaseSSLCertificate: "ssl_cert",
	PhaseSSLSessionFetch: "ssl_session_fetch", PhaseSSLSessionStore: "ssl_session_store",
	PhaseServerRewrite: "server_rewrite", PhaseSet: "set", PhaseRewrite: "rewrite",
	PhaseAccess: "access", PhasePrecontent: "precontent", PhaseContent: "content",
	PhaseBalancer: "balancer", PhaseHeaderFilter: "header_filter",
	PhaseBodyFilter: "body_filter", PhaseLog: "log", PhaseTimer: "timer",
}

// phaseContexts are the names that error messages use.
var phaseContexts = [...]string{
	PhaseInit: "init_by_lua*", PhaseInitWorker: "init_worker_by_lua*",
	PhaseExitWorker: "exit_worker_by_lua*", PhaseSSLClientHello: "ssl_client_hello_by_lua*",
	PhaseSSLCertificate: "ssl_certificate_by_lua*", PhaseSSLSessionFetch: "ssl_session_fetch_by_lua*",
	PhaseSSLSessionStore: "ssl_session_store_by_lua*", PhaseServerRewrite: "server_rewrite_by_lua*",
	PhaseSet: "set_by_lua*", PhaseRewrite: "rewrite_by_lua*", PhaseAccess: "access_by_lua*",
	PhasePrecontent: "precontent_by_lua*", PhaseContent: "content_by_lua*",
	PhaseBalancer: "balancer_by_lua*", PhaseHeaderFilter: "header_filter_by_lua*",
	PhaseBodyFilter: "body_filter_by_lua*", PhaseLog: "log_by_lua*", PhaseTimer: "ngx.timer",
}

// String is the phase's name as ngx.get_phase gives it.
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "unknown"
}
