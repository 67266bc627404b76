package proxy

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// ssiConf is ngx_http_ssi_filter_module's configuration at a location.
type ssiConf struct {
	types     *mimeTypes
	silent    bool
	keepTime  bool
	valueLen  int
	copyBelow int      // parts of a response shorter than this are collected
	regexes   sync.Map // pattern → *pcre.Regex
	nregexes  atomic.Int32
}

// maxSSIRegexes bounds the patterns kept: a page may build them of variables.
const maxSSIRegexes = 256

// regex compiles a pattern of an "if", once for most.
func (s *ssiConf) regex(pattern string) (*pcre.Regex, error) {
	if re, found := s.regexes.Load(pattern); found {
		return re.(*pcre.Regex), nil
	}
	re, err := pcre.Compile(pattern, 0)
	if err != nil {
		return nil, err
	}
	if s.nregexes.Add(1) <= maxSSIRegexes {
		s.regexes.Store(pattern, re)
	}
	return re, nil
}

// compileSSI adds ssi.
//
// See: https://nginx.org/en/docs/http/ngx_http_ssi_module.html
func compileSSI(loc *location, l *nginxconf.Location) {
	f := &l.Loc.Filter.SSI
	if !f.Enable.V {
		return
	}
	conf := &ssiConf{
		types: newMimeTypes(f.Types.V), silent: f.SilentErrors.V, keepTime: f.LastModified.V,
		valueLen: int(f.ValueLength.V), copyBelow: int(f.MinFileChunk.V),
	}
	loc.addHeaderFilter(orderSSI, conf.filter)
}

// filter starts the module for a response of a wanted type.
func (conf *ssiConf) filter(r *Request) rc {
	o := &r.out
	if o.contentLength == 0 || !conf.types.has(o) {
		return ok
	}
	s := &ssiStage{conf: conf, encoding: ssiEncodeEntity, output: true, timefmt: ssiTimefmt,
		errmsg: "[an error occurred while processing the directive]"}
	main := r.main
	switch {
	case r == main:
		if main.modules.ssi != nil { // a subrequest before the content had one
			s.ssiShared = main.modules.ssi.ssiShared
		}
		o.contentLength = -1
		o.headers.DelID(http1.HeaderContentLength)
		o.clearRanges()
		if conf.keepTime {
			o.weakETag()
		} else {
			o.lastModified = -1
			o.headers.DelID(http1.HeaderLastModified)
			o.headers.DelID(http1.HeaderETag)
		}
	case main.modules.ssi == nil:
		main.modules.ssi = s
	}
	r.modules.ssi = s
	r.stages = append(r.stages, s)
	return ok
}

// ssiShared is what the parts of one page share: the main request's is used.
type ssiShared struct {
	vars     map[string]string
	blocks   []*ssiBlock
	captures []string // of the last matching expression, the whole first
}

type ssiBlock struct {
	name string
	text []byte
}

// shared is the page's common state.
func (s *ssiStage) shared(r *Request) *ssiShared {
	if m := r.main.modules.ssi; m != nil {
		return &m.ssiShared
	}
	return &s.ssiShared
}

// ssiTimefmt is the format of $date_local and $date_gmt unless a page sets
// another.
const ssiTimefmt = "%A, %d-%b-%Y %H:%M:%S %Z"

// maxSSIDate is the room nginx has for a date.
const maxSSIDate = 2048

var gmt = time.FixedZone("GMT", 0)

func varDateLocal(r *Request) (string, bool) { return ssiDate(r, time.Now()) }

func varDateGMT(r *Request) (string, bool) { return ssiDate(r, time.Now().In(gmt)) }

func ssiDate(r *Request, t time.Time) (string, bool) {
	format := ssiTimefmt
	if s := r.modules.ssi; s != nil {
		format = s.timefmt
	}
	if format == "%s" {
		return strconv.FormatInt(t.Unix(), 10), true
	}
	text := strftime(format, t)
	return text, text != "" && len(text) < maxSSIDate
}
