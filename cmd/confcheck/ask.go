package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"
)

// answer is what -t said: whether it accepted, its first error, the warnings
// before.
type answer struct {
	OK    bool     `json:"ok"`
	Error string   `json:"error,omitempty"` // "[emerg] … in nginx.conf:3"
	Warns []string `json:"warns,omitempty"`
	Rest  string   `json:"rest,omitempty"` // the output when it says nothing of that sort
}

// asker runs the two programs.
type asker struct {
	o    options
	work string
	mu   sync.Mutex
	mem  map[string]answer // nginx's answers, by configuration
}

func newAsker(o options) (*asker, error) {
	work, err := os.MkdirTemp("", "confcheck-")
	if err != nil {
		return nil, err
	}
	if o.huidu != "" {
		if o.huidu, err = filepath.Abs(o.huidu); err != nil {
			return nil, err
		}
	}
	a := &asker{o: o, work: work, mem: map[string]answer{}}
	if data, err := os.ReadFile(o.cache); err == nil {
		if err := json.Unmarshal(data, &a.mem); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// close writes the cache and removes the folder.
func (a *asker) close() error {
	defer os.RemoveAll(a.work)
	if a.o.cache == "" {
		return nil
	}
	data, err := json.Marshal(a.mem)
	if err != nil {
		return err
	}
	return os.WriteFile(a.o.cache, data, 0o644)
}

// pair is both answers about a configuration.
type pair struct {
	config
	nginx, huidu answer
}

// askAll asks both programs about every configuration.
func (a *asker) askAll(configs []config) ([]pair, error) {
	out := make([]pair, len(configs))
	work := make(chan int)
	var wg sync.WaitGroup
	var failed error
	for w := range a.o.jobs {
		wg.Go(func() {
			dir := filepath.Join(a.work, "w"+string(rune('a'+w)))
			for i := range work {
				p, err := a.ask(configs[i], dir)
				if err != nil {
					a.mu.Lock()
					failed = err
					a.mu.Unlock()
				}
				out[i] = p
			}
		})
	}
	for i := range configs {
		work <- i
	}
	close(work)
	wg.Wait()
	return out, failed
}

// ask asks both about one configuration, each in a fresh folder.
func (a *asker) ask(c config, dir string) (pair, error) {
	p := pair{config: c}
	globals := a.globals(c.files[mainFile])
	key := c.key(globals)
	a.mu.Lock()
	known, ok := a.mem[key]
	a.mu.Unlock()
	if !ok {
		var err error
		if known, err = a.run(a.o.nginx, c, dir, globals); err != nil {
			return p, err
		}
		a.mu.Lock()
		a.mem[key] = known
		a.mu.Unlock()
	}
	p.nginx = known
	var err error
	if a.o.huidu == "" {
		p.huidu, err = load(c, dir, globals)
	} else {
		p.huidu, err = a.run(a.o.huidu, c, dir, globals, "--strict")
	}
	return p, err
}

// key names a configuration and how it is asked about.
func (c config) key(globals string) string {
	names := make([]string, 0, len(c.files))
	for name := range c.files {
		names = append(names, name)
	}
	sort.Strings(names)
	h := sha256.New()
	h.Write([]byte(globals))
	for _, name := range names {
		h.Write([]byte("\x00" + name + "\x00" + c.files[name]))
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// optional are nginx's dynamic modules: loading all takes longer than the
// rest of -t, so each is loaded where its words are.
var optional = []struct {
	module string
	words  *regexp.Regexp
}{
	{"ndk_http_module", regexp.MustCompile(`lua|set_`)},
	{"ngx_http_echo_module", regexp.MustCompile(`echo`)},
	{"ngx_http_headers_more_filter_module", regexp.MustCompile(`more_`)},
	{"ngx_http_lua_module", regexp.MustCompile(`lua`)},
	{"ngx_http_set_misc_module", regexp.MustCompile(`set_`)},
	{"ngx_stream_module", regexp.MustCompile(`\bstream\b`)},
	{"ngx_mail_module", regexp.MustCompile(`\bmail\b`)},
	{"ngx_http_perl_module", regexp.MustCompile(`\bperl`)},
	{"ngx_http_xslt_filter_module", regexp.MustCompile(`\bx(slt|ml)_`)},
	{"ngx_http_image_filter_module", regexp.MustCompile(`\bimage_filter`)},
	{"ngx_http_geoip_module", regexp.MustCompile(`\bgeoip_`)},
	{"ngx_stream_geoip_module", regexp.MustCompile(`\bstream\b(?s:.*)\bgeoip_`)},
}

// globals is the text of -g: nginx learns what huidu knows.
func (a *asker) globals(text string) string {
	var sb strings.Builder
	for _, m := range optional {
		if m.words.MatchString(text) {
			sb.WriteString("load_module " + a.o.modules + "/" + m.module + ".so; ")
		}
	}
	return sb.String()
}

// patience is how long -t may take.
const patience = 20 * time.Second

// run asks one program in a fresh folder.
func (a *asker) run(program string, c config, dir, globals string, more ...string) (answer, error) {
	defer os.RemoveAll(dir)
	if err := c.write(dir); err != nil {
		return answer{}, err
	}
	args := append([]string{"-t", "-p", dir + "/", "-c", mainFile, "-e", "error.log", "-g", globals}, more...)
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return answer{}, err
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	late.Stop()
	return parseAnswer(strings.ReplaceAll(out.String(), dir, "DIR"), err == nil), nil
}

var saidLine = regexp.MustCompile(`(?m)^nginx: (\[(warn|error|crit|alert|emerg)\] (?s:.*?))$`)

// parseAnswer reads the output of -t.
func parseAnswer(out string, ok bool) answer {
	a := answer{OK: ok}
	out = strings.ToValidUTF8(out, "\ufffd") // as the cache keeps it
	for _, m := range saidLine.FindAllStringSubmatch(out, -1) {
		if m[2] == "warn" {
			if a.Error == "" {
				a.Warns = append(a.Warns, m[1])
			}
			continue
		}
		if a.Error == "" && !ok {
			a.Error = m[1]
		}
	}
	if !ok && a.Error == "" {
		a.Rest = out
	}
	return a
}
