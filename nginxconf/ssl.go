package nginxconf

import (
	"strings"
	"time"
)

var sslProtocols = []string{"SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}

// confFile is a path that is resolved against the main file's directory.
func confFile(name string, ctx Context, f field[string]) row {
	return newRow(name, ctx, take1, f, nil, func(b *build, n *Node, o *Opt[string]) error {
		if n.Args[0] != "" {
			o.V = b.confName(n.Args[0])
		}
		return nil
	})
}

// sslRows is ngx_http_ssl_module.
// See: http://nginx.org/en/docs/http/ngx_http_ssl_module.html
func sslRows() []row {
	sStr := func(name string, f func(*SSLSrv) *Opt[string], def ...string) row {
		return str(name, ctxHS, inSSL(f), def...)
	}
	sFile := func(name string, f func(*SSLSrv) *Opt[string]) row { return confFile(name, ctxHS, inSSL(f)) }
	sBool := func(name string, f func(*SSLSrv) *Opt[bool], def bool) row { return flag(name, ctxHS, inSSL(f), def) }
	cert := func(name string, f func(*SSLSrv) *Opt[[]Value]) row {
		return listRow(name, ctxHS, take1, inSSL(f), func(b *build, n *Node, o *Opt[[]Value]) error {
			v, err := ParseValue(b.certPath(n.Args[0]))
			if err != nil {
				return b.emerg("%s", err)
			}
			o.V = append(o.V, v)
			return nil
		})
	}
	return []row{
		cert("ssl_certificate", func(s *SSLSrv) *Opt[[]Value] { return &s.Certificate }),
		cert("ssl_certificate_key", func(s *SSLSrv) *Opt[[]Value] { return &s.CertificateKey }),
		withArgs(sStr("ssl_certificate_cache", func(s *SSLSrv) *Opt[string] { return &s.CertificateCache }), take123).ignored("certificates are read when they change"),
		sFile("ssl_password_file", func(s *SSLSrv) *Opt[string] { return &s.PasswordFile }).checkedBy(checkOpens),
		flag("ssl", ctxHS, inSSL(func(s *SSLSrv) *Opt[bool] { return &s.On }), false).checkedBy(func(b *build, n *Node) error {
			b.warn(`the "ssl" directive is deprecated, use the "listen ... ssl" directive instead`)
			return nil
		}),
		sFile("ssl_dhparam", func(s *SSLSrv) *Opt[string] { return &s.DHParam }).ignored("Go's TLS has no finite-field Diffie-Hellman"),
		sStr("ssl_ecdh_curve", func(s *SSLSrv) *Opt[string] { return &s.ECDHCurve }, "auto"),
		bitmask("ssl_protocols", ctxHS, inSSL(func(s *SSLSrv) *Opt[[]string] { return &s.Protocols }), []string{"TLSv1.2", "TLSv1.3"}, sslProtocols...),
		sStr("ssl_ciphers", func(s *SSLSrv) *Opt[string] { return &s.Ciphers }, "HIGH:!aNULL:!MD5"),
		size("ssl_buffer_size", ctxHS, inSSL(func(s *SSLSrv) *Opt[int64] { return &s.BufferSize }), 16384),
		enum("ssl_verify_client", ctxHS, inSSL(func(s *SSLSrv) *Opt[string] { return &s.VerifyClient }), "off", "off", "on", "optional", "optional_no_ca"),
		num("ssl_verify_depth", ctxHS, inSSL(func(s *SSLSrv) *Opt[int] { return &s.VerifyDepth }), 1),
		sFile("ssl_client_certificate", func(s *SSLSrv) *Opt[string] { return &s.ClientCertificate }),
		sFile("ssl_trusted_certificate", func(s *SSLSrv) *Opt[string] { return &s.TrustedCertificate }),
		sFile("ssl_crl", func(s *SSLSrv) *Opt[string] { return &s.CRL }),
		sBool("ssl_prefer_server_ciphers", func(s *SSLSrv) *Opt[bool] { return &s.PreferServerCiphers }, false),
		newRow("ssl_session_cache", ctxHS, take12, inSSL(func(s *SSLSrv) *Opt[[]string] { return &s.SessionCache }), [][]string{{"none"}}, setSessionCache),
		sBool("ssl_session_tickets", func(s *SSLSrv) *Opt[bool] { return &s.SessionTickets }, true),
		listRow("ssl_session_ticket_key", ctxHS, take1, inSSL(func(s *SSLSrv) *Opt[[]string] { return &s.SessionTicketKey }),
			func(b *build, n *Node, o *Opt[[]string]) error {
				o.V = append(o.V, b.confName(n.Args[0]))
				return nil
			}),
		sec("ssl_session_timeout", ctxHS, inSSL(func(s *SSLSrv) *Opt[time.Duration] { return &s.SessionTimeout }), 5*time.Minute),
		sBool("ssl_early_data", func(s *SSLSrv) *Opt[bool] { return &s.EarlyData }, false),
		sBool("ssl_reject_handshake", func(s *SSLSrv) *Opt[bool] { return &s.RejectHandshake }, false),
		sBool("ssl_stapling", func(s *SSLSrv) *Opt[bool] { return &s.Stapling }, false),
		sFile("ssl_stapling_file", func(s *SSLSrv) *Opt[string] { return &s.StaplingFile }),
		sStr("ssl_stapling_responder", func(s *SSLSrv) *Opt[string] { return &s.StaplingResponder }),
		sBool("ssl_stapling_verify", func(s *SSLSrv) *Opt[bool] { return &s.StaplingVerify }, false),
		enum("ssl_ocsp", ctxHS, inSSL(func(s *SSLSrv) *Opt[string] { return &s.OCSP }), "off", "off", "on", "leaf"),
		sStr("ssl_ocsp_responder", func(s *SSLSrv) *Opt[string] { return &s.OCSPResponder }),
		newRow("ssl_ocsp_cache", ctxHS, take1, inSSL(func(s *SSLSrv) *Opt[string] { return &s.OCSPCache }), []string{"off"}, setOCSPCache),
		keyvals("ssl_conf_command", ctxHS, inSSL(func(s *SSLSrv) *Opt[[][2]string] { return &s.ConfCommand })),
		checked("ssl_certificate_compression", ctxHS, flagArg, checkFlag).unsupported("Go's TLS has no certificate compression"),
		checked("ssl_ech_file", ctxHS, take1, nil).unsupported("encrypted client hello comes with a later release"),
	}
}

// setSessionCache follows ngx_http_ssl_session_cache.
func setSessionCache(b *build, n *Node, o *Opt[[]string]) error {
	for _, a := range n.Args {
		ok := a == "off" || a == "none" || a == "builtin"
		if rest, has := strings.CutPrefix(a, "builtin:"); has {
			_, ok = atoi(rest)
		}
		if rest, has := strings.CutPrefix(a, "shared:"); has {
			name, sizeText, _ := strings.Cut(rest, ":")
			v, good := parseSize(sizeText)
			if ok = good && name != ""; ok && v < 8*4096 {
				return b.emerg(`session cache "%s" is too small`, a)
			}
			if ok {
				if err := b.sharedZone(name, "ssl_session_cache", v); err != nil {
					return err
				}
			}
		}
		if !ok {
			return b.emerg(`invalid session cache "%s"`, a)
		}
		o.V = append(o.V, a)
	}
	return nil
}

// setOCSPCache follows ngx_http_ssl_ocsp_cache.
func setOCSPCache(b *build, n *Node, o *Opt[string]) error {
	a := n.Args[0]
	o.V = a
	if a == "off" {
		return nil
	}
	rest, shared := strings.CutPrefix(a, "shared:")
	name, sizeText, _ := strings.Cut(rest, ":")
	size, ok := parseSize(sizeText)
	switch {
	case !shared || name == "" || !ok:
		return b.emerg(`invalid OCSP cache "%s"`, a)
	case size < 8*4096:
		return b.emerg(`OCSP cache "%s" is too small`, a)
	}
	return b.sharedZone(name, "ssl_session_cache", size)
}

// finishSSL checks a server's certificates.
// See: ngx_http_ssl_merge_srv_conf.
func (b *build) finishSSL(_, child *level) error {
	b.node = nil
	c := child.srv.SSL
	certs, keys := c.Certificate.V, c.CertificateKey.V
	if len(certs) > 0 && len(keys) < len(certs) {
		missing := certs[len(certs)-1]
		if len(keys) == 0 || len(keys) < len(certs) {
			return b.emergAt(Pos{}, `no "ssl_certificate_key" is defined for certificate "%s"`, strings.TrimPrefix(missing.Text, b.confPrefix))
		}
	}
	if c.On.V {
		for i := range child.server.Listens {
			l := &child.server.Listens[i]
			for _, at := range b.listens {
				if at.key == l.Network+" "+l.Address && (at.deflt == child.server || at.deflt == nil && at.servers[0] == child.server) {
					at.ssl = true
				}
			}
		}
	}
	if len(certs) == 0 {
		if c.On.V && !c.RejectHandshake.V {
			return b.emergAt(c.On.Pos, `no "ssl_certificate" is defined for the "ssl" directive`)
		}
		return nil
	}
	keys = keys[:len(certs)]
	for _, v := range append(certs[:len(certs):len(certs)], keys...) {
		b.needAll(v)
	}
	if !anyVariable(certs) && !anyVariable(keys) { // else nginx reads all of them per handshake
		for i, cert := range certs {
			if err := b.checkKeyPair(cert, keys[i]); err != nil {
				return err
			}
		}
	}
	if v := c.VerifyClient.V; v == "on" || v == "optional" {
		if c.ClientCertificate.V == "" && c.TrustedCertificate.V == "" {
			return b.emergAt(Pos{}, "no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client")
		}
	}
	if c.VerifyClient.V != "off" {
		if err := b.checkVerifyFile("SSL_CTX_load_verify_locations", c.ClientCertificate.V); err != nil {
			return err
		}
	}
	if err := b.checkVerifyFile("SSL_CTX_load_verify_locations", c.TrustedCertificate.V); err != nil {
		return err
	}
	if err := b.checkVerifyFile("X509_LOOKUP_load_file", c.CRL.V); err != nil {
		return err
	}
	if c.OCSP.V != "off" && c.VerifyClient.V == "optional_no_ca" {
		return b.emergAt(Pos{}, `"ssl_ocsp" is incompatible with "ssl_verify_client optional_no_ca"`)
	}
	if name := c.DHParam.V; name != "" {
		if _, err := b.readPEM(name); err != nil {
			return b.emergAt(Pos{}, `BIO_new_file("%s") failed (SSL: %s)`, name, opensslNoFile(name, "r", err))
		}
	}
	for _, name := range c.SessionTicketKey.V {
		data, err := b.readPEM(name)
		if err != nil {
			return b.emergAt(b.endOfHTTP, `open() "%s" failed %s`, name, errno(err))
		}
		if len(data) != 48 && len(data) != 80 {
			return b.emergAt(b.endOfHTTP, `"%s" must be 48 or 80 bytes`, name)
		}
	}
	if c.Stapling.V && c.StaplingFile.V != "" {
		if _, err := b.files.ReadFile(c.StaplingFile.V); err != nil {
			return b.emergAt(Pos{}, `BIO_new_file("%s") failed (SSL: %s)`, c.StaplingFile.V, opensslNoFile(c.StaplingFile.V, "rb", err))
		}
	}
	return b.checkConfCommands(c.ConfCommand.V)
}

func anyVariable(values []Value) bool {
	for _, v := range values {
		if _, ok := v.Literal(); !ok {
			return true
		}
	}
	return false
}

// checkOpens checks that the file can be read, as nginx does at this place.
func checkOpens(b *build, n *Node) error {
	name := b.confName(n.Args[0])
	if _, err := b.files.ReadFile(name); err != nil {
		return b.emerg(`open() "%s" failed %s`, name, errno(err))
	}
	return nil
}

// checkSSLListens finds servers that listen with ssl and have no certificate.
// See: ngx_http_ssl_init.
func (b *build) checkSSLListens() error {
	b.node = nil
	for _, at := range b.listens {
		if !at.ssl {
			continue
		}
		def := at.deflt
		if def == nil {
			def = at.servers[0]
		}
		// Only a default server that rejects the handshake makes nginx look
		// at the others.
		check := []*Server{def}
		if def.Srv.SSL.RejectHandshake.V && len(def.Srv.SSL.Certificate.V) == 0 {
			check = at.servers
		}
		for _, s := range check {
			if len(s.Srv.SSL.Certificate.V) == 0 && !s.Srv.SSL.RejectHandshake.V {
				return b.emergAt(s.Pos, `no "ssl_certificate" is defined for the "listen ... ssl" directive`)
			}
		}
	}
	return nil
}

// http2Rows is ngx_http_v2_module.
func http2Rows() []row {
	obsolete := "obsolete: nginx ignores it too"
	return append([]row{
		flag("http2", ctxHS, inSrv(func(s *SrvConf) *Opt[bool] { return &s.HTTP2 }), false),
		num("http2_max_concurrent_streams", ctxHS, inSrv(func(s *SrvConf) *Opt[int] { return &s.HTTP2MaxConcurrentStreams }), 128),
		size("http2_chunk_size", ctxHSL, inCore(func(c *CoreLoc) *Opt[int64] { return &c.HTTP2ChunkSize }), 8192).checkedBy(func(b *build, n *Node) error {
			if v, ok := parseSize(n.Args[0]); ok && v == 0 {
				return b.emerg("the http2 chunk size cannot be zero")
			}
			return nil
		}),
		size("http2_body_preread_size", ctxHS, inSrv(func(s *SrvConf) *Opt[int64] { return &s.HTTP2BodyPrereadSize }), 65536),
		singleRow("http2_recv_buffer_size", CtxHTTP, take1, checkSize).ignored(noEffect),
		http2Obsolete("http2_idle_timeout", "keepalive_timeout"),
		http2Obsolete("http2_max_field_size", "large_client_header_buffers"),
		http2Obsolete("http2_max_header_size", "large_client_header_buffers"),
		http2Obsolete("http2_max_requests", "keepalive_requests"),
		http2Obsolete("http2_recv_timeout", "client_header_timeout"),
		singleRow("http2_max_concurrent_pushes", ctxHS, take1, checkNum).ignored(obsolete),
		singleRow("http2_pool_size", ctxHS, take1, checkSize).ignored(obsolete),
		singleRow("http2_streams_index_size", ctxHS, take1, checkNum).ignored(obsolete),
		singleRow("http2_push_preload", ctxHSL, flagArg, checkFlag).ignored(obsolete),
	}, specRows(Ignored, obsolete, `
http2_push hsl 1`)...)
}

// http2Obsolete is a directive that another one has replaced.
func http2Obsolete(name, now string) row {
	return custom(name, ctxHS, take1, func(b *build, n *Node) error {
		b.warn(`the "%s" directive is obsolete, use the "%s" directive instead`, name, now)
		return nil
	}).ignored("obsolete: nginx ignores it too")
}
