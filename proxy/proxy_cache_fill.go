package proxy

import (
	"math"
	"strings"
	"time"

	"huidu/proxy/cache"
	"huidu/proxy/http1"
	"huidu/proxy/netconn"
)

// cacheControl reads what the response's header says about caching it.
//
// See: ngx_http_upstream_process_cache_control and its neighbours.
func (st *upstreamState) cacheControl(r *Request) {
	k := &st.caching
	if k.entry == nil {
		return
	}
	k.noCache, k.expired, k.accelExpires = false, false, false
	ignore := &st.conf.ignore
	var vary []string
	for i := range st.parser.Head.Headers {
		f := &st.parser.Head.Headers[i]
		if f.ID == http1.HeaderOther || f.Flags&http1.HeaderIgnored != 0 {
			continue
		}
		if f.ID == http1.HeaderXAccelExpires {
			k.accelExpires = true
		}
		if ignore[f.ID] {
			continue
		}
		switch f.ID {
		case http1.HeaderXAccelExpires:
			k.readAccelExpires(f.Value)
		case http1.HeaderExpires:
			k.readExpires(f.Value)
		case http1.HeaderCacheControl:
			k.readCacheControl(f.Value)
		case http1.HeaderSetCookie:
			k.cacheable = false
		case http1.HeaderVary:
			vary = append(vary, f.Value)
		}
	}
	if vary != nil && k.cacheable {
		k.readVary(vary)
	}
}

func (k *caching) readAccelExpires(v string) {
	now := timeNow().Unix()
	if at, absolute := strings.CutPrefix(v, "@"); absolute {
		if n, good := http1.ParseContentLength(at); good {
			k.entry.Valid, k.noCache, k.expired = n, false, false
		}
		return
	}
	n, good := http1.ParseContentLength(v)
	switch {
	case !good:
	case n == 0:
		k.cacheable = false
	default:
		k.entry.Valid, k.noCache, k.expired = later(now, n), false, false
	}
}

func (k *caching) readExpires(v string) {
	if k.entry.Valid != 0 {
		return
	}
	at, good := parseHTTPTime(v)
	if !good || at < timeNow().Unix() {
		k.expired = true
		return
	}
	k.entry.Valid = at
}

func (k *caching) readCacheControl(v string) {
	v = strings.ToLower(v)
	if k.entry.Valid == 0 || !k.accelExpires {
		if strings.Contains(v, "no-cache") || strings.Contains(v, "no-store") || strings.Contains(v, "private") {
			k.noCache = true
			return
		}
		n, found, good := deltaSeconds(v, "s-maxage=")
		if !found {
			n, found, good = deltaSeconds(v, "max-age=")
		}
		switch {
		case !found:
		case !good:
			k.cacheable = false
			return
		case n == 0:
			k.noCache = true
			return
		default:
			k.entry.Valid, k.expired = later(timeNow().Unix(), n), false
		}
	}
	if n, found, good := deltaSeconds(v, "stale-while-revalidate="); found {
		if !good {
			k.cacheable = false
			return
		}
		k.entry.Updating, k.entry.Error = n, n
	}
	if n, found, good := deltaSeconds(v, "stale-if-error="); found {
		if !good {
			k.cacheable = false
			return
		}
		k.entry.Error = n
	}
}

// later is now and n seconds, within what the file can say.
func later(now, n int64) int64 {
	if n > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + n
}

// deltaSeconds reads the number behind a directive of Cache-Control.
//
// See: ngx_http_upstream_process_delta_seconds.
func deltaSeconds(v, name string) (n int64, found, good bool) {
	i := strings.Index(v, name)
	if i < 0 {
		return 0, false, false
	}
	v = v[i+len(name):]
	if end := strings.IndexAny(v, ",; "); end >= 0 {
		v = v[:end]
	}
	for i := 0; i < len(v); i++ {
		if v[i] < '0' || v[i] > '9' {
			return 0, true, false
		}
		if n > (math.MaxInt64-9)/10 {
			return math.MaxInt64, true, true
		}
		n = n*10 + int64(v[i]-'0')
	}
	return n, true, true
}

func (k *caching) readVary(list []string) {
	v := strings.Join(list, ", ")
	for _, one := range list {
		if one == "*" {
			k.cacheable = false
			return
		}
	}
	if len(v) > cache.VaryMax {
		k.cacheable = false
	}
	k.entry.Vary = strings.Clone(v)
}

// decide draws the conclusion of the header.
func (k *caching) decide() {
	if k.noCache || k.expired {
		k.cacheable = false
	}
}

// beginFill begins to store the response, or gives the key back.
//
// See: ngx_http_upstream_send_response.
func (st *upstreamState) beginFill(r *Request) {
	k := &st.caching
	if !st.buffering {
		k.release()
		k.cacheable = false
		st.watch(r)
		return
	}
	e := k.entry
	e.Close()
	switch {
	case anyTrue(r, k.conf.noCache):
		k.cacheable = false
	case k.status == cacheBypass:
		if err := e.Create(); err != nil {
			k.cacheable = false
		}
	}
	if k.cacheable {
		k.cacheable = st.startFill(r)
	}
	if !k.cacheable {
		k.release()
		st.watch(r)
	}
}

// startFill makes the temporary file. false: the response is not cached.
//
// Differs: where the file cannot be written, nginx gives the response up;
// here the client gets it all the same.
func (st *upstreamState) startFill(r *Request) bool {
	k, h := &st.caching, &st.parser.Head
	e := k.entry
	now := timeNow().Unix()
	if e.Valid == 0 {
		d := k.conf.validFor(h.Status)
		if d == 0 {
			return false
		}
		e.Valid = now + int64(d/time.Second)
	}
	e.Date, e.LastModified, e.ETag = now, -1, ""
	if h.Status == 200 || h.Status == 206 {
		if v, found := h.Headers.Get(http1.HeaderLastModified); found {
			if t, good := parseHTTPTime(v); good {
				e.LastModified = t
			}
		}
		if v, found := h.Headers.Get(http1.HeaderETag); found {
			e.ETag = strings.Clone(v)
		}
	}
	head := st.rawHead
	switch {
	case h.HTTP09:
		head = nil
	case st.conf.fastcgi != nil:
		head = fastcgiRecord(head)
	}
	if err := e.Begin(head, k.conf.tempDir); err != nil {
		r.logf(logCrit, "%v while reading upstream", err)
		return false
	}
	return true
}

// write stores a piece of the body. When that fails, the response goes on
// without being cached.
func (k *caching) write(r *Request, p []byte) {
	if k.entry == nil || !k.entry.Filling() || len(p) == 0 {
		return
	}
	if err := k.entry.Write(p); err != nil {
		r.logf(logCrit, "%v while reading upstream", err)
		k.cacheable = false
		k.entry.Release()
	}
}

// filling tells whether the body is wanted even without a client.
func (st *upstreamState) filling() bool {
	return st.storeFile != nil && st.storeFile.tmp != nil || st.caching.entry != nil && st.caching.entry.Filling()
}

// keepBody puts a complete response to its place: proxy_store's, the cache's.
func (st *upstreamState) keepBody(r *Request) {
	st.keepStore(r)
	if e := st.caching.entry; e != nil && e.Filling() {
		if err := e.Commit(); err != nil {
			r.logf(logCrit, "%v while reading upstream", err)
		}
	}
}

// clientLost goes on reading a body that is stored after the client has gone;
// c is how writing to it ended.
func (st *upstreamState) clientLost(r *Request, c rc) rc {
	if st.filling() {
		st.fillOn(r)
	}
	return c
}

// fillOn reads the rest of the body for the file alone.
func (st *upstreamState) fillOn(r *Request) {
	st.conn.SetReadTimeout(st.readTimeout)
	buf := netconn.NewBuffer(st.conf.bodyRead)
	defer buf.Release()
	for st.filling() {
		payload, complete, err := st.readPiece(r, buf.Free())
		if err == nil {
			err = st.tee(r, payload)
		}
		if err != nil {
			return
		}
		if complete {
			st.keepBody(r)
			st.unwatch()
			st.endTry(r)
			return
		}
	}
}
