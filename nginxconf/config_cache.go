package nginxconf

import "time"

// CachePath is a proxy_cache_path: a directory of cached responses and the
// zone that holds their keys.
type CachePath struct {
	Pos         Pos
	Path        string // full, without a trailing "/"
	Levels      []int  // characters of each level of directories
	Zone        string
	ZoneSize    int64
	Inactive    time.Duration
	MaxSize     int64 // -1: none
	MinFree     int64
	UseTempPath bool

	LoaderFiles, ManagerFiles         int
	LoaderSleep, ManagerSleep         time.Duration
	LoaderThreshold, ManagerThreshold time.Duration
}

// ProxyCache is proxy_cache* of a location.
type ProxyCache struct {
	Zone             Opt[*Value] // proxy_cache; nil: off
	Key              Opt[*Value]
	Valid            Opt[[]CacheValid]
	Methods          Opt[[]string]
	MinUses          Opt[int]
	Bypass           Opt[[]Value]
	NoCache          Opt[[]Value]
	Lock             Opt[bool]
	LockTimeout      Opt[time.Duration]
	LockAge          Opt[time.Duration]
	UseStale         Opt[NextUpstream]
	Revalidate       Opt[bool]
	ConvertHead      Opt[bool]
	BackgroundUpdate Opt[bool]
	MaxRangeOffset   Opt[int64] // -1: none
}

// CacheValid is how long responses of a status are valid; Status 0 is "any".
type CacheValid struct {
	Status int
	Time   time.Duration
}

// FastCGI is what only ngx_http_fastcgi_module has.
type FastCGI struct {
	Params      Opt[[]FastCGIParam] // fastcgi_param, all of one level
	Index       Opt[string]
	KeepConn    Opt[bool]
	CatchStderr Opt[[]string]
	SplitPath   Opt[*Regex] // fastcgi_split_path_info
}

// FastCGIParam is one fastcgi_param.
type FastCGIParam struct {
	Name       string
	Value      Value
	IfNotEmpty bool
	Pos        Pos
}
