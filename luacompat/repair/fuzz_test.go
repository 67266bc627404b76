package repair

import (
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	lua "github.com/yuin/gopher-lua"
)

// FuzzCompile: whatever the source, Compile returns a prototype or a SyntaxError
// with a position, and never panics; Parse refuses what the parser refuses.
func FuzzCompile(f *testing.F) {
	lua.CompatVarArg = false
	for _, name := range []string{"assignment", "closures", "syntax", "errors", "strings"} {
		ar, err := txtar.ParseFile("../../testdata/lua/lang_" + name + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files {
			if strings.HasSuffix(file.Name, ".lua") {
				f.Add(string(file.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile(src, "=f", nil)
		c, perr := Parse(src, "=f")
		if err == nil && perr != nil {
			t.Errorf("compiles, but: %v", perr)
		}
		if c != nil {
			for n := range c.places {
				if line, col := c.Pos(n); line < 1 || col < 1 {
					t.Errorf("a node at %d:%d", line, col)
				}
			}
		}
		if err == nil {
			if !Compiled(p) || len(p.Code) != len(p.DbgSourcePositions) {
				t.Error("a prototype without notes")
			}
			return
		}
		if !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("no position: %v", err)
		}
	})
}

func TestLargeTableCompilesInTime(t *testing.T) {
	var b strings.Builder
	b.WriteString("return {")
	for i := 0; i < 10000; i++ {
		b.WriteString("['user")
		b.WriteString(strings.Repeat("x", i%7))
		b.WriteString(lua.LNumber(i).String())
		b.WriteString("'] = ")
		b.WriteString(lua.LNumber(i).String())
		b.WriteString(",\n")
	}
	b.WriteString("}")
	start := time.Now()
	if _, err := Compile(b.String(), "=t", nil); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("compiled in %v", d)
	}
}

func TestDeepSourceIsAnError(t *testing.T) {
	for _, src := range []string{
		strings.Repeat("(", 100000),
		strings.Repeat("do ", 100000),
		"return " + strings.Repeat("{", 100000),
		"return " + strings.Repeat("not ", 100000) + "1",
		strings.Repeat("function f() ", 100000),
		"x = " + strings.Repeat("a..", 100000) + "a",
	} {
		if _, err := Compile(src, "=d", nil); err == nil || !strings.Contains(err.Error(), "chunk has too many syntax levels") {
			t.Errorf("%.20q: %.100v", src, err)
		}
	}
}

func TestLongChainsCompile(t *testing.T) {
	for _, src := range []string{
		"return 1" + strings.Repeat(" + 1", 2000),
		"local a = 1 return a" + strings.Repeat(" + a", 2000),
		"local a = {} return a" + strings.Repeat(".b", 2000),
		"if a then" + strings.Repeat(" elseif a then", 2000) + " end",
		"local a = 'x' return a" + strings.Repeat(" .. a", 150),
	} {
		if _, err := Compile(src, "=d", nil); err != nil {
			t.Errorf("%.30q: %v", src, err)
		}
	}
}
