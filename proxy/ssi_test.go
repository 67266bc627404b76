package proxy

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// ssiRequest makes a request whose body filter is SSI and whose writer
// collects what comes out.
func ssiRequest(t testing.TB) (*Request, *ssiStage, *captureWriter) {
	t.Helper()
	rt := &Router{vars: newVarTable()}
	rt.vars.builtin = map[string]getter{"arg_a": func(*Request) (string, bool) { return "<A>", true }}
	conf := &ssiConf{types: newMimeTypes([]string{"text/html"}), valueLen: 255, copyBelow: 16}
	w := &captureWriter{}
	r := &Request{rt: rt, w: w, uri: "/dir/page", loc: &location{rt: rt}}
	r.main = r
	r.out.init()
	r.out.contentType = "text/html"
	if c := conf.filter(r); c != ok || len(r.stages) != 1 {
		t.Fatalf("filter: %v, %d stages", c, len(r.stages))
	}
	return r, r.modules.ssi, w
}

var ssiPage = `a<b <!-- x --> <!-<!--#set var="v" value="$arg_a\"q\"" --><!--#echo var="v" encoding="none" -->` +
	`<<!--#echo var='arg_a' -->|<!--#if expr="$v = /A(.)/" -->yes <!--#echo var="1" --><!--#else -->no<!--#endif -->` +
	`<!--#block name="b" -->skip <!--#echo var="v" --><!--#endblock -->|<!--#echo   var = "none"   default="d"-->` +
	strings.Repeat("long text ", 10) + `<!--#bad-->.`

const ssiWant = `a<b <!-- x --> <!-<A>"q"<&lt;A&gt;|yes &gt;|d`

// TestSSISplits passes a page in pieces of every size: it must come out the
// same.
func TestSSISplits(t *testing.T) {
	whole := ""
	for size := len(ssiPage); size > 0; size-- {
		r, s, w := ssiRequest(t)
		s.encoding = ssiEncodeNone
		for rest := ssiPage; rest != ""; {
			n := min(size, len(rest))
			fl := outFlag(0)
			if n == len(rest) {
				fl = last
			}
			if c := r.output([]byte(rest[:n]), fl); c != ok {
				t.Fatalf("pieces of %d: output: %v", size, c)
			}
			rest = rest[n:]
		}
		got := w.body.String()
		if whole == "" {
			whole = got
		}
		if got != whole || !w.whole {
			t.Fatalf("pieces of %d: %q, in one %q", size, got, whole)
		}
	}
	if want := strings.NewReplacer("&lt;", "<", "&gt;", ">").Replace(ssiWant); !strings.HasPrefix(whole, want) {
		t.Errorf("got  %q\nwant %q", whole, want)
	}
}

// FuzzSSI looks for pages whose result depends on how they are split, and for
// crashes.
func FuzzSSI(f *testing.F) {
	f.Add(ssiPage, 7)
	f.Add(`<!--#if expr="$a = /(/" -->`, 3)
	f.Add(`<<<!--#<!--#echo var="date_gmt`, 1)
	f.Fuzz(func(t *testing.T, page string, size int) {
		if size <= 0 || len(page) > 4096 || strings.Contains(page, "include") {
			return
		}
		run := func(size int) string {
			r, _, w := ssiRequest(t)
			for rest := []byte(page); len(rest) > 0; {
				n := min(size, len(rest))
				if c := r.output(bytes.Clone(rest[:n]), 0); c != ok {
					t.Fatalf("output: %v", c)
				}
				rest = rest[n:]
			}
			return w.body.String()
		}
		if a, b := run(len(page)+1), run(size); a != b {
			t.Errorf("in one %q, in pieces of %d %q", a, size, b)
		}
	})
}

// TestSSIStreams holds the text before a slow include against the clock: it
// must not wait for it, and a page's size must not matter.
func TestSSIStreams(t *testing.T) {
	release := make(chan struct{})
	var released atomic.Bool
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		released.Store(true)
		io.WriteString(w, "SLOW")
	}))
	t.Cleanup(up.Close)
	g := startGateway(t, "", `ssi on; default_type text/html; postpone_output 0;
		location /slow { proxy_pass http://`+hostOf(up)+`; }`)
	html := filepath.Join(g.dir, "html")
	os.Mkdir(html, 0o755)
	page := strings.Repeat("x", 200<<10) + `<!--#include virtual="/slow" -->end`
	if err := os.WriteFile(filepath.Join(html, "page"), []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + g.addr + "/page")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, 128<<10); err != nil {
		t.Fatalf("text before the include: %v", err)
	}
	if released.Load() {
		t.Error("the text before the include waited for it")
	}
	close(release)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.HasSuffix(rest, []byte("xSLOWend")) {
		t.Errorf("rest of %d bytes ends %q, %v", len(rest), rest[max(0, len(rest)-20):], err)
	}
}
