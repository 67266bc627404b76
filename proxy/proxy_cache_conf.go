package proxy

import (
	"fmt"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/cache"
	"huidu/proxy/http1"
)

// cacheConf is proxy_cache and its like at a location, compiled.
type cacheConf struct {
	zone *cache.Zone // nil: name says which
	name value

	key              *value // nil: what is asked of the upstream
	valid            []nginxconf.CacheValid
	post             bool // POST is cached too
	minUses          int
	bypass, noCache  []value
	lock             bool
	lockTimeout      time.Duration
	lockAge          time.Duration
	useStale         ft
	revalidate       bool
	convertHead      bool
	backgroundUpdate bool
	maxRangeOffset   int64 // -1: none
	tempDir          string

	headers []sentHeader // of the request, instead of proxyConf's
	exclude headerSet
}

// cacheDefaultHeaders are proxyDefaultHeaders for a request whose response is
// to be cached: it asks for the whole response, or whether it has changed.
//
// See: ngx_http_proxy_cache_headers.
var cacheDefaultHeaders = append(proxyDefaultHeaders[:len(proxyDefaultHeaders):len(proxyDefaultHeaders)],
	defaultHeader{name: "If-Modified-Since", kind: headerCacheModified},
	defaultHeader{name: "If-Unmodified-Since", drop: true},
	defaultHeader{name: "If-None-Match", kind: headerCacheETag},
	defaultHeader{name: "If-Match", drop: true},
	defaultHeader{name: "Range", drop: true},
	defaultHeader{name: "If-Range", drop: true},
)

// compileCache compiles proxy_cache of a location.
//
// See: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache
func (p *proxyConf) compileCache(c *compiler, pc *nginxconf.ProxyLoc, tempDir string) error {
	pcc := &pc.Cache
	if pcc.Zone.V == nil {
		return nil
	}
	cc := &cacheConf{
		valid: pcc.Valid.V, minUses: pcc.MinUses.V, lock: pcc.Lock.V, lockTimeout: pcc.LockTimeout.V, lockAge: pcc.LockAge.V,
		useStale: pcc.UseStale.V, revalidate: pcc.Revalidate.V, convertHead: pcc.ConvertHead.V,
		backgroundUpdate: pcc.BackgroundUpdate.V, maxRangeOffset: pcc.MaxRangeOffset.V, tempDir: pc.TempPath.V,
	}
	if cc.tempDir == "" {
		cc.tempDir = c.rt.fullPath(tempDir)
	}
	switch {
	case cc.useStale&nginxconf.NextOff != 0:
		cc.useStale = 0
	case cc.useStale&nginxconf.NextError != 0:
		cc.useStale |= ftNoLive
	}
	for _, m := range pcc.Methods.V {
		cc.post = cc.post || m == "POST"
	}
	var err error
	if cc.name, err = c.value(*pcc.Zone.V, pcc.Zone.Pos); err != nil {
		return err
	}
	if cc.name.isLiteral() {
		cc.zone = c.rt.caches[cc.name.lit]
	}
	if cc.key, err = c.valuePtr(pcc.Key.V, pcc.Key.Pos); err != nil {
		return err
	}
	if cc.bypass, err = c.values(pcc.Bypass.V, pcc.Bypass.Pos); err != nil {
		return err
	}
	if cc.noCache, err = c.values(pcc.NoCache.V, pcc.NoCache.Pos); err != nil {
		return err
	}
	p.cache = cc
	return nil
}

func (c *compiler) values(list []nginxconf.Value, pos nginxconf.Pos) ([]value, error) {
	var out []value
	for _, v := range list {
		one, err := c.value(v, pos)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// takes tells whether responses to a method are cached.
func (cc *cacheConf) takes(m http1.MethodID) bool {
	return m == http1.MethodGet || m == http1.MethodHead || m == http1.MethodPost && cc.post
}

// validFor is how long responses of a status are fresh; 0: not cached.
func (cc *cacheConf) validFor(status int) time.Duration {
	for _, v := range cc.valid {
		if v.Status == 0 || v.Status == status {
			return v.Time
		}
	}
	return 0
}

// anyTrue is nginx's test of predicates: some value is neither empty nor "0".
//
// See: ngx_http_test_predicates.
func anyTrue(r *Request, predicates []value) bool {
	for i := range predicates {
		if v := predicates[i].eval(r); v != "" && v != "0" {
			return true
		}
	}
	return false
}

// cacheZones makes the caches of proxy_cache_path; those that a reload did not
// change keep what they know.
func (c *compiler) cacheZones() error {
	rt, old := c.rt, c.rt.opts.old
	rt.caches = map[string]*cache.Zone{}
	for _, p := range c.http.CachePaths {
		var before *cache.Zone
		if old != nil {
			before = old.caches[p.Zone]
		}
		z, err := cache.New(cache.Options{
			Name: p.Zone, ZoneSize: p.ZoneSize, Path: p.Path, Levels: p.Levels, Inactive: p.Inactive, MaxSize: p.MaxSize,
			MinFree: p.MinFree, UseTempPath: p.UseTempPath,
			LoaderFiles: p.LoaderFiles, LoaderSleep: p.LoaderSleep, LoaderThreshold: p.LoaderThreshold,
			ManagerFiles: p.ManagerFiles, ManagerSleep: p.ManagerSleep, ManagerThreshold: p.ManagerThreshold,
			Log: func(l cache.Level, format string, args ...any) {
				rt.logf(cacheLogLevel[l], "%s", fmt.Sprintf(format, args...))
			},
		}, before)
		if err != nil {
			return err
		}
		rt.caches[p.Zone] = z
	}
	return nil
}

var cacheLogLevel = [...]nginxconf.LogLevel{cache.Alert: logAlert, cache.Crit: logCrit, cache.Notice: logNotice, cache.Info: logInfo}

// startCaches runs the caches' loaders and managers until the router closes.
func (rt *Router) startCaches() {
	for _, z := range rt.caches {
		z.Start()
		rt.closers = append(rt.closers, z.Stop)
	}
}
