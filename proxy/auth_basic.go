package proxy

import (
	"io"
	"strings"
	"time"
	"unsafe"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// compileAuthBasic adds auth_basic.
//
// See: https://nginx.org/en/docs/http/ngx_http_auth_basic_module.html
func compileAuthBasic(c *compiler, loc *location, l *nginxconf.Location) error {
	conf := l.Loc.Access
	loc.authDelay = l.Loc.Core.AuthDelay.V
	if conf.AuthBasic.V == nil || conf.AuthBasicFile.V == nil {
		return nil
	}
	realm, err := c.value(*conf.AuthBasic.V, conf.AuthBasic.Pos)
	if err != nil {
		return err
	}
	file, err := c.value(*conf.AuthBasicFile.V, conf.AuthBasicFile.Pos)
	if err != nil {
		return err
	}
	loc.addAccess(accessBasic, func(r *Request) rc { return r.authBasic(&realm, &file) })
	return nil
}

// authBasic checks the user's password against a file.
//
// See: ngx_http_auth_basic_handler.
func (r *Request) authBasic(realm, file *value) rc {
	name := realm.eval(r)
	if name == "off" {
		return declined
	}
	user, password, found := r.main.basicAuth()
	if !found || user == "" {
		r.logf(logInfo, "no user/password was provided for basic authentication")
		return r.askPassword(name)
	}
	path := r.rt.fullPath(file.eval(r))
	data, c := r.passwordFile(path)
	if c != ok {
		return c
	}
	for len(data) > 0 {
		var line string
		line, data, _ = strings.Cut(data, "\n")
		who, stored, has := strings.Cut(line, ":")
		if !has || who != user || strings.HasPrefix(line, "#") {
			continue
		}
		if i := strings.IndexAny(stored, ":\r"); i >= 0 {
			stored = stored[:i]
		}
		if checkPassword(password, stored) {
			return ok
		}
		r.logf(logError, "user \"%s\": password mismatch", user)
		return r.askPassword(name)
	}
	r.logf(logError, "user \"%s\" was not found in \"%s\"", user, path)
	return r.askPassword(name)
}

// passwordFile reads a file of users; small ones come from memory.
func (r *Request) passwordFile(path string) (string, rc) {
	var o *openedFile
	if cf := r.rt.files.get(path); cf != nil {
		o = &openedFile{data: cf.data}
	} else {
		opened, oe := r.openPath(path, "", 0)
		if oe != nil {
			if oe.is(enoent) {
				r.logf(logError, "%s \"%s\" failed (%s)", oe.call, path, errnoText(oe.err))
				return "", 403
			}
			r.logf(logCrit, "%s \"%s\" failed (%s)", oe.call, path, errnoText(oe.err))
			return "", 500
		}
		o = opened
	}
	defer o.close()
	if o.f == nil {
		return unsafe.String(unsafe.SliceData(o.data), len(o.data)), ok
	}
	data, err := io.ReadAll(o.f)
	if err != nil {
		r.logf(logCrit, "pread() \"%s\" failed (%s)", path, errnoText(err))
		return "", 500
	}
	return string(data), ok
}

// askPassword answers 401 with the realm.
func (r *Request) askPassword(realm string) rc {
	r.out.headers.SetID(http1.HeaderWWWAuthenticate, "Basic realm=\""+realm+"\"")
	return 401
}

// delayUnauthorized makes guessing passwords slow.
//
// See: ngx_http_core_auth_delay.
func (r *Request) delayUnauthorized() rc {
	if r.loc.authDelay <= 0 {
		return 401
	}
	r.logf(logInfo, "delaying unauthorized request")
	if c := r.pause(r.loc.authDelay); c != ok {
		return c
	}
	return 401
}

// pause waits; ok when the time is over, 499 when the client left meanwhile.
func (r *Request) pause(d time.Duration) rc {
	t := time.NewTimer(d)
	defer t.Stop()
	m := r.main
	if m.conn == nil {
		<-t.C
		return ok
	}
	gone := make(chan struct{})
	m.conn.nc.OnHangup(func() { close(gone) })
	defer m.conn.nc.OnHangup(nil)
	select {
	case <-t.C:
		return ok
	case <-gone:
		r.logf(logInfo, "client prematurely closed connection")
		return statusClientClosed
	}
}
