package nginxconf

// modules lists every module's rows, in nginx's order.
func modules() []moduleRows {
	list := []moduleRows{
		{"nginx", mainRows()},
		{"ngx_event", eventsRows()},
		{"ngx_http_core_module", coreRows()},
		{"ngx_http_log_module", logRows()},
		{"ngx_http_upstream", upstreamRows()},
		{"ngx_http_index_module", indexRows()},
		{"ngx_http_access_module", accessRows()},
		{"ngx_http_limit_req_module", limitRows()},
		{"ngx_http_map_module", mapRows()},
		{"ngx_http_rewrite_module", rewriteRows()},
		{"ngx_http_proxy_module", proxyRows()},
		{"ngx_http_fastcgi_module", fastcgiRows()},
		{"", filterRows()},
		{"ngx_http_ssi_filter_module", ssiRows()},
		{"", miscRows()},
		{"", memcRows()},
		{"ngx_http_headers_filter_module", headersRows()},
		{"ngx_http_ssl_module", sslRows()},
		{"ngx_http_v2_module", http2Rows()},
		{"ngx_http_lua_module", luaRows()},
		{"huidu_release", releaseRows()},
		{"ngx_http_echo_module", echoRows()},
		{"ngx_http_headers_more_filter_module", moreRows()},
		{"ngx_http_set_misc_module", setMiscRows()},
		{"ngx_epoll_module", []row{
			singleRow("epoll_events", CtxEvents, take1, checkNum).ignored(noWorkers),
			singleRow("worker_aio_requests", CtxEvents, take1, checkNum).ignored(noWorkers)}},
	}
	list = append(list, streamRows()...)
	return append(list, unsupportedModules()...)
}
