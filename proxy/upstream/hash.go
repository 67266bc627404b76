package upstream

import (
	"cmp"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
)

// maxLoops is how many peers hashing methods look at before they give in to
// round robin.
const maxLoops = 20

func crcOf(s string) uint32 { return crcAdd(0, s) }

// crcAdd goes on with a finished CRC-32. It allocates nothing for strings.
func crcAdd(crc uint32, s string) uint32 {
	crc = ^crc
	for i := 0; i < len(s); i++ {
		crc = crc32.IEEETable[byte(crc)^s[i]] ^ crc>>8
	}
	return ^crc
}

// hashKey maps the key to a peer by nginx's CRC-32 hash, hashing anew with
// a counter in front for peers that cannot be used.
//
// See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#hash
func (p *Picker) hashKey(now int64) (*Peer, error) {
	s := p.set
	if p.loops > maxLoops || len(s.peers) < 2 || p.req.Key == "" {
		return p.roundRobin(now)
	}
	if i, peer := p.bySID(now); peer != nil {
		return p.take(i, now), nil
	}
	var buf [10]byte
	for {
		crc := uint32(0)
		if p.rehsh > 0 {
			for _, c := range strconv.AppendUint(buf[:0], uint64(p.rehsh), 10) {
				crc = ^(crc32.IEEETable[byte(^crc)^c] ^ ^crc>>8)
			}
		}
		crc = crcAdd(crc, p.req.Key)
		p.hash += crc >> 16 & 0x7fff
		p.rehsh++
		i := s.at(int(p.hash % uint32(s.totalWeight)))
		if !p.tried(i) && s.peers[i].usable(now) {
			return p.take(i, now), nil
		}
		if p.loops++; p.loops > maxLoops {
			return p.roundRobin(now)
		}
	}
}

// take is the end of the methods that do not touch the weights.
func (p *Picker) take(i int, now int64) *Peer {
	peer := p.set.peers[i]
	peer.touch(now)
	p.mark(i)
	return peer
}

// point is one of the ring's points: all peers whose server directive reads
// server stand there.
type point struct {
	hash   uint32
	server string
}

// chashPoints lays out the ring: 160 points for each unit of weight, each
// hashed from the one before it.
func chashPoints(peers []*Peer) []point {
	n := 0
	for _, p := range peers {
		n += p.weight * 160
	}
	points := make([]point, 0, n)
	for _, p := range peers {
		host, port := splitServer(p.Server)
		base := crcAdd(crcAdd(crcAdd(0, host), "\x00"), port)
		var prev [4]byte
		for range p.weight * 160 {
			h := ^base
			for _, c := range prev {
				h = crc32.IEEETable[byte(h)^c] ^ h>>8
			}
			h = ^h
			points = append(points, point{h, p.Server})
			prev = [4]byte{byte(h), byte(h >> 8), byte(h >> 16), byte(h >> 24)}
		}
	}
	// glibc's qsort merges and so is stable; the first of equal points stays.
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.hash, b.hash) })
	return slices.CompactFunc(points, func(a, b point) bool { return a.hash == b.hash })
}

// splitServer parts host and port as nginx does for its hash: the port is
// what follows the last ":" if it is all digits.
func splitServer(s string) (host, port string) {
	if len(s) >= 5 && strings.EqualFold(s[:5], "unix:") {
		return s[5:], ""
	}
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == ':' {
			return s[:i], s[i+1:]
		}
		if s[i] < '0' || s[i] > '9' {
			break
		}
	}
	return s, ""
}

// findPoint is the index of the first point at or after hash; it may be one
// past the end, which wraps around.
func findPoint(points []point, hash uint32) uint32 {
	i, _ := slices.BinarySearchFunc(points, hash, func(p point, h uint32) int { return cmp.Compare(p.hash, h) })
	return uint32(i)
}

// consistent walks the ring from the key's point on.
//
// See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#hash
func (p *Picker) consistent(now int64) (*Peer, error) {
	s := p.set
	if p.loops > maxLoops || s.single || p.req.Key == "" || s.points == nil {
		return p.roundRobin(now)
	}
	if len(s.peers) == 0 || len(s.points) == 0 {
		return nil, ErrNoLive
	}
	if i, peer := p.bySID(now); peer != nil {
		return p.take(i, now), nil
	}
	for {
		server := s.points[int(p.hash)%len(s.points)].server
		var best *Peer
		bi, total := 0, 0
		for i, peer := range s.peers {
			if p.tried(i) || !peer.usable(now) || peer.Server != server {
				continue
			}
			total += peer.gain()
			if best == nil || peer.current > best.current {
				best, bi = peer, i
			}
		}
		if best != nil {
			best.current -= total
			return p.take(bi, now), nil
		}
		p.hash++
		if p.loops++; p.loops > maxLoops {
			return p.roundRobin(now)
		}
	}
}
