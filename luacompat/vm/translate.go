package vm

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/repair"
	"huidu/luacompat/stdlib"
)

// errorValue is what was raised on L: the value on top of its stack, with
// gopher-lua's wording replaced by LuaJIT's.
func (v *VM) errorValue(L *lua.LState) lua.LValue {
	e := L.Get(-1)
	if v.verbatim {
		v.verbatim = false
		return e
	}
	if b, ok := e.(*stdlib.Bare); ok {
		return b.Value
	}
	s, ok := e.(lua.LString)
	if !ok {
		return e
	}
	if ctx := L.Context(); ctx != nil && ctx.Err() != nil {
		v.unwind = &Unwind{Reason: ErrKilled}
		return v.unwindValue
	}
	return lua.LString(v.translate(L, string(s)))
}

// Throw raises value as it is: no position, no translation. It does not return.
func (v *VM) Throw(L *lua.LState, value lua.LValue) int {
	v.verbatim = true
	L.Error(value, 0)
	return 0
}

// Errorf raises a message with the position of the calling Lua function, as
// luaL_error does.
func (v *VM) Errorf(L *lua.LState, format string, args ...any) int {
	L.RaiseError(format, args...)
	return 0
}

// translate replaces gopher-lua's position and wording. An error that a Lua
// instruction raised is told by the running frame being a Lua function.
func (v *VM) translate(L *lua.LState, msg string) string {
	msg = stripPosition(L, msg)
	var top, caller frame
	n := 0
	v.walk(L, func(f frame) bool {
		if n == 0 {
			top = f
		} else {
			caller = f
		}
		n++
		return n < 2
	})
	if top.fn == nil {
		return msg
	}
	if !top.fn.IsG {
		return top.where() + v.instruction(L, top, msg)
	}
	if strings.HasPrefix(msg, "bad argument #") {
		msg = argument(L, caller, msg)
	}
	return caller.where() + plain(msg)
}

// stripPosition takes off what LState.raiseError put before a message: the
// position of the innermost Lua function of the thread.
func stripPosition(L *lua.LState, msg string) string {
	for level := 0; ; level++ {
		dbg, ok := L.GetStack(level)
		if !ok {
			return strings.TrimPrefix(msg, " ")
		}
		fv, _ := L.GetInfo("Slf", dbg, lua.LNil)
		if fn, ok := fv.(*lua.LFunction); !ok || fn.IsG {
			continue
		}
		return strings.TrimPrefix(msg, dbg.Source+":"+strconv.Itoa(dbg.CurrentLine)+": ")
	}
}

// plain translates what gopher-lua says wherever it is raised.
func plain(msg string) string {
	switch msg {
	case "attempt to call a non-function object":
		return "attempt to call a nil value"
	case "registry overflow", "lua callstack overflow":
		return "stack overflow"
	case "too many recursions in gettable":
		return "loop in gettable"
	case "too many recursions in settable":
		return "loop in settable"
	}
	if rest, ok := strings.CutPrefix(msg, "attempt to index a non-table object("); ok {
		if t, _, ok := strings.Cut(rest, ")"); ok {
			return "attempt to index a " + t + " value"
		}
	}
	if rest, ok := strings.CutPrefix(msg, "attempt to compare "); ok {
		if a, b, ok := strings.Cut(rest, " with "); ok && a == b {
			return "attempt to compare two " + a + " values"
		}
	}
	return msg
}

// instruction translates an error of a Lua instruction, naming its operand.
func (v *VM) instruction(L *lua.LState, f frame, msg string) string {
	p := f.fn.Proto
	if f.pc < 0 || f.pc >= len(p.Code) {
		return plain(msg)
	}
	inst := p.Code[f.pc]
	op := int(inst >> 26)
	a, b, c := int(inst>>18)&0xff, int(inst&0x1ff), int(inst>>9)&0x1ff
	reg := func(i int) lua.LValue { return L.Get(i + 1) }
	rk := func(i int) lua.LValue {
		if i&0x100 != 0 {
			return p.Constants[i&0xff]
		}
		return reg(i)
	}
	note := f.note()
	if inHelper(L) {
		// The operands are the arguments of the hidden function.
		reg = func(int) lua.LValue { return L.Get(1) }
		rk = func(i int) lua.LValue {
			if i == b {
				return L.Get(1)
			}
			return L.Get(2)
		}
		if b == c {
			c = -1
		}
	}
	switch {
	case strings.HasPrefix(msg, stdlib.ConcatFault):
		i, _ := strconv.Atoi(strings.TrimPrefix(msg, stdlib.ConcatFault))
		kind, name := note.Operand(i)
		return attempt("concatenate", kind, name, L.Get(i+1))
	case strings.HasPrefix(msg, "attempt to index a non-table object("):
		var obj lua.LValue
		switch op {
		case lua.OP_GETTABLE, lua.OP_GETTABLEKS, lua.OP_SELF:
			obj = reg(b)
		case lua.OP_SETTABLE, lua.OP_SETTABLEKS:
			obj = reg(a)
		default:
			if !note.Helper() {
				return plain(msg)
			}
			obj = L.Get(1)
		}
		if got := strings.TrimPrefix(msg, "attempt to index a non-table object("); !strings.HasPrefix(got, obj.Type().String()+")") {
			return plain(msg) // an __index chain ended at another value
		}
		kind, name := note.Indexed()
		return attempt("index", kind, name, obj)
	case msg == "attempt to call a non-function object":
		kind, name := note.Callee()
		return attempt("call", kind, name, reg(a))
	case msg == "__len undefined":
		kind, name := note.Operand(0)
		return attempt("get length of", kind, name, rk(b))
	case msg == "__unm undefined":
		kind, name := note.Operand(0)
		return attempt("perform arithmetic on", kind, name, rk(b))
	case strings.HasPrefix(msg, "cannot perform ") && strings.Contains(msg, " operation between "):
		return arithmetic(note, rk(b), rk(c))
	case strings.HasPrefix(msg, "for statement "):
		what := strings.TrimSuffix(strings.TrimPrefix(msg, "for statement "), " must be a number")
		if what == "init" {
			what = "initial value"
		}
		return "'for' " + what + " must be a number"
	}
	return plain(msg)
}

// inHelper tells whether a hidden function runs.
func inHelper(L *lua.LState) bool {
	dbg, ok := L.GetStack(0)
	if !ok {
		return false
	}
	fv, _ := L.GetInfo("f", dbg, lua.LNil)
	fn, ok := fv.(*lua.LFunction)
	return ok && hidden(fn)
}

// arithmetic is the error of an operator whose operands are no numbers.
func arithmetic(note repair.Note, a, b lua.LValue) string {
	if what := note.ForLoop(); what != "" {
		return "'for' " + what + " must be a number"
	}
	i, bad := 0, a
	if number(a) {
		i, bad = 1, b
	}
	kind, name := note.Operand(i)
	return attempt("perform arithmetic on", kind, name, bad)
}

func number(v lua.LValue) bool {
	switch v := v.(type) {
	case lua.LNumber:
		return true
	case lua.LString:
		_, ok := repair.ParseNumber(string(v))
		return ok
	}
	return false
}

// attempt is LuaJIT's lj_err_optype.
func attempt(what, kind, name string, v lua.LValue) string {
	t := "nil"
	if v != nil {
		t = v.Type().String()
	}
	if name == "" {
		return "attempt to " + what + " a " + t + " value"
	}
	return "attempt to " + what + " " + kind + " '" + name + "' (a " + t + " value)"
}

// argument rewrites "bad argument #n to name (reason)" with the name that the
// calling instruction gives the function, and counts self as LuaJIT does.
func argument(L *lua.LState, caller frame, msg string) string {
	rest := strings.TrimPrefix(msg, "bad argument #")
	num, rest, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(num)
	if err != nil {
		return msg
	}
	i := strings.Index(rest, " (")
	if i < 0 {
		return msg
	}
	reason := rest[i+2:]
	if strings.HasSuffix(reason, " expected, got nil)") && n > L.GetTop()-1 {
		reason = strings.TrimSuffix(reason, "nil)") + "no value)"
	}
	kind, name := callee(caller)
	if name == "" {
		name = "?"
	}
	if kind == "method" {
		if n--; n == 0 {
			return "calling '" + name + "' on bad self (" + reason
		}
	}
	return "bad argument #" + strconv.Itoa(n) + " to '" + name + "' (" + reason
}
