package cache

import (
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// load reads the directory: every file of a key that is not known yet becomes
// known, and what is no cache file is removed.
//
// See: ngx_http_file_cache_loader.
func (z *Zone) load() {
	z.mu.Lock()
	if !z.cold || z.loading {
		z.mu.Unlock()
		return
	}
	z.loading = true
	z.mu.Unlock()
	began, files := time.Now(), 0
	err := filepath.WalkDir(z.Path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case z.stopped():
			return fs.SkipAll
		case err != nil:
			return nil // gone meanwhile, or not readable
		case d.IsDir():
			if name != z.Path && d.Name() == "temp" {
				return fs.SkipDir
			}
			return nil
		}
		if !z.adopt(name, d) {
			if err := os.Remove(name); err != nil {
				z.Log(Crit, "unlink() %q failed (%v)", name, err)
			}
		}
		if files++; files >= z.LoaderFiles || time.Since(began) >= z.LoaderThreshold {
			z.sleep(z.LoaderSleep)
			began, files = time.Now(), 0
		}
		return nil
	})
	z.mu.Lock()
	defer z.mu.Unlock()
	z.loading = false
	if err != nil || z.stopped() {
		return
	}
	z.cold = false
	z.Log(Notice, "http file cache: %s %.3fM, bsize: %d", z.Path, float64(z.blocks*z.blockSize)/(1<<20), z.blockSize)
}

// adopt makes a file's key known; false: the file does not belong here.
//
// See: ngx_http_file_cache_add_file.
func (z *Zone) adopt(name string, d fs.DirEntry) bool {
	base := d.Name()
	if n := len(base); n > 11 && base[n-11] == '.' {
		return true // a temporary file
	}
	var k Key
	if len(base) < 2*len(k) {
		return false
	}
	if _, err := hex.Decode(k[:], []byte(base[len(base)-2*len(k):])); err != nil {
		return false
	}
	info, err := d.Info()
	if err != nil {
		return true
	}
	if !info.Mode().IsRegular() {
		return false
	}
	if info.Size() < headerSize {
		z.Log(Crit, "cache file %q is too small", name)
		return false
	}
	st := info.Sys().(*syscall.Stat_t)
	z.mu.Lock()
	defer z.mu.Unlock()
	n := z.nodes[k]
	if n == nil {
		if n = z.add(k); n == nil {
			if now := time.Now().Unix(); z.failTime != now {
				z.failTime = now
				z.Log(Alert, "could not allocate node in cache keys zone %q", z.Name)
			}
			return false
		}
		n.uses, n.exists, n.blocks = 1, true, z.inBlocks(st)
		z.blocks += n.blocks
	}
	z.touch(n)
	return true
}
