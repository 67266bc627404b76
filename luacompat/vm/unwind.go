package vm

import (
	"errors"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// Unwind is how a handler is left from the depth of its Lua stack: through every
// pcall, xpcall, coroutine and callback. Task.Run gives it back as its error.
type Unwind struct {
	Reason any
}

// Error makes Unwind an error.
func (u *Unwind) Error() string {
	if e, ok := u.Reason.(error); ok {
		return "lua thread aborted: " + e.Error()
	}
	return "lua thread aborted"
}

// ErrKilled is the reason of an Unwind that Kill or a cancelled context caused.
var ErrKilled = errors.New("killed")

// Unwind leaves the running handler. It does not return.
func (v *VM) Unwind(L *lua.LState, reason any) int {
	return v.UnwindWith(L, &Unwind{Reason: reason})
}

// UnwindWith is Unwind with a value that the caller made beforehand.
func (v *VM) UnwindWith(L *lua.LState, u *Unwind) int {
	v.unwind = u
	return v.Throw(L, v.unwindValue)
}

// Error is a script fault that nothing caught.
type Error struct {
	Msg       string     // the error text, as Lua would print it
	Value     lua.LValue // what was raised
	Traceback string     // "stack traceback:\n..." or empty
}

// Error is the message without the traceback.
func (e *Error) Error() string { return e.Msg }

func newError(value lua.LValue, trace string) *Error {
	e := &Error{Value: value, Traceback: trace}
	switch x := value.(type) {
	case lua.LString:
		e.Msg = string(x)
	case lua.LNumber:
		e.Msg = stdlib.NumberString(float64(x))
	default:
		e.Msg = "unknown reason"
	}
	return e
}

// fault turns what LState.PCall returned into *Error or *Unwind.
func (v *VM) fault(err error) error {
	ae, ok := err.(*lua.ApiError)
	if !ok {
		return err
	}
	if ae.Object == v.unwindValue {
		if u := v.unwind; u != nil {
			return u
		}
		return &Unwind{Reason: ErrKilled}
	}
	if ae.StackTrace == "-" {
		return newError(ae.Object, "")
	}
	return newError(ae.Object, ae.StackTrace)
}

// ArgError raises LuaJIT's text for a bad argument. The name is the one that the
// calling instruction uses, as in LuaJIT; fname only documents the source.
func ArgError(L *lua.LState, n int, fname, msg string) int {
	return stdlib.ArgError(L, n, msg)
}

// TypeError raises "bad argument #n to 'f' (want expected, got type)".
func TypeError(L *lua.LState, n int, want string) int {
	return stdlib.TypeError(L, n, want)
}
