package repair

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

const lineMask = 1<<32 - 1

// Compile turns a chunk into a function prototype. chunkname is as in Lua:
// "=name", "@file" or the source itself; helpers are the hidden functions, by
// name. They end up in the prototype's constants, which several VMs share, so
// they must not belong to one VM. Errors are *SyntaxError.
func Compile(src, chunkname string, helpers map[string]*lua.LFunction) (*lua.FunctionProto, error) {
	return compile(src, chunkname, helpers, "")
}

// CompileBranches is Compile for code whose branches are to be followed: every
// condition of an if passes through HelperBranch, which is called with the
// condition's value and "chunk:line" of the if, and returns the value.
func CompileBranches(src, chunkname string, helpers map[string]*lua.LFunction) (*lua.FunctionProto, error) {
	name := ShortSource(chunkname)
	if chunkname != "" && (chunkname[0] == '@' || chunkname[0] == '=') {
		name = chunkname[1:]
	}
	return compile(src, chunkname, helpers, name)
}

func compile(src, chunkname string, helpers map[string]*lua.LFunction, branches string) (*lua.FunctionProto, error) {
	shown := ShortSource(chunkname)
	chunk, p, err := parse(src, shown, nil, branches)
	if err != nil {
		return nil, err
	}
	proto, err := lua.Compile(chunk, shown)
	if err != nil {
		return nil, compileError(shown, err)
	}
	p.finish(proto, helpers)
	proto.LineDefined, proto.LastLineDefined = 0, p.lx.line
	// The full chunk name travels as a note of its own.
	proto.DbgCalls = append([]lua.DbgCall{{Pc: sourcePc, Name: chunkname}}, proto.DbgCalls...)
	return proto, nil
}

func compileError(shown string, err error) error {
	var ce *lua.CompileError
	if !errors.As(err, &ce) {
		return err
	}
	msg := ce.Message
	if strings.Contains(msg, "local variables") || strings.Contains(msg, "register") {
		msg = "function or expression too complex"
	}
	return &SyntaxError{Chunk: shown, Line: ce.Line & lineMask, Msg: msg}
}

// finish replaces helper names by functions, corrects the CLOSE instructions of
// gotos and moves the notes from the line table to DbgCalls.
func (p *parser) finish(proto *lua.FunctionProto, helpers map[string]*lua.LFunction) {
	for i, c := range proto.Constants {
		if s, ok := c.(lua.LString); ok && strings.HasPrefix(string(s), helperPrefix) {
			if fn := helpers[string(s[len(helperPrefix):])]; fn != nil {
				proto.Constants[i] = fn
			}
		}
	}
	proto.LineDefined &= lineMask
	proto.LastLineDefined &= lineMask
	calls := proto.DbgCalls[:0]
	for pc, pos := range proto.DbgSourcePositions {
		id := pos >> 32
		proto.DbgSourcePositions[pc] = pos & lineMask
		inst := proto.Code[pc]
		op := int(inst >> 26)
		switch {
		case op == lua.OP_NEWTABLE && inst&0x3ffff == 0:
			// gopher-lua gives a table made empty room for 32 keys at the
			// first one; ask for a few beforehand instead.
			proto.Code[pc] = inst | emptyTableKeys<<9
		case id == 0:
		case op == lua.OP_CLOSE:
			if level, ok := p.closes[id]; ok {
				proto.Code[pc] = inst&^(0xff<<18) | uint32(level)<<18
			}
		case noted[op] && p.notes[id] != "":
			calls = append(calls, lua.DbgCall{Pc: pc, Name: p.notes[id]})
		}
	}
	proto.DbgCalls = calls[:len(calls):len(calls)]
	for _, f := range proto.FunctionPrototypes {
		p.finish(f, helpers)
		f.DbgCalls = append([]lua.DbgCall{{Pc: sourcePc, Name: ""}}, f.DbgCalls...)
	}
}

// emptyTableKeys is the room for keys of a table constructed empty.
const emptyTableKeys = 4

// noted are the instructions that can fail with an operand to name.
var noted = func() (t [64]bool) {
	for _, op := range []int{
		lua.OP_GETTABLE, lua.OP_GETTABLEKS, lua.OP_SETTABLE, lua.OP_SETTABLEKS, lua.OP_SELF,
		lua.OP_ADD, lua.OP_SUB, lua.OP_MUL, lua.OP_DIV, lua.OP_MOD, lua.OP_POW, lua.OP_UNM, lua.OP_LEN,
		lua.OP_CALL, lua.OP_TAILCALL, lua.OP_TFORLOOP,
	} {
		t[op] = true
	}
	return t
}()

// ShortSource is how a chunk name is shown in messages (luaO_chunkid).
func ShortSource(name string) string {
	const size = 60
	if name == "" {
		return `[string ""]`
	}
	switch name[0] {
	case '=':
		if len(name) > size {
			return name[1:size]
		}
		return name[1:]
	case '@':
		name = name[1:]
		if max := size - 4; len(name) > max {
			return "..." + name[len(name)-max:]
		}
		return name
	}
	line := name
	cut := false
	if i := strings.IndexAny(line, "\r\n"); i >= 0 {
		line, cut = line[:i], true
	}
	if max := size - len(`[string "..."]`) - 1; len(line) > max {
		line, cut = line[:max], true
	}
	if cut {
		return `[string "` + line + `..."]`
	}
	return `[string "` + line + `"]`
}
