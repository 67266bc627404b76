package luacompat

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openClientHello is the module ngx.ssl.clienthello.
//
// See: https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/ssl/clienthello.md
func (w *Worker) openClientHello(L *lua.LState) int {
	return pushTable(L, w.module(L,
		helloAPI("get_client_hello_server_name", helloServerName),
		helloAPI("get_client_hello_ext", helloExtension),
		helloAPI("get_client_hello_ext_present", helloExtensions),
		helloAPI("get_client_hello_ciphers", helloCiphers),
		helloAPI("get_supported_versions", helloVersions),
		helloAPI("set_protocols", helloSetProtocols),
	))
}

// helloAPI is sslAPI for what may only be called while the hello is read.
func helloAPI(name string, fn func(h *handler, hs *Handshake, L *lua.LState) int) plain {
	row := sslAPI(name, 1, fn)
	return plain{name, func(w *Worker, L *lua.LState) int {
		if h := w.cur(); h != nil && h.req != nil && h.phase != PhaseSSLClientHello {
			L.RaiseError(msgBadContext)
		}
		return row.fn(w, L)
	}}
}

func helloServerName(_ *handler, hs *Handshake, L *lua.LState) int {
	return sslServerName(nil, hs, L)
}

func helloExtension(_ *handler, hs *Handshake, L *lua.LState) int {
	b, found := hs.extension(uint16(checkNumber(L, 1, "get_client_hello_ext")))
	if !found {
		L.Push(lua.LNil)
		return 1
	}
	return pushString(L, string(b))
}

func helloExtensions(_ *handler, hs *Handshake, L *lua.LState) int {
	t := L.CreateTable(len(hs.Hello.Extensions), 0)
	for _, e := range hs.Hello.Extensions {
		t.Append(lua.LNumber(e))
	}
	return pushTable(L, t)
}

func helloCiphers(_ *handler, hs *Handshake, L *lua.LState) int {
	t := L.CreateTable(len(hs.Hello.CipherSuites), 0)
	for _, c := range hs.Hello.CipherSuites {
		t.Append(lua.LNumber(c))
	}
	return pushTable(L, t)
}

// supportedVersions is the number of the extension.
const supportedVersions = 43

// helloVersions lists what the client supports, from the end of its list as
// lua-resty-core does.
func helloVersions(_ *handler, hs *Handshake, L *lua.LState) int {
	b, found := hs.extension(supportedVersions)
	if !found || len(b) == 0 || int(b[0]) != len(b)-1 {
		L.Push(lua.LNil)
		return 1
	}
	t := L.CreateTable(4, 0)
	for b = b[1:]; len(b) >= 2; b = b[:len(b)-2] {
		if name := tlsNames[uint16(b[len(b)-2])<<8|uint16(b[len(b)-1])]; name != "" {
			t.Append(lua.LString(name))
		}
	}
	return pushTable(L, t)
}

// helloSetProtocols limits the versions that are negotiated.
//
// Differs: crypto/tls knows a lowest and a highest version; what lies between
// two given ones is allowed too. SSLv2 and SSLv3 do not exist.
func helloSetProtocols(_ *handler, hs *Handshake, L *lua.LState) int {
	t := checkTable(L, 1, "set_protocols")
	var lo, hi uint16
	for i := 1; i <= t.Len(); i++ {
		name, _ := t.RawGetInt(i).(lua.LString)
		v, known := uint16(0), false
		for n, text := range tlsNames {
			if text == string(name) {
				v, known = n, true
			}
		}
		if !known {
			return fail(L, "invalid protocols failed")
		}
		if v < tls.VersionTLS10 {
			continue
		}
		if lo == 0 || v < lo {
			lo = v
		}
		hi = max(hi, v)
	}
	hs.MinVersion, hs.MaxVersion, hs.NoProtocol = lo, hi, hi == 0
	return pushBool(L, true)
}

// extension finds an extension in the client's hello.
func (hs *Handshake) extension(kind uint16) ([]byte, bool) {
	b := helloExtensionList(hs.RawHello)
	for len(b) >= 4 {
		k, n := uint16(b[0])<<8|uint16(b[1]), int(b[2])<<8|int(b[3])
		if b = b[4:]; n > len(b) {
			break
		}
		if k == kind {
			return b[:n], true
		}
		b = b[n:]
	}
	return nil, false
}

// helloExtensionList cuts the extensions out of a ClientHello message.
//
// See: RFC 8446 section 4.1.2.
func helloExtensionList(b []byte) []byte {
	skip := func(n int) bool {
		if n > len(b) {
			b = nil
			return false
		}
		b = b[n:]
		return true
	}
	if !skip(4+2+32) || len(b) < 1 { // message header, version, random
		return nil
	}
	if !skip(1+int(b[0])) || len(b) < 2 { // session id
		return nil
	}
	if !skip(2+int(b[0])<<8+int(b[1])) || len(b) < 1 { // cipher suites
		return nil
	}
	if !skip(1+int(b[0])) || len(b) < 2 { // compression methods
		return nil
	}
	n := int(b[0])<<8 | int(b[1])
	return b[2:min(2+n, len(b))]
}

// pemCerts reads the certificates of a PEM text; the message says why not.
func pemCerts(text string) (certs []*x509.Certificate, msg string) {
	broken := strings.Count(text, "-----BEGIN ")
	for rest := []byte(text); ; broken-- {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch block.Type {
		case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		default:
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil && len(certs) == 0:
			return nil, "PEM_read_bio_X509_AUX() failed"
		case err != nil:
			return nil, "PEM_read_bio_X509() failed"
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, "PEM_read_bio_X509_AUX() failed"
	}
	if broken > 0 { // pem.Decode passes over what it cannot read
		return nil, "PEM_read_bio_X509() failed"
	}
	return certs, ""
}
