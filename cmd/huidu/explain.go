package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"huidu/nginxconf"
	"huidu/nginxconf/native"
	"huidu/proxy"
	"huidu/proxy/trace"
)

// explainOptions are the flags of huidu explain.
type explainOptions struct {
	options
	headers []string
	addr    string
	listen  string
	data    string
	redis   string
	sockets string
	status  int
	steps   bool
	json    bool
	live    string
	keyFile string
}

// newExplainCommand is huidu explain: why a request goes where it goes.
func newExplainCommand(p process) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain -c nginx.conf 'GET /path' [-H 'Name: value']…",
		Short: "say why a request would go where it goes",
		Long: `Runs a request through the real engine, without listening and without asking
any upstream, and prints the decision: the server and location chosen and why,
rewrites, what each script asked of Redis and which way it went, and the request
that would be sent.

Redis is asked for real (--redis live), so scripts that write to it do; with
--redis fake:FILE it is an embedded one, filled with the commands in FILE, a line
each, that takes any password; with --redis down connections to it are refused.
Other sockets of scripts are refused unless --sockets live is given.

With --live URL a running gateway is asked instead, which was started with
--trace-key FILE: the request is signed with the key and served as usual, and
its trace comes back in a response header.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), explainPatience)
			defer cancel()
			t, err := o.run(ctx, args[0])
			if err != nil {
				return err
			}
			if o.json {
				enc := json.NewEncoder(p.stdout)
				enc.SetIndent("", "  ")
				enc.SetEscapeHTML(false)
				return enc.Encode(t)
			}
			return t.Text(p.stdout, trace.TextOptions{Colour: colours(p), Steps: o.steps})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.conf, "conf", "c", "", "configuration: nginx.conf or huidu.yaml")
	f.StringVarP(&o.prefix, "prefix", "p", "", "nginx prefix; the directory above the file's when not given")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "request header, as curl takes it")
	f.StringVar(&o.addr, "addr", "127.0.0.1", "the client's address")
	f.StringVar(&o.listen, "listen", "", "address or port that the client connected to; the first server's when not given")
	f.StringVarP(&o.data, "data", "d", "", "request body")
	f.StringVar(&o.redis, "redis", "live", "live, fake:FILE or down")
	f.StringVar(&o.sockets, "sockets", "refused", "live, or refused: the other sockets that scripts open")
	f.IntVar(&o.status, "upstream-status", http.StatusOK, "what upstreams are assumed to answer")
	f.BoolVar(&o.steps, "trace", false, "every step: candidates, log lines")
	f.BoolVar(&o.json, "json", false, "write JSON")
	f.StringVar(&o.live, "live", "", "ask the running gateway at this URL, http://127.0.0.1:8088")
	f.StringVar(&o.keyFile, "key", "", "file with the key of --trace-key, for --live")
	f.StringArrayVar(&o.mapListen, "map-listen", nil, "FROM=TO, as when serving")
	f.StringArrayVar(&o.mapPath, "map-path", nil, "FROM=TO, as when serving")
	f.StringArrayVar(&o.mapAddr, "map-addr", nil, "FROM=TO, as when serving")
	return cmd
}

// explainPatience bounds an explanation: a script may wait for ever.
const explainPatience = 60 * time.Second

// run explains the request that words describe: "GET /path", "/path",
// "GET https://host/path".
func (o *explainOptions) run(ctx context.Context, words string) (*trace.Trace, error) {
	q, err := o.request(words)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	if o.live != "" {
		return o.ask(ctx, q)
	}
	if o.conf == "" {
		return nil, &exitError{exitUsage, errors.New("explain needs -c FILE, or --live URL")}
	}
	addr, err := netip.ParseAddr(o.addr)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("--addr: %w", err)}
	}
	var raw bytes.Buffer
	if err := q.write(&raw); err != nil {
		return nil, err
	}
	srv, store, err := o.server()
	if err != nil {
		return nil, &exitError{1, err}
	}
	defer store.close()
	defer srv.Stop()
	t, err := srv.Explain(ctx, proxy.ExplainRequest{Raw: raw.Bytes(), Method: q.method, Client: addr, Listen: q.listen, Status: o.status})
	if err != nil {
		return nil, &exitError{1, err}
	}
	t.Caveats = append(t.Caveats, store.caveats()...)
	return t, nil
}

// server loads the configuration for explaining.
func (o *explainOptions) server() (*proxy.Server, *explainStore, error) {
	maps, err := newMapping(o.mapListen, o.mapPath, o.mapAddr)
	if err != nil {
		return nil, nil, err
	}
	file, err := filepath.Abs(o.conf)
	if err != nil {
		return nil, nil, err
	}
	if o.prefix != "" && !strings.HasSuffix(o.prefix, "/") {
		o.prefix += "/"
	}
	cfg, ds := nginxconf.Load(nginxconf.OSFiles{}, file, nginxconf.Options{
		Prefix: o.prefix, MapPath: maps.Path, MapListen: maps.Listen, MapAddr: maps.Addr,
		CompileRegex: compileRegex, ReadTree: native.ReadTree,
	})
	if cfg == nil {
		return nil, nil, ds.Err()
	}
	store, err := openExplainStore(o.redis, o.sockets, maps.Addr)
	if err != nil {
		return nil, nil, err
	}
	srv, err := proxy.New(cfg, proxy.Options{Explain: true, MapAddr: maps.Addr, MapPath: maps.Path,
		DialRedis: store.dialRedis, DialLua: store.dialOther})
	if err != nil {
		store.close()
		return nil, nil, err
	}
	srv.Start()
	return srv, store, nil
}

// explained is the request as the command line gives it.
type explained struct {
	method, target, host, listen string
	headers                      []string
	body                         string
}

func (o *explainOptions) request(words string) (*explained, error) {
	q := &explained{method: http.MethodGet, host: "localhost", listen: o.listen, headers: o.headers, body: o.data}
	fields := strings.Fields(words)
	switch len(fields) {
	case 1:
		q.target = fields[0]
	case 2, 3: // an HTTP version may stand behind
		q.method, q.target = fields[0], fields[1]
	default:
		return nil, fmt.Errorf("a request is 'GET /path' or 'GET http://host/path', not %q", words)
	}
	if !strings.HasPrefix(q.target, "/") {
		u, err := url.Parse(q.target)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("a request is 'GET /path' or 'GET http://host/path', not %q", words)
		}
		q.host, q.target = u.Host, u.RequestURI()
		if q.listen == "" {
			q.listen = u.Port()
			if q.listen == "" {
				q.listen = map[string]string{"http": "80", "https": "443"}[u.Scheme]
			}
		}
	}
	for i, h := range q.headers {
		name, value, found := strings.Cut(h, ":")
		if !found || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("-H wants 'Name: value', not %q", h)
		}
		if strings.EqualFold(strings.TrimSpace(name), "Host") {
			q.host = strings.TrimSpace(value)
			q.headers = append(q.headers[:i:i], q.headers[i+1:]...)
			break
		}
	}
	if o.data != "" && len(fields) == 1 {
		q.method = http.MethodPost
	}
	return q, nil
}

// write writes the request as it would come over the wire.
func (q *explained) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", q.method, q.target, q.host)
	for _, h := range q.headers {
		if strings.ContainsAny(h, "\r\n") {
			return &exitError{exitUsage, fmt.Errorf("-H holds a line end: %q", h)}
		}
		b.WriteString(h + "\r\n")
	}
	if q.body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(q.body))
	}
	b.WriteString("\r\n" + q.body)
	_, err := io.WriteString(w, b.String())
	return err
}

// ask sends the request, signed, to a running gateway and reads the trace in
// its answer.
func (o *explainOptions) ask(ctx context.Context, q *explained) (*trace.Trace, error) {
	key, err := readTraceKey(o.keyFile)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	base, err := url.Parse(o.live)
	if err != nil || base.Host == "" {
		return nil, &exitError{exitUsage, fmt.Errorf("--live wants a URL such as http://127.0.0.1:8088, not %q", o.live)}
	}
	req, err := http.NewRequestWithContext(ctx, q.method, base.Scheme+"://"+base.Host+q.target, strings.NewReader(q.body))
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	req.Host = q.host
	for _, h := range q.headers {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	host := q.host
	if h, _, found := strings.Cut(host, ":"); found && !strings.HasPrefix(host, "[") {
		host = h
	}
	req.Header.Set(trace.Header, trace.Sign(key, q.method, host, q.target, time.Now().Add(time.Minute)))
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return nil, &exitError{1, err}
	}
	defer resp.Body.Close()
	value := resp.Header.Get(trace.Header)
	if value == "" {
		return nil, &exitError{1, fmt.Errorf("the gateway answered %s without a trace: was it started with --trace-key and this key, and do the clocks agree?", resp.Status)}
	}
	t, err := trace.Decode(value)
	if err != nil {
		return nil, &exitError{1, err}
	}
	return t, nil
}

// readTraceKey reads the file of --trace-key.
func readTraceKey(name string) ([]byte, error) {
	if name == "" {
		return nil, errors.New("--live needs --key FILE")
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the trace key: %w", err)
	}
	if b = bytes.TrimSpace(b); len(b) < minTraceKey {
		return nil, fmt.Errorf("the trace key in %s is shorter than %d bytes", name, minTraceKey)
	}
	return b, nil
}

// minTraceKey is the least length of a key in bytes.
const minTraceKey = 16

// colours tells whether standard output is a terminal that wants them.
func colours(p process) bool {
	f, ok := p.stdout.(*os.File)
	if !ok || p.getenv("NO_COLOR") != "" || p.getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
