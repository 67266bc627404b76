package luacompat

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// openSSL is the module ngx.ssl.
//
// Differs: the pointers of OpenSSL, the server's random and the master secret
// cannot be had from crypto/tls.
//
// See: https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/ssl.md
func (w *Worker) openSSL(L *lua.LState) int {
	const noPointer = "crypto/tls has no such thing"
	t := w.module(L,
		sslAPI("clear_certs", 1, sslClearCerts),
		sslAPI("set_der_cert", 1, sslSetDERCert),
		sslAPI("set_der_priv_key", 1, sslSetDERKey),
		sslAPI("set_cert", 1, sslSetCert),
		sslAPI("set_priv_key", 1, sslSetKey),
		sslAPI("verify_client", 1, sslVerifyClient),
		sslAPI("server_name", 1, sslServerName),
		sslAPI("server_port", 1, sslServerPort),
		sslAPI("raw_server_addr", 2, func(_ *handler, hs *Handshake, L *lua.LState) int { return pushRawAddr(L, hs.Local) }),
		sslAPI("raw_client_addr", 2, func(_ *handler, hs *Handshake, L *lua.LState) int { return pushRawAddr(L, hs.Remote) }),
		sslAPI("get_tls1_version", 1, func(_ *handler, hs *Handshake, L *lua.LState) int {
			return pushNumber(L, float64(hs.version()))
		}),
		sslAPI("get_tls1_version_str", 1, sslVersionStr),
		sslAPI("export_keying_material", 1, sslExportKeys),
		sslAPI("get_client_random", 1, sslClientRandom),
		plain{"cert_pem_to_der", certPEMToDER},
		plain{"priv_key_pem_to_der", keyPEMToDER},
		plain{"parse_pem_cert", parsePEMCert},
		plain{"parse_pem_priv_key", parsePEMKey},
		plain{"parse_der_cert", parseDERCert},
		plain{"parse_der_priv_key", parseDERKey},
	)
	t.RawSetString("get_req_ssl_pointer", stdlib.Refuse(L, "ngx.ssl.get_req_ssl_pointer", noPointer))
	t.RawSetString("get_upstream_ssl_pointer", stdlib.Refuse(L, "ngx.ssl.get_upstream_ssl_pointer", noPointer))
	t.RawSetString("get_server_random", stdlib.Refuse(L, "ngx.ssl.get_server_random", noPointer))
	t.RawSetString("get_session_master_key", stdlib.Refuse(L, "ngx.ssl.get_session_master_key", noPointer))
	t.RawSetString("export_keying_material_early", stdlib.Refuse(L, "ngx.ssl.export_keying_material_early", "there is no early data"))
	for name, v := range tlsVersions {
		t.RawSetString(name, lua.LNumber(v))
	}
	return pushTable(L, t)
}

var tlsVersions = map[string]uint16{
	"SSL3_VERSION": 0x300, "TLS1_VERSION": tls.VersionTLS10, "TLS1_1_VERSION": tls.VersionTLS11,
	"TLS1_2_VERSION": tls.VersionTLS12, "TLS1_3_VERSION": tls.VersionTLS13,
}

var tlsNames = map[uint16]string{
	0x2: "SSLv2", 0x300: "SSLv3", tls.VersionTLS10: "TLSv1", tls.VersionTLS11: "TLSv1.1",
	tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3",
}

func (hs *Handshake) version() uint16 {
	if hs.State != nil {
		return hs.State.Version
	}
	return hs.Version
}

func sslVersionStr(_ *handler, hs *Handshake, L *lua.LState) int {
	if s := tlsNames[hs.version()]; s != "" {
		return pushString(L, s)
	}
	return fail(L, "unknown version")
}

func sslClearCerts(_ *handler, hs *Handshake, L *lua.LState) int {
	hs.Cleared, hs.Chain, hs.Key = true, nil, nil
	return pushBool(L, true)
}

func sslSetDERCert(_ *handler, hs *Handshake, L *lua.LState) int {
	certs, err := x509.ParseCertificates([]byte(checkString(L, 1, "set_der_cert")))
	if err != nil || len(certs) == 0 {
		return fail(L, "d2i_X509_bio() failed")
	}
	hs.setChain(certs)
	return pushBool(L, true)
}

func (hs *Handshake) setChain(certs []*x509.Certificate) {
	hs.Chain = nil
	for _, c := range certs {
		hs.Chain = append(hs.Chain, c.Raw)
	}
	if hs.Key != nil && !fits(certs[0], hs.Key) {
		hs.Key = nil // as SSL_use_certificate drops a key of another certificate
	}
}

func fits(cert *x509.Certificate, key crypto.PrivateKey) bool {
	pub, can := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	signer, signs := key.(crypto.Signer)
	return !can || !signs || pub.Equal(signer.Public())
}

func sslSetDERKey(_ *handler, hs *Handshake, L *lua.LState) int {
	key := parseKeyDER([]byte(checkString(L, 1, "set_der_priv_key")))
	if key == nil {
		return fail(L, "d2i_PrivateKey_bio() failed")
	}
	return hs.setKey(L, key)
}

func (hs *Handshake) setKey(L *lua.LState, key crypto.PrivateKey) int {
	if len(hs.Chain) > 0 {
		if leaf, err := x509.ParseCertificate(hs.Chain[0]); err == nil && !fits(leaf, key) {
			return fail(L, "SSL_use_PrivateKey() failed")
		}
	}
	hs.Key = key
	return pushBool(L, true)
}

func sslSetCert(_ *handler, hs *Handshake, L *lua.LState) int {
	c, ok := certArg(L, 1)
	if !ok || len(c.certs) == 0 {
		return fail(L, "invalid certificate chain")
	}
	hs.setChain(c.certs)
	return pushBool(L, true)
}

func sslSetKey(_ *handler, hs *Handshake, L *lua.LState) int {
	ud, _ := L.Get(1).(*lua.LUserData)
	if ud != nil {
		if k, ok := ud.Value.(*keyData); ok {
			return hs.setKey(L, k.key)
		}
	}
	if L.Get(1) != lua.LNil {
		L.RaiseError("bad argument #1 to 'set_priv_key' (cannot convert '%s' to 'void *')", valueType(L.Get(1)))
	}
	return fail(L, "invalid private key failed")
}

// sslVerifyClient asks the client for a certificate.
//
// See: https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/ssl.md#verify_client
func sslVerifyClient(h *handler, hs *Handshake, L *lua.LState) int {
	if h.phase != PhaseSSLCertificate {
		return fail(L, msgBadContext)
	}
	c, ok := certArg(L, 1)
	if !ok && L.Get(1) != lua.LNil {
		L.RaiseError("bad argument #1 to 'verify_client' (cannot convert '%s' to 'void *')", valueType(L.Get(1)))
	}
	hs.VerifyClient, hs.Depth, hs.Authorities = true, hs.VerifyDepth, nil
	if n, isNumber := toNumber(L.Get(2)); isNumber && n >= 0 {
		hs.Depth = int(n)
	}
	if ok {
		hs.Authorities = c.certs
	}
	return pushBool(L, true)
}

func sslServerName(_ *handler, hs *Handshake, L *lua.LState) int {
	if hs.ServerName == "" {
		L.Push(lua.LNil)
		return 1
	}
	return pushString(L, hs.ServerName)
}

func sslServerPort(_ *handler, hs *Handshake, L *lua.LState) int {
	if a, ok := hs.Local.(*net.TCPAddr); ok {
		return pushNumber(L, float64(a.Port))
	}
	return fail(L, "unix domain has no port")
}

// pushRawAddr pushes an address's bytes and its kind.
func pushRawAddr(L *lua.LState, a net.Addr) int {
	var b []byte
	kind := "unix"
	switch a := a.(type) {
	case *net.TCPAddr:
		kind, b = "inet6", a.IP.To16()
		if ip := a.IP.To4(); ip != nil {
			kind, b = "inet", ip
		}
	case *net.UnixAddr:
		b = []byte(a.Name)
	}
	L.Push(lua.LString(b))
	L.Push(lua.LString(kind))
	return 2
}

func sslExportKeys(_ *handler, hs *Handshake, L *lua.LState) int {
	n := int(checkNumber(L, 1, "export_keying_material"))
	label := checkString(L, 2, "export_keying_material")
	var context []byte // nil: without a context
	if s, ok := L.Get(3).(lua.LString); ok {
		context = append([]byte{}, s...)
	}
	if hs.State == nil || n < 1 {
		return fail(L, "SSL_export_keying_material() failed")
	}
	b, err := hs.State.ExportKeyingMaterial(label, context, n)
	if err != nil {
		return fail(L, "SSL_export_keying_material() failed")
	}
	return pushString(L, string(b))
}

// sslClientRandom gives the client's random; its size when outlen is 0.
func sslClientRandom(_ *handler, hs *Handshake, L *lua.LState) int {
	n, ok := toNumber(L.Get(1))
	switch {
	case len(hs.ClientRandom) == 0:
		return fail(L, "bad ssl conn")
	case ok && n == 0:
		return pushNumber(L, float64(len(hs.ClientRandom)))
	case !ok:
		n = float64(len(hs.ClientRandom))
	}
	return pushString(L, string(hs.ClientRandom[:min(max(int(n), 0), len(hs.ClientRandom))]))
}

// certData and keyData are what parse_pem_cert and parse_pem_priv_key give.
type (
	certData struct{ certs []*x509.Certificate }
	keyData  struct{ key crypto.PrivateKey }
)

// CData marks certificates as cdata.
func (*certData) CData() {}

// CData marks keys as cdata.
func (*keyData) CData() {}

// Certificates are the parsed certificates, for the sockets of scripts.
func (c *certData) Certificates() []*x509.Certificate { return c.certs }

// PrivateKey is the parsed key, for the sockets of scripts.
func (k *keyData) PrivateKey() crypto.PrivateKey { return k.key }

func certArg(L *lua.LState, n int) (*certData, bool) {
	if ud, ok := L.Get(n).(*lua.LUserData); ok {
		c, ok := ud.Value.(*certData)
		return c, ok
	}
	return nil, false
}

func pushCData(L *lua.LState, v any) int {
	ud := L.NewUserData()
	ud.Value = v
	L.Push(ud)
	return 1
}

func certPEMToDER(w *Worker, L *lua.LState) int {
	certs, msg := pemCerts(checkString(L, 1, "cert_pem_to_der"))
	if msg != "" {
		return fail(L, msg)
	}
	var b bytes.Buffer
	for _, c := range certs {
		b.Write(c.Raw)
	}
	return pushString(L, b.String())
}

func keyPEMToDER(w *Worker, L *lua.LState) int {
	key := w.pemKey(L, "priv_key_pem_to_der")
	der, err := keyDER(key)
	if key == nil || err != nil {
		return fail(L, "PEM_read_bio_PrivateKey() failed")
	}
	return pushString(L, string(der))
}

func parsePEMCert(w *Worker, L *lua.LState) int {
	certs, msg := pemCerts(checkString(L, 1, "parse_pem_cert"))
	if msg != "" {
		return fail(L, msg)
	}
	return pushCData(L, &certData{certs})
}

func parsePEMKey(w *Worker, L *lua.LState) int {
	key := w.pemKey(L, "parse_pem_priv_key")
	if key == nil {
		return fail(L, "PEM_read_bio_PrivateKey() failed")
	}
	return pushCData(L, &keyData{key})
}

func parseDERCert(w *Worker, L *lua.LState) int {
	certs, err := x509.ParseCertificates([]byte(checkString(L, 1, "parse_der_cert")))
	if err != nil || len(certs) == 0 {
		return fail(L, "d2i_X509() failed")
	}
	return pushCData(L, &certData{certs})
}

func parseDERKey(w *Worker, L *lua.LState) int {
	key := parseKeyDER([]byte(checkString(L, 1, "parse_der_priv_key")))
	if key == nil {
		return fail(L, "d2i_PrivateKey() failed")
	}
	return pushCData(L, &keyData{key})
}

// pemKey reads the key that is argument 1, with the passphrase that is
// argument 2.
func (w *Worker) pemKey(L *lua.LState, fn string) crypto.PrivateKey {
	text := checkString(L, 1, fn)
	var passwords []string
	if p, ok := L.Get(2).(lua.LString); ok {
		passwords = []string{string(p)}
	}
	if w.rt.opts.ParseKey == nil {
		return nil
	}
	key, err := w.rt.opts.ParseKey([]byte(text), passwords)
	if err != nil {
		return nil
	}
	return key
}

// keyDER is a key as i2d_PrivateKey writes it.
func keyDER(key crypto.PrivateKey) ([]byte, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return x509.MarshalPKCS1PrivateKey(k), nil
	case *ecdsa.PrivateKey:
		return x509.MarshalECPrivateKey(k)
	case ed25519.PrivateKey:
		return x509.MarshalPKCS8PrivateKey(k)
	}
	return nil, fmt.Errorf("key of type %T", key)
}

func parseKeyDER(der []byte) crypto.PrivateKey {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return k
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k
	}
	return nil
}
