package proxy

import (
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// openedFile is a file that the static handlers found: its facts, and either
// its whole content (small files) or the file itself.
type openedFile struct {
	f     *os.File
	data  []byte
	size  int64
	mtime int64
	dir   bool
	file  bool
}

func (o *openedFile) close() {
	if o.f != nil {
		o.f.Close()
	}
}

// openError is a failed system call on a path, in nginx's words.
type openError struct {
	call string
	err  error
}

func (e *openError) Error() string { return e.call }

func (e *openError) is(list ...syscall.Errno) bool {
	for _, no := range list {
		if errors.Is(e.err, no) {
			return true
		}
	}
	return false
}

// fileCache holds the content of small files. An entry is only used after a
// stat() that says the file is the same one, unchanged, so a change is seen at
// once; a hit costs that one system call.
type fileCache struct {
	mu    sync.RWMutex
	files map[string]*cachedFile
	bytes int64
}

type cachedFile struct {
	dev, ino     uint64
	mtime, ctime unix.Timespec
	data         []byte
}

const (
	cachedFileMax  = 64 << 10
	fileCacheBytes = 32 << 20
	// fileCacheAge is how old a file's last change must be before its content
	// is kept: a later change then always shows in its times.
	fileCacheAge = 2 * time.Second
)

// get returns the content of path if it is cached and still true.
func (fc *fileCache) get(path string) *cachedFile {
	fc.mu.RLock()
	cf := fc.files[path]
	fc.mu.RUnlock()
	if cf == nil {
		return nil
	}
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil || !cf.same(&st) {
		fc.mu.Lock()
		if fc.files[path] == cf {
			delete(fc.files, path)
			fc.bytes -= int64(len(cf.data))
		}
		fc.mu.Unlock()
		return nil
	}
	return cf
}

func (cf *cachedFile) same(st *unix.Stat_t) bool {
	return cf.ino == st.Ino && cf.dev == uint64(st.Dev) && int64(len(cf.data)) == st.Size && cf.mtime == st.Mtim && cf.ctime == st.Ctim
}

// put keeps the content of a file that has not changed lately.
func (fc *fileCache) put(path string, st *unix.Stat_t, data []byte) {
	if time.Since(time.Unix(st.Ctim.Unix())) < fileCacheAge {
		return
	}
	fc.mu.Lock()
	defer fc.mu.Unlock()
	if fc.files == nil {
		fc.files = map[string]*cachedFile{}
	}
	if old := fc.files[path]; old != nil {
		fc.bytes -= int64(len(old.data))
	}
	fc.bytes += int64(len(data))
	fc.files[strings.Clone(path)] = &cachedFile{dev: uint64(st.Dev), ino: st.Ino, mtime: st.Mtim, ctime: st.Ctim, data: data}
	for key, cf := range fc.files {
		if fc.bytes <= fileCacheBytes && len(fc.files) <= 4096 {
			break
		}
		delete(fc.files, key)
		fc.bytes -= int64(len(cf.data))
	}
}

// openFile opens path for reading under the location's disable_symlinks.
//
// See: ngx_open_cached_file.
func (r *Request) openFile(path string) (*openedFile, *openError) {
	links, from := r.symlinkRule(path)
	if links == "" {
		if cf := r.rt.files.get(path); cf != nil {
			return &openedFile{data: cf.data, size: int64(len(cf.data)), mtime: cf.mtime.Sec, file: true}, nil
		}
	}
	return r.openPath(path, links, from)
}

// openPath opens a file that is not in the cache; a small one goes there.
func (r *Request) openPath(path, links string, from int) (*openedFile, *openError) {
	fd, oe := openUnder(path, links, from)
	if oe != nil {
		return nil, oe
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, &openError{"fstat()", err}
	}
	o := &openedFile{size: st.Size, mtime: st.Mtim.Sec}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		o.file = true
	case unix.S_IFDIR:
		o.dir = true
	}
	if !o.file {
		unix.Close(fd)
		return o, nil
	}
	if st.Size <= cachedFileMax {
		data := make([]byte, st.Size)
		n, err := preadAll(fd, data)
		unix.Close(fd)
		if err != nil {
			return nil, &openError{"pread()", err}
		}
		o.data, o.size = data[:n], int64(n)
		if links == "" && int64(n) == st.Size {
			r.rt.files.put(path, &st, o.data)
		}
		return o, nil
	}
	o.f = os.NewFile(uintptr(fd), path)
	return o, nil
}

func preadAll(fd int, data []byte) (int, error) {
	off := 0
	for off < len(data) {
		n, err := unix.Pread(fd, data[off:], int64(off))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return off, err
		}
		if n == 0 {
			break
		}
		off += n
	}
	return off, nil
}

// statFile looks at path under the location's disable_symlinks.
func (r *Request) statFile(path string) (dir bool, oe *openError) {
	st, oe := r.statPath(path)
	if oe != nil {
		return false, oe
	}
	return st.Mode&unix.S_IFMT == unix.S_IFDIR, nil
}

func (r *Request) statPath(path string) (st unix.Stat_t, oe *openError) {
	links, from := r.symlinkRule(path)
	if links == "" {
		if err := statEINTR(path, &st); err != nil {
			return st, &openError{"stat()", err}
		}
		return st, nil
	}
	fd, oe := openUnder(path, links, from)
	if oe != nil {
		return st, oe
	}
	defer unix.Close(fd)
	if err := unix.Fstat(fd, &st); err != nil {
		return st, &openError{"fstat()", err}
	}
	return st, nil
}

func statEINTR(path string, st *unix.Stat_t) (err error) {
	for {
		if err = unix.Stat(path, st); err != unix.EINTR {
			return err
		}
	}
}

// symlinkRule is what disable_symlinks says for path: "" for no check, and how
// many bytes of the path are trusted.
//
// See: ngx_http_set_disable_symlinks.
func (r *Request) symlinkRule(path string) (rule string, from int) {
	core := r.loc.conf.Core
	rule = core.DisableSymlinks.V
	if rule == "off" || rule == "" {
		return "", 0
	}
	if r.loc.symlinksFrom == nil {
		return rule, 0
	}
	trusted := r.loc.symlinksFrom.eval(r)
	switch {
	case trusted == "" || !strings.HasPrefix(path, trusted):
		return rule, 0
	case len(trusted) == len(path):
		return "", 0
	case path[len(trusted)] == '/':
		return rule, len(trusted)
	case strings.HasSuffix(trusted, "/"):
		return rule, len(trusted) - 1
	}
	return rule, 0
}

// openUnder opens path; with a rule it walks the path component by component
// behind its first from bytes.
//
// See: ngx_open_file_wrapper.
func openUnder(path, rule string, from int) (int, *openError) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC
	if rule == "" {
		for {
			fd, err := unix.Open(path, flags, 0)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return -1, &openError{"open()", err}
			}
			return fd, nil
		}
	}
	const walk = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	start := path[:from]
	if start == "" {
		start = "/"
	}
	at, err := unix.Open(start, walk, 0)
	if err != nil {
		return -1, &openError{"open()", err}
	}
	rest := strings.TrimLeft(path[from:], "/")
	final := flags
	if strings.HasSuffix(rest, "/") {
		final |= unix.O_DIRECTORY
	}
	for {
		name, tail, more := strings.Cut(rest, "/")
		if more && name == "" {
			rest = tail
			continue
		}
		more = more && strings.Trim(tail, "/") != ""
		how := final
		if more {
			how = walk
		}
		if name == "" {
			name = "."
		}
		next, oe := openNext(at, name, how, rule)
		unix.Close(at)
		if oe != nil || !more {
			return next, oe
		}
		at, rest = next, tail
	}
}

// openNext opens one component. Under "on" it may not be a link; under
// if_not_owner a link must belong to whom its target belongs to.
func openNext(at int, name string, how int, rule string) (int, *openError) {
	if rule == "on" {
		how |= unix.O_NOFOLLOW
	}
	fd, err := unix.Openat(at, name, how, 0)
	if err != nil {
		if rule == "on" && err == unix.ENOTDIR && how&unix.O_DIRECTORY != 0 {
			var st unix.Stat_t
			if unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
				err = unix.ELOOP
			}
		}
		return -1, &openError{"openat()", err}
	}
	if rule == "on" {
		return fd, nil
	}
	var link, target unix.Stat_t
	if err := unix.Fstatat(at, name, &link, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		unix.Close(fd)
		return -1, &openError{"fstatat()", err}
	}
	if link.Mode&unix.S_IFMT != unix.S_IFLNK {
		return fd, nil
	}
	if err := unix.Fstat(fd, &target); err != nil {
		unix.Close(fd)
		return -1, &openError{"fstat()", err}
	}
	if link.Uid != target.Uid {
		unix.Close(fd)
		return -1, &openError{"openat()", unix.ELOOP}
	}
	return fd, nil
}
