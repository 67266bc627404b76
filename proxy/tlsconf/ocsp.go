package tlsconf

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Responder is where certificates' states are asked for.
type Responder struct{ Host, Port, URI string }

// maxOCSPResponse bounds what a responder may send.
const maxOCSPResponse = 64 << 10

// ParseResponder reads the URL of an OCSP responder: http:// only, as in
// nginx.
func ParseResponder(s string) (r Responder, err error) {
	if len(s) < 7 || !strings.EqualFold(s[:7], "http://") {
		return r, fmt.Errorf("invalid URL prefix in OCSP responder %q", s)
	}
	rest := s[7:]
	r.URI = "/"
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest, r.URI = rest[:i], rest[i:]
	}
	if strings.ContainsAny(s, " \r\n\t") {
		return r, fmt.Errorf("invalid OCSP responder %q", s)
	}
	r.Host, r.Port = rest, "80"
	if host, port, err := net.SplitHostPort(rest); err == nil {
		r.Host, r.Port = host, port
	}
	if r.Host == "" {
		return r, fmt.Errorf("empty host in OCSP responder %q", s)
	}
	return r, nil
}

// CertResponder is the responder that a certificate names.
func CertResponder(c *x509.Certificate) (Responder, error) {
	if len(c.OCSPServer) == 0 {
		return Responder{}, errors.New("no OCSP responder URL in certificate")
	}
	return ParseResponder(c.OCSPServer[0])
}

// FetchOCSP asks a responder at addr for the state of cert. The connection
// ends with ctx.
//
// See: ngx_ssl_ocsp_create_request.
func FetchOCSP(ctx context.Context, r Responder, addr string, cert, issuer *x509.Certificate) ([]byte, error) {
	der, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		return nil, err
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(addr, r.Port))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	uri := strings.TrimSuffix(r.URI, "/") + "/" + url.QueryEscape(base64.StdEncoding.EncodeToString(der))
	if _, err = fmt.Fprintf(c, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", uri, r.Host); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(c, maxOCSPResponse+1))
	if err != nil {
		return nil, err
	}
	return ocspBody(b)
}

var errOCSPResponse = errors.New("OCSP responder sent invalid response")

// ocspBody takes the body out of an HTTP response that ends with its
// connection.
func ocspBody(b []byte) ([]byte, error) {
	if len(b) > maxOCSPResponse {
		return nil, errors.New("OCSP responder sent too big response")
	}
	in := bufio.NewReader(bytes.NewReader(b))
	status, _ := in.ReadString('\n')
	if f := strings.Fields(status); len(f) < 2 || !strings.HasPrefix(f[0], "HTTP/") {
		return nil, errOCSPResponse
	} else if f[1] != "200" {
		return nil, fmt.Errorf("OCSP responder answered %s", f[1])
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, errOCSPResponse
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return io.ReadAll(in)
		}
		name, v, found := strings.Cut(line, ":")
		if !found {
			return nil, errOCSPResponse
		}
		if v = strings.TrimSpace(v); strings.EqualFold(name, "Content-Type") && !strings.EqualFold(v, "application/ocsp-response") {
			return nil, fmt.Errorf("OCSP responder sent invalid \"Content-Type\" header: %q", v)
		}
	}
}

// CheckOCSP reads a response about cert and checks its times. With verify the
// signature must be the issuer's, or of a responder the issuer authorised, or
// of one of the trusted certificates.
//
// See: ngx_ssl_ocsp_verify.
func CheckOCSP(der []byte, cert, issuer *x509.Certificate, trusted []*x509.Certificate, verify bool) (*ocsp.Response, error) {
	r, err := ocsp.ParseResponseForCert(der, cert, nil)
	if err != nil {
		var bad ocsp.ResponseError
		if errors.As(err, &bad) {
			return nil, fmt.Errorf("OCSP response not successful (%d: %s)", int(bad.Status), bad.Status)
		}
		return nil, fmt.Errorf("d2i_OCSP_RESPONSE() failed (SSL: %v)", err)
	}
	if verify {
		if err := signedBy(r, issuer, trusted); err != nil {
			return nil, fmt.Errorf("OCSP_basic_verify() failed (SSL: %v)", err)
		}
	}
	now := time.Now()
	if r.ThisUpdate.After(now.Add(5*time.Minute)) || !r.NextUpdate.IsZero() && r.NextUpdate.Before(now.Add(-5*time.Minute)) {
		return nil, errors.New("OCSP_check_validity() failed")
	}
	return r, nil
}

func signedBy(r *ocsp.Response, issuer *x509.Certificate, trusted []*x509.Certificate) error {
	if r.Certificate == nil || r.Certificate.Equal(issuer) {
		return r.CheckSignatureFrom(issuer)
	}
	for _, c := range trusted {
		if r.Certificate.Equal(c) {
			return r.CheckSignatureFrom(c)
		}
	}
	if err := r.Certificate.CheckSignatureFrom(issuer); err != nil {
		return err
	}
	now := time.Now()
	if now.Before(r.Certificate.NotBefore) || now.After(r.Certificate.NotAfter) {
		return errors.New("responder's certificate is not valid now")
	}
	for _, use := range r.Certificate.ExtKeyUsage {
		if use == x509.ExtKeyUsageOCSPSigning {
			return r.CheckSignatureFrom(r.Certificate)
		}
	}
	return errors.New("missing ocspsigning usage")
}
