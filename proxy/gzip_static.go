package proxy

import (
	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// compileGzipStatic adds gzip_static.
func compileGzipStatic(loc *location, l *nginxconf.Location) {
	switch l.Loc.Filter.GzipStatic.V {
	case "on":
		loc.addContent(contentGzipStatic, func(r *Request) rc { return gzipStatic(r, false) })
	case "always":
		loc.addContent(contentGzipStatic, func(r *Request) rc { return gzipStatic(r, true) })
	}
}

// gzipStatic serves "file.gz" to clients that take gzip.
//
// See: ngx_http_gzip_static_handler.
func gzipStatic(r *Request, always bool) rc {
	if r.methodID != http1.MethodGet && r.methodID != http1.MethodHead || r.uriIsDir() {
		return declined
	}
	accepts := always || r.gzipOK()
	if !accepts && !r.loc.conf.Filter.GzipVary.V {
		return declined
	}
	path, _, valid := r.filePath()
	if !valid {
		return 500
	}
	path += ".gz"
	o, oe := r.openFile(path)
	if oe != nil {
		switch {
		case oe.is(enoent, enotdir, enametoolong):
		case oe.is(eacces, emlink, eloop):
			r.logf(logError, "%s \"%s\" failed (%s)", oe.call, path, errnoText(oe.err))
		default:
			r.logf(logCrit, "%s \"%s\" failed (%s)", oe.call, path, errnoText(oe.err))
		}
		return declined
	}
	defer o.close()
	if !always {
		r.out.gzipVary = r.loc.conf.Filter.GzipVary.V
		if !accepts {
			return declined
		}
	}
	switch {
	case o.dir:
		return declined
	case !o.file:
		r.logf(logCrit, "\"%s\" is not a regular file", path)
		return 404
	}
	if c := r.discardBody(); c != ok {
		return c
	}
	r.out.status = 200
	r.out.contentLength = o.size
	r.out.lastModified = o.mtime
	r.setETag()
	r.setContentType()
	r.out.headers.AddID(http1.HeaderContentEncoding, "gzip")
	r.out.acceptRanges = true
	if c := r.sendHeader(); c != ok || r.headerOnly {
		return c
	}
	if o.f == nil {
		return r.output(o.data, last)
	}
	return r.outputFile(o.f, 0, o.size, last)
}
