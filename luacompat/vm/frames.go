package vm

import (
	"reflect"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/repair"
)

// frame is one level of the Lua stack as LuaJIT would show it: without the
// trampolines of pooled threads, hidden functions and frames lost to tail calls.
type frame struct {
	fn *lua.LFunction
	pc int // of the instruction in execution; -1 for Go functions
}

func (f frame) line() int {
	if f.fn.IsG || f.pc < 0 || f.pc >= len(f.fn.Proto.DbgSourcePositions) {
		return -1
	}
	return f.fn.Proto.DbgSourcePositions[f.pc]
}

func (f frame) note() repair.Note {
	if f.fn.IsG {
		return repair.Note{}
	}
	return repair.NoteAt(f.fn.Proto, f.pc)
}

// where is luaL_where's prefix for the frame: "chunk:line: " or nothing.
func (f frame) where() string {
	if f.fn == nil || f.fn.IsG {
		return ""
	}
	return f.fn.Proto.SourceName + ":" + strconv.Itoa(f.line()) + ": "
}

// gopher-lua shows neither the program counter nor the tail call count of a
// frame; reflection may read them. They are wanted only when errors are made.
var debugFrame, framePc, frameTail = func() (int, int, int) {
	field := func(t reflect.Type, name string) int {
		f, ok := t.FieldByName(name)
		if !ok {
			panic("gopher-lua: no field " + name + " in " + t.String())
		}
		return f.Index[0]
	}
	d := reflect.TypeFor[lua.Debug]()
	i := field(d, "frame")
	cf := d.Field(i).Type.Elem()
	return i, field(cf, "Pc"), field(cf, "TailCall")
}()

// walk calls visit for the frames of L and of the threads that entered it, from
// the running function outwards, until visit returns false.
func (v *VM) walk(L *lua.LState, visit func(f frame) bool) {
	var below *thread
	if t := v.cur; t != nil {
		for th := t.th; th != nil; th = th.up {
			if th.L == L {
				below = th.up
				break
			}
		}
	}
	fromGo := false // the frame above is a Go function
	for {
		for level := 0; ; {
			dbg, ok := L.GetStack(level)
			if !ok {
				break
			}
			fv, err := L.GetInfo("f", dbg, lua.LNil)
			fn, isFn := fv.(*lua.LFunction)
			if err != nil || !isFn {
				break
			}
			level++
			f := frame{fn: fn, pc: -1}
			if fn.IsG {
				if fn == v.tramp || hidden(fn) {
					continue
				}
				fromGo = true
			} else {
				r := reflect.ValueOf(dbg).Elem().Field(debugFrame).Elem()
				f.pc = int(r.Field(framePc).Int()) - 1
				level += int(r.Field(frameTail).Int())
				gone := fromGo && f.note().Tail()
				fromGo = false
				if gone {
					continue
				}
			}
			if !visit(f) {
				return
			}
		}
		if below == nil {
			return
		}
		L, below = below.L, below.up
	}
}

// frameAt is the level-th frame: 0 is the running function, 1 its caller.
func (v *VM) frameAt(L *lua.LState, level int) (f frame, ok bool) {
	n := 0
	v.walk(L, func(g frame) bool {
		if n == level {
			f, ok = g, true
			return false
		}
		n++
		return true
	})
	return f, ok
}

// Where is luaL_where: the position of the level-th frame as a prefix. Level 1
// is the function that called the running Go function.
func (v *VM) Where(L *lua.LState, level int) string {
	f, _ := v.frameAt(L, level)
	return f.where()
}

// Line gives the chunk name and line of the Lua function that called the running
// Go function, as ngx.log wants them. ok is false when there is none.
func (v *VM) Line(L *lua.LState, level int) (chunk string, line int, ok bool) {
	f, ok := v.frameAt(L, level)
	if !ok || f.fn.IsG {
		return "", 0, false
	}
	return f.fn.Proto.SourceName, f.line(), true
}

// callee is how the function above caller is named by the calling instruction.
func callee(caller frame) (kind, name string) {
	if caller.fn == nil || caller.fn.IsG {
		return "", ""
	}
	return caller.note().Callee()
}

// luaL_traceback shows the first 12 and the last 10 levels of a deep stack.
const (
	traceHead = 12
	traceTail = 10
)

// Traceback is the stack of L and of the threads below it in LuaJIT's form:
// "stack traceback:" and a line for each level, starting at the given one.
func (v *VM) Traceback(L *lua.LState, level int) string {
	var frames []frame
	v.walk(L, func(f frame) bool {
		frames = append(frames, f)
		return true
	})
	return string(traceback([]byte("stack traceback:"), frames, level))
}

// postMortem is the traceback of a thread that failed: what luaL_traceback shows
// of it then has no line for a Lua function that failed itself.
func postMortem(buf []byte, frames []frame) []byte {
	if len(frames) > 0 && !frames[0].fn.IsG {
		top := frames[0]
		top.pc = -1
		frames = append([]frame{top}, frames[1:]...)
	}
	return traceback(buf, frames, 0)
}

func traceback(buf []byte, frames []frame, level int) []byte {
	n := len(frames)
	for i := level; i < n; i++ {
		if i == traceHead && n > traceHead+1+traceTail {
			buf = append(buf, "\n\t..."...)
			i = n - traceTail
		}
		buf = appendFrame(buf, frames, i)
	}
	return buf
}

func appendFrame(buf []byte, frames []frame, i int) []byte {
	f := frames[i]
	buf = append(buf, "\n\t"...)
	name := ""
	if i+1 < len(frames) {
		_, name = callee(frames[i+1])
	}
	if f.fn.IsG {
		buf = append(buf, "[C]: "...)
		if name == "" {
			return append(buf, '?')
		}
		return append(append(append(buf, "in function '"...), name...), '\'')
	}
	p := f.fn.Proto
	buf = append(append(buf, p.SourceName...), ':')
	if line := f.line(); line > 0 {
		buf = append(strconv.AppendInt(buf, int64(line), 10), ':')
	}
	buf = append(buf, " in "...)
	switch {
	case name != "":
		return append(append(append(buf, "function '"...), name...), '\'')
	case p.LineDefined == 0:
		return append(buf, "main chunk"...)
	}
	buf = append(append(buf, "function <"...), p.SourceName...)
	buf = strconv.AppendInt(append(buf, ':'), int64(p.LineDefined), 10)
	return append(buf, '>')
}
