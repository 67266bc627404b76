package vm

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"testing"
)

// generator writes random programs that stay within what is comparable: no
// addresses, no order of pairs, loops that end.
type generator struct {
	r      *rand.Rand
	b      strings.Builder
	locals []string
	depth  int
	loops  int
	fresh  int
}

func (g *generator) pick(s ...string) string { return s[g.r.Intn(len(s))] }

func (g *generator) variable() string {
	if len(g.locals) > 0 && g.r.Intn(5) > 0 {
		return g.locals[g.r.Intn(len(g.locals))]
	}
	return g.pick("G1", "G2", "T.x", "T.y", "T[1]", "T[2]", "T[K]")
}

func (g *generator) expr(d int) string {
	if d <= 0 {
		return g.pick("1", "2", "0.5", "'a'", "'7'", "nil", "true", "false", g.variable(), g.variable())
	}
	e := func() string { return g.expr(d - 1 - g.r.Intn(2)) }
	switch g.r.Intn(24) {
	case 16:
		return "S(" + e() + "):" + g.pick("rep(2)", "upper()", "sub(2)", "sub(-2, -1)", "reverse()", "len()", "byte()", "find('a')", "gsub('%w', '<%0>')", "gsub('.', {a = 1})", "match('(%a)(.?)')", "format()")
	case 17:
		return "string.format(" + g.pick("'%s-%s'", "'%5s|%-4s'", "'%.3s%q'") + ", S(" + e() + "), S(" + e() + "))"
	case 18:
		return "string.format(" + g.pick("'%d:%g'", "'%5.1f %x'", "'%e %i'") + ", N(" + e() + ") % 97, N(" + e() + ") % 89)"
	case 19:
		return "#{" + e() + " or 1, " + e() + " or 2}"
	case 20:
		return "O" + g.pick("[K]", ".x", "("+e()+")", ":m("+e()+")", " .. S("+e()+")", " == T", " + N("+e()+")")
	case 21:
		return "(function(a, ...) if a then return ... end return F(...) end)(" + e() + ", " + e() + ")"
	case 22:
		return "(S(" + e() + ") < S(" + e() + "))"
	case 23:
		return "P(E, " + e() + ")"
	case 0, 1:
		return "(" + e() + " and " + e() + ")"
	case 2, 3:
		return "(" + e() + " or " + e() + ")"
	case 4:
		return "not " + e()
	case 5:
		return "(" + e() + " == " + e() + ")"
	case 6:
		return "N(" + e() + ") " + g.pick("+", "-", "*", "%") + " N(" + e() + ")"
	case 7:
		return "S(" + e() + ") .. S(" + e() + ") .. " + g.pick("1", "'k'", "2.5")
	case 8:
		return "F(" + e() + ", " + e() + ")"
	case 9:
		return "(F(" + e() + "))"
	case 10:
		return "(N(" + e() + ") < N(" + e() + "))"
	case 11:
		return "select(" + g.pick("1", "2", "-1") + ", " + e() + ", " + e() + ")"
	case 12:
		return "P(function() " + g.pick("", "error("+e()+", 0) ") + "return " + e() + " end)"
	case 13:
		return "({" + e() + ", " + e() + ", k = " + e() + "})[" + g.pick("1", "2", "'k'") + "]"
	case 14:
		return "(function(...) return " + g.pick("...", "(...)", "select('#', ...)", e()) + " end)(" + e() + ", " + e() + ")"
	}
	return g.variable()
}

func (g *generator) exprs() string {
	s := g.expr(2)
	for n := g.r.Intn(3); n > 0; n-- {
		s += ", " + g.expr(2)
	}
	return s
}

func (g *generator) line(format string, args ...any) {
	g.b.WriteString(strings.Repeat(" ", g.depth))
	fmt.Fprintf(&g.b, format+"\n", args...)
}

func (g *generator) name() string {
	if g.r.Intn(4) == 0 && len(g.locals) > 0 {
		return g.locals[g.r.Intn(len(g.locals))]
	}
	g.fresh++
	return "v" + strconv.Itoa(g.fresh)
}

func (g *generator) block(n int) {
	saved := len(g.locals)
	g.depth++
	for ; n > 0; n-- {
		g.statement()
	}
	g.depth--
	g.locals = g.locals[:saved]
}

func (g *generator) statement() {
	deep := g.depth > 3
	switch k := g.r.Intn(28); {
	case k == 20 && !deep && g.loops < 2:
		g.loops++
		g.fresh++
		i := "v" + strconv.Itoa(g.fresh)
		g.line("do local n, %s = 0 while n < %s do n = n + 1 %s = n", i, g.pick("2", "3"), i)
		g.locals = append(g.locals, i)
		g.block(2)
		g.line("if %s then break end end end", g.expr(1))
		g.locals = g.locals[:len(g.locals)-1]
		g.loops--
	case k == 21 && !deep && g.loops < 2:
		g.loops++
		g.fresh++
		i := "v" + strconv.Itoa(g.fresh)
		g.line("do local n = 0 repeat n = n + 1 local %s = %s", i, g.expr(1))
		g.locals = append(g.locals, i)
		g.block(1)
		g.line("C[#C + 1] = function(x) local y = %s %s = x return y end until n > 1 or %s end", i, i, i)
		g.locals = g.locals[:len(g.locals)-1]
		g.loops--
	case k == 22 && !deep:
		g.fresh++
		f := "v" + strconv.Itoa(g.fresh)
		g.line("local function %s(a, b, ...)", f)
		saved := len(g.locals)
		g.locals = append(g.locals, "a", "b")
		g.block(2)
		g.line(" %s", g.pick("return a, b", "return ...", "return F(b, ...)", "if a then return b end", "b = a return (b)"))
		g.locals = g.locals[:saved]
		g.line("end")
		g.line("out(P(%s, %s))", f, g.exprs())
		g.line("out(%s(%s))", "(pcall)", f)
	case k == 23 && !deep && g.loops < 2:
		g.loops++
		g.line("for k, v in ipairs({%s}) do", g.exprs())
		saved := len(g.locals)
		g.locals = append(g.locals, "k", "v")
		g.block(1)
		g.locals = g.locals[:saved]
		g.line("end")
		g.loops--
	case k == 24:
		g.line("do local t = {%s, 3, 'z'} %s out(#t, t[1], t[#t]) end", g.pick("1, 2", "'b', 'a'", "0.5"), g.pick("table.insert(t, 1)", "table.insert(t, 1, 'q')", "table.remove(t)", "table.remove(t, 1)", "t[#t + 1] = "+g.expr(1), "T[1], t[1] = t[1], T[1]"))
	case k == 25:
		g.line("O.%s = %s", g.pick("x", "y", "z"), g.expr(2))
	case k == 26 && !deep:
		g.line("do local co = coroutine.wrap(function(...) for i = 1, select('#', ...) do local r = coroutine.yield((select(i, ...))) if r then out(r) end end return 'done' end)")
		g.line(" out(co(%s)) out(P(co, %s)) out(P(co)) end", g.exprs(), g.expr(1))
	case k == 27:
		g.line("local ok, e = xpcall(function() %s return %s end, function(m) return 'h:' .. S(m) end) out(ok, e)", g.pick("", "error("+g.expr(1)+", 0)", "local z = nil + 1", "E("+g.expr(1)+")"), g.exprs())
	case k < 3:
		names := []string{g.name()}
		if g.r.Intn(2) == 0 {
			g.fresh++
			names = append(names, "v"+strconv.Itoa(g.fresh))
		}
		g.line("local %s = %s", strings.Join(names, ", "), g.exprs())
		g.locals = append(g.locals, names...)
	case k < 9:
		t := g.variable()
		for n := g.r.Intn(3); n > 0; n-- {
			t += ", " + g.variable()
		}
		g.line("%s = %s", t, g.exprs())
	case k < 10:
		g.line("K = %s", g.pick("1", "2", "'x'", "'y'"))
	case k < 11:
		g.line("T[K] = nil")
	case k < 12 && !deep:
		g.line("if %s then", g.expr(3))
		g.block(2)
		g.line("else")
		g.block(1)
		g.line("end")
	case k < 14 && !deep && g.loops < 2:
		g.loops++
		g.fresh++
		i := "v" + strconv.Itoa(g.fresh)
		g.line("for %s = %s, %s do", i, g.pick("1", "'1'", "3"), g.pick("2", "3", "N(T.x)"))
		saved := len(g.locals)
		g.locals = append(g.locals, i)
		g.block(2)
		g.locals = g.locals[:saved]
		switch g.r.Intn(4) {
		case 0:
			g.line(" do local w = %s; C[#C + 1] = function() w = S(w) .. 'w' return w end if %s then break end end", i, g.expr(1))
		case 1:
			g.line(" do local w = %s; C[#C + 1] = function() return w end if %s then goto l%s end end", g.expr(1), g.expr(1), i)
			g.line(" G1 = %s", g.expr(1))
			g.line(" ::l%s::", i)
		}
		g.line("end")
		g.loops--
	case k < 15 && !deep:
		g.line("do")
		g.block(3)
		g.line("end")
	case k < 16 && len(g.locals) > 0:
		v := g.locals[g.r.Intn(len(g.locals))]
		g.line("C[#C + 1] = function(x) local old = %s %s = %s return old end", v, v, g.expr(1))
	case k < 17:
		g.line("if #C > 0 then P(C[#C], %s) end", g.expr(1))
	case k < 18 && !deep:
		g.line("P(coroutine.wrap(function(...) local a, b = ... P(function() a = coroutine.yield(%s) error(a) end) return a or b end), %s)", g.expr(1), g.expr(1))
	default:
		g.line("out(%s)", g.exprs())
	}
}

const fuzzPrelude = `local outs = {}
local function show(v) if type(v) == "table" or type(v) == "function" then return type(v) end return tostring(v) end
local function out(...) local t = {} for i = 1, select("#", ...) do t[i] = show((select(i, ...))) end outs[#outs + 1] = table.concat(t, " ") end
local function N(v) return tonumber(v) or 3 end
local function S(v) return type(v) == "string" and #v < 40 and v or type(v) == "number" and v or "s" end
local function F(...) return select("#", ...), ... end
local function P(...) local t = {pcall(...)} return t[2] end
local C, T, K = {}, {x = 1, y = 2, 10, 20}, "x"
local function E(v) if v then error(v, 0) end return v end
local O = setmetatable({}, {__index = function(t, k) return k end, __newindex = function(t, k, v) if v ~= nil then rawset(t, k, v) end end, __call = function(t, ...) return ... end, __concat = function(a, b) return "c" end, __add = function(a, b) return 11 end, __eq = function() return true end})
O.m = function(self, v) return v, self == O end
G1, G2 = 1, "g"
`

func program(seed int64) string {
	g := &generator{r: rand.New(rand.NewSource(seed))}
	g.b.WriteString(fuzzPrelude)
	g.line("local function main()")
	g.block(14)
	g.line("end")
	g.line("out(pcall(main))")
	g.line("for i = 1, #C do out(P(C[i], i)) out(P(C[i], i)) end")
	g.line("out(G1, G2, T.x, T.y, T[1], T[2])")
	g.line("print(table.concat(outs, '\\n'))")
	return g.b.String()
}

// TestRandomPrograms compares random programs with the LuaJIT that HUIDU_LUAJIT
// names. HUIDU_FUZZ is how many; HUIDU_SEED the first seed.
func TestRandomPrograms(t *testing.T) {
	bin := os.Getenv("HUIDU_LUAJIT")
	if bin == "" {
		t.Skip("HUIDU_LUAJIT is not set")
	}
	n, seed := 150, int64(1)
	if s, err := strconv.Atoi(os.Getenv("HUIDU_FUZZ")); err == nil {
		n = s
	}
	if s, err := strconv.ParseInt(os.Getenv("HUIDU_SEED"), 10, 64); err == nil {
		seed = s
	}
	dir := t.TempDir()
	failed := 0
	for i := seed; i < seed+int64(n); i++ {
		src := program(i)
		want := luajit(t, bin, dir, src)
		if got := canonical(runScript(t, src, "@case.lua")); got != want {
			t.Errorf("seed %d\n%s\n--- got\n%s--- want\n%s", i, strings.TrimPrefix(src, fuzzPrelude), got, want)
			if failed++; failed >= 3 {
				t.FailNow()
			}
		}
	}
}
