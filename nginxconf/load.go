package nginxconf

import (
	"context"
	"errors"
	"net"
	"os"
	"path"
	"runtime"
	"strings"
)

// ErrNotRoot is Options.Account's answer where user has no effect.
var ErrNotRoot = errors.New("not root")

// Options says how a configuration is read.
type Options struct {
	Strict  bool   // refuse what nginx refuses: no leniencies
	Prefix  string // -p; "" is the directory above the main file's
	Globals string // -g
	// ErrorLog is -e: the error log where none is configured; "" is
	// logs/error.log.
	ErrorLog string
	// PIDPath is the default of pid; "" is logs/nginx.pid.
	PIDPath string

	// MapPath, MapListen and MapAddr translate, in this order, what a
	// production file names into what this machine has. A nil func keeps
	// everything.
	MapPath   func(path string) string
	MapListen func(addr string) string
	MapAddr   func(addr string) string

	// CompileRegex checks a regular expression and returns the names of its
	// named captures; its error is nginx's message. nil compiles with
	// luacompat/pcre.
	CompileRegex func(pattern string, noCase bool) ([]string, error)
	// LookupHost resolves host names of upstreams and listens. nil asks the
	// system.
	LookupHost func(host string) ([]string, error)
	// Hostname is $hostname in server_name. "" asks the system.
	Hostname string
	// ReadTree, when it takes a file, parses it in place of nginx's syntax;
	// taken is false for files in that syntax.
	ReadTree func(name string, data []byte) (nodes []*Node, taken bool, problem *Diagnostic)
	// Account checks the arguments of user; a group that was not written is
	// the user's name. Its error is nginx's message, or ErrNotRoot. nil accepts
	// every name.
	Account func(user, group string) error
	// Divert leaves what is not supported to another gateway instead of
	// refusing the configuration: see Diversion.
	Divert bool
	// Observe is told of every directive, variable and regular expression, in
	// the order in which they are read; nil: nobody is.
	Observe func(Observation)
	// CPUs is what worker_processes auto means. 0 asks the system.
	CPUs int
}

func (o *Options) setDefaults() {
	if o.MapPath == nil {
		o.MapPath = same
	}
	if o.MapListen == nil {
		o.MapListen = same
	}
	if o.MapAddr == nil {
		o.MapAddr = same
	}
	if o.CompileRegex == nil {
		o.CompileRegex = compileRegex
	}
	if o.LookupHost == nil {
		o.LookupHost = func(host string) ([]string, error) {
			return net.DefaultResolver.LookupHost(context.Background(), host)
		}
	}
	if o.Hostname == "" {
		o.Hostname, _ = os.Hostname()
	}
	if o.CPUs == 0 {
		o.CPUs = runtime.NumCPU()
	}
	if o.PIDPath == "" {
		o.PIDPath = "logs/nginx.pid"
	}
	if o.ErrorLog == "" {
		o.ErrorLog = "logs/error.log"
	}
}

func same(s string) string { return s }

// Load reads the configuration in file. The Config is nil when the
// Diagnostics hold an Emerg or an Error; warnings come with a Config.
func Load(files Files, file string, opt Options) (*Config, Diagnostics) {
	opt.setDefaults()
	b := newBuild(files, opt)
	prefix := opt.Prefix
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	if !path.IsAbs(file) && prefix != "" {
		file = prefix + file
	}
	if prefix == "" {
		prefix = path.Dir(path.Dir(file)) + "/"
	}
	b.conf.Prefix, b.conf.File = prefix, file
	b.confPrefix = dirPrefix(file)
	err := b.run(file)
	if err != nil {
		var ce *confErr
		if !errors.As(err, &ce) {
			ce = &confErr{d: Diagnostic{Severity: Emerg, Message: err.Error()}}
		}
		b.diags = append(b.diags, ce.d)
		return nil, b.diags
	}
	return b.conf, b.diags
}

// dirPrefix is the directory of a file with its slash.
func dirPrefix(file string) string {
	return file[:strings.LastIndexByte(file, '/')+1]
}

// fullName resolves a name against the prefix and maps it.
func (b *build) fullName(name string) string {
	if !strings.HasPrefix(name, "/") {
		name = b.conf.Prefix + name
	}
	return b.opt.MapPath(name)
}

// confName resolves a name against the main file's directory and maps it, as
// include and the certificate directives do.
func (b *build) confName(name string) string {
	if !strings.HasPrefix(name, "/") {
		name = b.confPrefix + name
	}
	return b.opt.MapPath(name)
}
