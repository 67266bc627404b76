package nginxconf

import (
	"os"
	"strings"
	"testing"
)

// TestTable holds the table against the reference list of nginx's and
// ngx_lua's directives: each has a row with the same contexts, arguments and
// block flag.
func TestTable(t *testing.T) {
	data, err := os.ReadFile("testdata/directives.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")[1:]
	if len(lines) < 800 {
		t.Fatalf("only %d directives in the list", len(lines))
	}
	type key struct{ name, module string }
	rows := map[key]Row{}
	for _, r := range Rows() {
		k := key{r.Name, r.Module}
		if _, ok := rows[k]; ok {
			t.Errorf("%s of %s has two rows", r.Name, r.Module)
		}
		rows[k] = r
		if (r.Status == Supported) != (r.Reason == "") {
			t.Errorf("%s: status %v with reason %q", r.Name, r.Status, r.Reason)
		}
	}
	for _, line := range lines {
		f := strings.Split(line, "\t")
		r, ok := rows[key{f[0], f[1]}]
		if !ok {
			t.Errorf("no row for %s of %s", f[0], f[1])
			continue
		}
		if got := r.Contexts.String(); got != f[2] {
			t.Errorf("%s of %s: contexts %s, want %s", f[0], f[1], got, f[2])
		}
		if r.Args != f[3] {
			t.Errorf("%s of %s: arguments %s, want %s", f[0], f[1], r.Args, f[3])
		}
		if r.Block != (len(f) > 4 && f[4] == "block") {
			t.Errorf("%s of %s: block %v", f[0], f[1], r.Block)
		}
	}
}
