package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/alicebob/miniredis/v2"
	"github.com/spf13/cobra"

	"huidu/nginxconf"
	"huidu/proxy"
	article "huidu/testdata/huidu"
)

// newDemoCommand is huidu demo: the article's whole installation in one
// process, with its files unchanged.
func newDemoCommand(p process) *cobra.Command {
	var port int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "run the article's gray release: gateway, Redis, production and staging",
		Long: `Starts everything the article needs, with nothing else installed: an embedded
Redis, a production and a staging system that say who they are, and the gateway
with the article's nginx.conf and huidu.lua, unchanged: their addresses and
paths are mapped to free ones, as --map-listen, --map-path and --map-addr do.

Listens on 127.0.0.1 only and ends with Ctrl-C.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			d, err := startDemo(port, p.stderr)
			if err != nil {
				return &exitError{1, err}
			}
			d.explain(p.stdout)
			<-ctx.Done()
			fmt.Fprintln(p.stdout, "\nbye")
			d.stop()
			return nil
		},
	}
	cmd.Flags().IntVar(&port, "port", 8088, "port of the gateway; 0 takes any free one, as happens when it is taken")
	return cmd
}

// demo is a running demo.
type demo struct {
	dir                 string // the site: conf/nginx.conf, conf/huidu.lua, logs/
	srv                 *proxy.Server
	redis               *miniredis.Miniredis
	production, staging *http.Server
	gateway             string
	notes               nginxconf.Diagnostics
}

// startDemo brings the demo up; on an error nothing is left running.
func startDemo(port int, stderr io.Writer) (d *demo, err error) {
	d = &demo{}
	defer func() {
		if err != nil {
			d.stop()
		}
	}()
	if d.dir, err = os.MkdirTemp("", "huidu-demo-"); err != nil {
		return nil, err
	}
	if err := d.writeSite(); err != nil {
		return nil, err
	}
	d.redis = miniredis.NewMiniRedis()
	d.redis.RequireAuth(article.Password)
	if err := d.redis.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	productionAddr, err := serveName(&d.production, "production")
	if err != nil {
		return nil, err
	}
	stagingAddr, err := serveName(&d.staging, "staging")
	if err != nil {
		return nil, err
	}
	d.gateway = freeAddr(port)
	o := &options{
		prefix:    d.dir + "/",
		mapListen: []string{article.ListenPort + "=" + d.gateway},
		mapPath:   []string{article.Prefix + "=" + d.dir},
		mapAddr: []string{article.Redis + "=" + d.redis.Addr(),
			article.Production + "=" + productionAddr, article.Staging + "=" + stagingAddr},
	}
	s, err := newSite(o)
	if err != nil {
		return nil, err
	}
	cfg, diags := s.load()
	if cfg == nil {
		return nil, diags.Err()
	}
	d.notes = diags
	if d.srv, err = proxy.New(cfg, s.serverOptions()); err != nil {
		return nil, err
	}
	if err := d.srv.Listen(); err != nil {
		return nil, err
	}
	d.srv.Start()
	if err := recordDemo(demoState{PID: os.Getpid(), Redis: d.redis.Addr(), Script: filepath.Join(d.dir, "conf/huidu.lua")}); err != nil {
		fmt.Fprintf(stderr, "huidu: %v; huidu gray will need --redis %s --password …\n", err, d.redis.Addr())
	}
	return d, nil
}

// writeSite lays the article's files out as on its machine.
func (d *demo) writeSite() error {
	for _, sub := range []string{"conf", "logs", "html"} {
		if err := os.Mkdir(filepath.Join(d.dir, sub), 0o755); err != nil {
			return err
		}
	}
	for name, data := range map[string][]byte{"nginx.conf": article.NginxConf, "huidu.lua": article.Script} {
		if err := os.WriteFile(filepath.Join(d.dir, "conf", name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// serveName starts a system that says its name.
func serveName(srv **http.Server, name string) (addr string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("start %s: %w", name, err)
	}
	*srv = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-System", name)
		fmt.Fprintf(w, "this is %s: %s %s\n", name, r.Method, r.URL.Path)
	})}
	go func() { _ = (*srv).Serve(ln) }()
	return ln.Addr().String(), nil
}

// freeAddr is 127.0.0.1 with the wanted port, or with a free one when that
// is taken.
func freeAddr(port int) string {
	for _, try := range []int{port, 0} {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(try)))
		if err == nil {
			defer ln.Close()
			return ln.Addr().String()
		}
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// explain prints what runs and what to type next.
func (d *demo) explain(w io.Writer) {
	self := selfCommand()
	fmt.Fprintf(w, `huidu demo: the article's gray release, its files unchanged.

  gateway     http://%s/test
  files       %s/conf/nginx.conf, %s/conf/huidu.lua
  error log   %s/logs/error.log

`, d.gateway, d.dir, d.dir, d.dir)
	for _, n := range d.notes {
		fmt.Fprintf(w, "  note: %s\n", n.Text())
	}
	fmt.Fprintf(w, `
In another terminal:

  curl http://%s/test            # production: 127.0.0.1 is not on the list
  %s gray add 127.0.0.1
  curl http://%s/test            # staging
  %s gray list
  curl -H 'X-Real-IP: 10.1.2.3' http://%s/test    # production: another address
  %s gray rm 127.0.0.1

Ctrl-C ends it.
`, d.gateway, self, d.gateway, self, d.gateway, self)
}

// selfCommand is how this binary was called, for people to call it again.
func selfCommand() string {
	if strings.Contains(os.Args[0], "/go-build") {
		return "go run ./cmd/huidu"
	}
	return os.Args[0]
}

// stop ends everything that was started and removes the site.
func (d *demo) stop() {
	if d.srv != nil {
		d.srv.Stop()
	}
	for _, s := range []*http.Server{d.production, d.staging} {
		if s != nil {
			_ = s.Shutdown(context.Background())
		}
	}
	if d.redis != nil {
		d.redis.Close()
	}
	forgetDemo()
	_ = os.RemoveAll(d.dir)
}
