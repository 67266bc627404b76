package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"
)

// nginxVersion is the version huidu answers where software asks nginx for
// its own: it decides what configurations and test suites expect of it.
const nginxVersion = "1.22.1"

// builtIn are the optional nginx modules that huidu has, in the words of
// nginx's configure. builtOut are the default modules that it does not have.
// A test holds both against the directive table.
var (
	builtIn = []string{
		"--with-http_addition_module",
		"--with-http_auth_request_module",
		"--with-http_gunzip_module",
		"--with-http_gzip_static_module",
		"--with-http_random_index_module",
		"--with-http_realip_module",
		"--with-http_secure_link_module",
		"--with-http_slice_module",
		"--with-http_ssl_module",
		"--with-http_stub_status_module",
		"--with-http_sub_module",
		"--with-http_v2_module",
	}
	builtOut = []string{
		"--without-http_grpc_module",
		"--without-http_scgi_module",
		"--without-http_uwsgi_module",
		"--without-mail_imap_module",
		"--without-mail_pop3_module",
		"--without-mail_smtp_module",
	}
)

// configureArguments is the text after "configure arguments: " of -V, also
// given to Lua as ngx.config.nginx_configure.
func configureArguments() string {
	return strings.Join(append(append([]string{}, builtIn...), builtOut...), " ")
}

// writeVersion prints what -v, -V and -h print, in nginx's form.
func writeVersion(w io.Writer, o *options) {
	fmt.Fprintf(w, "nginx version: nginx/%s\n", nginxVersion)
	if o.help {
		writeUsage(w)
	}
	if o.configure {
		fmt.Fprintf(w, "built by huidu %s\n", buildVersion())
		fmt.Fprintln(w, "TLS SNI support enabled")
		fmt.Fprintf(w, "configure arguments: %s\n", configureArguments())
	}
}

// buildVersion is huidu's own version: its module version or revision.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12] + " with " + info.GoVersion
		}
	}
	return info.Main.Version + " with " + info.GoVersion
}

// writeUsage prints nginx's help, then what huidu adds.
func writeUsage(w io.Writer) {
	fmt.Fprintf(w, `Usage: nginx [-?hvVtTq] [-s signal] [-p prefix]
             [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: %s)
  -e filename   : set error log file (default: %s)
  -c filename   : set configuration file (default: %s)
  -g directives : set global directives out of configuration file

Of huidu's own (each may be repeated, except --strict):
  --strict              : refuse what huidu otherwise forgives with a warning
  --trace-key FILE      : let requests signed with this key be followed: huidu explain --live
  --map-listen FROM=TO  : listen elsewhere: 80=8088, 0.0.0.0:80=127.0.0.1:8088
  --map-path FROM=TO    : find files elsewhere: /app/nginx=./site
  --map-addr FROM=TO    : connect elsewhere: 127.0.0.1:6379=127.0.0.1:16379

The old gateway goes on serving what huidu does not:
  --fallback URL        : http://127.0.0.1:8081 or unix:/run/old.sock
  --fallback-client WAY : how it learns the client: header (X-Huidu-Addr),
                          header=NAME, proxy_protocol or none
  --only /test,/api     : serve just these paths here (=/x: exactly this one)

Other commands: huidu demo, gray, translate, explain; see huidu --help

`, defaultPrefix(), defaultErrorLog, defaultConf)
}
