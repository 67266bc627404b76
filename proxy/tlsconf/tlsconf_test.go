package tlsconf

import (
	"crypto/tls"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestCiphers(t *testing.T) {
	ids, err := Ciphers("ECDHE-RSA-AES128-GCM-SHA256:AES256-SHA")
	if err != nil || len(ids) != 2 || ids[0] != tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 || ids[1] != tls.TLS_RSA_WITH_AES_256_CBC_SHA {
		t.Errorf("two names: %v %v", ids, err)
	}
	if ids, err = Ciphers("HIGH:!aNULL:!MD5:!kRSA"); err != nil || len(ids) == 0 {
		t.Errorf("aliases: %v %v", ids, err)
	}
	for _, id := range ids {
		if id == tls.TLS_RSA_WITH_AES_128_CBC_SHA {
			t.Error("!kRSA left an RSA key exchange")
		}
	}
	if _, err = Ciphers("NOSUCH"); err == nil {
		t.Error("an unknown cipher was accepted")
	}
}

func TestProtocols(t *testing.T) {
	lo, hi, missing := Protocols([]string{"SSLv3", "TLSv1.2", "TLSv1.3"})
	if lo != tls.VersionTLS12 || hi != tls.VersionTLS13 || len(missing) != 1 || missing[0] != "SSLv3" {
		t.Errorf("got %x %x %v", lo, hi, missing)
	}
}

// TestCommands: commands that crypto/tls has a setting for work, the others are
// refused.
func TestCommands(t *testing.T) {
	cfg := &tls.Config{}
	if err := Commands(cfg, [][2]string{{"MinProtocol", "TLSv1.1"}, {"MaxProtocol", "TLSv1.2"}, {"CipherString", "AES256-SHA"}, {"Options", "-SessionTicket"}}); err != nil {
		t.Fatal(err)
	}
	if cfg.MinVersion != tls.VersionTLS11 || cfg.MaxVersion != tls.VersionTLS12 || len(cfg.CipherSuites) != 1 || !cfg.SessionTicketsDisabled {
		t.Errorf("got %x %x %v %v", cfg.MinVersion, cfg.MaxVersion, cfg.CipherSuites, cfg.SessionTicketsDisabled)
	}
	if err := Commands(cfg, [][2]string{{"Protocol", "ALL,-TLSv1"}}); err != nil || cfg.MinVersion != tls.VersionTLS11 || cfg.MaxVersion != tls.VersionTLS13 {
		t.Errorf("Protocol: %v %x %x", err, cfg.MinVersion, cfg.MaxVersion)
	}
	for _, c := range [][2]string{{"Ciphersuites", "TLS_AES_128_CCM_SHA256"}, {"MinProtocol", "TLSv9"}, {"Protocol", "-ALL"}, {"Options", "Bogus"}, {"NoSuch", "x"}} {
		if Commands(&tls.Config{}, [][2]string{c}) == nil {
			t.Errorf("%v was accepted", c)
		}
	}
}

// TestLoadPair loads what openssl makes: a plain, a traditionally encrypted
// and a PKCS #8 encrypted key.
func TestLoadPair(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	dir := t.TempDir()
	p := func(n string) string { return filepath.Join(dir, n) }
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3", "-subj", "/C=CN/O=a, b/CN=localhost", "-keyout", p("key"), "-out", p("cert"))
	run("rsa", "-in", p("key"), "-aes128", "-traditional", "-passout", "pass:one", "-out", p("old"))
	run("pkcs8", "-topk8", "-in", p("key"), "-passout", "pass:two", "-out", p("new"))
	for _, name := range []string{"key", "old", "new"} {
		c, err := LoadPair(p("cert"), p(name), []string{"no", "one", "two"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, want := DN(c.Leaf.RawSubject), `CN=localhost,O=a\, b,C=CN`; got != want {
			t.Errorf("DN = %q, want %q", got, want)
		}
		if got, want := LegacyDN(c.Leaf.RawSubject), "/C=CN/O=a, b/CN=localhost"; got != want {
			t.Errorf("LegacyDN = %q, want %q", got, want)
		}
	}
	if _, err := LoadPair(p("cert"), p("new"), []string{"wrong"}); err == nil {
		t.Error("a wrong password was accepted")
	}
}
