package proxy

import (
	"strings"

	"huidu/nginxconf"
)

// tryFile is one candidate of try_files.
type tryFile struct {
	name value
	dir  bool
}

// compileTryFiles adds try_files.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#try_files
func compileTryFiles(c *compiler, loc *location, l *nginxconf.Location) error {
	conf := l.Loc.Core.TryFiles
	if conf.V == nil {
		return nil
	}
	var files []tryFile
	for _, f := range conf.V.Files {
		name, err := c.value(f.Name, conf.Pos)
		if err != nil {
			return err
		}
		if f.Dir && len(f.Name.Parts) > 0 {
			name = trimSlash(name)
		}
		files = append(files, tryFile{name: name, dir: f.Dir})
	}
	end, err := c.value(conf.V.Last, conf.Pos)
	if err != nil {
		return err
	}
	code := conf.V.Code
	loc.addPrecontent(precontentTryFiles, func(r *Request) rc { return r.tryFiles(files, &end, code) })
	return nil
}

// trimSlash takes the slash that marks a directory off a name.
func trimSlash(v value) value {
	if v.parts == nil {
		v.lit = strings.TrimSuffix(v.lit, "/")
		return v
	}
	if n := len(v.parts); v.parts[n-1].get == nil && v.parts[n-1].capture == 0 {
		parts := append([]valuePart(nil), v.parts...)
		parts[n-1].lit = strings.TrimSuffix(parts[n-1].lit, "/")
		v.parts = parts
	}
	return v
}

// tryFiles makes the first candidate that exists the URI, or goes to the last
// argument.
//
// See: ngx_http_try_files_handler.
func (r *Request) tryFiles(files []tryFile, end *value, code int) rc {
	loc := r.loc
	full, rootLen, valid := r.filePath()
	if !valid {
		return 500
	}
	root := full[:rootLen]
	for i := range files {
		f := &files[i]
		name := f.name.eval(r)
		if loc.alias != nil && !loc.aliasCapture && !f.name.isLiteral() &&
			strings.HasPrefix(name, r.uri[:min(loc.aliasPrefix, len(r.uri))]) {
			name = name[min(loc.aliasPrefix, len(name)):]
		}
		path := root + name
		isDir, oe := r.statFile(path)
		if oe != nil {
			if !oe.is(enoent, enotdir, enametoolong) {
				r.logf(logCrit, "%s \"%s\" failed (%s)", oe.call, path, errnoText(oe.err))
			}
			continue
		}
		if isDir != f.dir {
			continue
		}
		switch {
		case loc.alias == nil:
			r.uri = name
		case loc.aliasCapture:
			if !f.dir {
				r.uri, r.uriIntoAlias = name, true
			}
		default:
			r.uri = r.uri[:min(loc.aliasPrefix, len(r.uri))] + name
		}
		r.setExten()
		return declined
	}
	if code != 0 {
		return rc(code)
	}
	target := end.eval(r)
	if strings.HasPrefix(target, "@") {
		return r.namedLocation(target)
	}
	if loc.alias != nil && !loc.aliasCapture && !end.isLiteral() &&
		strings.HasPrefix(target, r.uri[:min(loc.aliasPrefix, len(r.uri))]) {
		target = target[min(loc.aliasPrefix, len(target)):]
	}
	uri, args, _ := strings.Cut(target, "?")
	return r.internalRedirect(uri, args)
}
