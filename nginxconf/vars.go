package nginxconf

import (
	"sort"
	"strings"
)

// variables knows which variables exist and which are used.
type variables struct {
	declared map[string]bool  // by the configuration
	needed   map[string]Pos   // first use
	order    []string         // of first use: nginx complains in this order
	uses     map[string][]use // with Options.Divert, every use
}

// use is where a variable is used.
type use struct {
	node *Node
	at   level
}

func (v *variables) init() {
	v.declared, v.needed, v.uses = map[string]bool{}, map[string]Pos{}, map[string][]use{}
}

// need notes a use of a variable; name is in lower case.
func (b *build) need(name string) {
	if (b.opt.Divert || b.opt.Observe != nil) && b.node != nil {
		b.vars.uses[name] = append(b.vars.uses[name], use{b.node, b.cur})
	}
	if _, ok := b.vars.needed[name]; ok {
		return
	}
	b.vars.needed[name] = b.pos()
	b.vars.order = append(b.vars.order, name)
}

// declare makes a variable of the configuration. A builtin that cannot be
// changed is refused. Modules' own additions pass builtin.
func (b *build) declare(name string, _ bool) error {
	name = strings.ToLower(name)
	if name == "" {
		return b.emerg(`invalid variable name "$"`)
	}
	if fixed, known := builtins[name]; known && fixed {
		return b.emerg(`the duplicate "%s" variable`, name)
	}
	b.vars.declared[name] = true
	return nil
}

// checkVariables is the check at the end of http{}.
// See: ngx_http_variables_init_vars.
func (b *build) checkVariables() error {
	b.observeVariables()
	for _, name := range b.vars.order {
		if b.vars.declared[name] || knownVariable(name) {
			continue
		}
		if b.opt.Divert {
			b.divertUses(name)
			continue
		}
		pos := b.vars.needed[name]
		b.node = nil
		err := b.emergAt(Pos{}, `unknown "%s" variable`, name)
		err.(*confErr).d.Hint = "$" + name + " is used in " + pos.File + ":" + itoa(pos.Line)
		return err
	}
	return nil
}

func knownVariable(name string) bool {
	if _, ok := builtins[name]; ok {
		return true
	}
	for _, p := range variablePrefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// KnownVariables lists the variables that exist without being declared, and
// the prefixes of the families whose names go on ("arg_", "http_", …).
func KnownVariables() (names, prefixes []string) {
	for n := range builtins {
		names = append(names, n)
	}
	sort.Strings(names)
	return names, append(prefixes, variablePrefixes...)
}

var variablePrefixes = []string{"http_", "sent_http_", "sent_trailer_", "cookie_", "arg_", "upstream_http_",
	"upstream_trailer_", "upstream_cookie_", "proxy_protocol_tlv_"}

// builtins are the variables of nginx's modules; true where a configuration
// may not declare a variable of that name.
var builtins = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(fixedVariables) {
		m[n] = true
	}
	for _, n := range strings.Fields(changeableVariables) {
		m[n] = false
	}
	return m
}()

const changeableVariables = `
args limit_rate msie ancient_browser modern_browser invalid_referer uid_reset proxy_host proxy_port proxy_internal_host
ssl_alpn_protocol ssl_cipher ssl_ciphers ssl_client_cert ssl_client_escaped_cert ssl_client_fingerprint ssl_client_i_dn
ssl_client_i_dn_legacy ssl_client_raw_cert ssl_client_s_dn ssl_client_s_dn_legacy ssl_client_serial ssl_client_sigalg
ssl_client_v_end ssl_client_v_remain ssl_client_v_start ssl_client_verify ssl_curve ssl_curves ssl_early_data
memc_cmd memc_key memc_value memc_flags memc_exptime
ssl_ech_outer_server_name ssl_ech_status ssl_protocol ssl_server_name ssl_session_id ssl_session_reused ssl_sigalg ssl_sigalgs
`

const fixedVariables = `
http_host http_user_agent http_referer http_via http_x_forwarded_for http_cookie
content_length content_type host binary_remote_addr remote_addr remote_port
proxy_protocol_addr proxy_protocol_port proxy_protocol_server_addr proxy_protocol_server_port
server_addr server_port server_protocol scheme https request_uri uri document_uri request document_root realpath_root
query_string is_args is_request_port request_port request_filename server_name request_method remote_user
bytes_sent body_bytes_sent request_completion request_body request_body_file request_length request_time request_id
status sent_http_content_type sent_http_content_length sent_http_location sent_http_last_modified
sent_http_connection sent_http_keep_alive sent_http_transfer_encoding sent_http_cache_control sent_http_link
connection connection_requests connection_time nginx_version hostname pid msec pipe
time_iso8601 time_iso8601_ms time_local tcpinfo_rtt tcpinfo_rttvar tcpinfo_snd_cwnd tcpinfo_rcv_space
upstream_addr upstream_status upstream_connect_time upstream_header_time upstream_response_time upstream_response_length
upstream_bytes_received upstream_bytes_sent upstream_queue_time upstream_last_addr upstream_last_server_name
upstream_cache_status upstream_cache_last_modified upstream_cache_etag upstream_cache_key
proxy_add_x_forwarded_for proxy_add_via proxy_internal_body_length proxy_internal_chunked
realip_remote_addr realip_remote_port
secure_link secure_link_expires uid_got uid_set gzip_ratio limit_req_status limit_conn_status
connections_active connections_reading connections_writing connections_waiting
http2 http3 slice_range
fastcgi_script_name fastcgi_path_info date_local date_gmt
echo_it echo_timer_elapsed echo_request_body echo_request_method echo_request_uri
echo_client_request_method echo_client_request_headers echo_cacheable_request_uri echo_incr echo_response_status
huidu_backend
`
