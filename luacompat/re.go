package luacompat

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/pcre"
	"huidu/luacompat/vm"
)

// openRe makes ngx.re.
//
// See: https://github.com/openresty/lua-nginx-module#ngxrematch
func (w *Worker) openRe() {
	w.res.cache = map[reKey]*pcre.Regex{}
	w.res.opts = map[string]reOpts{}
	w.res.templates = map[string]template{}
	t := w.table()
	w.registerPlain(t, []plain{
		{"match", reMatch},
		{"find", reFind},
		{"gmatch", reGmatch},
		{"sub", func(w *Worker, L *lua.LState) int { return reSub(w, L, "sub", false) }},
		{"gsub", func(w *Worker, L *lua.LState) int { return reSub(w, L, "gsub", true) }},
	})
	w.ngx.RawSetString("re", t)
}

// reState caches what a worker's regular expressions compile to; it is guarded
// by the VM's lock.
type reState struct {
	cache     map[reKey]*pcre.Regex
	opts      map[string]reOpts
	templates map[string]template
}

type reKey struct {
	pattern string
	flags   pcre.Flags
}

// reOpts are parsed options.
type reOpts struct {
	flags    pcre.Flags
	dfa, dup bool
}

// regex is a compiled pattern with what its options say about matching.
type regex struct {
	*pcre.Regex
	reOpts
}

// regexArgs reads subject, pattern and options. When the pattern does not
// compile, msg says why.
func (w *Worker) regexArgs(L *lua.LState, fname string, optsArg int) (subj string, re regex, msg string) {
	subj = w.text(L, L.Get(1))
	pattern := checkString(L, 2, fname)
	if v := L.Get(optsArg); lua.LVAsBool(v) {
		re.reOpts = w.parseOpts(L, checkString(L, optsArg, fname))
	}
	re.Regex, msg = w.compile(pattern, re.flags)
	return subj, re, msg
}

// parseOpts reads the option letters. o and j change nothing here: what is
// compiled is always kept.
func (w *Worker) parseOpts(L *lua.LState, s string) reOpts {
	if o, ok := w.res.opts[s]; ok {
		return o
	}
	o, bad := regexOptions(s)
	if bad != "" {
		L.RaiseError(`unknown flag "%s" (flags "%s")`, bad, s)
	}
	w.res.opts[s] = o
	return o
}

// regexOptions reads option letters; bad is the first that there is not.
func regexOptions(s string) (o reOpts, bad string) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case 'o', 'j':
		case 'i':
			o.flags |= pcre.Caseless
		case 's':
			o.flags |= pcre.DotAll
		case 'm':
			o.flags |= pcre.Multiline
		case 'u':
			o.flags |= pcre.UTF
		case 'U':
			o.flags |= pcre.UTF | pcre.NoUTFCheck
		case 'x':
			o.flags |= pcre.Extended
		case 'd':
			o.dfa = true
		case 'a':
			o.flags |= pcre.Anchored
		case 'D':
			o.flags |= pcre.DupNames
			o.dup = true
		case 'J':
			o.flags |= pcre.JavaScriptCompat
		default:
			return o, s[i : i+1]
		}
	}
	return o, ""
}

// CheckRegex tells why ngx.re's functions would refuse a pattern with options.
func CheckRegex(pattern, options string) error {
	o, bad := regexOptions(options)
	if bad != "" {
		return fmt.Errorf(`unknown flag "%s" (flags "%s")`, bad, options)
	}
	_, err := pcre.Compile(pattern, o.flags)
	return err
}

// compile finds or makes a pattern's code.
func (w *Worker) compile(pattern string, flags pcre.Flags) (*pcre.Regex, string) {
	key := reKey{pattern, flags}
	if re := w.res.cache[key]; re != nil {
		return re, ""
	}
	re, err := pcre.Compile(pattern, flags)
	if err != nil {
		var e *pcre.Error
		if errors.As(err, &e) {
			old := *e
			old.Msg = oldMessage(e.Msg)
			return nil, cut(old.Text("pcre_compile"))
		}
		return nil, err.Error()
	}
	if n := w.rt.opts.RegexMatchLimit; n > 0 {
		re.SetMatchLimit(n)
	}
	if len(w.res.cache) >= w.rt.opts.RegexCacheMaxEntries {
		for k := range w.res.cache {
			delete(w.res.cache, k)
			break
		}
	}
	w.res.cache[key] = re
	return re, ""
}

// cut shortens an error to ngx_lua's buffer.
func cut(s string) string {
	const most = 127
	if len(s) > most {
		return s[:most]
	}
	return s
}

// oldMessage gives PCRE1's words, which OpenResty's scripts know, for PCRE2's.
func oldMessage(s string) string {
	switch s {
	case "missing closing parenthesis":
		return "missing )"
	case "unmatched closing parenthesis":
		return "unmatched parentheses"
	case "quantifier does not follow a repeatable item":
		return "nothing to repeat"
	}
	return s
}

// exec matches at pos; ov holds the groups' offsets. n is 0 for no match.
func (re regex) exec(subj string, pos int, ov []int) (n int, msg string) {
	if pos < 0 {
		pos = 0
	}
	if pos > len(subj) {
		return 0, ""
	}
	var err error
	if re.dfa {
		n, err = re.MatchDFA(subj, pos, ov)
	} else {
		n, err = re.Match(subj, pos, ov)
	}
	if err != nil {
		return 0, "pcre_exec() failed: " + strconv.Itoa(oldCode(err))
	}
	return n, ""
}

// oldCode is PCRE1's number for PCRE2's error.
func oldCode(err error) int {
	var e *pcre.MatchError
	if !errors.As(err, &e) {
		return -14
	}
	switch c := e.Code; {
	case c <= -3 && c >= -22:
		return -10 // bad UTF-8
	case c == -47:
		return -8 // match limit
	case c == -53 || c == -63:
		return -21 // recursion or heap limit
	default:
		return c
	}
}

// ovec is a buffer for the offsets of re's groups; the DFA algorithm has none
// but the whole match.
func (re regex) ovec(buf []int) []int {
	n := 2 * (re.NumCaptures() + 1)
	if re.dfa {
		n = 2
	}
	if n <= len(buf) {
		return buf[:n]
	}
	return make([]int, n)
}

// ctxPos is the start that a ctx table asks for.
func ctxPos(t *lua.LTable) int {
	if t == nil {
		return 0
	}
	if n, ok := toNumber(t.RawGetString("pos")); ok && n > 0 {
		return int(n) - 1
	}
	return 0
}

// ctxArg is the optional ctx argument.
func ctxArg(L *lua.LState, n int, fname string) *lua.LTable {
	if !lua.LVAsBool(L.Get(n)) {
		return nil
	}
	return checkTable(L, n, fname)
}

// reMatch is ngx.re.match(subject, regex, options?, ctx?, res_table?).
func reMatch(w *Worker, L *lua.LState) int {
	subj, re, msg := w.regexArgs(L, "match", 3)
	if msg != "" {
		return fail(L, msg)
	}
	ctx := ctxArg(L, 4, "match")
	var buf [32]int
	ov := re.ovec(buf[:])
	n, msg := re.exec(subj, ctxPos(ctx), ov)
	if msg != "" {
		return fail(L, msg)
	}
	if n == 0 {
		L.Push(lua.LNil)
		return 1
	}
	if ctx != nil {
		ctx.RawSetString("pos", lua.LNumber(ov[1]+1))
	}
	res, _ := L.Get(5).(*lua.LTable)
	L.Push(re.captures(L, subj, ov, n, res))
	return 1
}

// captures makes the table of a match: the groups by number, false where one
// took no part, and the named ones by name.
func (re regex) captures(L *lua.LState, subj string, ov []int, n int, t *lua.LTable) *lua.LTable {
	names := re.Names()
	if t == nil {
		t = L.CreateTable(re.NumCaptures(), 1+len(names))
	}
	group := func(i int) lua.LValue {
		if i < n && 2*i < len(ov) && ov[2*i] >= 0 {
			return lua.LString(subj[ov[2*i]:ov[2*i+1]])
		}
		return lua.LFalse
	}
	for i := range len(ov) / 2 {
		t.RawSetInt(i, group(i))
	}
	for _, name := range names {
		v := group(name.Index)
		if !re.dup {
			t.RawSetString(name.Name, v)
			continue
		}
		if v == lua.LFalse {
			continue
		}
		if old, ok := t.RawGetString(name.Name).(*lua.LTable); ok {
			old.Append(v)
		} else {
			list := L.CreateTable(1, 0)
			list.Append(v)
			t.RawSetString(name.Name, list)
		}
	}
	return t
}

// reFind is ngx.re.find(subject, regex, options?, ctx?, nth?): first and last
// byte of the match or of its nth group.
func reFind(w *Worker, L *lua.LState) int {
	failed := func(msg string) int {
		L.Push(lua.LNil)
		L.Push(lua.LNil)
		L.Push(lua.LString(msg))
		return 3
	}
	subj, re, msg := w.regexArgs(L, "find", 3)
	if msg != "" {
		return failed(msg)
	}
	ctx := ctxArg(L, 4, "find")
	var buf [32]int
	ov := re.ovec(buf[:])
	n, msg := re.exec(subj, ctxPos(ctx), ov)
	if msg != "" {
		return failed(msg)
	}
	if n == 0 {
		L.Push(lua.LNil)
		return 1
	}
	if ctx != nil {
		ctx.RawSetString("pos", lua.LNumber(ov[1]+1))
	}
	nth := 0
	if v := L.Get(5); lua.LVAsBool(v) {
		nth = max(int(checkNumber(L, 5, "find")), 0)
	}
	if nth > re.NumCaptures() {
		return failed("nth out of bound")
	}
	if nth >= n || ov[2*nth] < 0 {
		L.Push(lua.LNil)
		L.Push(lua.LNil)
		return 2
	}
	L.Push(lua.LNumber(ov[2*nth] + 1))
	L.Push(lua.LNumber(ov[2*nth+1]))
	return 2
}

// reGmatch is ngx.re.gmatch(subject, regex, options?): an iterator over the
// matches.
func reGmatch(w *Worker, L *lua.LState) int {
	subj, re, msg := w.regexArgs(L, "gmatch", 3)
	if msg != "" {
		return fail(L, msg)
	}
	pos := 0
	ov := re.ovec(nil)
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if pos < 0 || pos > len(subj) {
			L.Push(lua.LNil)
			return 1
		}
		n, msg := re.exec(subj, pos, ov)
		if msg != "" {
			pos = -1
			return fail(L, msg)
		}
		if n == 0 {
			pos = -1
			L.Push(lua.LNil)
			return 1
		}
		if pos = ov[1]; ov[0] == ov[1] {
			pos++
		}
		L.Push(re.captures(L, subj, ov, n, nil))
		return 1
	}))
	return 1
}

// reSub is ngx.re.sub and ngx.re.gsub(subject, regex, replace, options?): the
// new string and the number of replacements. replace is a template with $1,
// ${1} and $$, or a function of the captures.
func reSub(w *Worker, L *lua.LState, fname string, global bool) int {
	failed := func(msg string) int {
		L.Push(lua.LNil)
		L.Push(lua.LNil)
		L.Push(lua.LString(msg))
		return 3
	}
	subj, re, msg := w.regexArgs(L, fname, 4)
	if msg != "" {
		return failed(msg)
	}
	fn, isFunc := L.Get(3).(*lua.LFunction)
	var tmpl template
	if !isFunc {
		var ok bool
		if tmpl, ok = w.template(L, w.text(L, L.Get(3))); !ok {
			return failed("failed to compile the replacement template")
		}
	}
	var buf [32]int
	ov := re.ovec(buf[:])
	var out []byte
	count, pos, done := 0, 0, 0
	for {
		n, msg := re.exec(subj, pos, ov)
		if msg != "" {
			return failed(msg)
		}
		if n == 0 {
			break
		}
		count++
		if out == nil {
			out = make([]byte, 0, len(subj)+32)
		}
		out = append(out, subj[done:ov[0]]...)
		start, end := ov[0], ov[1]
		if isFunc {
			L.Push(fn)
			L.Push(re.captures(L, subj, ov, n, nil))
			L.Call(1, 1)
			out = append(out, w.text(L, L.Get(-1))...)
			L.Pop(1)
		} else {
			out = tmpl.append(out, subj, ov, n)
		}
		done, pos = end, end
		if start == end {
			pos++
		}
		if !global || pos > len(subj) {
			break
		}
	}
	if count == 0 {
		L.Push(lua.LString(subj))
		L.Push(lua.LNumber(0))
		return 2
	}
	out = append(out, subj[done:]...)
	L.Push(lua.LString(out))
	L.Push(lua.LNumber(count))
	return 2
}

// template is a compiled replacement: literal text and group numbers.
type template []templatePart

type templatePart struct {
	text  string
	group int // -1 for text
}

func (t template) append(b []byte, subj string, ov []int, n int) []byte {
	for _, p := range t {
		switch {
		case p.group < 0:
			b = append(b, p.text...)
		case p.group < n && 2*p.group+1 < len(ov) && ov[2*p.group] >= 0:
			b = append(b, subj[ov[2*p.group]:ov[2*p.group+1]]...)
		}
	}
	return b
}

// template compiles a replacement; a bad one is logged, as ngx_lua does.
func (w *Worker) template(L *lua.LState, s string) (template, bool) {
	if t, ok := w.res.templates[s]; ok {
		return t, true
	}
	var t template
	for rest := s; rest != ""; {
		i := strings.IndexByte(rest, '$')
		if i < 0 {
			t = append(t, templatePart{rest, -1})
			break
		}
		if i > 0 {
			t = append(t, templatePart{rest[:i], -1})
		}
		rest = rest[i+1:]
		if strings.HasPrefix(rest, "$") {
			t = append(t, templatePart{"$", -1})
			rest = rest[1:]
			continue
		}
		name, after, closed := templateName(rest)
		group, err := strconv.Atoi(name)
		switch {
		case !closed:
			w.warn(logErr, `the closing bracket in "`+name+`" variable is missing`)
			return nil, false
		case name == "":
			w.warn(logErr, `lua script: invalid capturing variable name found in "`+s+`"`)
			return nil, false
		case err != nil:
			w.warn(logErr, `attempt to use named capturing variable "`+name+`" (named captures not supported yet)`)
			return nil, false
		}
		t = append(t, templatePart{"", group})
		rest = after
	}
	if len(w.res.templates) >= w.rt.opts.RegexCacheMaxEntries {
		clear(w.res.templates)
	}
	w.res.templates[s] = t
	return t, true
}

// templateName reads the name after a "$", in braces or not: digits, or word
// characters when it does not start with a digit.
func templateName(s string) (name, rest string, closed bool) {
	braced := len(s) > 1 && s[0] == '{'
	if braced {
		s = s[1:]
	}
	i := 0
	digits := s != "" && s[0] >= '0' && s[0] <= '9'
	for i < len(s) && isWord(s[i]) && (!digits || s[i] <= '9') {
		i++
	}
	if !braced {
		return s[:i], s[i:], true
	}
	if i == len(s) || s[i] != '}' {
		return s[:i], s[i:], false
	}
	return s[:i], s[i+1:], true
}

func isWord(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
}

// split is ngx.re.split of the module "ngx.re"
// (subject, regex, options?, ctx?, max?, res?).
//
// See: https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/re.md#split
func reSplit(w *Worker, L *lua.LState) int {
	subj, re, msg := w.regexArgs(L, "split", 3)
	ctx := ctxArg(L, 4, "split")
	limit := 0
	if v := L.Get(5); lua.LVAsBool(v) {
		limit = int(checkNumber(L, 5, "split"))
	}
	res, ok := L.Get(6).(*lua.LTable)
	if !ok {
		if lua.LVAsBool(L.Get(6)) {
			L.RaiseError("res is not a table")
		}
		res = L.CreateTable(4, 0)
	}
	start := 0
	if ctx != nil {
		start = ctxPos(ctx)
	}
	if start > len(subj)-1 {
		res.RawSetInt(1, lua.LNil)
		L.Push(res)
		return 1
	}
	if msg != "" {
		return fail(L, msg)
	}
	var buf [32]int
	ov := re.ovec(buf[:])
	from, pos, count, idx, lastEmpty := start, start, 1, 0, -1
	add := func(s string) {
		idx++
		res.RawSetInt(idx, lua.LString(s))
	}
	for limit <= 0 || count < limit {
		n, msg := re.exec(subj, pos, ov)
		if msg != "" {
			return fail(L, msg)
		}
		if n == 0 {
			break
		}
		if pos = ov[1]; ov[0] == ov[1] {
			pos++
		}
		if lastEmpty >= 0 {
			from = lastEmpty
		}
		if ov[0] == ov[1] {
			lastEmpty = ov[0]
		}
		if ov[0] > from || lastEmpty < 0 {
			count++
			add(subj[from:ov[0]])
			if n > 1 && len(ov) > 2 && ov[2] >= 0 {
				add(subj[ov[2]:ov[3]])
			}
			if from = ov[1]; from > len(subj)-1 {
				break
			}
		}
	}
	if ctx != nil {
		ctx.RawSetString("pos", lua.LNumber(pos))
	}
	if limit <= 0 && from > len(subj)-1 {
		for idx > 0 && res.RawGetInt(idx) == lua.LString("") {
			res.RawSetInt(idx, lua.LNil)
			idx--
		}
	} else {
		add(subj[min(from, len(subj)):])
	}
	res.RawSetInt(idx+1, lua.LNil)
	L.Push(res)
	return 1
}

// reOpt is opt of the module "ngx.re"; the only option sizes a stack that
// this engine does not have.
func reOpt(w *Worker, L *lua.LState) int {
	if checkString(L, 1, "opt") != "jit_stack_size" {
		L.RaiseError("unrecognized option name")
	}
	if n, ok := toNumber(L.Get(2)); !ok || n < 1 {
		vm.ArgError(L, 2, "opt", "number expected, got "+typeName(L, 2))
	}
	return 0
}
