package luacompat

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// What follows is for programs that stand in a script's place (see Native):
// they end requests and name headers in the very same way.

// ParseArgs gives the pairs of a query string as ngx.req.get_uri_args decodes
// them; has tells a value from a key without "=".
func ParseArgs(args string, limit int, pair func(k, v string, has bool)) {
	parseArgs(args, limit, func(k string, v lua.LValue) {
		s, ok := v.(lua.LString)
		pair(k, string(s), ok)
	})
}

// HeaderName and HeaderText escape what a script gives as a header's name and
// value.
func HeaderName(s string) string { return escape(s, &headerNameSet) }

// HeaderText is HeaderName for values.
func HeaderText(s string) string { return escape(s, &headerValueSet) }

// ExecOutcome is what ngx.exec(uri, args) ends a request with, or the error
// that it raises.
func ExecOutcome(req Request, uri, more string) (Outcome, error) {
	if uri == "" {
		return Outcome{}, errors.New("The uri argument is empty") //lint:ignore ST1005 ngx_lua words it so
	}
	path, args, ok := parseUnsafeURI(uri)
	if !ok {
		req.Log(logErr, fmt.Sprintf("unsafe URI %q was detected", uri))
		return Outcome{}, errors.New("unsafe uri")
	}
	if args != "" && more != "" {
		args += "&"
	}
	args += more
	if req.HeaderSent() {
		return Outcome{}, errors.New("attempt to call ngx.exec after sending out response headers")
	}
	if path[0] == '@' && args != "" {
		req.Log(logWarn, "query strings "+args+" ignored when exec'ing named location "+path)
	}
	return Outcome{Kind: Exec, URI: path, Args: args, HasArgs: args != ""}, nil
}

// ExitOutcome is what ngx.exit(status) ends a request with.
func ExitOutcome(req Request, status int) Outcome {
	final := status == ngxError || status == 444 || status == 408 || status == 499
	if status >= 300 && !final && req.HeaderSent() {
		if sent := req.Status(); status != sent {
			req.Log(logErr, fmt.Sprintf("attempt to set status %d via ngx.exit after sending out the response status %d", status, sent))
		}
		status = 200
	}
	return Outcome{Kind: ExitStatus, Status: status}
}

// RedirectOutcome is what ngx.redirect(uri, status) ends a request with, or
// the error that it raises.
func RedirectOutcome(req Request, uri string, status int) (Outcome, error) {
	if req.HeaderSent() {
		return Outcome{}, errors.New("attempt to call ngx.redirect after sending out the headers")
	}
	if i := strings.IndexFunc(uri, func(c rune) bool { return c < 0x20 || c == 0x7f }); i >= 0 {
		return Outcome{}, fmt.Errorf("unsafe byte \"0x%02x\" in redirect uri \"%s\"", uri[i], escapeLog(uri))
	}
	return Outcome{Kind: Redirect, URI: uri, Status: status}, nil
}

// leave is the way on after ngx.exit(code) in a phase that can answer; eof
// ends the response.
func leave(phase Phase, req Request, code int, eof func() bool) (Outcome, error) {
	content := phase == PhaseContent
	if code >= 200 && req.Status() == 0 && !req.HeaderSent() {
		req.SetStatus(code)
	}
	if code == ngxOK && content || code >= 200 && code < 300 && code != 204 {
		if !eof() {
			return Outcome{Kind: ExitStatus, Status: ngxError}, nil
		}
	}
	if req.HeaderSent() && code > ngxOK && code != 408 && code != 499 && code != 444 {
		if code = 200; content {
			code = ngxOK
		}
	}
	if code == ngxOK || code == ngxDeclined && !content {
		if !content && req.HeaderSent() {
			eof()
			return Outcome{Kind: ExitStatus, Status: 200}, nil
		}
		if code == ngxOK {
			return Outcome{}, nil
		}
	}
	return Outcome{Kind: ExitStatus, Status: code}, nil
}

// Leave is how nginx goes on after a Native: out is what its last call was
// to end the request with; returned tells that it ran to its end instead.
func Leave(phase Phase, req Request, out Outcome, returned bool) (Outcome, error) {
	eof := func() bool { return req.EOFSent() || req.EOF() == nil }
	switch {
	case !returned && (out.Kind != ExitStatus || !inYield.has(phase)):
		return out, nil
	case !returned:
		return leave(phase, req, out.Status, eof)
	case phase == PhaseContent:
		eof()
	case inYield.has(phase) && req.HeaderSent():
		eof()
		return Outcome{Kind: ExitStatus, Status: 200}, nil
	}
	return out, nil
}

// Faulted is how nginx goes on after a Native that failed.
func Faulted(phase Phase, req Request, msg string) (Outcome, error) {
	err := &ScriptError{phase, msg}
	if !inYield.has(phase) && !inSSL.has(phase) || req.HeaderSent() {
		return Outcome{Kind: ExitStatus, Status: ngxError}, err
	}
	return Outcome{Kind: ExitStatus, Status: 500}, err
}

// PackagePath expands $prefix and ";;" of lua_package_path.
func PackagePath(path, prefix string) string {
	rt := &Runtime{opts: Options{Prefix: prefix}}
	return rt.packagePath(path, "LUA_PATH", defaultPackagePath)
}
