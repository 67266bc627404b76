package luacompat

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/crypto/ocsp"
)

// openOCSP is the module ngx.ocsp.
//
// See: https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/ocsp.md
func (w *Worker) openOCSP(L *lua.LState) int {
	return pushTable(L, w.module(L,
		plain{"get_ocsp_responder_from_der_chain", ocspResponder},
		plain{"create_ocsp_request", ocspRequest},
		plain{"validate_ocsp_response", ocspValidate},
		sslAPI("set_ocsp_status_resp", 1, ocspSetStatus),
	))
}

// stringBuf is the size of lua-resty-core's string buffer.
const stringBuf = 4096

func maxLenArg(L *lua.LState, n int) int {
	if v, ok := toNumber(L.Get(n)); ok {
		return int(v)
	}
	return stringBuf
}

// derChain reads the leaf and its issuer; the message says why not.
func derChain(chain string) (leaf, issuer *x509.Certificate, msg string) {
	first, rest := derFirst([]byte(chain))
	leaf, err := x509.ParseCertificate(first)
	if err != nil {
		return nil, nil, "d2i_X509_bio() failed"
	}
	if len(rest) == 0 {
		return leaf, nil, "no issuer certificate in chain"
	}
	first, _ = derFirst(rest)
	if issuer, err = x509.ParseCertificate(first); err != nil {
		return leaf, nil, "d2i_X509_bio() failed"
	}
	return leaf, issuer, ""
}

// derFirst cuts the first element off.
func derFirst(b []byte) (first, rest []byte) {
	var raw asn1.RawValue
	rest, err := asn1.Unmarshal(b, &raw)
	if err != nil {
		return nil, nil
	}
	return raw.FullBytes, rest
}

func ocspResponder(w *Worker, L *lua.LState) int {
	limit := maxLenArg(L, 2)
	leaf, issuer, msg := derChain(checkString(L, 1, "get_ocsp_responder_from_der_chain"))
	switch {
	case leaf == nil:
		return fail(L, msg)
	case len(leaf.OCSPServer) == 0:
		L.Push(lua.LNil)
		return 1
	case issuer == nil:
		return fail(L, msg)
	case string(issuer.RawSubject) != string(leaf.RawIssuer):
		return fail(L, "issuer certificate not next to leaf")
	}
	url := leaf.OCSPServer[0]
	if len(url) <= limit {
		return pushString(L, url)
	}
	L.Push(lua.LString(url[:max(limit, 0)]))
	L.Push(lua.LString("truncated"))
	return 2
}

func ocspRequest(w *Worker, L *lua.LState) int {
	limit := maxLenArg(L, 2)
	leaf, issuer, msg := derChain(checkString(L, 1, "create_ocsp_request"))
	if msg != "" {
		return fail(L, msg)
	}
	der, err := ocsp.CreateRequest(leaf, issuer, nil)
	switch {
	case err != nil:
		return fail(L, "OCSP_cert_to_id() failed")
	case len(der) > limit:
		return fail(L, fmt.Sprintf("output buffer too small: %d > %d", len(der), limit))
	}
	return pushString(L, string(der))
}

func ocspValidate(w *Worker, L *lua.LState) int {
	msg := ocspProblem([]byte(checkString(L, 1, "validate_ocsp_response")), checkString(L, 2, "validate_ocsp_response"))
	if msg == "" {
		return pushBool(L, true)
	}
	return fail(L, msg[:min(len(msg), max(maxLenArg(L, 3), 0))])
}

var ocspStatusNames = map[ocsp.ResponseStatus]string{
	ocsp.Malformed: "malformedrequest", ocsp.InternalError: "internalerror", ocsp.TryLater: "trylater",
	ocsp.SignatureRequired: "sigrequired", ocsp.Unauthorized: "unauthorized",
}

// ocspProblem is what is wrong with a response for the chain's leaf. Whoever
// signed it, its certificate is taken from the response or is the issuer's.
//
// See: ngx_http_lua_ffi_ssl_validate_ocsp_response.
func ocspProblem(der []byte, chain string) string {
	if _, rest := derFirst(der); rest == nil || len(der) == 0 {
		return "d2i_OCSP_RESPONSE() failed"
	}
	leaf, issuer, msg := derChain(chain)
	if leaf == nil {
		return msg
	}
	r, err := ocsp.ParseResponseForCert(der, leaf, nil)
	var bad ocsp.ResponseError
	switch {
	case errors.As(err, &bad):
		return fmt.Sprintf("OCSP response not successful (%d: %s)", int(bad.Status), ocspStatusNames[bad.Status])
	case msg != "":
		return msg
	case err != nil && strings.Contains(err.Error(), "no response matching"):
		return "certificate status not found in the OCSP response"
	case err != nil && strings.Contains(err.Error(), "signature"):
		return "OCSP_basic_verify() failed"
	case err != nil:
		return "d2i_OCSP_RESPONSE() failed"
	case r.Certificate == nil && r.CheckSignatureFrom(issuer) != nil:
		return "OCSP_basic_verify() failed"
	case r.Status == ocsp.Revoked:
		return `certificate status "revoked" in the OCSP response`
	case r.Status != ocsp.Good:
		return `certificate status "unknown" in the OCSP response`
	}
	now := time.Now()
	if r.ThisUpdate.After(now.Add(5*time.Minute)) || !r.NextUpdate.IsZero() && r.NextUpdate.Before(now.Add(-5*time.Minute)) {
		return "OCSP_check_validity() failed"
	}
	return ""
}

// statusRequest is the number of the extension with which clients ask for
// a response.
const statusRequest = 5

func ocspSetStatus(_ *handler, hs *Handshake, L *lua.LState) int {
	der := checkString(L, 1, "set_ocsp_status_resp")
	L.Push(lua.LTrue)
	if hs.Hello != nil && !slices.Contains(hs.Hello.Extensions, statusRequest) {
		L.Push(lua.LString("no status req"))
		return 2
	}
	hs.Staple = []byte(der)
	return 1
}
