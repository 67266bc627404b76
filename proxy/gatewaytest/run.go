package gatewaytest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/vm"
	"huidu/nginxconf"
	"huidu/proxy"
)

//go:embed test.lua
var testModule string

//go:embed show.lua
var showModule string

// Options says what to run and how.
type Options struct {
	Paths   []string       // files, and directories whose test files are run
	Match   *regexp.Regexp // cases whose name it does not match are left out; nil: all run
	Timeout time.Duration  // of one case; 0 is 10 seconds
	Report  Reporter
}

// Outcome is how a case ended.
type Outcome int

// The outcomes of a case.
const (
	Passed Outcome = iota
	Failed
	Skipped
)

// Result is a case that has run.
type Result struct {
	File, Name string
	At         string // where the case stands, "file:line"
	Outcome    Outcome
	Message    string // of a failure; the reason of a skip
	Place      string // of a failure, "file:line"; "" when it is not known
	Trace      string // of an error that is no failed assertion
	Took       time.Duration
}

// Summary counts the results.
type Summary struct {
	Passed, Failed, Skipped int
	Took                    time.Duration
}

// Reporter is told of the results as they come.
type Reporter interface {
	File(name string, cases int)
	Result(Result)
	End(Summary)
}

// IsTestFile tells whether a directory's file holds tests: x_test.lua or
// test_x.lua.
func IsTestFile(name string) bool {
	base := filepath.Base(name)
	return strings.HasSuffix(base, "_test.lua") || strings.HasPrefix(base, "test_") && strings.HasSuffix(base, ".lua")
}

// Find lists the test files that paths mean, in order.
func Find(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			files = append(files, p)
			continue
		}
		err = filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && IsTestFile(name) {
				files = append(files, name)
			}
			if err == nil && d.IsDir() && name != p && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	sort.Strings(files)
	return files, nil
}

// Run runs the tests. The error is for what keeps them from running at all.
func Run(ctx context.Context, o Options) (sum Summary, err error) {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	files, err := Find(o.Paths)
	if err != nil {
		return sum, err
	}
	began := time.Now()
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return sum, context.Cause(ctx)
		}
		o.runFile(ctx, file, &sum)
	}
	sum.Took = time.Since(began)
	o.Report.End(sum)
	return sum, nil
}

// runFile lists a file's cases and runs each in a VM of its own, so that none
// sees what another left behind.
func (o *Options) runFile(ctx context.Context, file string, sum *Summary) {
	began := time.Now()
	list, err := o.run(ctx, file, 0)
	if err != nil {
		o.Report.File(file, 1)
		r := failure(err)
		r.File, r.Name, r.At, r.Took = file, "(the file itself)", file, time.Since(began)
		o.count(sum, r)
		return
	}
	type one struct {
		index    int
		name, at string
	}
	var chosen []one
	for i, c := range list.cases {
		m, _ := c.(map[string]any)
		if name := text(m["name"]); o.Match == nil || o.Match.MatchString(name) {
			chosen = append(chosen, one{i + 1, name, text(m["at"])})
		}
	}
	o.Report.File(file, len(chosen))
	for _, c := range chosen {
		began := time.Now()
		var r Result
		h, err := o.run(ctx, file, c.index)
		switch {
		case err != nil:
			r = failure(err)
		case h.result["skip"] != nil:
			r = Result{Outcome: Skipped, Message: text(h.result["skip"])}
		case h.result["message"] != nil:
			r = Result{Outcome: Failed, Message: text(h.result["message"]), Place: text(h.result["at"]), Trace: text(h.result["trace"])}
		}
		r.File, r.Name, r.At, r.Took = file, c.name, c.at, time.Since(began)
		o.count(sum, r)
	}
}

func (o *Options) count(sum *Summary, r Result) {
	switch r.Outcome {
	case Passed:
		sum.Passed++
	case Failed:
		sum.Failed++
	case Skipped:
		sum.Skipped++
	}
	o.Report.Result(r)
}

// errTimeout ends a case that takes too long.
var errTimeout = errors.New("the case took too long")

// run loads a test file in a fresh VM and runs the case with the number index;
// 0 lists the cases.
func (o *Options) run(ctx context.Context, file string, index int) (*host, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	srv, err := newTestServer(dir)
	if err != nil {
		return nil, err
	}
	defer srv.Stop()
	h := newHost(dir)
	defer h.close()
	call := "require('huidu.test').run_()"
	if index > 0 {
		call = fmt.Sprintf("require('huidu.test').run_(%d)", index)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("%w: more than %v", errTimeout, o.Timeout))
	defer cancel()
	err = srv.RunProgram(ctx, &luacompat.Program{
		Args: []string{file},
		Chunks: []luacompat.ProgramChunk{
			{Name: "@" + file, Source: source},
			{Name: "=huidu.test", Source: []byte(call)},
		},
		Modules: map[string]string{"huidu.test": testModule, "huidu.test.show": showModule},
		Host:    h.functions(),
	})
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	return h, err
}

// newTestServer is the server whose VM a test file runs in.
func newTestServer(dir string) (*proxy.Server, error) {
	const file = "/huidu-test.conf"
	conf := fmt.Sprintf(`error_log stderr warn;
events {}
http {
    access_log off;
    lua_package_path "%s/?.lua;%s/?/init.lua;;";
}
`, dir, dir)
	cfg, diags := nginxconf.Load(nginxconf.Overlay{Files: nginxconf.OSFiles{}, Texts: map[string]string{file: conf}}, file,
		nginxconf.Options{Prefix: dir + "/", CompileRegex: CompileRegex})
	if cfg == nil {
		return nil, diags.Err()
	}
	srv, err := proxy.New(cfg, proxy.Options{ErrorLogPath: "stderr", LuaBudget: true})
	if err != nil {
		return nil, err
	}
	srv.Start()
	return srv, nil
}

// failure is the result of an error that nothing caught.
func failure(err error) Result {
	r := Result{Outcome: Failed, Message: err.Error()}
	var e *vm.Error
	if errors.As(err, &e) {
		r.Message, r.Trace = e.Msg, e.Traceback
	}
	return r
}
