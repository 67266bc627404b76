package nginxconf

const (
	noLuaUp   = "TLS handshakes with upstreams run no scripts; proxy_ssl_verify and proxy_ssl_certificate are supported"
	noQUIC    = "HTTP/3 comes with a later release"
	noHTTP2Up = "HTTP/2 to upstreams comes with a later release"
	noStream  = "of the stream modules, plain and TLS proxying is supported"
)

// unsupportedRows refuses rows that are otherwise complete.
func unsupportedRows(rows []row, reason string) []row {
	for i := range rows {
		rows[i] = rows[i].unsupported(reason)
	}
	return rows
}

// unsupportedModules are the modules that nginx has and huidu has not: their
// directives are known, and refused with the reason.
func unsupportedModules() []moduleRows {
	return []moduleRows{
		{"ngx_mail", specRows(Unsupported, "the mail module is not supported", `
mail m 0 block`)},
		{"ngx_http_uwsgi_module", append(specRows(Unsupported, "uwsgi comes with a later release", `
uwsgi_pass li 1`),
			likeProxy("uwsgi_", specRows(Ignored, "there is no uwsgi_pass", `
uwsgi_bind hsl 1,2
uwsgi_buffer_size hsl 1
uwsgi_buffering hsl flag
uwsgi_buffers hsl 2
uwsgi_busy_buffers_size hsl 1
uwsgi_cache hsl 1
uwsgi_cache_background_update hsl 1
uwsgi_cache_bypass hsl 1+
uwsgi_cache_key hsl 1
uwsgi_cache_lock hsl flag
uwsgi_cache_lock_age hsl 1
uwsgi_cache_lock_timeout hsl 1
uwsgi_cache_max_range_offset hsl 1
uwsgi_cache_methods hsl 1+
uwsgi_cache_min_uses hsl 1
uwsgi_cache_path h 2+
uwsgi_cache_revalidate hsl flag
uwsgi_cache_use_stale hsl 1+
uwsgi_cache_valid hsl 1+
uwsgi_connect_timeout hsl 1
uwsgi_force_ranges hsl flag
uwsgi_hide_header hsl 1
uwsgi_ignore_client_abort hsl flag
uwsgi_ignore_headers hsl 1+
uwsgi_intercept_errors hsl flag
uwsgi_limit_rate hsl 1
uwsgi_max_temp_file_size hsl 1
uwsgi_modifier1 hsl 1
uwsgi_modifier2 hsl 1
uwsgi_next_upstream hsl 1+
uwsgi_next_upstream_timeout hsl 1
uwsgi_next_upstream_tries hsl 1
uwsgi_no_cache hsl 1+
uwsgi_param hsl 2,3
uwsgi_pass_header hsl 1
uwsgi_pass_request_body hsl flag
uwsgi_pass_request_headers hsl flag
uwsgi_read_timeout hsl 1
uwsgi_request_buffering hsl flag
uwsgi_send_timeout hsl 1
uwsgi_socket_keepalive hsl flag
uwsgi_socket_rcvbuf hsl 1
uwsgi_socket_sndbuf hsl 1
uwsgi_ssl_certificate hsl 1
uwsgi_ssl_certificate_cache hsl 1,2,3
uwsgi_ssl_certificate_key hsl 1
uwsgi_ssl_ciphers hsl 1
uwsgi_ssl_conf_command hsl 2
uwsgi_ssl_crl hsl 1
uwsgi_ssl_name hsl 1
uwsgi_ssl_password_file hsl 1
uwsgi_ssl_protocols hsl 1+
uwsgi_ssl_server_name hsl flag
uwsgi_ssl_session_reuse hsl flag
uwsgi_ssl_trusted_certificate hsl 1
uwsgi_ssl_verify hsl flag
uwsgi_ssl_verify_depth hsl 1
uwsgi_store hsl 1
uwsgi_store_access hsl 1,2,3
uwsgi_string hsl 1
uwsgi_temp_file_write_size hsl 1
uwsgi_temp_path hsl 1,2,3,4`), map[string]func(b *build, n *Node) error{
				"param": checkParam, "modifier1": once(checkByte), "modifier2": once(checkByte), "string": once(checkValue)})...)},
		{"ngx_http_scgi_module", append(specRows(Unsupported, "SCGI comes with a later release", `
scgi_pass li 1`),
			likeProxy("scgi_", specRows(Ignored, "there is no scgi_pass", `
scgi_bind hsl 1,2
scgi_buffer_size hsl 1
scgi_buffering hsl flag
scgi_buffers hsl 2
scgi_busy_buffers_size hsl 1
scgi_cache hsl 1
scgi_cache_background_update hsl flag
scgi_cache_bypass hsl 1+
scgi_cache_key hsl 1
scgi_cache_lock hsl flag
scgi_cache_lock_age hsl 1
scgi_cache_lock_timeout hsl 1
scgi_cache_max_range_offset hsl 1
scgi_cache_methods hsl 1+
scgi_cache_min_uses hsl 1
scgi_cache_path h 2+
scgi_cache_revalidate hsl flag
scgi_cache_use_stale hsl 1+
scgi_cache_valid hsl 1+
scgi_connect_timeout hsl 1
scgi_force_ranges hsl flag
scgi_hide_header hsl 1
scgi_ignore_client_abort hsl flag
scgi_ignore_headers hsl 1+
scgi_intercept_errors hsl flag
scgi_limit_rate hsl 1
scgi_max_temp_file_size hsl 1
scgi_next_upstream hsl 1+
scgi_next_upstream_timeout hsl 1
scgi_next_upstream_tries hsl 1
scgi_no_cache hsl 1+
scgi_param hsl 2,3
scgi_pass_header hsl 1
scgi_pass_request_body hsl flag
scgi_pass_request_headers hsl flag
scgi_read_timeout hsl 1
scgi_request_buffering hsl flag
scgi_send_timeout hsl 1
scgi_socket_keepalive hsl flag
scgi_socket_rcvbuf hsl 1
scgi_socket_sndbuf hsl 1
scgi_store hsl 1
scgi_store_access hsl 1,2,3
scgi_temp_file_write_size hsl 1
scgi_temp_path hsl 1,2,3,4`), map[string]func(b *build, n *Node) error{"param": checkParam})...)},
		{"ngx_http_grpc_module", append(specRows(Unsupported, "gRPC comes with a later release", `
grpc_pass li 1`),
			likeProxy("grpc_", specRows(Ignored, "there is no grpc_pass", `
grpc_bind hsl 1,2
grpc_buffer_size hsl 1
grpc_connect_timeout hsl 1
grpc_hide_header hsl 1
grpc_ignore_headers hsl 1+
grpc_intercept_errors hsl flag
grpc_next_upstream hsl 1+
grpc_next_upstream_timeout hsl 1
grpc_next_upstream_tries hsl 1
grpc_pass_header hsl 1
grpc_read_timeout hsl 1
grpc_send_timeout hsl 1
grpc_set_header hsl 2
grpc_socket_keepalive hsl flag
grpc_socket_rcvbuf hsl 1
grpc_socket_sndbuf hsl 1
grpc_ssl_certificate hsl 1
grpc_ssl_certificate_cache hsl 1,2,3
grpc_ssl_certificate_key hsl 1
grpc_ssl_ciphers hsl 1
grpc_ssl_conf_command hsl 2
grpc_ssl_crl hsl 1
grpc_ssl_name hsl 1
grpc_ssl_password_file hsl 1
grpc_ssl_protocols hsl 1+
grpc_ssl_server_name hsl flag
grpc_ssl_session_reuse hsl flag
grpc_ssl_trusted_certificate hsl 1
grpc_ssl_verify hsl flag
grpc_ssl_verify_depth hsl 1`), nil)...)},
		{"ngx_http_tunnel_module", specRows(Unsupported, "CONNECT tunnels come with a later release", `
tunnel_bind hsl 1,2
tunnel_buffer_size hsl 1
tunnel_connect_timeout hsl 1
tunnel_next_upstream hsl 1+
tunnel_next_upstream_timeout hsl 1
tunnel_next_upstream_tries hsl 1
tunnel_pass sli 0,1
tunnel_read_timeout hsl 1
tunnel_send_lowat hsl 1
tunnel_send_timeout hsl 1
tunnel_socket_keepalive hsl flag
tunnel_socket_rcvbuf hsl 1
tunnel_socket_sndbuf hsl 1`)},
		{"ngx_http_v3_module", specRows(Unsupported, noQUIC, `
http3 hs flag
http3_hq hs flag
http3_max_concurrent_streams hs 1
http3_stream_buffer_size hs 1
quic_active_connection_id_limit hs 1
quic_gso hs flag
quic_host_key hs 1
quic_retry hs flag`)},
		{"ngx_http_dav_module", specRows(Unsupported, "WebDAV is not supported", `
create_full_put_path hsl flag
dav_access hsl 1,2,3
dav_methods hsl 1+
min_delete_depth hsl 1`)},
		{"ngx_http_perl_module", specRows(Unsupported, "embedded Perl is not supported", `
perl lx 1
perl_modules h 1
perl_require h 1
perl_set h 2`)},
		{"ngx_http_xslt_filter_module", specRows(Unsupported, "XSLT is not supported", `
xml_entities hsl 1
xml_external_entities hsl flag
xslt_last_modified hsl flag
xslt_param hsl 2
xslt_string_param hsl 2
xslt_stylesheet l 1+
xslt_types hsl 1+`)},
		{"ngx_http_image_filter_module", specRows(Unsupported, "image processing is not supported", `
image_filter l 1,2,3
image_filter_buffer hsl 1
image_filter_interlace hsl flag
image_filter_jpeg_quality hsl 1
image_filter_sharpen hsl 1
image_filter_transparency hsl flag
image_filter_webp_quality hsl 1`)},
		{"ngx_http_geoip_module", specRows(Unsupported, "GeoIP comes with a later release", `
geoip_city h 1,2
geoip_country h 1,2
geoip_org h 1,2
geoip_proxy h 1
geoip_proxy_recursive h flag`)},
		{"ngx_http_flv_module", specRows(Unsupported, "FLV streaming is not supported", `
flv l 0`)},
		{"ngx_http_mp4_module", specRows(Unsupported, "MP4 streaming is not supported", `
mp4 l 0
mp4_buffer_size hsl 1
mp4_max_buffer_size hsl 1
mp4_start_key_frame hsl flag`)},
		{"ngx_http_degradation_module", specRows(Unsupported, "it is a memory check of nginx", `
degradation h 1
degrade hsl 1`)},
		{"ngx_devpoll_module", specRows(Unsupported, "it is for another operating system", `
devpoll_changes e 1
devpoll_events e 1`)},
		{"ngx_eventport_module", specRows(Unsupported, "it is for another operating system", `
eventport_events e 1`)},
		{"ngx_iocp_module", specRows(Unsupported, "it is for another operating system", `
acceptex_read e flag
iocp_threads e 1
post_acceptex e 1`)},
		{"ngx_kqueue_module", specRows(Unsupported, "it is for another operating system", `
kqueue_changes e 1
kqueue_events e 1`)},
		{"ngx_stream_access_module", specRows(Unsupported, noStream, `
allow TV 1
deny TV 1`)},
		{"ngx_stream_core_module", specRows(Unsupported, noStream, `
error_log TV 1+
preread_buffer_size TV 1
preread_timeout TV 1
proxy_protocol_timeout TV 1
resolver TV 1+
resolver_timeout TV 1
server_name V 1+
server_names_hash_bucket_size T 1
server_names_hash_max_size T 1
tcp_nodelay TV flag
variables_hash_bucket_size T 1
variables_hash_max_size T 1`)},
		{"ngx_stream_geo_module", specRows(Unsupported, noStream, `
geo T 1,2 block`)},
		{"ngx_stream_geoip_module", specRows(Unsupported, noStream, `
geoip_city T 1,2
geoip_country T 1,2
geoip_org T 1,2`)},
		{"ngx_stream_limit_conn_module", specRows(Unsupported, noStream, `
limit_conn TV 2
limit_conn_dry_run TV flag
limit_conn_log_level TV 1
limit_conn_zone T 2`)},
		{"ngx_stream_log_module", specRows(Unsupported, noStream, `
access_log TV 1+
log_format T 2+
open_log_file_cache TV 1,2,3,4`)},
		{"ngx_stream_map_module", specRows(Unsupported, noStream, `
map T 2 block
map_hash_bucket_size T 1
map_hash_max_size T 1`)},
		{"ngx_stream_pass_module", specRows(Unsupported, noStream, `
pass V 1`)},
		{"ngx_stream_proxy_module", specRows(Unsupported, noStream, `
proxy_bind TV 1,2
proxy_buffer_size TV 1
proxy_download_rate TV 1
proxy_downstream_buffer TV 1
proxy_half_close TV flag
proxy_next_upstream TV flag
proxy_next_upstream_timeout TV 1
proxy_next_upstream_tries TV 1
proxy_protocol TV 1
proxy_requests TV 1
proxy_responses TV 1
proxy_socket_keepalive TV flag
proxy_socket_rcvbuf TV 1
proxy_socket_sndbuf TV 1
proxy_ssl_alpn TV 1+
proxy_ssl_certificate TV 1
proxy_ssl_certificate_cache TV 1,2,3
proxy_ssl_certificate_key TV 1
proxy_ssl_ciphers TV 1
proxy_ssl_conf_command TV 2
proxy_ssl_crl TV 1
proxy_ssl_name TV 1
proxy_ssl_password_file TV 1
proxy_ssl_protocols TV 1+
proxy_ssl_server_name TV flag
proxy_ssl_session_reuse TV flag
proxy_ssl_trusted_certificate TV 1
proxy_ssl_verify TV flag
proxy_ssl_verify_depth TV 1
proxy_upload_rate TV 1
proxy_upstream_buffer TV 1`)},
		{"ngx_stream_realip_module", specRows(Unsupported, noStream, `
set_real_ip_from TV 1`)},
		{"ngx_stream_set_module", specRows(Unsupported, noStream, `
set V 2`)},
		{"ngx_stream_split_clients_module", specRows(Unsupported, noStream, `
split_clients T 2 block`)},
		{"ngx_stream_ssl_module", specRows(Unsupported, noStream, `
ssl_alpn TV 1+
ssl_certificate_cache TV 1,2,3
ssl_certificate_compression TV flag
ssl_client_certificate TV 1
ssl_conf_command TV 2
ssl_crl TV 1
ssl_dhparam TV 1
ssl_ecdh_curve TV 1
ssl_ech_file TV 1
ssl_ocsp TV 1
ssl_ocsp_cache TV 1
ssl_ocsp_responder TV 1
ssl_password_file TV 1
ssl_prefer_server_ciphers TV flag
ssl_reject_handshake TV flag
ssl_session_cache TV 1,2
ssl_session_ticket_key TV 1
ssl_session_tickets TV flag
ssl_session_timeout TV 1
ssl_stapling TV flag
ssl_stapling_file TV 1
ssl_stapling_responder TV 1
ssl_stapling_verify TV flag
ssl_trusted_certificate TV 1
ssl_verify_client TV 1
ssl_verify_depth TV 1`)},
		{"ngx_stream_ssl_preread_module", specRows(Unsupported, noStream, `
ssl_preread TV flag`)},
		{"ngx_stream_upstream", specRows(Unsupported, noStream, `
resolver U 1+
resolver_timeout U 1`)},
		{"ngx_stream_upstream_hash_module", specRows(Unsupported, noStream, `
hash U 1,2`)},
		{"ngx_stream_upstream_least_conn_module", specRows(Unsupported, noStream, `
least_conn U 0`)},
		{"ngx_stream_upstream_least_time_module", specRows(Unsupported, noStream, `
least_time U 1,2`)},
		{"ngx_stream_upstream_random_module", specRows(Unsupported, noStream, `
random U 0,1,2`)},
		{"ngx_stream_upstream_zone_module", specRows(Unsupported, noStream, `
zone U 1,2`)},
	}
}
