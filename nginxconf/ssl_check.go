package nginxconf

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"strings"
	"syscall"
)

// The files of TLS that nginx reads at load, with the words that it and
// OpenSSL 3.0 have for what is wrong with them.

// fileName reports the path of a literal certificate value; data:, engine:,
// store: and values with variables are no files to read now.
func certFile(v Value) (string, bool) {
	text, ok := v.Literal()
	if !ok || strings.HasPrefix(text, "data:") || strings.HasPrefix(text, "engine:") || strings.HasPrefix(text, "store:") {
		return "", false
	}
	return text, true
}

// certPath resolves a certificate's name where it is a file.
func (b *build) certPath(text string) string {
	for _, p := range []string{"data:", "engine:", "store:", "$"} {
		if strings.HasPrefix(text, p) {
			return text
		}
	}
	if text == "" {
		return text
	}
	return b.confName(text)
}

// certValue is a certificate or key: a file name, which may hold variables.
func certValue(name string, f field[*Value]) row {
	return newRow(name, ctxHSL, take1, f, nil, func(b *build, n *Node, o *Opt[*Value]) error {
		v, err := b.value(b.certPath(n.Args[0]))
		o.V = &v
		return err
	})
}

// opensslNoFile is OpenSSL's error stack for a file that it cannot open.
func opensslNoFile(name, mode string, err error) string {
	return "error:80000002:system library::" + errText(err) + ":calling fopen(" + name + ", " + mode + ") error:10000080:BIO routines::no such file"
}

// readPEM reads a file for OpenSSL, which opens a directory like a file that
// is empty.
func (b *build) readPEM(name string) ([]byte, error) {
	data, err := b.files.ReadFile(name)
	if errors.Is(err, syscall.EISDIR) {
		return nil, nil
	}
	return data, err
}

// checkKeyPair reads a certificate with its key.
func (b *build) checkKeyPair(cert, key Value) error {
	certName, certOK := certFile(cert)
	keyName, keyOK := certFile(key)
	var certPEM, keyPEM []byte
	var err error
	if certOK {
		if certPEM, err = b.readPEM(certName); err != nil {
			return b.emergAt(Pos{}, `cannot load certificate "%s": BIO_new_file() failed (SSL: %s)`, certName, opensslNoFile(certName, "r", err))
		}
		if !hasPEM(certPEM, "CERTIFICATE") {
			return b.emergAt(Pos{}, `cannot load certificate "%s": PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE)`, certName)
		}
	}
	if keyOK {
		if keyPEM, err = b.readPEM(keyName); err != nil {
			return b.emergAt(Pos{}, `cannot load certificate key "%s": BIO_new_file() failed (SSL: %s)`, keyName, opensslNoFile(keyName, "r", err))
		}
		if !hasPEM(keyPEM, "PRIVATE KEY") {
			return b.emergAt(Pos{}, `cannot load certificate key "%s": PEM_read_bio_PrivateKey() failed (SSL: error:1E08010C:DECODER routines::unsupported:No supported data to decode. Input type: PEM)`, keyName)
		}
	}
	if !certOK || !keyOK || bytes.Contains(keyPEM, []byte("ENCRYPTED")) {
		return nil
	}
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil && strings.Contains(err.Error(), "does not match") {
		return b.emergAt(Pos{}, `SSL_CTX_use_PrivateKey("%s") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)`, keyName)
	}
	return nil
}

// hasPEM looks for a block whose type ends with kind.
func hasPEM(data []byte, kind string) bool {
	for len(data) > 0 {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return false
		}
		if strings.HasSuffix(block.Type, kind) {
			return true
		}
	}
	return false
}

// checkVerifyFile reads a file of trusted certificates, or with another call
// a list of revoked ones.
func (b *build) checkVerifyFile(call, name string) error {
	if name == "" {
		return nil
	}
	data, err := b.readPEM(name)
	if err != nil {
		return b.emergAt(Pos{}, `%s("%s") failed (SSL: %s error:05880002:x509 certificate routines::system lib)`, call, name, opensslNoFile(name, "r", err))
	}
	if !hasPEM(data, "CERTIFICATE") && !hasPEM(data, "CRL") {
		return b.emergAt(Pos{}, `%s("%s") failed (SSL: error:05800088:x509 certificate routines::no certificate or crl found)`, call, name)
	}
	return nil
}

// confCommands are the commands that OpenSSL takes from a configuration.
// See: SSL_CONF_cmd(3).
var confCommands = strings.Fields("SignatureAlgorithms ClientSignatureAlgorithms Curves Groups ECDHParameters CipherString Ciphersuites " +
	"Protocol MinProtocol MaxProtocol Options VerifyMode Certificate PrivateKey ServerInfoFile ChainCAPath ChainCAFile VerifyCAPath " +
	"VerifyCAFile RequestCAFile ClientCAFile RequestCAPath ClientCAPath DHParameters RecordPadding NumTickets")

// confOptions are the values of the command Options.
var confOptions = strings.Fields("SessionTicket EmptyFragments Bugs Compression ServerPreference NoResumptionOnRenegotiation DHSingle " +
	"ECDHSingle UnsafeLegacyRenegotiation UnsafeLegacyServerConnect ClientRenegotiation EncryptThenMac NoRenegotiation AllowNoDHEKEX " +
	"PrioritizeChaCha MiddleboxCompat AntiReplay ExtendedMasterSecret CANames KTLS StrictCertCheck TxCertificateCompression " +
	"RxCertificateCompression KTLSTxZerocopySendfile IgnoreUnexpectedEOF")

// confProtocols are the values of MinProtocol and MaxProtocol.
var confProtocols = strings.Fields("None SSLv3 TLSv1 TLSv1.1 TLSv1.2 TLSv1.3 DTLSv1 DTLSv1.2")

// checkConfCommands checks what *_conf_command hands to OpenSSL: the names of
// the commands, and the values of those that are words.
func (b *build) checkConfCommands(commands [][2]string) error {
	for _, c := range commands {
		bad := false
		switch name := oneOf(c[0], confCommands); name {
		case "":
			return b.emergAt(Pos{}, `SSL_CONF_cmd("%s", "%s") failed (SSL: error:0A000182:SSL routines::unknown cmd name:cmd=%s)`, c[0], c[1], c[0])
		case "Options":
			for _, o := range strings.Split(c[1], ",") {
				bad = bad || oneOf(strings.TrimLeft(strings.TrimSpace(o), "+-"), confOptions) == ""
			}
		case "MinProtocol", "MaxProtocol":
			bad = !contains(confProtocols, c[1])
		}
		if bad {
			return b.emergAt(Pos{}, `SSL_CONF_cmd("%s", "%s") failed (SSL: error:0A000180:SSL routines::bad value:cmd=%s, value=%s)`, c[0], c[1], c[0], c[1])
		}
	}
	return nil
}

// finishProxySSL checks what a proxied https needs.
// See: ngx_http_proxy_set_ssl.
func (b *build) finishProxySSL(c *ProxyLoc) error {
	if c.Pass == nil || c.Pass.Scheme != "https" && !c.Pass.HasVars {
		return nil
	}
	s := &c.SSL
	if s.Certificate.V != nil && s.Certificate.V.Text != "" {
		if s.CertificateKey.V == nil {
			return b.emergAt(Pos{}, `no "proxy_ssl_certificate_key" is defined for certificate "%s"`, strings.TrimPrefix(s.Certificate.V.Text, b.confPrefix))
		}
		if err := b.checkKeyPair(*s.Certificate.V, *s.CertificateKey.V); err != nil {
			return err
		}
	}
	if !s.Verify.V {
		return b.checkConfCommands(s.ConfCommand.V)
	}
	if s.TrustedCertificate.V == "" {
		return b.emergAt(Pos{}, "no proxy_ssl_trusted_certificate for proxy_ssl_verify")
	}
	if err := b.checkVerifyFile("SSL_CTX_load_verify_locations", s.TrustedCertificate.V); err != nil {
		return err
	}
	if err := b.checkVerifyFile("X509_LOOKUP_load_file", s.CRL.V); err != nil {
		return err
	}
	return b.checkConfCommands(s.ConfCommand.V)
}
