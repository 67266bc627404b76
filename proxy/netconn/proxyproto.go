package netconn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
)

// ProxyHeader is what a PROXY protocol header tells of the connection before
// the proxy that sent it.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#listen (proxy_protocol)
type ProxyHeader struct {
	// Known is false for "UNKNOWN", LOCAL and address families that are
	// not internet ones: the connection keeps its own addresses.
	Known bool
	// Src and Dst as sent ($proxy_protocol_addr, $proxy_protocol_server_addr);
	// the first version allows texts that are no addresses.
	Src, Dst         string
	SrcPort, DstPort uint16
	// TLVs is the rest of a second-version header ($proxy_protocol_tlv_…).
	TLVs []byte
}

// SrcAddr is Src as an address, invalid if it is none.
func (h *ProxyHeader) SrcAddr() netip.AddrPort {
	a, err := netip.ParseAddr(h.Src)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, h.SrcPort)
}

// ErrShortProxyHeader means that more bytes are needed.
var ErrShortProxyHeader = errors.New("netconn: incomplete PROXY protocol header")

const (
	proxyV2Signature = "\r\n\r\n\x00\r\nQUIT\n"
	proxyV2Header    = 16
	proxyV1Max       = 107
	// MaxProxyHeader is the most bytes a header may have (nginx's
	// NGX_PROXY_PROTOCOL_MAX_HEADER).
	MaxProxyHeader = 4096
)

// ParseProxyHeader reads a PROXY protocol header from the front of buf and
// returns its length. Its errors are nginx's log lines (level error), or
// ErrShortProxyHeader.
//
// Differs: nginx refuses a header that does not arrive in one piece.
func ParseProxyHeader(buf []byte) (h ProxyHeader, n int, err error) {
	if m := min(len(buf), len(proxyV2Signature)); string(buf[:m]) == proxyV2Signature[:m] {
		if len(buf) < proxyV2Header {
			return h, 0, ErrShortProxyHeader
		}
		return parseProxyV2(buf)
	}
	end := bytes.IndexByte(buf, '\n')
	if end < 0 {
		if m := min(len(buf), 6); string(buf[:m]) == "PROXY "[:m] && len(buf) < proxyV1Max {
			return h, 0, ErrShortProxyHeader
		}
		return h, 0, brokenProxyHeader(buf)
	}
	line := buf[:end+1]
	h, ok := parseProxyV1(line)
	if !ok {
		return ProxyHeader{}, 0, brokenProxyHeader(buf)
	}
	return h, end + 1, nil
}

func brokenProxyHeader(buf []byte) error {
	if i := bytes.IndexAny(buf, "\r\n"); i >= 0 {
		buf = buf[:i]
	}
	return fmt.Errorf("broken header: \"%s\"", buf[:min(len(buf), proxyV1Max)])
}

// parseProxyV1 reads a whole line, its LF included.
func parseProxyV1(line []byte) (h ProxyHeader, ok bool) {
	line, ok = bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || len(line) > proxyV1Max-2 {
		return h, false
	}
	if line, ok = bytes.CutPrefix(line, []byte("PROXY ")); !ok {
		return h, false
	}
	if bytes.HasPrefix(line, []byte("UNKNOWN")) {
		return h, true
	}
	if !bytes.HasPrefix(line, []byte("TCP4 ")) && !bytes.HasPrefix(line, []byte("TCP6 ")) {
		return h, false
	}
	parts := bytes.Split(line[5:], []byte(" "))
	if len(parts) != 4 {
		return h, false
	}
	h.Known = true
	h.Src, h.Dst = string(parts[0]), string(parts[1])
	if !proxyAddress(h.Src) || !proxyAddress(h.Dst) {
		return h, false
	}
	if h.SrcPort, ok = proxyPort(parts[2]); !ok {
		return h, false
	}
	h.DstPort, ok = proxyPort(parts[3])
	return h, ok
}

func proxyAddress(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != ':' && c != '.' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

func proxyPort(b []byte) (uint16, bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(b), 10, 16)
	return uint16(n), err == nil
}

func parseProxyV2(buf []byte) (h ProxyHeader, n int, err error) {
	if version := buf[12] >> 4; version != 2 {
		return h, 0, fmt.Errorf("unknown PROXY protocol version: %d", version)
	}
	n = proxyV2Header + int(binary.BigEndian.Uint16(buf[14:]))
	if n > MaxProxyHeader {
		return h, 0, errors.New("header is too large")
	}
	if len(buf) < n {
		return h, 0, ErrShortProxyHeader
	}
	if buf[12]&0x0f != 1 || buf[13]&0x0f != 1 {
		return h, n, nil // LOCAL, or not a stream
	}
	body := buf[proxyV2Header:n]
	size := 0
	switch buf[13] >> 4 {
	case 1:
		size = 4
	case 2:
		size = 16
	default:
		return h, n, nil
	}
	if len(body) < 2*size+4 {
		return h, 0, errors.New("broken header: \"\"")
	}
	src, _ := netip.AddrFromSlice(body[:size])
	dst, _ := netip.AddrFromSlice(body[size : 2*size])
	ports := body[2*size:]
	h = ProxyHeader{
		Known: true,
		Src:   src.String(), Dst: dst.String(),
		SrcPort: binary.BigEndian.Uint16(ports), DstPort: binary.BigEndian.Uint16(ports[2:]),
	}
	if len(ports) > 4 {
		h.TLVs = bytes.Clone(ports[4:])
	}
	return h, n, nil
}

// TLV looks a value up in a second-version header: by type.
func (h *ProxyHeader) TLV(kind byte) ([]byte, bool) { return lookupTLV(h.TLVs, kind) }

func lookupTLV(b []byte, kind byte) ([]byte, bool) {
	for len(b) >= 3 {
		n := 3 + int(binary.BigEndian.Uint16(b[1:]))
		if n > len(b) {
			return nil, false
		}
		if b[0] == kind {
			return b[3:n], true
		}
		b = b[n:]
	}
	return nil, false
}

// Names of TLVs for $proxy_protocol_tlv_name and, with the prefix "ssl_",
// of those inside the SSL one.
var (
	tlvNames = map[string]byte{
		"alpn": 0x01, "authority": 0x02, "unique_id": 0x05, "ssl": 0x20, "netns": 0x30,
	}
	tlvSSLNames = map[string]byte{
		"version": 0x21, "cn": 0x22, "cipher": 0x23, "sig_alg": 0x24, "key_alg": 0x25,
	}
)

// TLVByName is TLV for a name as variables have it: "alpn", "ssl_cn",
// "ssl_verify", "0xea".
func (h *ProxyHeader) TLVByName(name string) ([]byte, bool) {
	tlvs, names := h.TLVs, tlvNames
	if rest, ok := bytes.CutPrefix([]byte(name), []byte("ssl_")); ok {
		ssl, ok := lookupTLV(tlvs, 0x20)
		if !ok || len(ssl) < 5 {
			return nil, false
		}
		if string(rest) == "verify" {
			return strconv.AppendUint(nil, uint64(binary.BigEndian.Uint32(ssl[1:])), 10), true
		}
		name, tlvs, names = string(rest), ssl[5:], tlvSSLNames
	}
	if len(name) > 2 && name[:2] == "0x" {
		n, err := strconv.ParseUint(name[2:], 16, 8)
		if err != nil {
			return nil, false
		}
		return lookupTLV(tlvs, byte(n))
	}
	kind, ok := names[name]
	if !ok {
		return nil, false
	}
	return lookupTLV(tlvs, kind)
}

// ReadProxyHeader reads a header from the front of the connection. What
// follows it stays buffered.
func (c *Conn) ReadProxyHeader() (ProxyHeader, error) {
	for {
		h, n, err := ParseProxyHeader(c.Buffered())
		if err == nil {
			c.Consume(n)
			return h, nil
		}
		if err != ErrShortProxyHeader {
			return ProxyHeader{}, err
		}
		if _, err := c.Fill(MaxProxyHeader); err != nil {
			return ProxyHeader{}, err
		}
	}
}
