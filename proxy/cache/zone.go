package cache

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Options describe a cache: a proxy_cache_path.
type Options struct {
	Name        string // of the keys zone
	ZoneSize    int64
	Path        string // full, without a trailing "/"
	Levels      []int
	Inactive    time.Duration
	MaxSize     int64 // bytes; -1: no limit
	MinFree     int64
	UseTempPath bool // temporary files go where the caller says

	LoaderFiles, ManagerFiles         int
	LoaderSleep, ManagerSleep         time.Duration
	LoaderThreshold, ManagerThreshold time.Duration

	// Log takes what goes to the error log outside of requests.
	Log func(l Level, format string, args ...any)
}

// Level is nginx's level of a log line.
type Level int

// The levels used here.
const (
	Alert Level = iota
	Crit
	Notice
	Info
)

// Zone is a cache as one configuration has it. Its state is shared with the
// zone of the same name in the configuration before.
type Zone struct {
	Options
	*state
	stop chan struct{}
	done sync.WaitGroup
}

// state is what a zone knows of its keys.
type state struct {
	mu        sync.Mutex
	nodes     map[Key]*node
	queue     node // ring: the most recently used after it, the least before
	limit     int  // how many nodes the zone has room for
	watermark int  // how many there should be
	blocks    int64
	blockSize int64
	cold      bool // the directory has not been read yet
	loading   bool
	failTime  int64
}

// node is a key's state.
type node struct {
	key        Key
	prev, next *node

	count     int // requests at work on it
	uses      int
	err       int // status that is answered instead of a response
	exists    bool
	updating  bool
	deleting  bool
	uniq      uint64 // inode of the file
	expire    int64
	valid     int64 // of err
	bodyStart int
	blocks    int64
	lockTime  time.Time
	changed   chan struct{} // closed when updating ends; nil: nobody waits
}

// nodeRoom is what a node takes of its zone: nginx's slabs give it 128 bytes,
// and a page of 4096 costs 24 more.
const (
	nodesPerPage = 32
	pageRoom     = 4096 + 24
)

// New makes a zone. old, which may be nil, is the zone of that name in the
// configuration before; its state is taken over.
func New(o Options, old *Zone) (*Zone, error) {
	z := &Zone{Options: o, stop: make(chan struct{})}
	if old != nil {
		switch {
		case old.Path != o.Path:
			return nil, fmt.Errorf("cache %q uses the %q cache path while previously it used the %q cache path", o.Name, o.Path, old.Path)
		case !slices.Equal(old.Levels, o.Levels):
			return nil, fmt.Errorf("cache %q had previously different levels", o.Name)
		}
		if old.ZoneSize == o.ZoneSize {
			z.state = old.state
			return z, nil
		}
	}
	if err := os.Mkdir(o.Path, 0o700); err != nil && !os.IsExist(err) {
		return nil, fmt.Errorf("mkdir() %q failed (%w)", o.Path, errors.Unwrap(err))
	}
	s := &state{nodes: map[Key]*node{}, cold: true, blockSize: blockSize(o.Path)}
	s.queue.prev, s.queue.next = &s.queue, &s.queue
	s.limit = max(1, int(o.ZoneSize/pageRoom-1)*nodesPerPage-1)
	s.watermark = int(^uint(0) >> 1)
	z.state = s
	return z, nil
}

// Size is how much disk space the files take, and how many keys are known.
func (z *Zone) Size() (bytes int64, keys int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.blocks * z.blockSize, len(z.nodes)
}

// blockSize is the size that files are counted in.
func blockSize(path string) int64 {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil || fs.Bsize <= 0 || fs.Bsize%512 != 0 {
		return 512
	}
	return fs.Bsize
}

// inBlocks is a file's space in blocks.
func (s *state) inBlocks(st *syscall.Stat_t) int64 {
	return (st.Blocks*512 + s.blockSize - 1) / s.blockSize
}

// touch makes a node the most recently used one. The mutex is held.
func (z *Zone) touch(n *node) {
	n.unlink()
	n.expire = time.Now().Unix() + int64(z.Inactive/time.Second)
	n.prev, n.next = &z.queue, z.queue.next
	n.prev.next, n.next.prev = n, n
}

func (n *node) unlink() {
	if n.prev != nil {
		n.prev.next, n.next.prev = n.next, n.prev
		n.prev, n.next = nil, nil
	}
}

// remove forgets a node. The mutex is held.
func (s *state) remove(n *node) {
	n.unlink()
	delete(s.nodes, n.key)
}

// add makes a node for a key; nil when the zone is full. The mutex is held.
func (s *state) add(k Key) *node {
	if len(s.nodes) >= s.limit {
		s.watermark = len(s.nodes) - len(s.nodes)/8
		return nil
	}
	n := &node{key: k}
	s.nodes[k] = n
	return n
}

// updated ends an update: whoever waits goes on. The mutex is held.
func (n *node) updated() {
	n.updating = false
	if n.changed != nil {
		close(n.changed)
		n.changed = nil
	}
}
