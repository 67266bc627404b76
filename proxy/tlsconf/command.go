package tlsconf

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// suites13 are the suites of TLSv1.3, which crypto/tls does not let choose.
var suites13 = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}

// Commands applies OpenSSL's configuration commands (ssl_conf_command and
// kin) to cfg: those that crypto/tls has a setting for. The others are errors.
//
// See: SSL_CONF_cmd(3).
func Commands(cfg *tls.Config, commands [][2]string) error {
	for _, c := range commands {
		var err error
		switch name, v := strings.ToLower(c[0]), c[1]; name {
		case "minprotocol", "min_protocol":
			cfg.MinVersion, err = protocolVersion(v)
		case "maxprotocol", "max_protocol":
			cfg.MaxVersion, err = protocolVersion(v)
		case "protocol":
			err = protocolList(cfg, v)
		case "cipherstring", "cipher":
			cfg.CipherSuites, err = Ciphers(v)
		case "ciphersuites":
			for _, s := range suites13 {
				if !strings.Contains(v, s) {
					err = fmt.Errorf("crypto/tls cannot do without %s", s)
				}
			}
		case "curves", "groups":
			cfg.CurvePreferences, err = Curves(v)
		case "options":
			err = options(cfg, v)
		default:
			err = fmt.Errorf("there is no such setting in crypto/tls")
		}
		if err != nil {
			return fmt.Errorf("SSL_CONF_cmd(%q, %q) failed: %w", c[0], c[1], err)
		}
	}
	return nil
}

func protocolVersion(s string) (uint16, error) {
	switch s {
	case "None":
		return 0, nil
	case "SSLv3": // what is below TLSv1 does not exist
		return tls.VersionTLS10, nil
	}
	lo, _, missing := Protocols([]string{s})
	if len(missing) > 0 {
		return 0, fmt.Errorf("unknown protocol")
	}
	return lo, nil
}

// protocolList is a list as OpenSSL reads it: names with an optional sign.
func protocolList(cfg *tls.Config, s string) error {
	all := []string{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}
	on := map[string]bool{}
	for _, item := range strings.Split(s, ",") {
		name, add := strings.TrimPrefix(item, "+"), true
		if rest, minus := strings.CutPrefix(item, "-"); minus {
			name, add = rest, false
		}
		if name == "ALL" {
			for _, p := range all {
				on[p] = add
			}
			continue
		}
		if _, err := protocolVersion(name); err != nil {
			return err
		}
		on[name] = add
	}
	var chosen []string
	for _, p := range all {
		if on[p] {
			chosen = append(chosen, p)
		}
	}
	lo, hi, _ := Protocols(chosen)
	if hi == 0 {
		return fmt.Errorf("no protocol is left")
	}
	cfg.MinVersion, cfg.MaxVersion = lo, hi
	return nil
}

// options are the flags that describe what crypto/tls does anyway, and the one
// for session tickets.
func options(cfg *tls.Config, s string) error {
	for _, o := range strings.Split(s, ",") {
		switch o {
		case "SessionTicket", "+SessionTicket":
			cfg.SessionTicketsDisabled = false
		case "-SessionTicket":
			cfg.SessionTicketsDisabled = true
		case "ServerPreference", "PrioritizeChaCha", "NoRenegotiation", "-Compression", "-UnsafeLegacyRenegotiation":
		default:
			return fmt.Errorf("crypto/tls has no option %q", o)
		}
	}
	return nil
}
