package proxy

import (
	"math/rand/v2"
	"os"
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// compileIndex adds index and random_index.
func compileIndex(c *compiler, loc *location, l *nginxconf.Location) error {
	conf := l.Loc.Index
	if conf.RandomIndex.V {
		loc.addContent(contentRandomIndex, randomIndex)
	}
	var names []value
	for _, v := range conf.Index.V {
		name, err := c.value(v, conf.Index.Pos)
		if err != nil {
			return err
		}
		names = append(names, name)
	}
	if len(names) > 0 {
		loc.addContent(contentIndex, func(r *Request) rc { return r.index(names) })
	}
	return nil
}

func readable(m http1.MethodID) bool {
	return m == http1.MethodGet || m == http1.MethodHead || m == http1.MethodPost
}

// index looks for the first index file of a directory and redirects to it
// inside the server.
//
// See: ngx_http_index_handler.
func (r *Request) index(names []value) rc {
	if !r.uriIsDir() || !readable(r.methodID) {
		return declined
	}
	dir, tested := "", false
	for i := range names {
		name := names[i].eval(r)
		if strings.HasPrefix(name, "/") {
			return r.internalRedirect(name, r.args)
		}
		if dir == "" {
			var valid bool
			if dir, _, valid = r.filePath(); !valid {
				return 500
			}
		}
		path := dir + name
		_, oe := r.statFile(path)
		switch {
		case oe == nil:
			return r.internalRedirect(r.uri+name, r.args)
		case oe.is(emlink, eloop):
			return 403
		case oe.is(enotdir, enametoolong, eacces):
			return r.indexError(path, oe)
		}
		if !tested {
			if c := r.indexTestDir(dir); c != ok {
				return c
			}
			tested = true
		}
		if !oe.is(enoent) {
			r.logf(logCrit, "%s \"%s\" failed (%s)", oe.call, path, errnoText(oe.err))
			return 500
		}
	}
	return declined
}

// indexTestDir tells a missing index from a missing directory.
//
// See: ngx_http_index_test_dir.
func (r *Request) indexTestDir(dir string) rc {
	if len(dir) > 1 {
		dir = strings.TrimSuffix(dir, "/")
	}
	isDir, oe := r.statFile(dir)
	switch {
	case oe == nil && isDir:
		return ok
	case oe == nil:
		r.logf(logAlert, "\"%s\" is not a directory", dir)
		return 500
	case oe.is(emlink, eloop):
		return 403
	case oe.is(enoent):
		return r.indexError(dir+"/", oe)
	}
	r.logf(logCrit, "%s \"%s\" failed (%s)", oe.call, dir, errnoText(oe.err))
	return 500
}

func (r *Request) indexError(path string, oe *openError) rc {
	if oe.is(eacces) {
		r.logf(logError, "\"%s\" is forbidden (%s)", path, errnoText(oe.err))
		return 403
	}
	if r.loc.logNotFound {
		r.logf(logError, "\"%s\" is not found (%s)", path, errnoText(oe.err))
	}
	return 404
}

// randomIndex redirects inside the server to any file of a directory.
//
// See: ngx_http_random_index_handler.
func randomIndex(r *Request) rc {
	if !r.uriIsDir() || !readable(r.methodID) {
		return declined
	}
	dir, _, valid := r.filePath()
	if !valid {
		return 500
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return r.dirFailed(strings.TrimSuffix(dir, "/"), err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if name[0] == '.' {
			continue
		}
		t := e.Type()
		if t&os.ModeSymlink != 0 {
			info, err := os.Stat(dir + name)
			if err != nil {
				continue
			}
			t = info.Mode().Type()
		}
		if t.IsRegular() {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return declined
	}
	return r.internalRedirect(r.uri+names[rand.IntN(len(names))], r.args)
}

// dirFailed logs why a directory could not be read and gives the status.
func (r *Request) dirFailed(dir string, err error) rc {
	oe := &openError{"opendir()", err}
	status, level := rc(500), logCrit
	switch {
	case oe.is(enoent, enotdir, enametoolong):
		status, level = 404, logError
	case oe.is(eacces):
		status, level = 403, logError
	}
	r.logf(level, "opendir() \"%s\" failed (%s)", dir, errnoText(err))
	return status
}
