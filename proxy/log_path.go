package proxy

import (
	"os"
	"strings"
	"sync"
	"time"
)

// varLogs keeps log files with variables in their names open, as
// open_log_file_cache says.
type varLogs struct {
	mu    sync.Mutex
	files map[string]*varLog
}

type varLog struct {
	f           *os.File // nil until it is used often enough
	uses        int
	used, since time.Time
}

// logCacheConf is a compiled open_log_file_cache.
type logCacheConf struct {
	max, minUses    int
	inactive, valid time.Duration
}

// newLogCacheConf reads the directive's parameters, which Load has checked.
// nil is "off".
func newLogCacheConf(text string) *logCacheConf {
	c := &logCacheConf{minUses: 1, inactive: 10 * time.Second, valid: time.Minute}
	for _, p := range strings.Fields(text) {
		key, val, _ := strings.Cut(p, "=")
		n, _ := parseSize(strings.TrimRight(val, "s"))
		d := time.Duration(n) * time.Second
		if parsed, err := time.ParseDuration(val); err == nil {
			d = parsed
		}
		switch key {
		case "max":
			c.max = int(n)
		case "min_uses":
			c.minUses = int(n)
		case "inactive":
			c.inactive = d
		case "valid":
			c.valid = d
		}
	}
	if c.max == 0 {
		return nil
	}
	return c
}

// logToVariablePath writes a line to a file whose name has variables. The
// request's root must exist, so that made-up hosts make no files.
//
// See: ngx_http_log_script_write.
func (r *Request) logToVariablePath(al *accessLog, line []byte) {
	root := r.docRoot()
	isDir, oe := r.statFile(root)
	if oe != nil {
		r.logf(logError, "testing \"%s\" existence failed (%s)", root, errnoText(oe.err))
		return
	}
	if !isDir {
		r.logf(logError, "testing \"%s\" existence failed (20: Not a directory)", root)
		return
	}
	path := r.rt.logs.mapped(r.rt.fullPath(al.path.eval(r)), false)
	conf := r.loc.logCache
	f, kept, err := r.rt.varLogs.open(path, conf)
	if err != nil {
		r.logf(logCrit, "open() \"%s\" failed (%s)", path, errnoText(err))
		return
	}
	if _, err := f.Write(line); err != nil {
		r.logf(logAlert, "write() to \"%s\" failed (%s)", path, errnoText(err))
	}
	if !kept {
		f.Close()
	}
}

// open returns the file; one that is not kept is the caller's to close.
func (v *varLogs) open(path string, conf *logCacheConf) (f *os.File, kept bool, err error) {
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE
	if conf == nil {
		f, err = os.OpenFile(path, flags, 0o644)
		return f, false, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	if l := v.files[path]; l != nil {
		l.used = now
		l.uses++
		if l.f != nil && now.Sub(l.since) < conf.valid {
			return l.f, true, nil
		}
		l.close()
		if f, err = os.OpenFile(path, flags, 0o644); err != nil || l.uses < conf.minUses {
			return f, false, err
		}
		l.f, l.since = f, now
		return f, true, nil
	}
	if f, err = os.OpenFile(path, flags, 0o644); err != nil {
		return nil, false, err
	}
	if v.files == nil {
		v.files = map[string]*varLog{}
	}
	oldest := ""
	for name, l := range v.files {
		if now.Sub(l.used) > conf.inactive {
			l.close()
			delete(v.files, name)
		} else if oldest == "" || l.used.Before(v.files[oldest].used) {
			oldest = name
		}
	}
	if len(v.files) >= conf.max && oldest != "" {
		v.files[oldest].close()
		delete(v.files, oldest)
	}
	l := &varLog{uses: 1, used: now, since: now}
	v.files[strings.Clone(path)] = l
	if conf.minUses > 1 {
		return f, false, nil
	}
	l.f = f
	return f, true, nil
}

func (l *varLog) close() {
	if l.f != nil {
		l.f.Close()
		l.f = nil
	}
}

// close closes every file: the configuration is gone, or logs are reopened.
func (v *varLogs) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, l := range v.files {
		l.close()
		delete(v.files, name)
	}
}
