package nginxconf

import "time"

// FilterLoc holds the body filters' directives.
type FilterLoc struct {
	Slice                 Opt[int64]
	Gzip                  Opt[bool]
	GzipBuffers           Opt[SizeCount]
	GzipCompLevel         Opt[int]
	GzipDisable           Opt[[]string]
	GzipHTTPVersion       Opt[string]
	GzipMinLength         Opt[int64]
	GzipProxied           Opt[[]string]
	GzipTypes             Opt[[]string]
	GzipVary              Opt[bool]
	GzipStatic            Opt[string] // off, on, always
	Gunzip                Opt[bool]
	GunzipBuffers         Opt[SizeCount]
	SubFilter             Opt[[]SubFilter]
	SubFilterOnce         Opt[bool]
	SubFilterTypes        Opt[[]string]
	SubFilterLastModified Opt[bool]
	AddBeforeBody         Opt[string]
	AddAfterBody          Opt[string]
	AdditionTypes         Opt[[]string]
	Charset               Opt[*Value] // nil: off
	SourceCharset         Opt[*Value]
	OverrideCharset       Opt[bool]
	CharsetTypes          Opt[[]string]
	Mirror                Opt[[]string] // nil with Set: off
	MirrorRequestBody     Opt[bool]
	SSI                   SSILoc
}

// SubFilter is one sub_filter.
type SubFilter struct {
	From, To Value
}

// MiscLoc holds small modules: referer, secure_link, userid, browser,
// memcached, stub_status.
type MiscLoc struct {
	ValidReferers           Opt[[]string]
	SecureLink              Opt[*Value]
	SecureLinkMD5           Opt[*Value]
	SecureLinkSecret        Opt[string]
	UserID                  Opt[string]
	UserIDName              Opt[string]
	UserIDDomain            Opt[string]
	UserIDPath              Opt[string]
	UserIDExpires           Opt[time.Duration] // -1: max
	UserIDMark              Opt[string]
	UserIDP3P               Opt[Value]
	UserIDService           Opt[string]
	UserIDFlags             Opt[[]string]
	AncientBrowser          Opt[[]string]
	AncientBrowserValue     Opt[string]
	ModernBrowser           Opt[[][2]string]
	ModernBrowserValue      Opt[string]
	MemcachedPass           Opt[*Value]
	MemcachedUpstream       *Upstream
	MemcachedConnectTimeout Opt[time.Duration]
	MemcachedReadTimeout    Opt[time.Duration]
	MemcachedSendTimeout    Opt[time.Duration]
	MemcachedBufferSize     Opt[int64]
	MemcachedGzipFlag       Opt[int]
	MemcachedNextUpstream   Opt[NextUpstream]

	MemcachedNextUpstreamTries   Opt[int]
	MemcachedNextUpstreamTimeout Opt[time.Duration]
	MemcachedSocketKeepalive     Opt[bool]
	MemcachedBind                Opt[*Value] // nil with Set: off

	MemcPass                Opt[*Value]
	MemcUpstream            *Upstream
	MemcConnectTimeout      Opt[time.Duration]
	MemcReadTimeout         Opt[time.Duration]
	MemcSendTimeout         Opt[time.Duration]
	MemcBufferSize          Opt[int64]
	MemcNextUpstream        Opt[NextUpstream]
	MemcBind                Opt[*Value] // nil with Set: off
	MemcCmdsAllowed         Opt[[]string]
	MemcFlagsToLastModified Opt[bool]
	MemcIgnoreClientAbort   Opt[bool]
}
