package socket

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// alertTexts are OpenSSL's names and numbers of the alerts that crypto/tls
// spells in its own way.
var alertTexts = map[tls.AlertError]string{
	10: "sslv3 alert unexpected message", 20: "sslv3 alert bad record mac", 22: "tlsv1 alert record overflow",
	40: "sslv3 alert handshake failure", 42: "sslv3 alert bad certificate", 43: "sslv3 alert unsupported certificate",
	44: "sslv3 alert certificate revoked", 45: "sslv3 alert certificate expired", 46: "sslv3 alert certificate unknown",
	47: "sslv3 alert illegal parameter", 48: "tlsv1 alert unknown ca", 49: "tlsv1 alert access denied",
	50: "tlsv1 alert decode error", 51: "tlsv1 alert decrypt error", 70: "tlsv1 alert protocol version",
	71: "tlsv1 alert insufficient security", 80: "tlsv1 alert internal error", 86: "tlsv1 alert inappropriate fallback",
	90: "tlsv1 alert user cancelled", 100: "tlsv1 alert no renegotiation", 109: "tlsv13 alert missing extension",
	110: "tlsv1 unsupported extension", 112: "tlsv1 unrecognized name", 113: "tlsv1 bad certificate status response",
	116: "tlsv13 alert certificate required", 120: "tlsv1 alert no application protocol",
}

// openSSLWords is a handshake's failure as OpenSSL's error queue has it, as
// far as crypto/tls tells what happened.
func openSSLWords(err error) string {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return "error:0A00010B:SSL routines::wrong version number"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		for n, text := range alertTexts {
			if op.Err.Error() == n.Error() {
				return fmt.Sprintf("error:%08X:SSL routines::%s:SSL alert number %d", 0x0A0003E8+int(n), text, n)
			}
		}
	}
	return err.Error()
}
