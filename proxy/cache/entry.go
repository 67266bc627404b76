package cache

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// Result says what Open found.
type Result int

// What Open can find.
const (
	Miss     Result = iota // nothing usable: ask the upstream and fill
	Hit                    // a fresh response
	Stale                  // a response that is no longer fresh; this request updates it
	Updating               // a stale response that another request updates
	Scarce                 // nothing, and nothing is to be stored
	Failed                 // Entry.Status is answered
)

// Entry is one request's dealings with a key.
type Entry struct {
	Meta
	Status     int // an error that is cached instead of a response
	MinUses    int
	BodyStart  int   // in the file
	Length     int64 // of the file
	Background bool  // another request does the update that this one began

	// Lock makes other requests for the key wait until it is filled.
	Lock        bool
	LockTimeout time.Duration
	LockAge     time.Duration

	StaleUpdating, StaleError bool // the response itself allows it

	zone      *Zone
	fields    RequestFields
	text      string // of the key
	key, main Key
	crc       uint32
	variant   Key
	node      *node
	room      int // for the header in a file
	uniq      uint64
	blocks    int64
	exists    bool
	ended     bool // Commit or Release has been called
	updating  bool // this request does the update
	lockTime  time.Time
	waitUntil time.Time
	secondary bool // the key is that of a variant
	toMain    bool // the variant did not match: back to the key itself

	file *os.File
	head []byte
	fill *os.File // the temporary file
}

// NewEntry begins a request's dealings with the key of that text. room is how
// long a file's header may be; fields are the headers of the request. Both
// strings and function are kept until the end.
func NewEntry(z *Zone, text string, room int, fields RequestFields) *Entry {
	e := &Entry{zone: z, fields: fields, text: text, room: room, BodyStart: room, MinUses: 1}
	e.LastModified = -1
	e.key, e.crc = sumKey(text)
	e.main = e.key
	return e
}

// HeaderStart is where the response's header begins in the file.
func (e *Entry) HeaderStart() int { return headerSize + len(keyIntro) + len(e.text) + 1 }

// Zone is the cache that the entry belongs to.
func (e *Entry) Zone() *Zone { return e.zone }

// Head is the response's header as it is in the file.
func (e *Entry) Head() []byte { return e.head }

// File is the open cache file, nil without one.
func (e *Entry) File() *os.File { return e.file }

// Open looks the key up. It waits, where the entry locks, for a request that
// fills the key already. An error is one of the file system.
//
// See: ngx_http_file_cache_open.
func (e *Entry) Open() (Result, error) {
	for {
		known, found, err := e.find()
		if err != nil {
			return Miss, err
		}
		z := e.zone
		test := e.exists
		miss := Miss
		switch {
		case known == scarce:
			return Scarce, nil
		case known == declined:
			test = z.isCold()
			if e.MinUses > 1 {
				if !test {
					return Scarce, nil
				}
				miss = Scarce
			}
		case found != 0:
			e.Status = found
			return Failed, nil
		}
		if test {
			res, err := e.read()
			switch {
			case err == errReopen:
				continue
			case err == errNoFile:
			default:
				return res, err
			}
		}
		if miss == Miss {
			if res, again := e.lock(); !again {
				return res, nil
			}
			continue
		}
		return miss, nil
	}
}

// presence is what the zone knows of a key.
type presence int

const (
	declined presence = iota // a new key
	present                  // an old one
	scarce                   // not used often enough yet
)

var errFull = errors.New("could not allocate node")

// find looks up the node, or makes it. status is a cached error.
//
// See: ngx_http_file_cache_exists.
func (e *Entry) find() (p presence, status int, err error) {
	z := e.zone
	z.mu.Lock()
	defer z.mu.Unlock()
	n := e.node
	if n == nil {
		if n = z.nodes[e.key]; n != nil {
			n.uses = min(n.uses+1, 1023)
			n.count++
		}
	}
	switch {
	case n == nil:
		if n = z.add(e.key); n == nil {
			z.mu.Unlock()
			z.forceExpire()
			z.mu.Lock()
			if n = z.nodes[e.key]; n != nil { // another request was quicker
				n.count++
				break
			}
			if n = z.add(e.key); n == nil {
				z.Log(Alert, "could not allocate node in cache keys zone %q", z.Name)
				return declined, 0, errFull
			}
		}
		n.uses, n.count = 1, 1
	case n.err != 0 && n.valid >= time.Now().Unix():
		p = present
	case n.err != 0:
		z.blocks -= n.blocks
		n.err, n.exists, n.valid, n.uniq, n.bodyStart, n.blocks = 0, false, 0, 0, 0, 0
	case n.exists || n.uses >= e.MinUses:
		p, e.exists = present, n.exists
		if n.bodyStart > 0 && !e.toMain {
			e.BodyStart = n.bodyStart
		}
	default:
		p = scarce
	}
	z.touch(n)
	e.uniq, e.node = n.uniq, n
	return p, n.err, nil
}

func (s *state) isCold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cold
}

var (
	errReopen = errors.New("another variant")
	errNoFile = errors.New("no file")
)

// read opens the file and reads its header. A file that cannot be used is a
// miss.
//
// See: ngx_http_file_cache_read.
func (e *Entry) read() (Result, error) {
	z := e.zone
	name := z.path(e.key)
	f, err := os.Open(name)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
			return Miss, errNoFile
		}
		return Miss, err
	}
	e.Close()
	e.file = f
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		return Miss, os.NewSyscallError("fstat", err)
	}
	e.uniq, e.Length, e.blocks = st.Ino, st.Size, z.inBlocks(&st)
	buf := make([]byte, min(int64(e.BodyStart), st.Size))
	n, err := f.ReadAt(buf, 0)
	if n < len(buf) && err != nil {
		return Miss, err
	}
	h, bad := e.check(buf)
	if bad != nil {
		level := Crit
		if bad == errVersion {
			level = Info
		}
		z.Log(level, "cache file %q %v", name, bad)
		e.Close()
		return Miss, nil
	}
	if h.Vary != "" {
		e.variant = variantOf(e.main, h.Vary, e.fields)
		if e.variant != h.variant {
			return e.reopen(name)
		}
	}
	e.Meta, e.BodyStart = h.Meta, h.bodyStart
	e.Vary = "" // the response's header says it again, or the new one's does
	e.head = buf[h.headerStart:h.bodyStart]
	return e.freshness(), nil
}

// check finds out whether a file is this key's.
func (e *Entry) check(buf []byte) (header, error) {
	if len(buf) < e.HeaderStart() {
		return header{}, errTooSmall
	}
	h, err := parseHeader(buf)
	switch {
	case err != nil:
	case h.crc != e.crc || h.headerStart != e.HeaderStart(),
		string(buf[headerSize+len(keyIntro):h.headerStart-1]) != e.text:
		err = errors.New("has md5 collision")
	case h.bodyStart > len(buf), h.bodyStart < h.headerStart:
		err = errors.New("has too long header")
	}
	return h, err
}

// reopen goes on with the key of the variant that the request wants.
//
// See: ngx_http_file_cache_reopen.
func (e *Entry) reopen(name string) (Result, error) {
	z := e.zone
	e.Close()
	if e.secondary {
		z.Log(Crit, "cache file %q has incorrect vary hash", name)
		return Miss, nil
	}
	z.mu.Lock()
	e.node.count--
	e.node = nil
	z.mu.Unlock()
	e.secondary, e.exists = true, false
	e.BodyStart, e.key = e.room, e.variant
	return Miss, errReopen
}

// freshness tells a hit from what is stale, and takes the update on unless
// another request has.
func (e *Entry) freshness() Result {
	z, n := e.zone, e.node
	now := time.Now().Unix()
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.cold && !n.exists {
		n.uses, n.bodyStart, n.exists, n.uniq, n.blocks = 1, e.BodyStart, true, e.uniq, e.blocks
		z.blocks += e.blocks
	}
	if e.Valid >= now {
		return Hit
	}
	e.StaleUpdating = e.Valid+e.Updating >= now
	e.StaleError = e.Valid+e.Error >= now
	if n.updating {
		return Updating
	}
	n.updating, e.updating, e.lockTime = true, true, n.lockTime
	return Stale
}

// lock takes the filling of a key on, or waits for who has it. again tells to
// look the key up again.
//
// See: ngx_http_file_cache_lock.
func (e *Entry) lock() (res Result, again bool) {
	if !e.Lock {
		return Miss, false
	}
	z, n := e.zone, e.node
	for {
		now := time.Now()
		z.mu.Lock()
		if !n.updating || !now.Before(n.lockTime) {
			n.updating, n.lockTime = true, now.Add(e.LockAge)
			e.updating, e.lockTime = true, n.lockTime
			z.mu.Unlock()
			return Miss, false
		}
		if n.changed == nil {
			n.changed = make(chan struct{})
		}
		changed, age := n.changed, n.lockTime.Sub(now)
		z.mu.Unlock()
		if e.LockTimeout == 0 {
			return Scarce, false
		}
		if e.waitUntil.IsZero() {
			e.waitUntil = now.Add(e.LockTimeout)
		}
		left := e.waitUntil.Sub(now)
		if left <= 0 {
			z.Log(Info, "cache lock timeout")
			e.LockTimeout = 0
			return Scarce, true
		}
		t := time.NewTimer(min(left, age))
		select {
		case <-changed:
			t.Stop()
			return Miss, true
		case <-t.C:
		}
	}
}

// Create takes a key on that was not looked up, to fill it all the same.
//
// See: ngx_http_file_cache_create.
func (e *Entry) Create() error {
	_, _, err := e.find()
	return err
}

// Release gives the key back without a (new) response. status, unless 0, is
// an error to answer until valid instead.
//
// See: ngx_http_file_cache_free.
func (e *Entry) Release() {
	if e.ended || e.node == nil {
		e.drop()
		return
	}
	z, n := e.zone, e.node
	z.mu.Lock()
	n.count--
	if e.updating && n.lockTime.Equal(e.lockTime) {
		n.updated()
	}
	switch {
	case e.Status != 0:
		n.err = e.Status
		if e.Valid != 0 {
			n.valid = e.Valid
		}
	case !n.exists && n.count == 0 && e.MinUses == 1:
		z.remove(n)
	}
	z.mu.Unlock()
	e.ended, e.updating = true, false
	e.drop()
}

// drop removes a temporary file that was not used.
func (e *Entry) drop() {
	if e.fill != nil {
		name := e.fill.Name()
		e.fill.Close()
		e.fill = nil
		os.Remove(name)
	}
}

// Close closes the cache file.
func (e *Entry) Close() {
	if e.file != nil {
		e.file.Close()
		e.file = nil
	}
}
