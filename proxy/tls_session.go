package proxy

import (
	"container/list"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"time"

	"huidu/nginxconf"
)

// sessionConf is how an address keeps TLS sessions: as its default server
// says, because sessions are looked up before a server is chosen by name.
type sessionConf struct {
	tickets bool          // sessions travel in tickets, whatever cache there is
	cache   *sessionCache // nil: none
	timeout time.Duration
}

// sessionCache is a zone of ssl_session_cache: sessions by their random ids,
// the least recently stored dropped first. crypto/tls hands the client the id
// in the place of a ticket, as OpenSSL does for TLS 1.3.
//
// Differs: TLS 1.2 clients that speak no tickets cannot resume; crypto/tls has
// no session ids.
//
// See: https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_session_cache
type sessionCache struct {
	mu    sync.Mutex
	byID  map[string]*list.Element
	order *list.List // of *cachedSession, newest first
	max   int
}

type cachedSession struct {
	id    string
	data  []byte
	until time.Time
}

// Sizes of the caches, in sessions: OpenSSL's default, and what nginx says of
// a megabyte.
const (
	builtinSessions = 20480
	sessionsPerMB   = 4000
)

func newSessionCache(n int) *sessionCache {
	return &sessionCache{byID: map[string]*list.Element{}, order: list.New(), max: max(n, 1)}
}

// put stores a session under a new id.
func (s *sessionCache) put(data []byte, until time.Time) []byte {
	id := make([]byte, 32)
	rand.Read(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.order.Len() >= s.max {
		s.drop(s.order.Back())
	}
	e := &cachedSession{id: string(id), data: data, until: until}
	s.byID[e.id] = s.order.PushFront(e)
	return id
}

// get finds a session that is still good.
func (s *sessionCache) get(id []byte, now time.Time) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	el := s.byID[string(id)]
	if el == nil {
		return nil
	}
	e := el.Value.(*cachedSession)
	if now.After(e.until) {
		s.drop(el)
		return nil
	}
	return e.data
}

func (s *sessionCache) drop(el *list.Element) {
	delete(s.byID, el.Value.(*cachedSession).id)
	s.order.Remove(el)
}

// sessions compiles ssl_session_cache and ssl_session_timeout of a server.
func (c *compiler) sessions(k *nginxconf.SSLSrv) *sessionConf {
	out := &sessionConf{timeout: k.SessionTimeout.V, tickets: k.SessionTickets.V}
	if out.tickets {
		return out
	}
	for _, a := range k.SessionCache.V {
		switch kind, rest, _ := strings.Cut(a, ":"); kind {
		case "builtin":
			n, err := strconv.Atoi(rest)
			if err != nil || n <= 0 {
				n = builtinSessions
			}
			if out.cache == nil {
				out.cache = newSessionCache(min(n, 1<<20))
			}
		case "shared": // preferred when there are both
			name, sizeText, _ := strings.Cut(rest, ":")
			if c.sessionZones == nil {
				c.sessionZones = map[string]*sessionCache{}
			}
			zone := c.sessionZones[name]
			if zone == nil {
				size, _ := nginxconf.ParseSize(sizeText)
				zone = newSessionCache(int(min(size, 1<<40) * sessionsPerMB >> 20))
				c.sessionZones[name] = zone
			}
			out.cache = zone
		}
	}
	return out
}

// sessionExtra marks our part of a session's extra data. It holds when the
// session began, its id, and the server and name it was made for.
const sessionExtra = "huidu1"

func appendSessionExtra(at time.Time, id []byte, server, name string) []byte {
	b := append([]byte(sessionExtra), id...)
	b = binary.BigEndian.AppendUint64(b, uint64(at.Unix()))
	b = append(append(b, server...), 0)
	return append(b, name...)
}

// keepSessions lets cfg make and take up sessions for this connection.
//
// A session is taken up only under the name and by the server for which it was
// made: what one server's ssl_verify_client let in must not open another.
//
// Scripts keep sessions instead of the cache, and only up to TLS 1.2, as in
// ngx_lua; a client's ticket is then the session's id.
//
// See: ngx_http_ssl_servername, RFC 8446 section 4.6.3.
func (c *conn) keepSessions(cfg *tls.Config) {
	conf, base := c.addr.tls.sessions, c.addr.tls.base
	scripts := &c.addr.tls.byServer[c.addr.defaultServer].scripts
	if conf.tickets {
		scripts = &sslScripts{}
	}
	var resumed []byte
	cfg.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		now := time.Now()
		began, id := now, make([]byte, 32)
		for _, e := range ss.Extra { // taken up again: its age counts from the first handshake
			if strings.HasPrefix(string(e), sessionExtra) && len(e) >= len(sessionExtra)+40 {
				began = time.Unix(int64(binary.BigEndian.Uint64(e[len(sessionExtra)+32:])), 0)
			}
		}
		byScript := scripts.sessions() && cs.Version < tls.VersionTLS13
		if byScript && resumed != nil {
			return resumed, nil
		}
		rand.Read(id)
		ss.Extra = [][]byte{appendSessionExtra(began, id, c.tls.server.id, cs.ServerName)}
		if c.tls.sessionID == "" {
			c.tls.sessionID = hex.EncodeToString(id)
		}
		if conf.tickets {
			return base.EncryptTicket(cs, ss)
		}
		data, err := ss.Bytes()
		if err != nil {
			return nil, err
		}
		if byScript && scripts.store != nil {
			c.storeScript(id, data)
			return id, nil
		}
		if conf.cache == nil {
			return id, nil
		}
		return conf.cache.put(data, began.Add(conf.timeout)), nil
	}
	cfg.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (ss *tls.SessionState, err error) {
		now := time.Now()
		switch {
		case len(identity) == 0: // a client of TLS 1.2 that has no session
		case conf.tickets:
			ss, err = base.DecryptTicket(identity, cs)
		case scripts.fetch != nil && cs.Version < tls.VersionTLS13:
			ss = c.fetchScript(identity)
		case conf.cache != nil:
			if data := conf.cache.get(identity, now); data != nil {
				ss, err = tls.ParseSessionState(data)
			}
		}
		if ss == nil || err != nil {
			return nil, err
		}
		for _, e := range ss.Extra {
			rest, ours := strings.CutPrefix(string(e), sessionExtra)
			if !ours || len(rest) < 40 {
				continue
			}
			began := time.Unix(int64(binary.BigEndian.Uint64([]byte(rest[32:40]))), 0)
			if now.Sub(began) > conf.timeout+time.Second || rest[40:] != c.tls.server.id+"\x00"+cs.ServerName {
				return nil, nil
			}
			c.tls.sessionID = hex.EncodeToString([]byte(rest[:32]))
			resumed = append([]byte{}, identity...)
			return ss, nil
		}
		return nil, nil
	}
}
