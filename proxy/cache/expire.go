package cache

import (
	"encoding/hex"
	"os"
	"syscall"
	"time"
)

// loaderDelay is how long after the start the directory is read, as in nginx.
const loaderDelay = time.Minute

// Start runs the zone's loader and manager until Stop.
func (z *Zone) Start() {
	z.done.Go(z.manage)
	z.done.Go(func() {
		if z.sleep(loaderDelay) {
			z.load()
		}
	})
}

// Stop ends them.
func (z *Zone) Stop() {
	close(z.stop)
	z.done.Wait()
}

// sleep waits; false: the zone is stopped.
func (z *Zone) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-z.stop:
		return false
	}
}

func (z *Zone) stopped() bool {
	select {
	case <-z.stop:
		return true
	default:
		return false
	}
}

func (z *Zone) manage() {
	for {
		if !z.sleep(z.tidy()) {
			return
		}
	}
}

// tidy removes what is inactive, then what is too much, up to the number of
// files and the time of one turn. It returns when to come again.
//
// See: ngx_http_file_cache_manager.
func (z *Zone) tidy() time.Duration {
	began, files := time.Now(), 0
	turnOver := func() bool {
		files++
		return files >= z.ManagerFiles || time.Since(began) >= z.ManagerThreshold
	}
	wait := z.expire(turnOver)
	if wait == 0 {
		return z.ManagerSleep
	}
	for !z.stopped() {
		z.mu.Lock()
		size, count, watermark := z.blocks, len(z.nodes), z.watermark
		z.mu.Unlock()
		if (z.MaxSize < 0 || size < z.MaxSize/z.blockSize) && count < watermark && (z.MinFree == 0 || available(z.Path) > z.MinFree) {
			break
		}
		if wait := z.forceExpire(); wait > 0 {
			return wait
		}
		if turnOver() {
			return z.ManagerSleep
		}
	}
	return wait
}

// available is how many bytes are free where the directory is.
func available(path string) int64 {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return 1<<63 - 1
	}
	return int64(fs.Bavail) * fs.Bsize
}

// expire removes inactive keys; 0 when the turn ended before there were none
// left, else when the next one may be due.
//
// See: ngx_http_file_cache_expire.
func (z *Zone) expire(turnOver func() bool) time.Duration {
	const longest = 10 * time.Second
	z.mu.Lock()
	defer z.mu.Unlock()
	for !z.stopped() {
		n := z.queue.prev
		if n == &z.queue {
			return longest
		}
		if wait := n.expire - time.Now().Unix(); wait > 0 {
			return min(time.Duration(wait)*time.Second, longest)
		}
		switch {
		case n.count == 0:
			z.delete(n)
		case n.deleting:
			return time.Second
		default:
			z.Log(Alert, "ignore long locked inactive cache entry %s, count:%d", hex.EncodeToString(n.key[:]), n.count)
			z.touch(n)
		}
		if turnOver() {
			return 0
		}
	}
	return time.Second
}

// forceExpire removes the least recently used key that no request is at work
// on; 0 when it did, else how long to leave it.
//
// See: ngx_http_file_cache_forced_expire.
func (z *Zone) forceExpire() time.Duration {
	z.mu.Lock()
	defer z.mu.Unlock()
	var first *node
	for range 20 {
		n := z.queue.prev
		if n == &z.queue || n == first {
			return 10 * time.Second
		}
		switch {
		case n.count == 0:
			z.delete(n)
			return 0
		case n.deleting:
			return time.Second
		}
		z.Log(Alert, "ignore long locked inactive cache entry %s, count:%d", hex.EncodeToString(n.key[:]), n.count)
		z.touch(n)
		if first == nil {
			first = n
		}
	}
	return time.Second
}

// delete removes a node and its file. The mutex is held, but while the file
// is removed.
//
// See: ngx_http_file_cache_delete.
func (z *Zone) delete(n *node) {
	if n.exists {
		z.blocks -= n.blocks
		n.blocks = 0
		n.count++
		n.deleting = true
		name := z.path(n.key)
		z.mu.Unlock()
		if err := os.Remove(name); err != nil {
			z.Log(Crit, "unlink() %q failed (%v)", name, err)
		}
		z.mu.Lock()
		n.count--
		n.deleting = false
	}
	if n.count == 0 {
		z.remove(n)
	}
}
