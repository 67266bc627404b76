package proxy

import (
	"strconv"
	"syscall"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

const (
	enoent       = syscall.ENOENT
	enotdir      = syscall.ENOTDIR
	enametoolong = syscall.ENAMETOOLONG
	eacces       = syscall.EACCES
	emlink       = syscall.EMLINK
	eloop        = syscall.ELOOP
)

func appendHex(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 16) }

func escapePath(uri string) string {
	if !http1.NeedsEscape(uri, http1.EscapePath) {
		return uri
	}
	return string(http1.EscapeURI(nil, uri, http1.EscapePath))
}

// compileStatic builds a location's static chain: random_index, index,
// autoindex, gzip_static, static files.
func compileStatic(c *compiler, loc *location, l *nginxconf.Location) error {
	core := l.Loc.Core
	var err error
	if core.DisableSymlinksFrom.Pos.File != "" || core.DisableSymlinksFrom.V.Text != "" {
		if loc.symlinksFrom, err = c.valuePtr(&core.DisableSymlinksFrom.V, core.DisableSymlinksFrom.Pos); err != nil {
			return err
		}
	}
	if err := compileIndex(c, loc, l); err != nil {
		return err
	}
	if l.Loc.Index.Autoindex.V {
		loc.addContent(contentAutoindex, autoindex)
	}
	compileGzipStatic(loc, l)
	loc.addContent(contentStatic, staticFile)
	return nil
}

// staticFile serves the file for the URI.
//
// See: ngx_http_static_handler.
func staticFile(r *Request) rc {
	switch r.methodID {
	case http1.MethodGet, http1.MethodHead, http1.MethodPost:
	default:
		return 405
	}
	if r.uriIsDir() {
		return declined
	}
	path, _, valid := r.filePath()
	if !valid {
		return 500
	}
	o, oe := r.openFile(path)
	if oe != nil {
		return r.openFailed(path, oe)
	}
	defer o.close()
	switch {
	case o.dir:
		return r.dirRedirect()
	case !o.file:
		r.logf(logCrit, "\"%s\" is not a regular file", path)
		return 404
	case r.methodID == http1.MethodPost:
		return 405
	}
	return r.sendFile(o)
}

// sendFile answers with a file.
func (r *Request) sendFile(o *openedFile) rc {
	if c := r.discardBody(); c != ok {
		return c
	}
	r.out.status = 200
	r.out.contentLength = o.size
	r.out.lastModified = o.mtime
	r.setETag()
	r.setContentType()
	r.out.acceptRanges = true
	if c := r.sendHeader(); c != ok || r.headerOnly {
		return c
	}
	if o.f == nil {
		return r.output(o.data, last)
	}
	return r.outputFile(o.f, 0, o.size, last)
}
