package main

import (
	"slices"
	"strings"
	"testing"

	"huidu/nginxconf"
)

// TestConfigureArguments holds -V against the directive table: suites choose
// by these words what they try.
func TestConfigureArguments(t *testing.T) {
	works := map[string]bool{}
	for _, r := range nginxconf.Rows() {
		if r.Status == nginxconf.Supported {
			works[r.Name] = true
		}
	}
	// A directive that shows that a module is there. Optional modules of
	// nginx come first, default ones after.
	for word, directive := range map[string]string{
		"--with-http_addition_module":               "add_after_body",
		"--with-http_auth_request_module":           "auth_request",
		"--with-http_dav_module":                    "dav_methods",
		"--with-http_flv_module":                    "flv",
		"--with-http_gunzip_module":                 "gunzip",
		"--with-http_gzip_static_module":            "gzip_static",
		"--with-http_mp4_module":                    "mp4",
		"--with-http_random_index_module":           "random_index",
		"--with-http_realip_module":                 "set_real_ip_from",
		"--with-http_secure_link_module":            "secure_link",
		"--with-http_slice_module":                  "slice",
		"--with-http_ssl_module":                    "ssl_certificate",
		"--with-http_stub_status_module":            "stub_status",
		"--with-http_sub_module":                    "sub_filter",
		"--with-http_v2_module":                     "http2",
		"--without-http_charset_module":             "charset",
		"--without-http_gzip_module":                "gzip",
		"--without-http_ssi_module":                 "ssi",
		"--without-http_userid_module":              "userid",
		"--without-http_access_module":              "allow",
		"--without-http_auth_basic_module":          "auth_basic",
		"--without-http_mirror_module":              "mirror",
		"--without-http_autoindex_module":           "autoindex",
		"--without-http_geo_module":                 "geo",
		"--without-http_map_module":                 "map",
		"--without-http_split_clients_module":       "split_clients",
		"--without-http_referer_module":             "valid_referers",
		"--without-http_rewrite_module":             "rewrite",
		"--without-http_proxy_module":               "proxy_pass",
		"--without-http_fastcgi_module":             "fastcgi_pass",
		"--without-http_uwsgi_module":               "uwsgi_pass",
		"--without-http_scgi_module":                "scgi_pass",
		"--without-http_grpc_module":                "grpc_pass",
		"--without-http_memcached_module":           "memcached_pass",
		"--without-http_limit_conn_module":          "limit_conn",
		"--without-http_limit_req_module":           "limit_req",
		"--without-http_empty_gif_module":           "empty_gif",
		"--without-http_browser_module":             "ancient_browser",
		"--without-http_upstream_hash_module":       "hash",
		"--without-http_upstream_ip_hash_module":    "ip_hash",
		"--without-http_upstream_least_conn_module": "least_conn",
		"--without-http_upstream_random_module":     "random",
		"--without-http_upstream_keepalive_module":  "keepalive",
		"--without-http_upstream_zone_module":       "zone",
		"--without-http-cache":                      "proxy_cache",
	} {
		list, want := builtIn, works[directive]
		if strings.HasPrefix(word, "--without") {
			list, want = builtOut, !works[directive]
		}
		if got := slices.Contains(list, word); got != want {
			t.Errorf("%s: said %v, but %s works is %v", word, got, directive, works[directive])
		}
	}
}
