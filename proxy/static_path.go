package proxy

import "strings"

// filePath is the file that the URI stands for, and how much of it is the
// location's root or alias. false: the configuration makes no sense for this
// URI, answer 500.
//
// See: ngx_http_map_uri_to_path.
func (r *Request) filePath() (path string, root int, valid bool) {
	loc := r.loc
	if loc.alias == nil {
		dir := r.docRoot()
		return dir + r.uri, len(dir), true
	}
	if r.noLocation {
		r.logf(logAlert, "\"alias\" cannot be used in location \"%s\" where URI was rewritten", loc.name)
		return "", 0, false
	}
	dir := r.docRoot()
	switch {
	case loc.aliasCapture && !r.uriIntoAlias:
		return dir, len(dir), true
	case loc.aliasCapture:
		return dir + r.uri, len(dir), true
	}
	return dir + r.uri[min(len(r.uri), loc.aliasPrefix):], len(dir), true
}

// mapPath is $request_filename.
func (r *Request) mapPath() string {
	path, _, _ := r.filePath()
	return path
}

// openFailed logs why a file could not be opened and gives the status.
func (r *Request) openFailed(path string, oe *openError) rc {
	status, level := rc(500), logCrit
	switch {
	case oe.is(enoent, enotdir, enametoolong):
		status, level = 404, logError
	case oe.is(eacces, emlink, eloop):
		status, level = 403, logError
	}
	if status != 404 || r.loc.logNotFound {
		r.logf(level, "%s \"%s\" failed (%s)", oe.call, path, errnoText(oe.err))
	}
	return status
}

// dirRedirect sends the client to the directory's own URI.
func (r *Request) dirRedirect() rc {
	target := escapePath(r.uri) + "/"
	if r.args != "" {
		target += "?" + r.args
	}
	r.out.del("Location")
	r.out.location = target
	return 301
}

// setETag gives a file its entity tag.
//
// See: ngx_http_set_etag.
func (r *Request) setETag() {
	if !r.loc.etag {
		return
	}
	var b [48]byte
	tag := append(b[:0], '"')
	tag = appendHex(tag, uint64(r.out.lastModified))
	tag = append(tag, '-')
	tag = appendHex(tag, uint64(r.out.contentLength))
	r.out.headers.Add("ETag", string(append(tag, '"')))
}

// uriIsDir reports whether the URI names a directory.
func (r *Request) uriIsDir() bool { return strings.HasSuffix(r.uri, "/") }
