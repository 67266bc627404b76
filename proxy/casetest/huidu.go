package casetest

import (
	"path/filepath"
	"strconv"
	"strings"

	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/nginxconf/native"
	"huidu/proxy"
	article "huidu/testdata/huidu"
)

// huiduEngine is huidu within the test's process, so that the race detector
// sees it.
type huiduEngine struct {
	srv  *proxy.Server
	opts nginxconf.Options
	file string
	yaml bool // serve the translation to huidu.yaml
}

func newHuidu() engine { return &huiduEngine{} }

func (h *huiduEngine) name() string { return "huidu" }

func (h *huiduEngine) configure(w *world) error {
	h.opts = nginxconf.Options{Prefix: w.dir + "/", CompileRegex: compileRegex}
	h.file = filepath.Join(w.dir, "conf/nginx.conf")
	if err := w.writeFiles(); err != nil {
		return err
	}
	if _, ok := w.c.Conf["article"]; !ok {
		return w.write("conf/nginx.conf", w.wrap("", ""))
	}
	// The article's files as they are: everything is mapped.
	if err := w.write("conf/nginx.conf", string(article.NginxConf)); err != nil {
		return err
	}
	if _, own := w.c.Files["conf/huidu.lua"]; !own {
		if err := w.write("conf/huidu.lua", string(article.Script)); err != nil {
			return err
		}
	}
	addrs := map[string]string{article.Redis: w.addr("redis"),
		article.Production: w.addr("upstream production"), article.Staging: w.addr("upstream staging")}
	h.opts.MapAddr = func(a string) string {
		if to, ok := addrs[a]; ok {
			return to
		}
		return a
	}
	h.opts.MapPath = func(p string) string {
		if rest, ok := strings.CutPrefix(p, article.Prefix); ok {
			return w.dir + rest
		}
		return p
	}
	h.opts.MapListen = func(a string) string {
		if strings.HasSuffix(a, ":"+article.ListenPort) {
			return "127.0.0.1:" + strconv.Itoa(w.port(""))
		}
		return a
	}
	return nil
}

func (h *huiduEngine) load(w *world) (*nginxconf.Config, error) {
	cfg, diags := nginxconf.Load(nginxconf.OSFiles{}, h.file, h.opts)
	for _, d := range diags {
		w.t.Logf("huidu: %s", d)
	}
	if cfg == nil {
		return nil, diags.Err()
	}
	if h.yaml {
		return h.translated(w)
	}
	return cfg, nil
}

// overlaid is the file system with another text in one file. The translation
// keeps nginx.conf's name, which cases expect in messages.
type overlaid struct {
	nginxconf.OSFiles
	name string
	data []byte
}

// ReadFile implements nginxconf.Files.
func (o overlaid) ReadFile(name string) ([]byte, error) {
	if name == o.name {
		return o.data, nil
	}
	return o.OSFiles.ReadFile(name)
}

// translated loads the configuration by way of huidu.yaml.
func (h *huiduEngine) translated(w *world) (*nginxconf.Config, error) {
	tree, err := nginxconf.Tree(nginxconf.OSFiles{}, h.file, h.opts)
	if err != nil {
		return nil, err
	}
	text, err := native.Write(tree)
	if err != nil {
		return nil, err
	}
	w.t.Logf("huidu.yaml:\n%s", text)
	opts := h.opts
	opts.ReadTree = func(name string, data []byte) ([]*nginxconf.Node, bool, *nginxconf.Diagnostic) {
		if name != h.file {
			return nil, false, nil
		}
		nodes, err := native.Read(name, data)
		if err != nil {
			return nil, true, &nginxconf.Diagnostic{Severity: nginxconf.Emerg, Message: err.Error()}
		}
		return nodes, true, nil
	}
	cfg, diags := nginxconf.Load(overlaid{name: h.file, data: text}, h.file, opts)
	if cfg == nil {
		return nil, diags.Err()
	}
	return cfg, nil
}

func (h *huiduEngine) start(w *world) error {
	cfg, err := h.load(w)
	if err != nil {
		return err
	}
	h.srv, err = proxy.New(cfg, proxy.Options{MapAddr: h.opts.MapAddr, MapPath: h.opts.MapPath})
	if err != nil {
		return err
	}
	if err := h.srv.Listen(); err != nil {
		return err
	}
	h.srv.Start()
	return nil
}

func (h *huiduEngine) reload(w *world) error {
	cfg, err := h.load(w)
	if err != nil {
		return err
	}
	return h.srv.Reload(cfg)
}

func (h *huiduEngine) stop(*world) error {
	if h.srv != nil {
		h.srv.Stop()
	}
	return nil
}

func compileRegex(pattern string, noCase bool) ([]string, error) {
	flags := pcre.Flags(0)
	if noCase {
		flags |= pcre.Caseless
	}
	re, err := pcre.Compile(pattern, flags)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range re.Names() {
		names = append(names, n.Name)
	}
	return names, nil
}
