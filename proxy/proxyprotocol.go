package proxy

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// proxyHeader is what a PROXY protocol header said.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#var_proxy_protocol_addr
type proxyHeader struct {
	src, dst         netip.AddrPort
	srcText, dstText string // as v1 wrote them; "" for UNKNOWN and LOCAL
	known            bool
	tlvs             []byte
}

var ppSignature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// ppMaxV1 is the longest version 1 header; nginx reads up to 4096 bytes for
// version 2.
const (
	ppMaxV1 = 107
	ppMax   = 4096
)

// readProxyHeader reads the header that comes before everything else.
func (c *conn) readProxyHeader() bool {
	c.nc.SetReadTimeout(c.addr.defaultServer.head.headerTimeout)
	for {
		in := c.nc.Buffered()
		pp, n, err := parseProxyHeader(in)
		switch {
		case err != "":
			c.rt.errorLog.conn(logError, c, "broken header: %q while reading PROXY protocol", truncate(in, 107))
			return false
		case n > 0:
			c.pp = pp
			c.nc.Consume(n)
			return true
		}
		if _, err := c.nc.Fill(ppMax); err != nil {
			return false
		}
	}
}

func truncate(b []byte, n int) []byte { return b[:min(len(b), n)] }

// parseProxyHeader reads one header. n is 0 while it is incomplete; fault
// names what is wrong with it.
func parseProxyHeader(b []byte) (pp *proxyHeader, n int, fault string) {
	if len(b) >= 12 && bytes.Equal(b[:12], ppSignature) {
		return parseProxyV2(b)
	}
	if len(b) < 12 && bytes.HasPrefix(ppSignature, b) {
		return nil, 0, ""
	}
	if !bytes.HasPrefix(b, []byte("PROXY ")[:min(6, len(b))]) {
		return nil, 0, "no PROXY header"
	}
	end := bytes.Index(b, []byte("\r\n"))
	if end < 0 {
		if len(b) >= ppMaxV1 {
			return nil, 0, "too long"
		}
		return nil, 0, ""
	}
	if end+2 > ppMaxV1 {
		return nil, 0, "too long"
	}
	fields := strings.Split(string(b[6:end]), " ")
	pp = &proxyHeader{}
	if fields[0] == "UNKNOWN" {
		return pp, end + 2, ""
	}
	if len(fields) != 5 || fields[0] != "TCP4" && fields[0] != "TCP6" {
		return nil, 0, "broken"
	}
	src, err1 := netip.ParseAddr(fields[1])
	dst, err2 := netip.ParseAddr(fields[2])
	sp, err3 := strconv.ParseUint(fields[3], 10, 16)
	dp, err4 := strconv.ParseUint(fields[4], 10, 16)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return nil, 0, "broken"
	}
	pp.set(src, dst, uint16(sp), uint16(dp))
	pp.srcText, pp.dstText = fields[1], fields[2]
	return pp, end + 2, ""
}

func (pp *proxyHeader) set(src, dst netip.Addr, sp, dp uint16) {
	pp.known = true
	pp.src, pp.dst = netip.AddrPortFrom(src, sp), netip.AddrPortFrom(dst, dp)
	pp.srcText, pp.dstText = src.String(), dst.String()
}

// parseProxyV2 reads a binary header.
//
// See: ngx_proxy_protocol_v2_read.
func parseProxyV2(b []byte) (pp *proxyHeader, n int, fault string) {
	if len(b) < 16 {
		return nil, 0, ""
	}
	if b[12]>>4 != 2 {
		return nil, 0, "unknown version"
	}
	length := int(binary.BigEndian.Uint16(b[14:]))
	n = 16 + length
	if n > ppMax {
		return nil, 0, "too long"
	}
	if len(b) < n {
		return nil, 0, ""
	}
	pp = &proxyHeader{}
	if b[12]&15 != 1 { // LOCAL
		return pp, n, ""
	}
	body := b[16:n]
	if b[13]&15 != 1 { // not a stream
		return pp, n, ""
	}
	size := 0
	switch b[13] >> 4 {
	case 1:
		size = 4
	case 2:
		size = 16
	default:
		return pp, n, ""
	}
	if len(body) < 2*size+4 {
		return nil, 0, "too short"
	}
	src, _ := netip.AddrFromSlice(body[:size])
	dst, _ := netip.AddrFromSlice(body[size : 2*size])
	pp.set(src, dst, binary.BigEndian.Uint16(body[2*size:]), binary.BigEndian.Uint16(body[2*size+2:]))
	pp.tlvs = bytes.Clone(body[2*size+4:])
	return pp, n, ""
}

// proxyProtocol serves $proxy_protocol_addr and its kin.
func (r *Request) proxyProtocol(part string) (string, bool) {
	c := r.main.conn
	if c == nil || c.pp == nil {
		return "", false
	}
	if !c.pp.known {
		return "", true
	}
	switch part {
	case "addr":
		return c.pp.srcText, true
	case "server_addr":
		return c.pp.dstText, true
	case "port":
		return strconv.Itoa(int(c.pp.src.Port())), true
	}
	return strconv.Itoa(int(c.pp.dst.Port())), true
}

var ppTLVs = map[string]byte{"alpn": 1, "authority": 2, "unique_id": 5, "ssl": 0x20, "netns": 0x30}

var ppSSLTLVs = map[string]byte{"version": 0x21, "cn": 0x22, "cipher": 0x23, "sig_alg": 0x24, "key_alg": 0x25}

// proxyProtocolTLVGetter is $proxy_protocol_tlv_name: by name, or by number as
// 0x01.
func proxyProtocolTLVGetter(name string) getter {
	return func(r *Request) (string, bool) {
		c := r.main.conn
		if c == nil || c.pp == nil {
			return "", false
		}
		tlvs := c.pp.tlvs
		if sub, found := strings.CutPrefix(name, "ssl_"); found {
			ssl, has := findTLV(tlvs, 0x20)
			if !has || len(ssl) < 5 {
				return "", false
			}
			if sub == "verify" {
				return strconv.FormatUint(uint64(binary.BigEndian.Uint32(ssl[1:])), 10), true
			}
			v, has := findTLV(ssl[5:], ppSSLTLVs[sub])
			return string(v), has && ppSSLTLVs[sub] != 0
		}
		kind, known := ppTLVs[name]
		if hex, found := strings.CutPrefix(name, "0x"); found {
			n, err := strconv.ParseUint(hex, 16, 8)
			kind, known = byte(n), err == nil
		}
		if !known {
			return "", false
		}
		v, has := findTLV(tlvs, kind)
		return string(v), has
	}
}

func findTLV(b []byte, kind byte) ([]byte, bool) {
	for len(b) >= 3 {
		n := int(binary.BigEndian.Uint16(b[1:]))
		if len(b) < 3+n {
			return nil, false
		}
		if b[0] == kind {
			return b[3 : 3+n], true
		}
		b = b[3+n:]
	}
	return nil, false
}
