package proxy

import (
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/cache"
	"huidu/proxy/http1"
)

// cacheStatus is $upstream_cache_status.
type cacheStatus uint8

const (
	cacheNone cacheStatus = iota
	cacheMiss
	cacheBypass
	cacheExpired
	cacheStale
	cacheUpdating
	cacheRevalidated
	cacheHit
)

// String is the status as nginx writes it.
func (s cacheStatus) String() string {
	return [...]string{"", "MISS", "BYPASS", "EXPIRED", "STALE", "UPDATING", "REVALIDATED", "HIT"}[s]
}

// caching is a run's dealings with the cache.
type caching struct {
	conf      *cacheConf
	entry     *cache.Entry
	status    cacheStatus
	cacheable bool // the response may be stored
	asGet     bool // HEAD is asked for as GET
	serving   bool // the response at work is the cached one

	// Of the header of the response at work.
	noCache, expired, accelExpires bool
}

// lastModified is the If-Modified-Since that asks whether a stale response is
// still good.
func (k *caching) lastModified() string {
	if k.status != cacheExpired || !k.conf.revalidate || k.entry.LastModified == -1 {
		return ""
	}
	return formatHTTPTime(k.entry.LastModified)
}

// etag is its If-None-Match.
func (k *caching) etag() string {
	if k.status != cacheExpired || !k.conf.revalidate {
		return ""
	}
	return k.entry.ETag
}

// askCache looks for the response in the cache. answered: the request has its
// answer, or c says which; otherwise the upstream is to be asked.
//
// See: ngx_http_upstream_cache.
func (st *upstreamState) askCache(r *Request) (c rc, answered bool) {
	k := &st.caching
	k.conf = st.conf.cache
	if !k.conf.takes(r.methodID) {
		return ok, false
	}
	zone, c := k.conf.zoneFor(r)
	if zone == nil {
		return c, c != ok
	}
	k.asGet = r.methodID == http1.MethodHead && k.conf.convertHead
	e := cache.NewEntry(zone, st.cacheKey(r), st.conf.bufferSize, r.eachField)
	if need := e.HeaderStart() + 256; need > st.conf.bufferSize {
		r.logf(logError, "%s_buffer_size %d is not enough for cache key, it should be increased to at least %d",
			pick(st.conf.fastcgi != nil, "fastcgi", "proxy"), st.conf.bufferSize, (need+1023)/1024*1024)
		return ok, false
	}
	k.entry, k.cacheable = e, true
	e.MinUses = k.conf.minUses
	if anyTrue(r, k.conf.bypass) {
		k.status = cacheBypass
		return ok, false
	}
	e.Lock, e.LockTimeout, e.LockAge = k.conf.lock, k.conf.lockTimeout, k.conf.lockAge
	k.status = cacheMiss
	res, err := e.Open()
	if err != nil {
		r.logf(logCrit, "%v", err)
		return 500, true
	}
	if c, answered := st.opened(r, res); answered {
		return c, true
	}
	if k.cacheable && !k.conf.rangeIsNear(r) {
		k.cacheable = false
	}
	return ok, false
}

// opened answers with what the cache has, or says that the upstream is to be
// asked.
func (st *upstreamState) opened(r *Request, res cache.Result) (c rc, answered bool) {
	k, e := &st.caching, st.caching.entry
	mayUpdate := (k.conf.useStale&nginxconf.NextUpdating != 0 || e.StaleUpdating) && !r.background
	switch res {
	case cache.Hit:
		return st.sendHit(r, cacheHit)
	case cache.Failed:
		k.status = cacheHit
		return rc(e.Status), true
	case cache.Scarce:
		k.cacheable = false
	case cache.Updating:
		if mayUpdate {
			return st.sendHit(r, cacheUpdating)
		}
		st.expire()
	case cache.Stale:
		if mayUpdate && k.conf.backgroundUpdate {
			if !st.updateBehind(r) {
				return 500, true
			}
			return st.sendHit(r, cacheStale)
		}
		st.expire()
	}
	return ok, false
}

// expire notes that the cached response is stale and the upstream is asked.
func (st *upstreamState) expire() {
	k := &st.caching
	k.status = cacheExpired
	k.entry.Valid, k.entry.Updating, k.entry.Error = 0, 0, 0
}

// sendHit answers with the cached response; one that cannot be read is a
// miss.
func (st *upstreamState) sendHit(r *Request, s cacheStatus) (rc, bool) {
	st.caching.status = s
	c, good := st.sendCached(r)
	if !good {
		st.caching.status, st.caching.serving = cacheMiss, false
		return ok, false
	}
	return c, true
}

// sendCached answers with the cached response. good: it could be read.
//
// See: ngx_http_upstream_cache_send.
func (st *upstreamState) sendCached(r *Request) (c rc, good bool) {
	e := st.caching.entry
	st.caching.serving = true
	st.parser.Reset()
	if head := e.Head(); len(head) == 0 {
		st.parser.Head.HTTP09 = true
	} else if complete, err := st.parseCached(r, head); err != nil || !complete {
		r.logf(logCrit, "cache file \"%s\" contains invalid header", e.File().Name())
		return ok, false
	}
	st.framing = st.parser.Head.Framing(false)
	st.cacheControl(r)
	if again, c := st.takeHeaders(r); again || c != ok {
		return c, true
	}
	if c := r.sendHeader(); c != ok || r.headerOnly {
		return c, true
	}
	from := int64(e.BodyStart)
	if e.Length <= from {
		return r.output(nil, last), true
	}
	return r.outputFile(e.File(), from, e.Length-from, last), true
}

// parseCached reads the header in a cache file.
func (st *upstreamState) parseCached(r *Request, head []byte) (complete bool, err error) {
	if st.conf.fastcgi != nil {
		return st.parseFastCGICached(r, head)
	}
	_, complete, err = st.parser.Parse(head)
	return complete, err
}

// sendStale answers with the stale response because the upstream did not.
func (st *upstreamState) sendStale(r *Request, s cacheStatus) rc {
	st.unwatch()
	st.endTry(r)
	st.caching.status = s
	c, good := st.sendCached(r)
	if !good {
		return 500
	}
	return c
}

// mayUseStale tells whether proxy_cache_use_stale has a stale response
// answered instead of what happened.
func (st *upstreamState) mayUseStale(_ *Request, why ft) bool {
	return st.caching.status == cacheExpired && st.caching.conf.useStale&why != 0
}

// revalidated answers with the stale response, which the upstream says is
// still good, and makes it fresh: before the client has it, so that whoever
// asks next finds it so.
//
// See: ngx_http_upstream_test_next.
func (st *upstreamState) revalidated(r *Request) rc {
	fresh, renewed := st.caching.entry.Meta, false
	renew := func(r *Request) {
		if !renewed {
			renewed = true
			st.renew(r, fresh)
		}
	}
	r.beforeHead = renew
	c := st.sendStale(r, cacheRevalidated)
	r.beforeHead = nil
	renew(r)
	return c
}

// renew makes the cached response fresh as fresh says, which the upstream's
// answer did; else as the response itself does; else by proxy_cache_valid.
func (st *upstreamState) renew(r *Request, fresh cache.Meta) {
	e := st.caching.entry
	now := timeNow().Unix()
	if fresh.Valid == 0 {
		fresh = e.Meta
	}
	if fresh.Valid == 0 {
		if d := st.caching.conf.validFor(st.parser.Head.Status); d > 0 {
			fresh.Valid = now + int64(d.Seconds())
		}
	}
	if fresh.Valid == 0 {
		return
	}
	e.Valid, e.Updating, e.Error, e.Date = fresh.Valid, fresh.Updating, fresh.Error, now
	if err := e.Renew(); err != nil {
		r.logf(logCrit, "%v", err)
	}
}

// endCache gives the key back, with the error that c may be.
//
// See: ngx_http_upstream_finalize_request.
func (st *upstreamState) endCache(c rc) {
	if st.caching.entry == nil {
		return
	}
	if c == 502 || c == 504 {
		st.cacheError(int(c))
	}
	st.caching.release()
	st.caching.entry.Close()
}

// cacheError caches that a status was answered, where proxy_cache_valid says
// for how long.
func (st *upstreamState) cacheError(status int) {
	k := &st.caching
	if k.entry == nil {
		return
	}
	k.decide()
	if !k.cacheable || k.serving {
		return
	}
	if k.entry.Valid == 0 {
		if d := k.conf.validFor(status); d > 0 {
			k.entry.Valid = timeNow().Unix() + int64(d.Seconds())
		}
	}
	if k.entry.Valid != 0 {
		k.entry.Status = status
	}
}

// release gives the key back unless a request in the background has it.
func (k *caching) release() {
	if k.entry != nil && !k.entry.Background {
		k.entry.Release()
	}
}

// updateBehind sends a copy of the request to the upstream in the background,
// to update the stale response that is answered meanwhile.
//
// See: ngx_http_upstream_cache_background_update.
func (st *upstreamState) updateBehind(r *Request) bool {
	sr := r.newSubrequest(r.uri, r.args)
	if sr == nil {
		return false
	}
	sr.background, sr.headerOnly = true, true
	sr.loc, sr.validURI, sr.noLocation = r.loc, r.validURI, r.noLocation
	sr.method, sr.methodID = r.method, r.methodID
	sr.headers = append(make(http1.Headers, 0, len(r.headers)), r.headers...)
	sr.headersSet = true
	sr.vars = append([]varSlot(nil), r.vars...)
	sr.captures, sr.captureOf = append([]int(nil), r.captures...), r.captureOf
	sr.w = discardWriter{}
	e := st.caching.entry
	e.Background = true
	sr.parent = r.main // r itself may be a subrequest that ends before
	r.main.behind.Add(1)
	main := r.main
	go func() {
		defer main.behind.Done()
		c := sr.loc.handler(sr)
		if c != restart {
			c = sr.finish(c)
		}
		if c == restart {
			sr.run()
		}
		sr.endSubrequest()
		e.Release()
	}()
	return true
}

// zoneFor is the cache of the request: nil for none, with 500 for one that
// does not exist.
func (cc *cacheConf) zoneFor(r *Request) (*cache.Zone, rc) {
	if cc.zone != nil {
		return cc.zone, ok
	}
	name := cc.name.eval(r)
	if name == "" || name == "off" {
		return nil, ok
	}
	if z := r.rt.caches[name]; z != nil {
		return z, ok
	}
	r.logf(logError, "cache \"%s\" not found", name)
	return nil, 500
}

// rangeIsNear tells whether the response to a request for a range is still
// cached, by proxy_cache_max_range_offset.
//
// See: ngx_http_upstream_cache_check_range.
func (cc *cacheConf) rangeIsNear(r *Request) bool {
	v, found := r.headers.Get(http1.HeaderRange)
	switch {
	case !found || cc.maxRangeOffset < 0:
		return true
	case cc.maxRangeOffset == 0:
		return false
	case len(v) < 7 || !http1.EqualFold(v[:6], "bytes="):
		return true
	}
	v = strings.TrimLeft(v[6:], " ")
	if strings.HasPrefix(v, "-") {
		return false
	}
	n := 0
	for n < len(v) && v[n] >= '0' && v[n] <= '9' {
		n++
	}
	offset, good := http1.ParseContentLength(v[:n])
	return !good || offset < cc.maxRangeOffset
}

// cacheKey is the text of the request's key.
//
// See: ngx_http_proxy_create_key.
func (st *upstreamState) cacheKey(r *Request) string {
	if key := st.conf.cache.key; key != nil {
		return strings.Clone(key.eval(r))
	}
	if st.conf.fastcgi != nil {
		return ""
	}
	b := make([]byte, 0, 128)
	b = append(b, st.vars.schema...)
	if unix := st.unixHost(); unix != "" {
		b = append(append(b, unix...), ':')
	} else {
		b = append(b, st.vars.hostHeader...)
	}
	return string(st.appendURI(b, r))
}

// unixHost is "unix:/path" for an upstream that is one.
func (st *upstreamState) unixHost() string {
	host := st.host
	if p := st.conf.pass; !p.HasVars {
		host = p.Host
	}
	if strings.HasPrefix(host, "unix:") {
		return host
	}
	return ""
}

// eachField is cache.RequestFields of the request.
func (r *Request) eachField(name string, visit func(value string)) {
	for i := range r.headers {
		if h := &r.headers[i]; len(h.Key) == len(name) && http1.EqualFold(h.Key, name) {
			visit(h.Value)
		}
	}
}
