package nginxconf

import "time"

// SrvConf holds the directives whose innermost level is the server.
type SrvConf struct {
	ClientHeaderBufferSize   Opt[int64]
	LargeClientHeaderBuffers Opt[SizeCount]
	ClientHeaderTimeout      Opt[time.Duration]
	ConnectionPoolSize       Opt[int64]
	RequestPoolSize          Opt[int64]
	IgnoreInvalidHeaders     Opt[bool]
	UnderscoresInHeaders     Opt[bool]
	MergeSlashes             Opt[bool]
	MaxHeaders               Opt[int]
	HTTP2                    Opt[bool]
	HTTP2BodyPrereadSize     Opt[int64]

	HTTP2MaxConcurrentStreams Opt[int]
	SSL                       *SSLSrv
	LuaClientHello            *LuaCode // ssl_client_hello_by_lua*
	LuaSSLCertificate         *LuaCode // ssl_certificate_by_lua*
	LuaSSLSessionFetch        *LuaCode
	LuaSSLSessionStore        *LuaCode
	LuaServerRewrite          *LuaCode // server_rewrite_by_lua*
}

// SizeCount is "number size".
type SizeCount struct {
	Num  int
	Size int64
}

// SSLSrv holds ssl_* of a server.
type SSLSrv struct {
	On Opt[bool] // the obsolete "ssl on"; Listen.SSL has it too
	// Certificate and CertificateKey are full paths, or "data:…", "engine:…",
	// "store:…". One that starts with a variable is not resolved: its file is
	// relative to the main file's directory when the variable is known.
	Certificate         Opt[[]Value]
	CertificateKey      Opt[[]Value]
	PasswordFile        Opt[string]
	Protocols           Opt[[]string]
	Ciphers             Opt[string]
	PreferServerCiphers Opt[bool]
	ECDHCurve           Opt[string]
	DHParam             Opt[string]
	VerifyClient        Opt[string] // off, on, optional, optional_no_ca
	VerifyDepth         Opt[int]
	ClientCertificate   Opt[string]
	TrustedCertificate  Opt[string]
	CRL                 Opt[string]
	SessionCache        Opt[[]string]
	SessionTimeout      Opt[time.Duration]
	SessionTickets      Opt[bool]
	SessionTicketKey    Opt[[]string]
	BufferSize          Opt[int64]
	EarlyData           Opt[bool]
	RejectHandshake     Opt[bool]
	Stapling            Opt[bool]
	StaplingFile        Opt[string]
	StaplingResponder   Opt[string]
	StaplingVerify      Opt[bool]
	OCSP                Opt[string]
	OCSPResponder       Opt[string]
	OCSPCache           Opt[string]
	ConfCommand         Opt[[][2]string]
	KeyLog              Opt[string]
	CertificateCache    Opt[string]
}
