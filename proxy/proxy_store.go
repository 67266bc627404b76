package proxy

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"huidu/proxy/cache"
)

// proxyStore is a response on its way into a file (proxy_store).
type proxyStore struct {
	tmp  *os.File
	size int64
}

func (p *proxyConf) storing() bool { return p.storeOn || p.store != nil }

// openStore begins to keep the response in a temporary file.
//
// See: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_store
func (st *upstreamState) openStore(r *Request) {
	if !st.conf.storing() || st.parser.Head.Status != 200 || st.headReq {
		return
	}
	f, err := r.rt.tempFile(st.conf.tempDir, "proxy_temp")
	if err != nil {
		r.logf(logCrit, "%v while reading upstream", err)
		return
	}
	st.storeFile = &proxyStore{tmp: f}
	r.onCleanup(st.storeFile.drop)
}

// drop removes the temporary file if it was not kept.
func (s *proxyStore) drop() {
	if s.tmp != nil {
		s.tmp.Close()
		os.Remove(s.tmp.Name())
		s.tmp = nil
	}
}

// tee writes a piece of the body into the file as well.
func (st *upstreamState) tee(r *Request, p []byte) error {
	st.caching.write(r, p)
	s := st.storeFile
	if s == nil || s.tmp == nil || len(p) == 0 {
		return nil
	}
	if _, err := s.tmp.Write(p); err != nil {
		r.logf(logCrit, "pwrite() \"%s\" failed (%s) while reading upstream", s.tmp.Name(), errnoText(err))
		return err
	}
	s.size += int64(len(p))
	return nil
}

// keepStore moves the complete file to its place.
func (st *upstreamState) keepStore(r *Request) {
	s := st.storeFile
	if s == nil || s.tmp == nil {
		return
	}
	defer s.drop()
	path := ""
	if st.conf.storeOn {
		path = r.mapPath()
	} else {
		path = st.conf.store.eval(r)
		if path != "" && !filepath.IsAbs(path) {
			path = r.rt.fullPath(path)
		}
	}
	if path == "" {
		return
	}
	mode := storeMode(st.conf.storeAccess)
	name := s.tmp.Name()
	if v, found := st.parser.Head.Headers.GetName("Last-Modified"); found {
		if t, good := parseHTTPTime(v); good {
			os.Chtimes(name, time.Time{}, time.Unix(t, 0))
		}
	}
	s.tmp.Close()
	s.tmp = nil
	if err := cache.Move(name, path, mode|(mode&0o444)>>2|0o700, mode); err != nil {
		r.logf(logCrit, "rename() \"%s\" to \"%s\" failed (%s) while reading upstream", name, path, errnoText(err))
		os.Remove(name)
	}
}

// storeMode reads store_access: "user:rw group:rw all:r".
func storeMode(s string) os.FileMode {
	if s == "" {
		return 0o600
	}
	mode := os.FileMode(0)
	for _, f := range strings.Fields(s) {
		who, what, _ := strings.Cut(f, ":")
		bits := os.FileMode(0o4)
		if strings.Contains(what, "w") {
			bits = 0o6
		}
		switch who {
		case "user":
			mode |= bits << 6
		case "group":
			mode |= bits << 3
		case "all":
			mode |= bits
		}
	}
	return mode | 0o600
}
