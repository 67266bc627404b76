package proxy

import (
	"io"
	"os"
	"time"

	"huidu/proxy/http1"
)

// echoLocation is echo_location and echo_location_async. The subrequest's
// output comes at its place either way.
func (r *Request) echoLocation(args []string) rc {
	query := ""
	if len(args) > 1 {
		query = args[1]
	}
	uri, own, safe := r.parseUnsafeURI(args[0])
	if !safe {
		return 500
	}
	if own != "" && len(args) < 2 {
		query = own
	}
	if c := r.echoHeader(); c != ok || r.headerOnly {
		return c
	}
	sr := r.newSubrequest(uri, query)
	if sr == nil {
		return failed
	}
	return r.echoRun(sr)
}

// echoRun gives a subrequest variables of its own and runs it.
func (r *Request) echoRun(sr *Request) rc {
	sr.vars = make([]varSlot, len(r.vars))
	r.runInPlace(sr)
	if r.main.outFailed {
		return failed
	}
	return ok
}

// echoSubrequest is echo_subrequest METHOD URI [-q ARGS] [-b BODY] [-f FILE].
func (r *Request) echoSubrequest(args []string) rc {
	if args[1] == "" {
		return 500
	}
	var query, body, file string
	hasQuery := false
	for i := 2; i < len(args); i++ {
		opt := args[i]
		if i+1 < len(args) {
			i++
			switch opt {
			case "-q":
				query, hasQuery = args[i], true
				continue
			case "-b":
				body = args[i]
				continue
			case "-f":
				file = args[i]
				continue
			}
		}
		r.logf(logError, "Unknown option for echo_subrequest_async: %s", opt)
		return 500
	}
	if body == "" && file != "" {
		data, c := r.echoFile(r.rt.fullPath(file))
		if c != ok {
			return c
		}
		body = data
	}
	uri, own, safe := r.parseUnsafeURI(args[1])
	if !safe {
		return 500
	}
	if own != "" && !hasQuery {
		query = own
	}
	if c := r.echoHeader(); c != ok || r.headerOnly {
		return c
	}
	sr := r.newSubrequest(uri, query)
	if sr == nil {
		return failed
	}
	sr.method, sr.methodID = args[0], http1.LookupMethod(args[0])
	if body != "" {
		sr.headers = http1.Headers{{Key: "Content-Length", Value: formatInt(int64(len(body))), ID: http1.HeaderContentLength}}
		sr.headersSet = true
		sr.body = requestBody{ended: true}
		sr.replaceBody([]byte(body))
	}
	return r.echoRun(sr)
}

// echoFile reads the file of "-f".
func (r *Request) echoFile(path string) (string, rc) {
	f, err := os.Open(path)
	if err != nil {
		r.logf(logError, "open() \"%s\" failed (%s)", path, errnoText(err))
		return "", 500
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		r.logf(logError, "read() \"%s\" failed (%s)", path, errnoText(err))
		return "", 500
	}
	return string(data), ok
}

// echoVars are the variables of echo-nginx-module.
//
// See: https://github.com/openresty/echo-nginx-module#variables
var echoVars = map[string]getter{
	"echo_it": func(r *Request) (string, bool) {
		if st := r.modules.echo; st != nil && st.item < len(st.items) {
			return st.items[st.item], true
		}
		return "", false
	},
	"echo_timer_elapsed": func(r *Request) (string, bool) {
		since := r.start
		if st := r.modules.echo; st != nil && !st.timer.IsZero() {
			since = st.timer
		}
		return formatSeconds(time.Since(since)), true
	},
	"echo_incr": func(r *Request) (string, bool) {
		st := r.main.echoState()
		st.counter++
		return formatInt(int64(st.counter)), true
	},
	"echo_request_method":        func(r *Request) (string, bool) { return r.method, r.method != "" },
	"echo_client_request_method": func(r *Request) (string, bool) { return r.main.method, r.main.method != "" },
	"echo_request_uri":           func(r *Request) (string, bool) { return r.uri, r.uri != "" },
	"echo_cacheable_request_uri": func(r *Request) (string, bool) { return r.uri, r.uri != "" },
	"echo_request_body": func(r *Request) (string, bool) {
		b := &r.body
		if b.temp != nil || len(b.memory) == 0 {
			return "", false
		}
		return string(b.memory), true
	},
	"echo_client_request_headers": func(r *Request) (string, bool) {
		raw := r.main.head.RawHead
		return raw, raw != ""
	},
	"echo_response_status": func(r *Request) (string, bool) {
		if r.out.status == 0 {
			return "", false
		}
		return formatInt(int64(r.out.status)), true
	},
}
