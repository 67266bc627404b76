package nginxconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestGlob(t *testing.T) {
	files := MapFiles{"/a/x.conf": "", "/a/y.conf": "", "/a/.h.conf": "", "/a/z.txt": "", "/b/x.conf": "", "/b/c/x.conf": ""}
	for pattern, want := range map[string][]string{
		"/a/*.conf":    {"/a/x.conf", "/a/y.conf"},
		"/a/.*.conf":   {"/a/.h.conf"},
		"/a/?.conf":    {"/a/x.conf", "/a/y.conf"},
		"/a/[!x].conf": {"/a/y.conf"},
		"/a/[x-z].*":   {"/a/x.conf", "/a/y.conf", "/a/z.txt"},
		"/*/x.conf":    {"/a/x.conf", "/b/x.conf"},
		"/*/*/x.conf":  {"/b/c/x.conf"},
		"/none/*":      nil,
		"/a/[":         nil,
	} {
		if diff := cmp.Diff(want, glob(files, pattern), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pattern, diff)
		}
	}
}

func TestOSFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.conf", "a.conf", ".c.conf"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("sendfile on;\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	main := filepath.Join(dir, "main.cnf")
	if err := os.WriteFile(main, []byte("events { }\nhttp {\n  server { include [ab].conf; }\n}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, ds := Load(OSFiles{}, main, Options{Strict: true})
	want := `[emerg] "sendfile" directive is duplicate in ` + dir + "/b.conf:1\n"
	if ds.String() != want {
		t.Errorf("got %swant %s", ds, want)
	}
	_, ds = Load(OSFiles{}, filepath.Join(dir, "none.conf"), Options{})
	want = `[emerg] open() "` + dir + `/none.conf" failed (2: No such file or directory)` + "\n"
	if ds.String() != want {
		t.Errorf("got %swant %s", ds, want)
	}
	if err := os.WriteFile(main, []byte("include "+dir+";"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, ds = Load(OSFiles{}, main, Options{}); !strings.Contains(ds.String(), "(21: Is a directory)") {
		t.Errorf("a directory: %s", ds)
	}
}

// TestDump: every file once, in the order in which it was opened, verbatim.
func TestDump(t *testing.T) {
	files := MapFiles{"/c/nginx.conf": "# one\nevents { }\nhttp { include b.conf; include a.conf; include b.conf; }\n",
		"/c/a.conf": "# a\xff\n", "/c/b.conf": "include a.conf;"}
	c, ds := Load(files, "/c/nginx.conf", Options{})
	if ds.Err() != nil {
		t.Fatal(ds)
	}
	var got []string
	for _, f := range c.Files {
		got = append(got, f.Name)
		if string(f.Data) != files[f.Name] {
			t.Errorf("%s is not verbatim: %q", f.Name, f.Data)
		}
	}
	if diff := cmp.Diff([]string{"/c/nginx.conf", "/c/b.conf", "/c/a.conf"}, got); diff != "" {
		t.Error(diff)
	}
}
