package vm

import (
	"errors"

	lua "github.com/yuin/gopher-lua"
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
	v.unwind = &Unwind{Reason: reason}
	L.Error(v.unwindUD, 0)
	return 0
}

// UnwindWith is Unwind with a value that the caller made beforehand.
func (v *VM) UnwindWith(L *lua.LState, u *Unwind) int {
	v.unwind = u
	L.Error(v.unwindUD, 0)
	return 0
}

// Error is a script fault that nothing caught.
type Error struct {
	Msg       string     // the error text, as Lua would print it
	Value     lua.LValue // what was raised
	Traceback string     // "stack traceback:\n..." or empty
}

// Error is the message without the traceback.
func (e *Error) Error() string { return e.Msg }

// fault turns what LState.PCall returned into *Error or *Unwind.
func (v *VM) fault(err error) error {
	ae, ok := err.(*lua.ApiError)
	if !ok {
		return err
	}
	if ae.Object == v.unwindUD {
		u := v.unwind
		if u == nil {
			u = &Unwind{Reason: ErrKilled}
		}
		return u
	}
	e := &Error{Value: ae.Object}
	switch x := ae.Object.(type) {
	case lua.LString:
		e.Msg = string(x)
	case lua.LNumber:
		e.Msg = x.String()
	case *lua.LNilType:
		e.Msg = "unknown reason"
	default:
		e.Msg = "unknown reason"
	}
	if ae.StackTrace != "-" {
		e.Traceback = ae.StackTrace
	}
	return e
}

// ArgError raises LuaJIT's text for a bad argument: fname is used when the call
// has no name of its own.
func ArgError(L *lua.LState, n int, fname, msg string) int {
	L.RaiseError("bad argument #%d to '%s' (%s)", n, fname, msg)
	return 0
}
