package upstream

import (
	"container/list"
	"crypto/md5"
	"sync"
	"time"
)

// sessionSize is what a session costs in nginx's zone, about: 1m holds 8000.
const sessionSize = 128

// sessions maps session identifiers to peers, forgetting the ones that were
// not used for a while and, when the zone is full, the one used longest ago.
type sessions struct {
	mu      sync.Mutex
	timeout time.Duration
	limit   int
	byID    map[[md5.Size]byte]*list.Element
	used    *list.List // of *session, the latest used in front
}

type session struct {
	id   [md5.Size]byte
	sid  string
	last time.Time
}

func newSessions(timeout time.Duration, limit int) *sessions {
	return &sessions{timeout: timeout, limit: max(limit, 1), byID: map[[md5.Size]byte]*list.Element{}, used: list.New()}
}

func (s *sessions) resize(timeout time.Duration, limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timeout, s.limit = timeout, max(limit, 1)
	for len(s.byID) > s.limit {
		s.drop(s.used.Back())
	}
}

func (s *sessions) drop(e *list.Element) {
	delete(s.byID, e.Value.(*session).id)
	s.used.Remove(e)
}

// expire forgets what was not used for the timeout.
func (s *sessions) expire(now time.Time) {
	for e := s.used.Back(); e != nil && now.Sub(e.Value.(*session).last) >= s.timeout; e = s.used.Back() {
		s.drop(e)
	}
}

// peer is the peer of a session, or "".
func (s *sessions) peer(id string, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	if e := s.byID[md5.Sum([]byte(id))]; e != nil {
		return e.Value.(*session).sid
	}
	return ""
}

// learn binds a session to a peer, making the session when create is set.
func (s *sessions) learn(id, sid string, create bool, now time.Time) {
	key := md5.Sum([]byte(id))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	if e := s.byID[key]; e != nil {
		v := e.Value.(*session)
		v.sid, v.last = sid, now
		s.used.MoveToFront(e)
		return
	}
	if !create {
		return
	}
	if len(s.byID) >= s.limit {
		s.drop(s.used.Back())
	}
	s.byID[key] = s.used.PushFront(&session{id: key, sid: sid, last: now})
}
